//! The second half: deletes condemned packs whose sessions have all ended, after copying what is still needed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::plan::damaged_segments;
use super::survey::{Survey, judge, mark, until_settled};
use super::{PruneError, PruneOptions, PruneReport};
use crate::deletion::{Generation, Running};
use crate::error::{Problem, ReadError};
use crate::id::{BlobPrefix, GenerationId, PackId, SessionId};
use crate::index::IndexSet;
use crate::looks::{Look, is_left_out};
use crate::pack::{BlobKind, Codec};
use crate::progress::Progress;
use crate::reach::Reach;
use crate::repository::{Catalogue, Lane, Repository, RepositoryError, Session, Snapshots};

/// Condemned lists that nobody needs to be waited for any more.
struct Ready {
    lists: Vec<(GenerationId, Vec<PackId>)>,
    packs: HashSet<PackId>,
}

/// What the first half found and did.
pub(super) struct Found<'a, 'r> {
    pub(super) survey: &'a Survey<'r>,
    /// The index is to be written anew in any case.
    pub(super) reindex: bool,
}

/// Carries out every condemned list that is ready.
pub(super) fn reclaim(
    (session, repository): (&mut Session<'_>, &Repository),
    found: &Found<'_, '_>,
    options: &PruneOptions,
    (progress, report): (&dyn Progress, &mut PruneReport),
) -> Result<(), PruneError> {
    let generations = repository.generations()?;
    if !generations.damaged.is_empty() {
        return Err(PruneError::UnknownCondemned { problems: generations.damaged });
    }
    let lists = generations.lists.into_iter().map(|list| (list.id, list.packs)).collect();
    let ready = await_sessions((session, repository), lists, options, report)?;
    for generation in generations.carried_out {
        session.close_generation(generation)?;
    }
    if ready.lists.is_empty() && !found.reindex {
        if report.waiting_for.is_empty() {
            session.delete_records(&found.survey.forgotten)?;
        }
        return Ok(());
    }
    delete((session, repository), found, ready, (progress, report))
}

/// Which lists are ready; sessions that are too old are declared dead on the way.
fn await_sessions(
    (session, repository): (&Session<'_>, &Repository),
    lists: Vec<(GenerationId, Vec<PackId>)>,
    options: &PruneOptions,
    report: &mut PruneReport,
) -> Result<Ready, PruneError> {
    let mut ready = Ready { lists: Vec::new(), packs: HashSet::new() };
    let waits = lists.iter().map(|(generation, _)| session.waits_of(*generation));
    let waits = waits.collect::<Result<Vec<_>, _>>()?;
    // After that: a session that is waited for and is not there any more has ended.
    let mut running = repository.running()?;
    running.retain(|one| one.id != session.id() && waits.iter().any(|ids| ids.contains(&one.id)));
    let now_ns = repository.clock().now_ns();
    let mut held_by = Vec::new();
    for one in running {
        if is_left_out(Look::Waits) {
            continue;
        }
        if is_dead(&one, now_ns, options) {
            session.declare_dead(one.id, &options.note.host)?;
            report.declared_dead.push(one.id);
        } else {
            held_by.push(one);
        }
    }
    for ((generation, packs), waits) in lists.into_iter().zip(waits) {
        if held_by.iter().any(|one| waits.contains(&one.id)) {
            report.waiting_packs += u64::try_from(packs.len()).unwrap_or(u64::MAX);
        } else {
            ready.packs.extend(packs.iter().copied());
            ready.lists.push((generation, packs));
        }
    }
    report.waiting_for = held_by;
    Ok(ready)
}

/// Whether a session is so old that it is to be declared dead. One that says nothing about itself never came as far
/// as looking at anything.
pub(super) fn is_dead(session: &Running, now_ns: i128, options: &PruneOptions) -> bool {
    let limit = i128::from(options.dead_after_ns);
    let is_old = |started: i64| limit == 0 || now_ns - i128::from(started) >= limit;
    session.note.as_ref().is_none_or(|note| is_old(note.started))
}

/// What is needed, as it is now: what the plan found, and what was committed since.
struct Needs<'a> {
    planned: &'a Reach<'a>,
    later: Reach<'a>,
}

impl Needs<'_> {
    fn contain(&self, prefix: &BlobPrefix) -> bool {
        self.planned.contains(prefix) || self.later.contains(prefix)
    }
}

/// How things are just before the deleting.
struct Last<'a> {
    snapshots: Snapshots,
    catalogue: Arc<Catalogue>,
    lists: Vec<Generation>,
    needs: Needs<'a>,
}

/// Looks at everything once more, in the same order as the plan did.
fn look_again<'a>(
    (session, repository): (&mut Session<'_>, &'a Repository),
    found: &Found<'a, '_>,
    running: &[Running],
    (progress, report): (&dyn Progress, &mut PruneReport),
) -> Result<Last<'a>, PruneError> {
    until_settled(repository, |mut snapshots| {
        let mut odd = judge(&mut snapshots, running)?;
        let catalogue = repository.whole_catalogue()?;
        let generations = repository.generations()?;
        if !generations.damaged.is_empty() {
            return Err(PruneError::UnknownCondemned { problems: generations.damaged });
        }
        let lists = generations.lists;
        for list in &lists {
            session.remember_condemned(&list.packs);
        }
        let later = Reach::with(repository, Arc::clone(&catalogue));
        let mut needs = Needs { planned: &found.survey.reach, later };
        if !is_left_out(Look::SnapshotsBeforeReclaim) {
            let roots = &found.survey.roots;
            odd.extend(mark(&mut needs.later, &snapshots, roots, progress)?.1);
        }
        report.problems.extend(odd);
        Ok(Last { snapshots, catalogue, lists, needs })
    })
}

fn delete(
    (session, repository): (&mut Session<'_>, &Repository),
    found: &Found<'_, '_>,
    ready: Ready,
    (progress, report): (&dyn Progress, &mut PruneReport),
) -> Result<(), PruneError> {
    let running = repository.running()?;
    let here = (&mut *session, repository);
    let Last { snapshots, catalogue, lists, needs } =
        look_again(here, found, &running, (progress, &mut *report))?;
    let listed = || lists.iter().flat_map(|list| &list.packs).copied();
    let unsafe_packs: HashSet<PackId> = if is_left_out(Look::RemembersCondemned) {
        ready.packs.iter().copied().chain(listed()).collect()
    } else {
        ready.packs.iter().chain(session.condemned()).copied().collect()
    };
    let rescue =
        Rescue { repository, catalogue: &catalogue, needs: &needs, unsafe_packs: &unsafe_packs };
    // Those of this very session, too: what was planned is not believed, but looked at once more.
    let held_back = rescue.copy(session, &ready.packs, report)?;
    report.stored_bytes += session.index_uploads()?;
    // Also one that is held back is never listed again: somebody else may carry the same list out at this moment. What
    // can be read in it and is needed was copied.
    let put_back =
        |pack: &PackId| is_left_out(Look::CopiesFromCondemned) && held_back.contains(pack);
    let stays = |pack: &PackId| {
        catalogue.stored().contains_key(pack) && (!unsafe_packs.contains(pack) || put_back(pack))
    };
    let mut superseded = session.rewrite_index(&catalogue, &stays)?;
    let odd: Vec<Problem> = catalogue.problems().collect();
    superseded.extend(damaged_segments(&odd, &running));
    session.still_counts()?;
    session.delete_segments(&superseded)?;
    let forgotten = snapshots.forgotten.iter().map(|snapshot| snapshot.session);
    let forgotten: Vec<SessionId> = forgotten.chain(snapshots.moot).collect();
    session.delete_records(&forgotten)?;
    let mut gone: Vec<PackId> = ready
        .packs
        .iter()
        .filter(|pack| catalogue.stored().contains_key(*pack) && !held_back.contains(*pack))
        .copied()
        .collect();
    // Nothing that others see shall depend on chance.
    gone.sort_unstable();
    session.delete_packs(&gone)?;
    for (generation, packs) in ready.lists {
        let put_back = is_left_out(Look::CopiesFromCondemned);
        if put_back || !packs.iter().any(|pack| held_back.contains(pack)) {
            session.close_generation(generation)?;
        }
    }
    report.deleted_packs += u64::try_from(gone.len()).unwrap_or(u64::MAX);
    report.freed_bytes += gone.iter().filter_map(|pack| catalogue.stored().get(pack)).sum::<u64>();
    Ok(())
}

/// Copies what is needed and is nowhere but in condemned packs.
struct Rescue<'a> {
    repository: &'a Repository,
    catalogue: &'a Arc<Catalogue>,
    needs: &'a Needs<'a>,
    unsafe_packs: &'a HashSet<PackId>,
}

impl Rescue<'_> {
    /// Returns the packs that must stay after all, because something needed in them cannot be read, or might be in
    /// them for all that anybody knows when it cannot be read elsewhere.
    fn copy(
        &self,
        session: &mut Session<'_>,
        packs: &HashSet<PackId>,
        report: &mut PruneReport,
    ) -> Result<HashSet<PackId>, RepositoryError> {
        let mut held_back: HashSet<PackId> = HashSet::new();
        let mut known = HashSet::new();
        let mut done = HashSet::new();
        for (number, (_, segment, _)) in self.catalogue.set().segments().enumerate() {
            let pack_of = |pack: u32| segment.pack(pack).map(|info| (info.id, info.kind));
            let here: HashMap<u32, (PackId, BlobKind)> = (0..segment.packs())
                .filter_map(|pack| Some((pack, pack_of(pack)?)))
                .filter(|(_, (id, _))| packs.contains(id))
                .collect();
            known.extend(here.values().map(|(id, _)| *id));
            if here.is_empty() {
                continue;
            }
            for (prefix, place) in segment.iter() {
                let Some((pack, kind)) = here.get(&place.pack) else { continue };
                if done.contains(&prefix) || !self.needs.contain(&prefix) || self.is_safe(&prefix) {
                    continue;
                }
                if is_left_out(Look::CopiesFromCondemned) {
                    held_back.insert(*pack);
                    continue;
                }
                match self.blob(*kind, &prefix) {
                    Ok(blob) => {
                        let lane = match kind {
                            BlobKind::Tree => Lane::Tree,
                            BlobKind::Content => Lane::of_copy(Codec::Zstd, &blob),
                        };
                        session.put_copy(lane, prefix, &blob)?;
                        done.insert(prefix);
                    }
                    Err(error) if error.is_local() => {
                        held_back.insert(*pack);
                        report.damaged.push((*pack, error));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            tracing::debug!(segment = number, copied = done.len(), "looked into condemned packs");
        }
        // What is needed was found elsewhere, all of it; unless it was not, a pack without a table holds nothing of it.
        if !held_back.is_empty() {
            held_back.extend(packs.iter().filter(|pack| !known.contains(*pack)));
        }
        Ok(held_back)
    }

    /// Whether a pack that stays has the blob.
    fn is_safe(&self, prefix: &BlobPrefix) -> bool {
        let set: &IndexSet = self.catalogue.set();
        set.segments().any(|(_, segment, _)| {
            segment.lookup(prefix).any(|place| {
                segment.pack(place.pack).is_some_and(|pack| {
                    self.catalogue.stored().get(&pack.id) == Some(&pack.size)
                        && !self.unsafe_packs.contains(&pack.id)
                })
            })
        })
    }

    fn blob(&self, kind: BlobKind, prefix: &BlobPrefix) -> Result<Bytes, ReadError> {
        self.repository.blob(kind, prefix).map(Bytes::from)
    }
}

//! What to keep, copy and delete: a value that can be shown, and is carried out as it was shown.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::survey::Survey;
use super::usage::{PackUse, Usage};
use super::{PruneError, PruneOptions};
use crate::deletion::Running;
use crate::error::Problem;
use crate::id::{PackId, SessionId};
use crate::index::{FrameInfo, IndexSet, SegmentName, Trust};
use crate::repository::{Catalogue, Repository};

/// So many small packs of one kind are put together.
const SMALL_PACKS_MIN: usize = 8;

/// A pack below this part of the target size is small.
const SMALL_PART: u64 = 4;

/// A frame with a smaller share of unused blobs is copied as it is, in percent.
const SPLIT_PERCENT: u64 = 5;

/// Why a pack does not stay as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Nothing in it is needed.
    Delete,
    /// No index lists it: what a killed client left behind.
    DeleteUnindexed,
    /// Too much of it is not needed: the rest is copied.
    Repack,
    /// It is one of many small ones: they are put together.
    Merge,
}

/// What is planned for a pack that does not stay as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackPlan {
    /// The pack.
    pub pack: PackId,
    /// Its bytes.
    pub size: u64,
    /// About so many of them are not needed.
    pub unused: u64,
    /// What happens to it.
    pub action: Action,
}

/// What a prune is going to do.
#[derive(Debug, Default)]
pub struct PrunePlan {
    /// Snapshots that count.
    pub snapshots: usize,
    /// Snapshots whose records go away, because they were forgotten.
    pub forgotten: Vec<SessionId>,
    /// Blobs that snapshots need.
    pub blobs: u64,
    /// Packs in the store.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that do not stay as they are, in the order in which they are dealt with.
    pub changes: Vec<PackPlan>,
    /// Bytes that go away with them.
    pub freed: u64,
    /// Bytes that are copied into new packs.
    pub copied: u64,
    /// Bytes of unneeded blobs that stay.
    pub unused_after: u64,
    /// Packs left alone because a session that has not ended may need them.
    pub in_flight: u64,
    /// Packs that were condemned earlier.
    pub condemned: u64,
    /// The index is damaged, lists packs that are gone, or does not list packs that are needed: it is written anew.
    pub reindex: bool,
    /// Sessions that have not ended. What is condemned waits for them.
    pub running: Vec<Running>,
    /// What is odd, and no reason to stop.
    pub problems: Vec<Problem>,
}

impl PrunePlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.reindex && self.forgotten.is_empty() && self.condemned == 0
    }

    /// There are condemned lists that cannot be read: nothing is done until those have ended who may know what is in them.
    pub(super) fn wait_for_all(&mut self, unreadable: Vec<Problem>) {
        self.in_flight += u64::try_from(self.changes.len()).unwrap_or(0);
        self.changes.clear();
        self.forgotten.clear();
        (self.freed, self.copied, self.condemned, self.reindex) = (0, 0, 0, false);
        self.problems.extend(unreadable);
    }

    /// The packs with one of these actions.
    pub fn with(&self, actions: &[Action]) -> impl Iterator<Item = &PackPlan> {
        self.changes.iter().filter(move |change| actions.contains(&change.action))
    }
}

/// Makes a plan. `condemned` are the packs that were in any condemned list.
pub(super) fn make(
    repository: &Repository,
    survey: &mut Survey<'_>,
    condemned: &HashSet<PackId>,
    options: &PruneOptions,
) -> Result<(PrunePlan, Usage), PruneError> {
    let usage = Usage::of(&survey.reach, survey.undisputed.as_ref(), condemned);
    if usage.lost > 0 {
        let lost = usize::try_from(usage.lost).unwrap_or(usize::MAX);
        return Err(PruneError::Incomplete { lost, unreadable: Vec::new() });
    }
    let catalogue = survey.reach.catalogue();
    let mut plan = PrunePlan {
        snapshots: survey.live,
        forgotten: survey.forgotten.clone(),
        blobs: u64::try_from(survey.reach.marks().count()).unwrap_or(u64::MAX),
        packs: u64::try_from(catalogue.stored().len()).unwrap_or(u64::MAX),
        bytes: catalogue.stored().values().sum(),
        running: survey.running.clone(),
        problems: std::mem::take(&mut survey.problems),
        condemned: u64::try_from(usage.packs.iter().filter(|pack| pack.condemned).count())
            .unwrap_or(u64::MAX),
        ..PrunePlan::default()
    };
    plan.problems.extend(catalogue.problems());
    plan.reindex = !damaged_segments(&plan.problems, &survey.running).is_empty()
        || usage.uses_unindexed(catalogue.set())
        || lists_gone(catalogue);
    let free = free_packs(catalogue, &usage, &survey.running);
    plan.in_flight = usage.packs.iter().filter(|pack| pack.usable).count().try_into().unwrap_or(0);
    plan.in_flight -= u64::try_from(free.len()).unwrap_or(0);
    plan.delete_unused(catalogue, &usage, &free);
    plan.repack(catalogue.set(), &usage, &free, options);
    plan.merge_small(repository, &usage, &free);
    Ok((plan, usage))
}

/// Segments that cannot be read, of sessions that will not write them any more.
pub(super) fn damaged_segments(problems: &[Problem], running: &[Running]) -> Vec<SegmentName> {
    let damaged = |problem: &Problem| problem.damaged_object().and_then(SegmentName::parse);
    let ended = |name: &SegmentName| running.iter().all(|session| session.id != name.session);
    problems.iter().filter_map(damaged).filter(ended).collect()
}

/// Whether writers might rely on a pack that the store does not have. A list of packs comes after the index, and a pack
/// before the segment that lists it; so it was deleted. Whatever is needed of it was found elsewhere.
fn lists_gone(catalogue: &Catalogue) -> bool {
    let trusted = catalogue.set().segments().filter(|(.., trust)| *trust == Trust::Trusted);
    let gone = |pack: PackId| !catalogue.stored().contains_key(&pack);
    trusted.into_iter().any(|(_, segment, _)| {
        (0..segment.packs()).any(|pack| segment.pack(pack).is_some_and(|pack| gone(pack.id)))
    })
}

/// Packs that no running session may be counting on without anybody else knowing: those that it uploaded are listed
/// in its own segments, or in none yet.
fn free_packs<'u>(
    catalogue: &Catalogue,
    usage: &'u Usage,
    running: &[Running],
) -> Vec<(&'u PackUse, bool)> {
    let names: Vec<_> = catalogue.set().segments().map(|(name, _, trust)| (*name, trust)).collect();
    let mut free = Vec::new();
    for pack in usage.packs.iter().filter(|pack| pack.usable) {
        let Some((name, trust)) = names.get(pack.segment) else { continue };
        let unindexed = Catalogue::is_unindexed(name);
        let in_flight = if unindexed {
            !running.is_empty()
        } else {
            *trust == Trust::Trusted && running.iter().any(|session| session.id == name.session)
        };
        if !in_flight {
            free.push((pack, unindexed));
        }
    }
    free
}

/// About how many bytes of a frame are in blobs that nobody needs. The index knows no lengths of single blobs.
fn unused_bytes(frame: &FrameInfo, used: u32) -> u64 {
    let bytes = frame.entry.sealed_bytes();
    let unused = u64::from(frame.entry.blobs.saturating_sub(used));
    bytes * unused / u64::from(frame.entry.blobs).max(1)
}

/// Whether the needed blobs of a frame are to be taken out of it, rather than copying it whole.
pub(super) fn is_split(frame: &FrameInfo, used: u32) -> bool {
    let unused = u64::from(frame.entry.blobs.saturating_sub(used));
    used > 0 && unused * 100 > u64::from(frame.entry.blobs) * SPLIT_PERCENT
}

impl PrunePlan {
    fn delete_unused(&mut self, catalogue: &Catalogue, usage: &Usage, free: &[(&PackUse, bool)]) {
        for (pack, unindexed) in free.iter().filter(|(pack, _)| usage.used(pack) == 0) {
            let action = if *unindexed { Action::DeleteUnindexed } else { Action::Delete };
            let (pack, size) = (pack.id, pack.size);
            self.changes.push(PackPlan { pack, size, unused: size, action });
            self.freed += size;
        }
        // Packs of which neither an index nor their own table says anything hold nothing that is needed, because all
        // that is needed was found elsewhere; but a session may still be writing them.
        if self.running.is_empty() {
            let unknown = catalogue.stored().iter().filter(|(id, _)| usage.pack(id).is_none());
            let mut unknown: Vec<_> = unknown.map(|(id, size)| (*id, *size)).collect();
            unknown.sort_unstable();
            for (pack, size) in unknown {
                let action = Action::DeleteUnindexed;
                self.changes.push(PackPlan { pack, size, unused: size, action });
                self.freed += size;
            }
        }
    }

    fn repack(
        &mut self,
        set: &IndexSet,
        usage: &Usage,
        free: &[(&PackUse, bool)],
        options: &PruneOptions,
    ) {
        let mut candidates = Vec::new();
        let (mut in_use, mut unused_sum) = (0, 0);
        for (pack, _) in free.iter().filter(|(pack, _)| usage.used(pack) > 0) {
            let (mut unused, mut gain) = (0, 0);
            for (_, frame, used) in usage.frames_of(set, pack) {
                let bytes = unused_bytes(&frame, used);
                unused += bytes;
                gain += if used == 0 || is_split(&frame, used) { bytes } else { 0 };
            }
            unused_sum += unused;
            in_use += pack.size.saturating_sub(unused);
            if gain > 0 {
                candidates.push((gain * 1_000_000 / pack.size.max(1), *pack, unused, gain));
            }
        }
        let allowed = options.max_unused.bytes_of(in_use);
        let mut budget = options.max_repack.bytes_of(self.bytes);
        candidates.sort_by_key(|(share, pack, ..)| (Reverse(*share), pack.id));
        for (_, pack, unused, gain) in candidates {
            if unused_sum <= allowed {
                break;
            }
            if pack.size > budget {
                continue;
            }
            budget -= pack.size;
            unused_sum -= gain;
            self.copy(pack, unused, gain, Action::Repack);
        }
        self.unused_after = unused_sum;
    }

    fn copy(&mut self, pack: &PackUse, unused: u64, gain: u64, action: Action) {
        let size = pack.size;
        self.changes.push(PackPlan { pack: pack.id, size, unused, action });
        self.freed += gain;
        self.copied += size.saturating_sub(gain);
    }

    /// Small packs that stay are put together when there are many of a kind.
    fn merge_small(&mut self, repository: &Repository, usage: &Usage, free: &[(&PackUse, bool)]) {
        let small = u64::from(repository.pack_bytes()) / SMALL_PART;
        let changed: HashSet<PackId> = self.changes.iter().map(|change| change.pack).collect();
        let mut kinds: BTreeMap<u8, Vec<&PackUse>> = BTreeMap::new();
        for (pack, _) in free {
            if pack.size < small && usage.used(pack) > 0 && !changed.contains(&pack.id) {
                kinds.entry(pack.kind.to_byte()).or_default().push(pack);
            }
        }
        for packs in kinds.into_values().filter(|packs| packs.len() >= SMALL_PACKS_MIN) {
            for pack in packs {
                self.copy(pack, 0, 0, Action::Merge);
            }
        }
    }
}

//! The index from the packs' own tables, and small objects that make no sense.

use std::collections::HashSet;
use std::sync::Arc;

use super::{RepairPlan, RepairReport, Repairer, Step, Work, is_damaged};
use crate::examine::{Fault, Weight};
use crate::id::{PackId, SessionId};
use crate::index::SegmentName;
use crate::progress::Progress;
use crate::repository::{Catalogue, Repository, RepositoryError, Session};

pub(super) fn plan(work: &Work<'_>) -> RepairPlan {
    let mut plan = RepairPlan::default();
    let condemned = &work.examined.survey.condemned;
    let catalogue = work.examined.reach.catalogue();
    let readable = unindexed(catalogue);
    for (finding, folder, name) in work.findings() {
        let object = || finding.object.clone();
        let pack = PackId::from_hex(name);
        let step = match (folder, &finding.fault) {
            ("", Fault::Missing | Fault::Damaged(_)) if name == "heirloom.json" => {
                Some(Step::PutDescription)
            }
            ("packs", Fault::Missing) => pack.map(|pack| Step::DropPack { pack }),
            ("packs", Fault::Unindexed) => pack
                .filter(|pack| readable.contains(pack) && !condemned.contains(pack))
                .map(|pack| Step::AddPack { pack }),
            ("index", fault) if is_damaged(fault) => Some(Step::DropSegment { object: object() }),
            ("sessions", fault)
                if is_damaged(fault) || matches!(fault, Fault::OldSession { .. }) =>
            {
                SessionId::from_hex(name).map(|session| Step::DeclareDead { session })
            }
            ("condemned", fault) if is_damaged(fault) && !name.contains('.') => {
                Some(Step::DropCondemned { object: object() })
            }
            // A slot that let us in from the cache may be the last one; a person has to look at damaged slots.
            ("condemned" | "policies" | "secrets" | "fences", fault) if is_damaged(fault) => {
                Some(Step::Delete { object: object() })
            }
            ("keys", fault)
                if name.contains('.') && (is_damaged(fault) || *fault == Fault::Alone) =>
            {
                Some(Step::Delete { object: object() })
            }
            _ => None,
        };
        match step {
            Some(step) => plan.steps.push(step),
            None if finding.weight == Weight::Damage => plan.left.push(finding.clone()),
            None => {}
        }
    }
    // A list that cannot be read is only taken away when nobody else is alive.
    plan.steps.sort_by_key(|step| !matches!(step, Step::DeclareDead { .. }));
    plan
}

/// Packs that no segment lists and that say themselves what they hold.
fn unindexed(catalogue: &Catalogue) -> HashSet<PackId> {
    let segments = catalogue.set().segments();
    let unindexed = segments.filter(|(name, ..)| Catalogue::is_unindexed(name));
    let packs = unindexed.flat_map(|(_, segment, _)| {
        (0..segment.packs()).filter_map(|pack| Some(segment.pack(pack)?.id))
    });
    packs.collect()
}

pub(super) fn apply(
    repository: &Repository,
    plan: &RepairPlan,
    who: &Repairer,
    progress: &Arc<dyn Progress>,
) -> Result<RepairReport, RepositoryError> {
    let mut session = who.session(repository, progress)?;
    let applied = carry_out(repository, &mut session, plan, who);
    // The first error is the one to report.
    let ended = session.suspend();
    applied.and_then(|report| ended.map(|()| report))
}

fn carry_out(
    repository: &Repository,
    session: &mut Session<'_>,
    plan: &RepairPlan,
    who: &Repairer,
) -> Result<RepairReport, RepositoryError> {
    let mut report = RepairReport::default();
    session.try_deleting()?;
    let (mut gone, mut added, mut damaged) = (HashSet::new(), HashSet::new(), Vec::new());
    for step in &plan.steps {
        match step {
            Step::DropPack { pack } => drop(gone.insert(*pack)),
            Step::AddPack { pack } => drop(added.insert(*pack)),
            Step::DropSegment { object } => damaged.extend(SegmentName::parse(object)),
            Step::PutDescription
            | Step::Delete { .. }
            | Step::DropCondemned { .. }
            | Step::DeclareDead { .. }
            | Step::Salvage { .. }
            | Step::Rebuild { .. }
            | Step::Adopt { .. }
            | Step::ForgetLost { .. }
            | Step::Restate { .. } => {
                let done = small(session, step, who)?;
                let list = if done { &mut report.done } else { &mut report.skipped };
                list.push(step.clone());
                continue;
            }
        }
        report.done.push(step.clone());
    }
    if gone.is_empty() && added.is_empty() && damaged.is_empty() {
        return Ok(report);
    }
    let catalogue = repository.whole_catalogue()?;
    let unindexed = unindexed(&catalogue);
    let condemned = session.condemned().clone();
    // As it is now, not as it was when the plan was made: a pack that is there, stays.
    let stays = |pack: &PackId| {
        let is_there = catalogue.stored().contains_key(pack) || !gone.contains(pack);
        let is_wanted = !unindexed.contains(pack) || added.contains(pack);
        is_there && is_wanted && !condemned.contains(pack)
    };
    let mut superseded = session.rewrite_index(&catalogue, &stays)?;
    session.still_counts()?;
    superseded.extend(damaged);
    session.delete_segments(&superseded)?;
    Ok(report)
}

/// Whether it could be done.
fn small(session: &mut Session<'_>, step: &Step, who: &Repairer) -> Result<bool, RepositoryError> {
    match step {
        Step::PutDescription => session.put_description()?,
        Step::Delete { object } => session.delete_damaged(object)?,
        Step::DeclareDead { session: dead } => drop(session.declare_dead(*dead, &who.note.host)?),
        // Whoever could read it and acts on it is a session.
        Step::DropCondemned { object } => {
            if !session.others()?.is_empty() {
                return Ok(false);
            }
            session.delete_damaged(object)?;
        }
        Step::DropSegment { .. }
        | Step::DropPack { .. }
        | Step::AddPack { .. }
        | Step::Salvage { .. }
        | Step::Rebuild { .. }
        | Step::Adopt { .. }
        | Step::ForgetLost { .. }
        | Step::Restate { .. } => return Ok(false),
    }
    Ok(true)
}

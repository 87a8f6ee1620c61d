//! What can still be read of broken packs, stored again.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::{RepairPlan, RepairReport, Repairer, Step, Work};
use crate::examine::{Fault, PackReader, Survey, Weight, finding};
use crate::id::{BlobPrefix, PackId};
use crate::pack::{BlobKind, Codec, FrameOpener};
use crate::progress::Progress;
use crate::repository::{Lane, Repository, RepositoryError, Session};

pub(super) fn plan(
    work: &Work<'_>,
    named: &[PackId],
    progress: &dyn Progress,
) -> Result<RepairPlan, RepositoryError> {
    let mut plan = RepairPlan::default();
    let survey = &work.examined.survey;
    let sweep = work.reader().read_all(named, progress, &|| false)?;
    let mut packs: Vec<_> = work.examined.broken.iter().chain(&sweep.broken).collect();
    packs.sort_by_key(|(pack, _)| **pack);
    packs.dedup_by_key(|(pack, _)| **pack);
    for (pack, broken) in packs {
        if survey.condemned.contains(pack) {
            continue;
        }
        match broken.fault {
            // A store that does not answer may do so tomorrow; what contradicts the pack is the index.
            Fault::Unreadable(_) | Fault::Contradicted => {
                plan.left.push(finding(*pack, &broken.fault, survey));
            }
            Fault::Pack { unreadable, .. } => plan.steps.push(Step::Salvage {
                pack: *pack,
                intact: u64::try_from(broken.intact.len()).unwrap_or(u64::MAX),
                unreadable,
            }),
            Fault::Damaged(_)
            | Fault::Missing
            | Fault::Foreign
            | Fault::Unindexed
            | Fault::OldSession { .. }
            | Fault::Disputed
            | Fault::Alone
            | Fault::Rollback
            | Fault::Reclaimed => {}
        }
    }
    let others = survey.findings.iter().filter(|finding| finding.weight == Weight::Damage);
    plan.left.extend(others.cloned());
    Ok(plan)
}

pub(super) fn apply(
    repository: &Repository,
    plan: &RepairPlan,
    who: &Repairer,
    progress: &Arc<dyn Progress>,
) -> Result<RepairReport, RepositoryError> {
    let packs = plan
        .steps
        .iter()
        .filter_map(|step| if let Step::Salvage { pack, .. } = step { Some(*pack) } else { None });
    let packs: HashSet<PackId> = packs.collect();
    if packs.is_empty() {
        return Ok(RepairReport::default());
    }
    let mut session = who.session(repository, progress)?;
    let salvaged = salvage(repository, &mut session, &packs, progress.as_ref());
    // The first error is the one to report.
    let ended = session.suspend();
    let salvaged = salvaged.and_then(|salvaged| ended.map(|()| salvaged))?;
    Ok(RepairReport { done: plan.steps.clone(), salvaged, ..RepairReport::default() })
}

/// Stores what is only in these packs, puts it into the index, and only then condemns the packs.
fn salvage(
    repository: &Repository,
    session: &mut Session<'_>,
    packs: &HashSet<PackId>,
    progress: &dyn Progress,
) -> Result<u64, RepositoryError> {
    session.try_deleting()?;
    session.distrust(packs)?;
    let survey = Survey::take(repository, progress)?;
    let reader = PackReader::new(repository, &survey);
    let mut opener = FrameOpener::default();
    let mut salvaged = 0;
    for pack in packs {
        let mut put = |kind: BlobKind, prefix: BlobPrefix, blob: &[u8]| {
            if session.is_known(&prefix) {
                return Ok(());
            }
            salvaged += 1;
            let lane = match kind {
                BlobKind::Content => Lane::of_copy(Codec::Zstd, blob),
                BlobKind::Tree => Lane::Tree,
            };
            session.put_copy(lane, prefix, &Bytes::copy_from_slice(blob))
        };
        reader.read(*pack, &mut opener, Some(&mut put))?;
    }
    session.index_uploads()?;
    let mut packs: Vec<PackId> = packs.iter().copied().collect();
    packs.sort_unstable();
    session.condemn(&packs)?;
    Ok(salvaged)
}

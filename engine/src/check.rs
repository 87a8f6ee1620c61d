//! Verifies a repository, and says what is damaged and which files that touches.
//!
//! A check reads the store, not the cache ([`examine`](crate::examine)), and writes nothing but a local ledger of what it has
//! verified. What a pruner takes away meanwhile is no damage: before anything is called missing, the index is looked at
//! again. To mend what it finds, see [`repair`](crate::repair).

mod restore_test;

use std::collections::{HashMap, HashSet};

pub use crate::examine::{
    Affected, CheckReport, Choice, Counts, Fault, Finding, NotRestored, ReadPacks, RestoreTest,
    Standing, Touched, Weight, odds,
};
use crate::examine::{Broken, Damage, Examined, Survey, examine, finding};
use crate::id::{BlobPrefix, PackId};
use crate::progress::Progress;
use crate::repository::{Repository, RepositoryError};

/// How often a check that met damage starts over because the index changed meanwhile.
const ATTEMPTS: u32 = 3;

/// What a check does beyond looking at structure.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions {
    /// Packs to read whole.
    pub read: Option<Choice>,
    /// For how long to read, in ns.
    pub time_budget_ns: Option<i128>,
    /// Files to read back.
    pub restore_test: u64,
}

/// Checks.
pub fn run(
    repository: &Repository,
    options: &CheckOptions,
    progress: &dyn Progress,
) -> Result<CheckReport, RepositoryError> {
    let end_ns = options.time_budget_ns.map(|budget| repository.clock().now_ns() + budget);
    let enough = || end_ns.is_some_and(|end| repository.clock().now_ns() >= end);
    let mut attempt = 1;
    loop {
        let Examined { survey, broken, reach, lost, read } =
            examine(repository, options.read, progress, &enough)?;
        let mut report = CheckReport { read, ..CheckReport::default() };
        report.counts = survey.counts;
        report.counts.blobs = count(reach.marks().count() + reach.lost().len());
        if !lost.is_empty() {
            report.affected = affected(repository, &survey, lost, (progress, &mut report.counts))?;
        }
        let sound = report.affected.is_empty() && broken.is_empty();
        if !sound && attempt < ATTEMPTS && survey.is_outdated(repository)? {
            attempt += 1;
            continue;
        }
        report.findings = findings(survey.findings.clone(), &survey, &broken, &report.affected);
        if options.restore_test > 0 {
            let wanted = options.restore_test;
            let test = restore_test::run(repository, &survey.snapshots, wanted, progress, &enough)?;
            report.restore_test = Some(test);
        }
        return Ok(report);
    }
}

fn affected(
    repository: &Repository,
    survey: &Survey,
    lost: HashSet<BlobPrefix>,
    (progress, counts): (&dyn Progress, &mut Counts),
) -> Result<Vec<Affected>, RepositoryError> {
    let lost_blobs = count(lost.len());
    let mut damage = Damage::new(repository, lost);
    let mut affected: Vec<Affected> = Vec::new();
    for (snapshot, standing) in &survey.snapshots {
        affected.extend(damage.affects(snapshot, *standing, progress)?);
    }
    if affected.iter().any(|one| one.standing == Standing::Taken) {
        counts.lost_blobs = lost_blobs;
    }
    Ok(affected)
}

/// Everything odd, in the order of the folders.
fn findings(
    mut findings: Vec<Finding>,
    survey: &Survey,
    broken: &HashMap<PackId, Broken>,
    affected: &[Affected],
) -> Vec<Finding> {
    findings.extend(broken.iter().map(|(pack, broken)| finding(*pack, &broken.fault, survey)));
    let forgotten = affected.iter().filter(|one| one.standing == Standing::Forgotten);
    findings.extend(forgotten.map(|one| Finding {
        object: crate::snapshot::object_name(one.snapshot),
        weight: Weight::Remark,
        fault: Fault::Reclaimed,
    }));
    findings.sort_by(|a, b| a.object.cmp(&b.object));
    findings
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

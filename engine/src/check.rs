//! Verifies a repository, says what is damaged and which files that touches, and mends what can be mended.
//!
//! A check reads the store, not the cache: the description, all small objects, every index segment, the lists of all
//! folders. It walks the trees of all snapshots, reading each node once; with a [`Choice`] of packs, it reads these whole.
//! It writes nothing but a local ledger of what it has verified. What a pruner takes away meanwhile is no damage: before
//! anything is called missing, the index is looked at again.

mod affected;
mod choice;
mod packs;
pub mod repair;
mod report;
mod restore_test;
mod survey;

use std::collections::{HashMap, HashSet};

use self::affected::Damage;
pub use self::choice::Choice;
use self::packs::{Broken, PackReader, Sweep, finding};
pub use self::report::{
    Affected, CheckReport, Counts, Fault, Finding, NotRestored, ReadPacks, RestoreTest, Standing,
    Touched, Weight, odds,
};
use self::survey::Survey;
use crate::id::{BlobPrefix, PackId};
use crate::progress::{Counter, Progress};
use crate::reach::Reach;
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
            examine(repository, options, progress, &enough)?;
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

/// What is known of a repository when its objects, trees and some of its packs were read.
struct Examined<'r> {
    survey: Survey,
    /// Packs that are missing or not what was put.
    broken: HashMap<PackId, Broken>,
    /// What all snapshots need.
    reach: Reach<'r>,
    /// Of that, what no place is left for.
    lost: HashSet<BlobPrefix>,
    read: Option<ReadPacks>,
}

fn examine<'r>(
    repository: &'r Repository,
    options: &CheckOptions,
    progress: &dyn Progress,
    enough: &(dyn Fn() -> bool + Sync),
) -> Result<Examined<'r>, RepositoryError> {
    let mut survey = Survey::take(repository, progress)?;
    let reader = PackReader::new(repository, &survey);
    // However little was asked for: where something is wrong already, it is looked at closely.
    let mut broken = reader.read_all(&survey.suspicious(), progress, &|| false)?.broken;
    let mut reach = Reach::new(repository)?;
    for (snapshot, _) in &survey.snapshots {
        reach.add(snapshot.record.root, progress)?;
    }
    survey.weigh_unindexed(&needed_there(&reach, |pack| !survey.indexed.contains_key(pack)));
    let mut doubtful = doubtful(&reach, &broken);
    // What only a condemned pack has is about to be copied from there, or was left behind because it is broken.
    doubtful.extend(needed_there(&reach, |pack| survey.condemned.contains(pack)));
    broken.extend(reader.read_all(&doubtful, progress, &|| false)?.broken);
    let mut read = None;
    if let Some(choice) = options.read {
        let (packs, sweep) = read_packs(&reader, &survey, choice, (progress, enough))?;
        read = Some(packs);
        broken.extend(sweep.broken);
    }
    let lost = lost(&reach, &broken);
    if progress.cancelled() {
        return Err(RepositoryError::Cancelled);
    }
    Ok(Examined { survey, broken, reach, lost, read })
}

/// Packs of this kind that hold something that snapshots need and that no pack of another kind has.
fn needed_there(reach: &Reach<'_>, is_kind: impl Fn(&PackId) -> bool) -> HashSet<PackId> {
    let set = reach.catalogue().set();
    let all = set.segments().flat_map(|(_, segment, _)| {
        (0..segment.packs()).filter_map(|pack| Some(segment.pack(pack)?.id))
    });
    let mut packs = HashSet::new();
    if all.into_iter().any(|pack| is_kind(&pack)) {
        reach.marks().for_each(set, &mut |_prefix, places| {
            let ids: Vec<PackId> = set.packs_of(places).collect();
            if ids.iter().all(&is_kind) {
                packs.extend(ids);
            }
        });
    }
    packs
}

/// Packs of nodes that could not be read although nothing was known against their packs.
fn doubtful(reach: &Reach<'_>, broken: &HashMap<PackId, Broken>) -> Vec<PackId> {
    let places = reach.unreadable().iter().flat_map(|(node, _)| {
        reach.catalogue().set().places(&node.prefix()).into_iter().map(|place| place.pack.id)
    });
    let packs: HashSet<PackId> = places.filter(|pack| !broken.contains_key(pack)).collect();
    packs.into_iter().collect()
}

fn read_packs(
    reader: &PackReader<'_>,
    survey: &Survey,
    choice: Choice,
    (progress, enough): (&dyn Progress, &(dyn Fn() -> bool + Sync)),
) -> Result<(ReadPacks, Sweep), RepositoryError> {
    let repository = reader.repository;
    let ledger = repository.verified_packs();
    let chosen = choice.choose(&survey.stored, &ledger, repository.clock());
    let bytes = chosen.packs.iter().filter_map(|pack| survey.stored.get(pack)).sum();
    progress.add(Counter::ContentBytesTotal, bytes);
    let sweep = reader.read_all(&chosen.packs, progress, enough)?;
    let is_there = |pack: &PackId| survey.stored.contains_key(pack);
    let ledger = repository.note_verified(&sweep.verdicts, &is_there);
    let read = ReadPacks {
        chosen: count(chosen.packs.len()),
        packs: count(sweep.verdicts.len()),
        bytes: sweep.bytes,
        damaged: count(sweep.broken.len()),
        seed: chosen.seed,
        out_of_time: sweep.unread > 0,
        never: count(survey.stored.len().saturating_sub(ledger.len())),
        oldest_ns: ledger.values().copied().min(),
    };
    Ok((read, sweep))
}

/// What snapshots need and what no pack gives out any more.
fn lost(reach: &Reach<'_>, broken: &HashMap<PackId, Broken>) -> HashSet<BlobPrefix> {
    let (set, stored) = (reach.catalogue().set(), reach.catalogue().stored());
    let mut lost = reach.lost().clone();
    lost.extend(reach.unreadable().iter().map(|(node, _)| node.prefix()));
    let is_whole = |pack: &PackId| stored.contains_key(pack) && !broken.contains_key(pack);
    let packs = set.segments().flat_map(|(_, segment, _)| {
        (0..segment.packs()).filter_map(|pack| Some(segment.pack(pack)?.id))
    });
    if packs.into_iter().all(|pack| is_whole(&pack)) {
        return lost;
    }
    let gives = |pack: &PackId, prefix: &BlobPrefix| match broken.get(pack) {
        Some(broken) => broken.intact.contains(prefix),
        None => is_whole(pack),
    };
    reach.marks().for_each(set, &mut |prefix, places| {
        if !set.packs_of(places).any(|pack| gives(&pack, prefix)) {
            lost.insert(*prefix);
        }
    });
    lost
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

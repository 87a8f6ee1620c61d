//! Looks at a repository as its store has it: all small objects, what snapshots need, packs as a whole; and tells what is
//! wrong and whom that touches. For a check, and for a repair that is to know what to do.

mod affected;
mod choice;
mod packs;
mod report;
mod survey;

use std::collections::{HashMap, HashSet};

pub(crate) use self::affected::{Damage, Found};
pub use self::choice::Choice;
pub(crate) use self::packs::{Broken, PackReader, Sweep, finding};
pub use self::report::{
    Affected, CheckReport, Counts, Fault, Finding, NotRestored, ReadPacks, RestoreTest, Standing,
    Touched, Weight, odds,
};
pub(crate) use self::survey::Survey;
use crate::id::{BlobPrefix, PackId};
use crate::progress::{Counter, Progress};
use crate::reach::Reach;
use crate::repository::{Repository, RepositoryError};

/// What is known of a repository when its objects, trees and some of its packs were read.
pub(crate) struct Examined<'r> {
    pub(crate) survey: Survey,
    /// Packs that are missing or not what was put.
    pub(crate) broken: HashMap<PackId, Broken>,
    /// What all snapshots need.
    pub(crate) reach: Reach<'r>,
    /// Of that, what no place is left for.
    pub(crate) lost: HashSet<BlobPrefix>,
    pub(crate) read: Option<ReadPacks>,
}

/// Looks at everything, and reads the chosen packs whole.
pub(crate) fn examine<'r>(
    repository: &'r Repository,
    choice: Option<Choice>,
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
    if let Some(choice) = choice {
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

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

//! What a check found, for people and programs to read.

use std::path::PathBuf;

use crate::error::{ErrorKind, FormatError};
use crate::id::SessionId;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing; nothing is wrong, or it heals by itself.
    Remark,
    /// Something small is wrong that no data depends on.
    Warning,
    /// Something is damaged that does not heal by itself.
    Damage,
}

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It makes no sense.
    Damaged(FormatError),
    /// The store has it, and does not give it out.
    Unreadable(ErrorKind),
    /// The index lists it, and the store does not have it.
    Missing,
    /// The whole of a pack was read and is not what was put.
    Pack {
        /// The first thing that is wrong.
        what: FormatError,
        /// Pieces of data that it does not give out any more.
        unreadable: u64,
        /// Pieces of data that it had, if anything says so.
        pieces: u64,
    },
    /// The index says other things about a pack than the pack itself.
    Contradicted,
    /// No part of a repository.
    Foreign,
    /// A pack that no index segment lists.
    Unindexed,
    /// A writer that has been there for long.
    OldSession {
        /// When it began, in ns since 1970.
        started_ns: i64,
    },
    /// A snapshot whose session was declared dead while it committed.
    Disputed,
    /// A key slot without a description, or a description without a key slot.
    Alone,
    /// The store went back in time, or lost this snapshot.
    Rollback,
    /// A forgotten snapshot of which a part is gone.
    Reclaimed,
}

/// Something about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub object: String,
    /// How much it matters.
    pub weight: Weight,
    /// What it is.
    pub fault: Fault,
}

/// Whether a snapshot counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was taken.
    Taken,
    /// Its session was declared dead.
    Disputed,
    /// It was forgotten, and a prune has not reclaimed it yet.
    Forgotten,
}

/// A place in a snapshot that damage touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// The content of this entry is not whole.
    Content(PathBuf),
    /// This entry is whole but for extended attributes.
    Attributes(PathBuf),
    /// Entries that follow this path cannot be listed; so many, if that is known.
    Entries {
        /// The last path before the gap.
        after: PathBuf,
        /// How many entries are in it.
        entries: Option<u64>,
    },
}

/// What damage does to one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// The snapshot.
    pub snapshot: SessionId,
    /// Whether it counts.
    pub standing: Standing,
    /// Nothing of it can be listed any more.
    pub lost: bool,
    /// The first places.
    pub touched: Vec<Touched>,
    /// How many more there are.
    pub more: u64,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Key slots.
    pub keys: u64,
    /// Snapshots that count, the disputed ones included.
    pub snapshots: u64,
    /// Forgotten snapshots whose record is still there.
    pub forgotten: u64,
    /// Index segments.
    pub segments: u64,
    /// Packs in the store.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
    /// Blobs that snapshots need.
    pub blobs: u64,
    /// Blobs that snapshots need and that cannot be read; none if only forgotten and disputed ones miss something.
    pub lost_blobs: u64,
}

/// Packs that were read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadPacks {
    /// Packs that were to be read.
    pub chosen: u64,
    /// Packs that were read.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them are not what was put.
    pub damaged: u64,
    /// What the random choice came from, if there was one.
    pub seed: Option<u64>,
    /// The time was up before all were read.
    pub out_of_time: bool,
    /// Packs that this installation has never read whole, after this check.
    pub never: u64,
    /// When the pack that was not read for the longest time was read, in ns since 1970, of those that ever were.
    pub oldest_ns: Option<i64>,
}

/// A file that could not be read back.
#[derive(Debug)]
pub struct NotRestored {
    /// The snapshot.
    pub snapshot: SessionId,
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: crate::error::ReadError,
}

/// Files that were read back as a restore would.
#[derive(Debug, Default)]
pub struct RestoreTest {
    /// How many.
    pub files: u64,
    /// Their content.
    pub bytes: u64,
    /// Those that failed.
    pub failed: Vec<NotRestored>,
    /// The time was up before all were read.
    pub out_of_time: bool,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Everything odd, in the order of the folders.
    pub findings: Vec<Finding>,
    /// Snapshots that damage touches.
    pub affected: Vec<Affected>,
    /// What was looked at.
    pub counts: Counts,
    /// Packs that were read whole, if that was asked for.
    pub read: Option<ReadPacks>,
    /// Files that were read back, if that was asked for.
    pub restore_test: Option<RestoreTest>,
}

impl CheckReport {
    /// The heaviest finding; a snapshot that counts and is touched is damage. A disputed one need not be complete: what
    /// only its session had uploaded may have been deleted when that was declared dead.
    pub fn weight(&self) -> Option<Weight> {
        let touched = self.affected.iter().any(|one| one.standing == Standing::Taken)
            || self.restore_test.as_ref().is_some_and(|test| !test.failed.is_empty());
        let found = self.findings.iter().map(|finding| finding.weight).max();
        if touched { Some(Weight::Damage) } else { found }
    }

    /// Whether the store went back in time.
    pub fn is_rolled_back(&self) -> bool {
        self.findings.iter().any(|finding| finding.fault == Fault::Rollback)
    }

    /// How sure this check is to have met damage, had so many packs been damaged; see [`odds`].
    pub fn odds(&self, damaged: u64) -> Option<f64> {
        Some(odds(self.counts.packs, self.read?.packs, damaged))
    }
}

/// The probability that a look at `read` of `packs` meets at least one of `damaged`: one minus the share of choices
/// that miss all of them (hypergeometric).
pub fn odds(packs: u64, read: u64, damaged: u64) -> f64 {
    let float = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let (read, damaged) = (read.min(packs), damaged.min(packs));
    let unread = packs - read;
    if damaged > unread {
        return if read > 0 { 1.0 } else { 0.0 };
    }
    let missed = (0..damaged).map(|met| float(unread - met) / float(packs - met));
    1.0 - missed.product::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odds_are_those_of_counting_all_choices() {
        // Every choice of `read` out of ten packs, of which the first `damaged` are damaged.
        for (read, damaged) in [(0, 1), (3, 1), (3, 2), (5, 4), (9, 2), (10, 1), (7, 5), (2, 10)] {
            let choices = (0_u32..1024).filter(|choice| u64::from(choice.count_ones()) == read);
            let (mut all, mut met) = (0_u32, 0_u32);
            for choice in choices {
                all += 1;
                met += u32::from(choice & ((1 << damaged) - 1) != 0);
            }
            let expected = f64::from(met) / f64::from(all);
            assert!((odds(10, read, damaged) - expected).abs() < 1e-12, "{read} {damaged}");
        }
    }

    #[test]
    fn nothing_read_finds_nothing_and_all_read_finds_everything() {
        assert!(odds(1000, 0, 10).abs() < 1e-12);
        assert!((odds(1000, 1000, 1) - 1.0).abs() < 1e-12);
        assert!((odds(1000, 500, 10) - 0.999).abs() < 1e-3);
        assert!(odds(0, 0, 1).abs() < 1e-12);
    }
}

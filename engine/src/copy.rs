//! Copies snapshots from one repository into another.
//!
//! The two have different keys, so every id differs: content is read, verified under the keys of the source, named
//! under those of the destination and stored there unless it is known; trees and content lists are built anew. Chunks
//! stay as they were cut. Content is cut by secrets of a repository, so what a destination was given by copies
//! deduplicates against copies, and not against what is backed up into it directly.
//!
//! A copy that was killed is run again: what it stored is found by the index, and whole snapshots by the name of their
//! original. If the destination has a copy of an earlier snapshot of the same files, only what changed since is read.

mod base;
mod carry;
mod memo;
mod secrets;

use std::path::PathBuf;
use std::sync::Arc;

use self::base::Base;
use self::carry::Carrier;
use self::memo::Memo;
use crate::id::{NodeId, SessionId};
use crate::progress::{Counter, Progress};
use crate::repository::{
    Committed, Compression, Repository, RepositoryError, Session, SessionNote, Snapshots,
};
use crate::snapshot::{Record, Snapshot};
use crate::tree::BuildError;

pub use self::secrets::secrets;

/// How to copy.
#[derive(Debug, Clone, Default)]
pub struct CopyOptions {
    /// Name of this machine, for the session.
    pub host: String,
    /// Name and version of the program.
    pub program: String,
    /// How much time compression may take.
    pub compression: Compression,
}

/// What became of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copied {
    /// It was copied.
    Committed(Box<Committed>),
    /// The destination has a copy.
    Present(SessionId),
    /// The destination had a copy that was forgotten there.
    Forgotten(SessionId),
    /// Part of it is lost or damaged; each place was reported to the progress.
    Refused {
        /// The first paths that are damaged.
        paths: Vec<PathBuf>,
        /// How many are.
        places: u64,
    },
}

/// What a copy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopyReport {
    /// Snapshots that were copied.
    pub copied: u64,
    /// Snapshots that were there already.
    pub present: u64,
    /// Snapshots that were there and had been forgotten.
    pub forgotten: u64,
    /// Snapshots that are damaged.
    pub refused: u64,
    /// Bytes of content that were read.
    pub read_bytes: u64,
    /// Bytes put into the destination.
    pub stored_bytes: u64,
}

/// Why copying ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// Source and destination are one repository.
    #[error("source and destination are the same repository")]
    SameRepository,
    /// The source cannot be read.
    #[error("source")]
    Source(#[source] RepositoryError),
    /// The destination cannot be read or written.
    #[error("destination")]
    Destination(#[source] RepositoryError),
    /// An entry does not fit into a tree.
    #[error("a path cannot be stored")]
    Tree(#[source] BuildError<std::convert::Infallible>),
    /// The operation was asked to end; what was stored is used again by the next run.
    #[error("cancelled")]
    Cancelled,
}

/// Why one snapshot was not copied.
#[derive(Debug)]
enum Trouble {
    /// It is damaged; others may be whole.
    Lost(Vec<PathBuf>, u64),
    Ends(CopyError),
}

impl From<CopyError> for Trouble {
    fn from(error: CopyError) -> Self {
        Self::Ends(error)
    }
}

impl From<BuildError<RepositoryError>> for CopyError {
    fn from(error: BuildError<RepositoryError>) -> Self {
        match error {
            BuildError::Sink(error) => Self::Destination(error),
            BuildError::Order => Self::Tree(BuildError::Order),
            BuildError::KeyTooLong => Self::Tree(BuildError::KeyTooLong),
            BuildError::EntryTooLarge => Self::Tree(BuildError::EntryTooLarge),
            BuildError::TooDeep => Self::Tree(BuildError::TooDeep),
        }
    }
}

/// Copies the snapshots, oldest first, and tells of each what became of it.
pub fn run(
    (from, to): (&Repository, &Repository),
    snapshots: &[Snapshot],
    options: &CopyOptions,
    progress: &Arc<dyn Progress>,
    tell: &mut dyn FnMut(&Snapshot, &Copied),
) -> Result<CopyReport, CopyError> {
    if from.id() == to.id() {
        return Err(CopyError::SameRepository);
    }
    let mut sorted: Vec<&Snapshot> = snapshots.iter().collect();
    sorted.sort_by_key(|snapshot| (snapshot.record.time, snapshot.session));
    let known = from.snapshots().map_err(CopyError::Source)?;
    let there = to.snapshots().map_err(CopyError::Destination)?;
    for problem in &there.problems {
        progress.problem(problem);
    }
    let waiting = sorted.iter().filter(|snapshot| present(&there, snapshot.session).is_none());
    for snapshot in waiting {
        progress.add(Counter::EntriesTotal, snapshot.record.stats.entries);
        progress.add(Counter::ContentBytesTotal, snapshot.record.stats.content_bytes);
    }
    let mut run = Run { from, to, options, progress, known, memo: Memo::default() };
    let mut report = CopyReport::default();
    for snapshot in sorted {
        let copied = match present(&there, snapshot.session) {
            Some(copied) => copied,
            None => run.copy(snapshot, &mut report)?,
        };
        match &copied {
            Copied::Committed(committed) => {
                report.copied += 1;
                report.stored_bytes += committed.stored_bytes;
            }
            Copied::Present(_) => report.present += 1,
            Copied::Forgotten(_) => report.forgotten += 1,
            Copied::Refused { .. } => report.refused += 1,
        }
        tell(snapshot, &copied);
    }
    Ok(report)
}

/// A copy that is there. A disputed one is none: nobody was told that it succeeded.
fn present(there: &Snapshots, source: SessionId) -> Option<Copied> {
    let copy_in = |found: &[Snapshot]| {
        let copy = found.iter().find(|copy| copy.record.original == Some(source));
        copy.map(|copy| copy.session)
    };
    copy_in(&there.taken)
        .map(Copied::Present)
        .or_else(|| copy_in(&there.forgotten).map(Copied::Forgotten))
}

struct Run<'a> {
    from: &'a Repository,
    to: &'a Repository,
    options: &'a CopyOptions,
    progress: &'a Arc<dyn Progress>,
    /// What the source has.
    known: Snapshots,
    memo: Memo,
}

impl<'a> Run<'a> {
    fn copy(&mut self, snapshot: &Snapshot, report: &mut CopyReport) -> Result<Copied, CopyError> {
        let note = SessionNote {
            started: i64::try_from(self.to.clock().now_ns()).unwrap_or(i64::MAX),
            host: self.options.host.clone(),
            program: self.options.program.clone(),
            command: "copy".into(),
        };
        let progress = Arc::clone(self.progress);
        let mut session = Session::start(self.to, &note, self.options.compression, progress)
            .map_err(CopyError::Destination)?;
        for problem in session.problems.drain(..) {
            self.progress.problem(&problem);
        }
        // Somebody else may have copied it meanwhile.
        if let Some(copied) = present(session.snapshots(), snapshot.session) {
            session.suspend().map_err(CopyError::Destination)?;
            return Ok(copied);
        }
        match self.carry(&mut session, snapshot, report) {
            Ok(root) => {
                let record = record(session.snapshots(), snapshot, root);
                let committed = session.commit(record).map_err(CopyError::Destination)?;
                Ok(Copied::Committed(Box::new(committed)))
            }
            Err(trouble) => {
                let suspended = session.suspend().map_err(CopyError::Destination);
                match trouble {
                    Trouble::Lost(paths, places) => {
                        suspended?;
                        Ok(Copied::Refused { paths, places })
                    }
                    // The first error is the one to report.
                    Trouble::Ends(error) => Err(error),
                }
            }
        }
    }

    fn carry(
        &mut self,
        session: &mut Session<'_>,
        snapshot: &Snapshot,
        report: &mut CopyReport,
    ) -> Result<NodeId, Trouble> {
        let base = self.base(session.snapshots(), snapshot);
        let progress = self.progress.as_ref();
        let mut porter = Carrier::new(self.from, session, &mut self.memo, progress);
        let done = porter.carry_all(snapshot.record.root, base);
        report.read_bytes += porter.read_bytes;
        done?;
        porter.finish()
    }

    /// The pair of an earlier snapshot and its copy that is closest in time, of the same files.
    fn base(&self, there: &Snapshots, snapshot: &Snapshot) -> Option<Base<'a>> {
        let Record { host, paths, time, .. } = &snapshot.record;
        let known = [&self.known.taken, &self.known.disputed, &self.known.forgotten];
        let source_of = |copy: &Snapshot| {
            let original = copy.record.original?;
            known.into_iter().flatten().find(|source| source.session == original)
        };
        let same_files =
            |copy: &&Snapshot| copy.record.host == *host && copy.record.paths == *paths;
        let pairs = there
            .taken
            .iter()
            .filter(same_files)
            .filter_map(|copy| Some((source_of(copy)?.record.root, copy)));
        let nearest = pairs.min_by_key(|(_, copy)| copy.record.time.abs_diff(*time));
        nearest.map(|(source, copy)| {
            Base::new((self.from, self.to), (source, snapshot.record.root), copy.record.root)
        })
    }
}

/// The record says what the original says.
fn record(there: &Snapshots, snapshot: &Snapshot, root: NodeId) -> Record {
    let parent = snapshot.record.parent.and_then(|parent| match present(there, parent) {
        Some(Copied::Present(copy)) => Some(copy),
        _ => None,
    });
    Record { root, parent, original: Some(snapshot.session), ..snapshot.record.clone() }
}

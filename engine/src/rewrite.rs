//! Makes a new snapshot of an old one: brought back, adopted, pinned, tagged, or without some of its files.
//!
//! Records are signed and never change, so each of these commits another record by a session of its own. That session
//! makes sure that every blob may be referred to: what only lies in condemned packs, or is listed only by sessions that
//! were declared dead, is read from there and stored again. A snapshot with a lost blob is refused; nothing is committed.

mod change;
mod keep;
mod leave;

use std::path::PathBuf;
use std::sync::Arc;

pub use self::change::{Change, Update};
use self::keep::Keeper;
use self::leave::Stripped;
pub use self::leave::{Doomed, Finder};
use crate::id::SessionId;
use crate::progress::Progress;
use crate::repository::{
    Committed, Compression, Repository, RepositoryError, Saying, Session, SessionNote,
};
use crate::snapshot::{Record, Snapshot};
use crate::tree::BuildError;

/// What a new snapshot differs in from the old one.
#[derive(Clone, Copy)]
pub enum Edit<'a> {
    /// In what its record says, or in nothing.
    Record(&'a Change),
    /// Entries whose keys this accepts are left out. What it accepts a folder for, it has to accept all below for.
    Leave(&'a dyn Fn(&[u8]) -> bool),
}

impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record(change) => f.debug_tuple("Record").field(change).finish(),
            Self::Leave(_) => f.write_str("Leave"),
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new snapshot was committed.
    Committed(Box<Committed>),
    /// An earlier run committed it already: this one.
    Present(SessionId),
    /// The new snapshot would be the old one.
    Unchanged,
}

impl Outcome {
    /// The snapshot that stands for the old one now, if that is another one.
    pub fn snapshot(&self) -> Option<SessionId> {
        match self {
            Self::Committed(committed) => Some(committed.snapshot),
            Self::Present(snapshot) => Some(*snapshot),
            Self::Unchanged => None,
        }
    }
}

/// Why no new snapshot was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The snapshot is not there any more.
    #[error("snapshot {snapshot} is gone")]
    Gone {
        /// Its name.
        snapshot: SessionId,
    },
    /// Part of the snapshot is lost or damaged. Each place was reported to the progress.
    #[error("snapshot {snapshot} is damaged at {places} places")]
    Lost {
        /// Its name.
        snapshot: SessionId,
        /// The first paths that are damaged.
        paths: Vec<PathBuf>,
        /// How many are.
        places: u64,
    },
    /// Nothing of what was backed up would be left.
    #[error("nothing of snapshot {snapshot} would be left")]
    Empty {
        /// Its name.
        snapshot: SessionId,
    },
    /// An entry does not fit into a tree.
    #[error("a path cannot be stored")]
    Tree(#[source] BuildError<std::convert::Infallible>),
    /// The operation was asked to end.
    #[error("cancelled")]
    Cancelled,
}

impl From<BuildError<RepositoryError>> for RewriteError {
    fn from(error: BuildError<RepositoryError>) -> Self {
        match error {
            BuildError::Sink(error) => Self::Repository(error),
            BuildError::Order => Self::Tree(BuildError::Order),
            BuildError::KeyTooLong => Self::Tree(BuildError::KeyTooLong),
            BuildError::EntryTooLarge => Self::Tree(BuildError::EntryTooLarge),
            BuildError::TooDeep => Self::Tree(BuildError::TooDeep),
        }
    }
}

/// Commits a snapshot that stands for an old one, tells of it, and only then forgets the old one if it was not forgotten.
///
/// Killed in between, both are there; the same call later finds the new one and does the rest.
pub fn replace(
    repository: &Repository,
    (snapshot, edit): (SessionId, Edit<'_>),
    author: &Author,
    progress: &Arc<dyn Progress>,
    tell: &mut dyn FnMut(&Outcome),
) -> Result<Outcome, RewriteError> {
    let session = author.session(repository, progress)?;
    let forgotten = session.snapshots().forgotten.iter().any(|found| found.session == snapshot);
    let outcome = recommit(session, snapshot, edit, progress)?;
    tell(&outcome);
    if let Some(new) = outcome.snapshot().filter(|_| !forgotten) {
        let said = Saying {
            time_ns: i64::try_from(repository.clock().now_ns()).unwrap_or(i64::MAX),
            host: author.host.clone(),
            user: author.user.clone(),
            reason: format!("replaced by {new}"),
        };
        repository.forget(&[snapshot], &said)?;
    }
    Ok(outcome)
}

/// Commits a snapshot that stands for an old one and differs from it in `edit`.
///
/// The session ends with this, whatever happens. If a live snapshot stands for the old one in just this form, which an
/// earlier run may have left behind, that is the result.
pub fn recommit(
    mut session: Session<'_>,
    snapshot: SessionId,
    edit: Edit<'_>,
    progress: &Arc<dyn Progress>,
) -> Result<Outcome, RewriteError> {
    for problem in session.problems.drain(..) {
        progress.problem(&problem);
    }
    match prepare(&mut session, snapshot, edit, progress.as_ref()) {
        Ok(Prepared::New(record)) => Ok(Outcome::Committed(Box::new(session.commit(*record)?))),
        Ok(Prepared::Done(outcome)) => {
            session.suspend()?;
            Ok(outcome)
        }
        Err(error) => {
            // The first error is the one to report.
            if let Err(second) = session.suspend() {
                tracing::debug!(%second, "session could not be ended in order");
            }
            Err(error)
        }
    }
}

enum Prepared {
    New(Box<Record>),
    Done(Outcome),
}

fn prepare(
    session: &mut Session<'_>,
    snapshot: SessionId,
    edit: Edit<'_>,
    progress: &dyn Progress,
) -> Result<Prepared, RewriteError> {
    let (old, is_live) = find(session, snapshot).ok_or(RewriteError::Gone { snapshot })?;
    let mut record = old.record.clone();
    record.original = Some(original(&old));
    // What a live snapshot needs stays until this session ends, if nothing was condemned when it began.
    let wholesale = is_live && session.may_trust_live_snapshots();
    match edit {
        Edit::Record(change) => {
            change.apply(&mut record);
            if let Some(done) = settled(session, &old, is_live, &record) {
                return Ok(Prepared::Done(done));
            }
            if !wholesale {
                let mut keeper = Keeper::new(session, progress);
                keeper.keep_tree(record.root)?;
                keeper.finish(snapshot)?;
            }
        }
        Edit::Leave(leaves) => {
            let Stripped { root, stats } =
                leave::strip(session, &old, leaves, (wholesale, progress))?;
            (record.root, record.stats) = (root, stats);
            if let Some(done) = settled(session, &old, is_live, &record) {
                return Ok(Prepared::Done(done));
            }
        }
    }
    Ok(Prepared::New(Box::new(record)))
}

/// The snapshot as the session saw it when it had announced itself, and whether it counts.
fn find(session: &Session<'_>, snapshot: SessionId) -> Option<(Snapshot, bool)> {
    let snapshots = session.snapshots();
    let among = |found: &[Snapshot], is_live| {
        let found = found.iter().find(|found| found.session == snapshot)?;
        Some((found.clone(), is_live))
    };
    among(&snapshots.taken, true)
        .or_else(|| among(&snapshots.disputed, false))
        .or_else(|| among(&snapshots.forgotten, false))
}

/// The first ancestor of a snapshot.
fn original(snapshot: &Snapshot) -> SessionId {
    snapshot.record.original.unwrap_or(snapshot.session)
}

/// Whether there is nothing to commit: it would say what the old one says, or what an earlier run committed.
fn settled(
    session: &Session<'_>,
    old: &Snapshot,
    is_live: bool,
    record: &Record,
) -> Option<Outcome> {
    if is_live && change::says_the_same(&old.record, record) {
        return Some(Outcome::Unchanged);
    }
    let taken = session.snapshots().taken.iter();
    let twin = taken.filter(|other| other.session != old.session).find(|other| {
        original(other) == original(old) && change::says_the_same(&other.record, record)
    });
    twin.map(|twin| Outcome::Present(twin.session))
}

/// Who asks, for the objects that say so.
#[derive(Debug, Clone, Default)]
pub struct Author {
    /// Name of the machine.
    pub host: String,
    /// Name of the user.
    pub user: String,
    /// Name and version of the program.
    pub program: String,
    /// What it does: `pin`, `tag` ...
    pub command: String,
}

impl Author {
    /// A session for [`recommit`].
    pub fn session<'r>(
        &self,
        repository: &'r Repository,
        progress: &Arc<dyn Progress>,
    ) -> Result<Session<'r>, RepositoryError> {
        let note = SessionNote {
            started: i64::try_from(repository.clock().now_ns()).unwrap_or(i64::MAX),
            host: self.host.clone(),
            program: self.program.clone(),
            command: self.command.clone(),
        };
        Session::start(repository, &note, Compression::default(), Arc::clone(progress))
    }
}

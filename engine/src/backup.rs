//! Turns the entries of a source into a snapshot.
//!
//! One thread walks the source and compares it with an earlier snapshot, readers read and cut what is new, one thread
//! collects their results in the order of the walk, stores what the repository does not have, and builds the tree. The
//! order of the results does not depend on the readers' speed, every queue is bounded, and so is memory.

mod collect;
mod compare;
pub mod exclude;
mod links;
pub mod local;
mod read;
mod run;
mod section;
pub mod source;
pub mod stdin;
mod walk;
mod window;

use std::path::PathBuf;

pub use self::run::run;
use crate::error::Problem;
use crate::id::SessionId;
use crate::repository::{Committed, Compression, RepositoryError};
use crate::tree::BuildError;

/// Which earlier snapshot tells what is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parent {
    /// The newest one of the same host and paths.
    #[default]
    Newest,
    /// This one.
    Given(SessionId),
    /// None: read everything.
    Ignore,
}

/// What to do about entries that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Report them and go on.
    #[default]
    Skip,
    /// End without a snapshot.
    Fail,
}

/// When to commit a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Commit {
    /// Always.
    #[default]
    Always,
    /// Only if it differs from its parent.
    IfChanged,
    /// Never: tell what would be read.
    DryRun,
}

/// How to take a snapshot, and what to write into its record.
#[derive(Debug, Clone, Default)]
pub struct BackupOptions {
    /// The paths as given, for the record and for finding the parent.
    pub paths: Vec<PathBuf>,
    /// Name of the machine.
    pub host: String,
    /// Name of the user.
    pub user: String,
    /// Name of this series of snapshots.
    pub label: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The time that it stands for, in nanoseconds since 1970; by default the time of its start.
    pub time_ns: Option<i64>,
    /// Retention keeps it until then.
    pub keep_until_ns: Option<i64>,
    /// Retention never drops it.
    pub pinned: bool,
    /// What to compare with.
    pub parent: Parent,
    /// Whether unreadable entries end it.
    pub on_error: OnError,
    /// Whether to commit.
    pub commit: Commit,
    /// How much time compression may take.
    pub compression: Compression,
    /// Name and version of the program.
    pub program: String,
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// The snapshot, unless there was no need for one.
    pub snapshot: Option<Committed>,
    /// What it was compared with.
    pub parent: Option<SessionId>,
    /// Entries of all kinds.
    pub entries: u64,
    /// Files.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes of all files.
    pub content_bytes: u64,
    /// Files and other entries that were taken over from the parent.
    pub unchanged: u64,
    /// Entries that the parent has in another form.
    pub changed: u64,
    /// Entries that the parent does not have.
    pub added: u64,
    /// Bytes of content that were read.
    pub read_bytes: u64,
    /// Entries that were left out on purpose; what lies below an excluded folder is not counted.
    pub excluded: u64,
    /// Problems that were reported.
    pub problems: u64,
}

/// Why no snapshot was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The snapshot to compare with does not exist.
    #[error("no snapshot {snapshot}")]
    NoParent {
        /// Its name.
        snapshot: SessionId,
    },
    /// Nothing could be read at all.
    #[error("nothing to store")]
    Nothing,
    /// An entry could not be read, and the caller asked to end then.
    #[error("{0}")]
    Problem(Problem),
    /// A path cannot be represented in a tree.
    #[error("a path cannot be stored")]
    Tree(#[source] BuildError<std::convert::Infallible>),
    /// The operation was asked to end; what was stored is reused by the next run.
    #[error("cancelled")]
    Cancelled,
}

impl From<BuildError<RepositoryError>> for BackupError {
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

//! What a running operation tells its caller: counters, the current item, problems that do not stop it.

use std::fmt::Debug;
use std::path::Path;

use crate::error::Problem;

/// A counter that a running operation advances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counter {
    /// Entries (files, folders, links ...) finished.
    Entries,
    /// Bytes of file content read from the source, or written to the target.
    ContentBytes,
    /// Bytes put into the store.
    StoredBytes,
    /// Entries expected in all; grows while the operation learns more.
    EntriesTotal,
    /// Content bytes expected in all; grows while the operation learns more.
    ContentBytesTotal,
}

/// Port to whoever watches an operation. Called from several threads; must return quickly.
pub trait Progress: Send + Sync + Debug {
    /// A counter went up by `amount`.
    fn add(&self, counter: Counter, amount: u64);

    /// Work on this path begins.
    fn current(&self, path: &Path);

    /// Something went wrong that does not stop the operation.
    fn problem(&self, problem: &Problem);

    /// Asked between pieces of work: shall the operation end early?
    fn cancelled(&self) -> bool;
}

//! What a restore did, and why one ends early.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::ReadError;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What a restore did, or in a dry run: would do.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct RestoreReport {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl RestoreReport {
            /// Both together, if the second run restored what the first one passed over.
            #[must_use]
            pub fn and(&self, later: &Self) -> Self {
                let both = Self { $($name: self.$name + later.$name,)* };
                // Each run passes the same ones over.
                Self { left_out: self.left_out.max(later.left_out), ..both }
            }
        }

        /// The counters behind a [`RestoreReport`], advanced by several threads.
        #[derive(Debug, Default)]
        pub(super) struct Tally {
            $(pub(super) $name: AtomicU64,)*
        }

        impl Tally {
            pub(super) fn report(&self) -> RestoreReport {
                RestoreReport { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counts! {
    /// Files written, replaced ones included, hard links not.
    files,
    /// Folders made.
    folders,
    /// Symbolic links, pipes, sockets and devices made.
    specials,
    /// Further names given to files.
    hard_links,
    /// Bytes of content written.
    bytes,
    /// Bytes of content that a killed restore had already written.
    resumed_bytes,
    /// Existing entries replaced; counted in their kind as well.
    overwritten,
    /// Existing entries left alone, because they are equal or the overwrite mode says so.
    unchanged,
    /// Existing entries left alone although they differ; each is reported.
    differing,
    /// Entries of the target removed because the snapshot lacks them.
    deleted,
    /// Entries left out by the selection.
    left_out,
    /// Files left out because their content is lost or damaged in the repository.
    damaged,
    /// Entries that could not be written, or must not be; those below a folder that could not be made included.
    failed,
    /// Bytes of content read back and found right.
    verified_bytes,
    /// Problems reported.
    problems,
}

pub(super) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// Why a restore ended early. Running it again continues it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The snapshot has no such path.
    #[error("the snapshot has no {path}")]
    NotFound {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The snapshot's tree, or the store, cannot be read at all.
    #[error("cannot read the repository")]
    Repository(#[from] ReadError),
    /// The target cannot be written at all: full, read-only, not a folder.
    #[error("cannot write to {path}")]
    Target {
        /// Where it failed.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The caller asked for an early end.
    #[error("interrupted")]
    Cancelled,
}

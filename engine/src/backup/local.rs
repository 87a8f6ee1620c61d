//! The files of this machine as a [`Source`].
//!
//! The walk goes through the folders in key order, with one `statx` per entry and no path built for any of them. What
//! costs more (opening, attributes, names of owners) waits in the [`Handle`](super::source::Handle) of an entry, which
//! works relative to the entry's folder, so that renaming a folder meanwhile does no harm.
//! Descriptors of folders are a cache: the oldest are closed when there are many, and opened again when needed.

mod attributes;
mod content;
mod files_from;
mod folder;
mod handle;
mod owners;
mod placeholder;
mod roots;
mod stat;
mod walk;

use std::fmt;
use std::path::PathBuf;

use self::walk::Walk;
use super::exclude::Excludes;
use super::source::{Found, Source};
use crate::error::Problem;

pub use self::files_from::{ListFormat, parse_path_list};

/// Keys are at most this long. Nothing that has a usual path comes near; the limit bounds the effort for folders that
/// were nested to do harm.
const KEY_BYTES_MAX: usize = 16 << 10;

/// Walks files and folders of this machine.
pub struct LocalSource {
    walk: Walk,
}

impl LocalSource {
    /// Will walk these absolute paths and everything below them, without what `excludes` rejects.
    ///
    /// The folders above each root become entries too, without their other content. Roots may overlap. A root that is
    /// a symbolic link is taken as a link, with a slash at its end as what it points to. Excludes by pattern and size
    /// apply to roots, all others only below them. A root that cannot be found is reported first and left out.
    pub fn new(roots: &[PathBuf], excludes: Excludes) -> Self {
        Self { walk: Walk::new(roots, excludes) }
    }
}

impl Source for LocalSource {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        self.walk.next()
    }

    fn excluded(&self) -> u64 {
        self.walk.excluded()
    }
}

impl fmt::Debug for LocalSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LocalSource").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

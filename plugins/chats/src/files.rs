//! What is looked into: a read-only tree of files, of a snapshot or of a disk.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

/// The bytes of a file, at any offset.
pub trait ReadAt: Send + Sync + Debug {
    /// How many there are.
    fn size(&self) -> u64;

    /// At most so many from this offset on; fewer only at the end.
    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes>;
}

/// A file or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where, below the root that is looked into.
    pub path: PathBuf,
    /// Whether it holds others.
    pub is_folder: bool,
    /// Bytes of a file.
    pub size: u64,
    /// Modification time in ns since 1970-01-01 UTC.
    pub mtime_ns: i128,
}

/// A tree of files that does not change while it is looked into.
pub trait Files: Send + Sync + Debug {
    /// Calls `visit` for everything at and below a folder, parents first, names in the order of their bytes.
    fn walk(&self, folder: &Path, visit: &mut dyn FnMut(&Item)) -> io::Result<()>;

    /// What is at a path; `None` if nothing is.
    fn find(&self, path: &Path) -> io::Result<Option<Item>>;

    /// What an encrypted file holds, where that can be had without a key: a repository stores it that way.
    fn open_decoded(&self, _path: &Path) -> io::Result<Option<Arc<dyn ReadAt>>> {
        Ok(None)
    }

    /// The bytes of a file.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>>;
}

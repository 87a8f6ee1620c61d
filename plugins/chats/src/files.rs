//! What is looked into: a read-only tree of files, of a snapshot or of a disk.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::error::{ChatError, Fault};

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

/// So much is read at a time to hash a file.
const PART_BYTES: usize = 1 << 20;

/// The SHA-256 of a file, as messengers say it.
pub fn sha256(content: &dyn ReadAt) -> io::Result<[u8; 32]> {
    let (mut hash, mut at) = (Sha256::new(), 0);
    while at < content.size() {
        let part = content.read_at(at, PART_BYTES)?;
        if part.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&part);
        at += u64::try_from(part.len()).unwrap_or(u64::MAX);
    }
    Ok(hash.finalize().into())
}

/// A file, by its path; what is at it may be a folder, or nothing.
pub(crate) fn find_file(files: &dyn Files, path: &Path) -> Result<Option<Item>, ChatError> {
    let found = files.find(path).map_err(|error| unreadable(path, error))?;
    Ok(found.filter(|item| !item.is_folder))
}

/// The bytes of a file that was found.
pub(crate) fn open_found(
    files: &dyn Files,
    found: Option<Item>,
) -> Result<Option<Arc<dyn ReadAt>>, ChatError> {
    let open = |item: Item| files.open(&item.path).map_err(|error| unreadable(&item.path, error));
    found.map(open).transpose()
}

fn unreadable(path: &Path, error: io::Error) -> ChatError {
    ChatError { path: path.to_owned(), fault: Fault::Read(error) }
}

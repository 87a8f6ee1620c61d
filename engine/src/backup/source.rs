//! The port to what is backed up: an ordered stream of entries with readers.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::Problem;
use crate::tree::Entry;

/// What to back up, as a stream of entries in strictly ascending order of their keys (`docs/format.md`, section 8).
///
/// The stream is pulled by one thread; the files it yields are opened and read by others.
pub trait Source: Debug + Send {
    /// The next entry; `Err` for one that could not be read and is left out; `None` at the end.
    ///
    /// `Err` with the path of a folder that was just yielded means that its content could not be listed (completely).
    /// Entries that vanish before they are looked at are not reported, unless they were asked for by name.
    fn next(&mut self) -> Option<Result<Found, Problem>>;

    /// How many entries were left out on purpose so far; what lies below an excluded folder is not counted.
    fn excluded(&self) -> u64 {
        0
    }
}

/// One entry of a source: what a single `stat` tells, and the way to the rest.
#[derive(Debug)]
pub struct Found {
    /// Path components joined with a zero byte.
    pub key: Vec<u8>,
    /// Kind, mode, owner, size, times, inode, device, links, device numbers. No names, attributes or content yet.
    pub entry: Entry,
    /// Reads the rest; used only if the entry is not taken over from an earlier snapshot.
    pub handle: Box<dyn Handle>,
}

/// The way to the expensive parts of an entry.
pub trait Handle: Send + Debug {
    /// The path for people.
    fn path(&self) -> &Path;

    /// Fills in what `stat` did not tell (names of owners, target of a link, extended attributes, flags, holes), and
    /// opens a file for reading. `entry` is refreshed from the opened file, so that metadata and content belong
    /// together. All extended attributes come with their values inline, also large ones, sorted by name.
    ///
    /// Attributes that cannot be read are reported to `problem` and left out. `Ok(None)` for anything but files.
    ///
    /// # Errors
    ///
    /// `NotFound` if the entry vanished meanwhile; [`KindChanged`] inside if it is another kind of entry now.
    fn open(
        &mut self,
        entry: &mut Entry,
        problem: &mut dyn FnMut(Problem),
    ) -> io::Result<Option<Box<dyn Content>>>;
}

/// Why an entry cannot be opened as what it was found: something else has taken its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was replaced by another kind of entry")]
pub struct KindChanged;

impl From<KindChanged> for io::Error {
    fn from(changed: KindChanged) -> Self {
        Self::other(changed)
    }
}

/// An open file of a source at any offset, for whoever looks into it before it is stored.
pub trait ReadAt: Send + Sync + Debug {
    /// Its length when it was opened.
    fn size(&self) -> u64;

    /// Fills the buffer with what is at this offset; less only at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// What a file was taken apart into, to be stored instead of it: sections one after the other, of which each is cut as if it
/// were a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Who can put them together: [`Transform::name`](crate::tree::Transform::name).
    pub name: String,
    /// Lengths of the sections.
    pub sections: Vec<u64>,
    /// The first so many bytes are the decoded file.
    pub decoded_bytes: Option<u64>,
    /// BLAKE3 of the file.
    pub hash: [u8; 32],
}

/// Inside an [`io::Error`] of [`Content::read`]: the file is not what it was taken apart as.
///
/// After this or any other error of a file that was taken apart it is read as it is; that is no attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not what it was taken apart as")]
pub struct CannotTakeApart;

impl From<CannotTakeApart> for io::Error {
    fn from(error: CannotTakeApart) -> Self {
        Self::other(error)
    }
}

/// An open file of a source. Its content is the file without its holes, or what it was taken apart into.
///
/// The size of the entry is a hint until [`unchanged`](Content::unchanged) was called: a size of zero may still come
/// with content (streams, some virtual file systems), and a file may end early.
pub trait Content: Send + Debug {
    /// Holes as (bytes of data since the last hole, bytes of the hole); empty for a file without.
    fn holes(&self) -> &[(u64, u64)];

    /// Reads the next bytes of content; 0 at the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// The open file at any offset, holes included.
    fn at(&self) -> Option<Arc<dyn ReadAt>> {
        None
    }

    /// What [`read`](Self::read) gives is not the file, but what it was taken apart into.
    ///
    /// May change by [`rewind`](Self::rewind) only. A sparse file is never taken apart.
    fn parts(&self) -> Option<&Parts> {
        None
    }

    /// After the next [`rewind`](Self::rewind) there shall be no [`parts`](Self::parts), and `read` gives the file itself.
    fn decline_parts(&mut self) {}

    /// After the end: whether the file is still what `open` saw. Either way, size and holes of `entry` are made to
    /// agree with what was read, so that a caller who does not try again can keep it (and mark it as changed).
    fn unchanged(&mut self, entry: &mut Entry) -> io::Result<bool>;

    /// Starts over with a refreshed entry. `Unsupported` for a source that can be read only once.
    fn rewind(&mut self, entry: &mut Entry) -> io::Result<()>;

    /// After the end: whether the file is still what `open` saw; if not, starts over with a refreshed entry.
    ///
    /// `Ok(true)` means that nothing changed. `Ok(false)` means that `entry` was refreshed and reading starts again.
    fn unchanged_or_rewind(&mut self, entry: &mut Entry) -> io::Result<bool> {
        let unchanged = self.unchanged(entry)?;
        if !unchanged {
            self.rewind(entry)?;
        }
        Ok(unchanged)
    }
}

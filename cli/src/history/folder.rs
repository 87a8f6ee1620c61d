//! What differs between a snapshot and a folder of this machine. Content is read only where sizes and times leave it open,
//! and then on this machine alone wherever the snapshot tells a hash.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use heirloom_engine::backup::exclude::Excludes;
use heirloom_engine::backup::local::LocalSource;
use heirloom_engine::backup::source::{Content, Found, Source as _};
use heirloom_engine::error::{Problem, ReadError};
use heirloom_engine::id::NodeId;
use heirloom_engine::tree::{
    Entry, FileContent, Kind, TreeCursor, key_from_path, path_from_key, subtree_end,
};
use heirloom_engine::view::{Compared, Difference, Differs, Reader};

use crate::failure::{Failure, InputFailure};

/// Read at a time.
const PART_BYTES: usize = 1 << 20;

/// Where to tell what differs and what could not be compared.
pub(super) struct Listener<'a> {
    /// Takes a difference, with the key that it has on this machine; false ends the comparison.
    pub(super) visit: &'a mut dyn FnMut(&Difference) -> bool,
    pub(super) report: &'a mut dyn FnMut(Problem),
}

/// Compares what a snapshot has at and below a key with a folder or file. With `content`, everything is read.
pub(super) fn compare(
    reader: &Reader,
    (root, key): (NodeId, &[u8]),
    folder: &Path,
    content: bool,
    listener: Listener<'_>,
) -> Result<Compared, Failure> {
    let refused = |source| Failure::Input(InputFailure::File { path: folder.to_owned(), source });
    let folder = std::path::absolute(folder).map_err(refused)?;
    folder.symlink_metadata().map_err(refused)?;
    let base = key_from_path(&folder);
    let mut here = Here {
        source: LocalSource::new(std::slice::from_ref(&folder), Excludes::default()),
        end: subtree_end(&base),
        skip: base.len(),
        base,
    };
    let cursor = TreeCursor::subtree(root, key);
    let mut there = There { reader, cursor, skip: key.len(), last: key.to_vec() };
    let mut comparison = Comparison { reader, content, compared: Compared::default(), listener };
    let (mut one, mut other) = (None, None);
    loop {
        if one.is_none() {
            one = there.next(&mut comparison)?;
        }
        if other.is_none() {
            other = here.next(&mut comparison);
        }
        let order = match (&one, &other) {
            (None, None) => return Ok(comparison.compared),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some(found)) => {
                one.as_slice().cmp(found.key.get(here.skip..).unwrap_or_default())
            }
        };
        let before = one.take_if(|_| order.is_le());
        let after = other.take_if(|_| order.is_ge());
        let key = match (&before, &after) {
            (_, Some(found)) => found.key.clone(),
            (Some((rest, _)), None) => [here.base.as_slice(), rest].concat(),
            (None, None) => continue,
        };
        if !comparison.pair(key, before.map(|(_, entry)| entry), after) {
            return Ok(comparison.compared);
        }
    }
}

/// The snapshot's side; keys behind the one that is compared.
struct There<'a> {
    reader: &'a Reader,
    cursor: TreeCursor,
    skip: usize,
    last: Vec<u8>,
}

impl There<'_> {
    fn next(
        &mut self,
        comparison: &mut Comparison<'_, '_>,
    ) -> Result<Option<(Vec<u8>, Entry)>, Failure> {
        let mut nodes = self.reader.repository();
        loop {
            let failed = match self.cursor.advance(&mut nodes) {
                Ok(false) => return Ok(None),
                Ok(true) => match self.cursor.entry() {
                    Ok(entry) => {
                        self.last = self.cursor.key().to_vec();
                        let rest = self.last.get(self.skip..).unwrap_or_default().to_vec();
                        return Ok(Some((rest, entry)));
                    }
                    Err(error) => ReadError::from(error),
                },
                Err(error) if !error.is_local() => return Err(error.into()),
                Err(error) => error,
            };
            let (after, source) = (path_from_key(&self.last), Box::new(failed));
            comparison.problem(Problem::TreeDamaged { after, source });
            self.cursor.skip_damaged();
        }
    }
}

/// This machine's side.
struct Here {
    source: LocalSource,
    base: Vec<u8>,
    end: Option<Vec<u8>>,
    skip: usize,
}

impl Here {
    fn next(&mut self, comparison: &mut Comparison<'_, '_>) -> Option<Found> {
        loop {
            match self.source.next()? {
                Ok(found) => {
                    // The folders above it are not compared.
                    let inside = found.key >= self.base
                        && self.end.as_ref().is_none_or(|end| found.key < *end);
                    if inside {
                        return Some(found);
                    }
                }
                Err(problem) => comparison.problem(problem),
            }
        }
    }
}

struct Comparison<'a, 'l> {
    reader: &'a Reader,
    content: bool,
    compared: Compared,
    listener: Listener<'l>,
}

impl Comparison<'_, '_> {
    fn problem(&mut self, problem: Problem) {
        self.compared.damaged += 1;
        (self.listener.report)(problem);
    }

    /// Whether anybody still listens.
    fn pair(&mut self, key: Vec<u8>, before: Option<Entry>, found: Option<Found>) -> bool {
        let (before, differs, after) = match (before, found) {
            (Some(before), Some(found)) => {
                let path = found.handle.path().to_owned();
                match self.differs(&before, found) {
                    Ok(None) => return true,
                    Ok(Some((differs, after))) => (Some(before), differs, Some(after)),
                    Err(Failed::Here(error)) if error.kind() == io::ErrorKind::NotFound => {
                        (Some(before), Differs::Removed, None)
                    }
                    Err(Failed::Here(source)) => {
                        self.problem(Problem::Unreadable { path, source });
                        return true;
                    }
                    Err(Failed::There(source)) => {
                        self.problem(Problem::ContentDamaged { path, source: Box::new(source) });
                        return true;
                    }
                }
            }
            (Some(before), None) => (Some(before), Differs::Removed, None),
            (None, after) => (None, Differs::Added, after.map(|found| found.entry)),
        };
        let difference = Difference { key, differs, before, after };
        self.compared.count(&difference);
        (self.listener.visit)(&difference)
    }

    fn differs(
        &mut self,
        before: &Entry,
        mut found: Found,
    ) -> Result<Option<(Differs, Entry)>, Failed> {
        let mut now = found.entry;
        if before.kind != now.kind {
            return Ok(Some((Differs::Kind, now)));
        }
        let is_file = now.kind == Kind::File;
        if is_file && before.size != now.size {
            return Ok(Some((Differs::Content, now)));
        }
        // The system gives every change of anything another status change time.
        let untouched = before.ctime_ns.is_some()
            && (before.ctime_ns, before.inode) == (now.ctime_ns, now.inode)
            && before.mtime_ns == now.mtime_ns;
        if untouched && !(is_file && self.content) {
            return Ok(None);
        }
        let mut problems = Vec::new();
        let path = found.handle.path().to_owned();
        let opened = found.handle.open(&mut now, &mut |problem| problems.push(problem))?;
        for problem in problems {
            self.problem(problem);
        }
        if (&before.target, before.rdev) != (&now.target, now.rdev) {
            return Ok(Some((Differs::Content, now)));
        }
        if let Some(mut content) = opened
            && (self.content || before.mtime_ns != now.mtime_ns)
            && !self.has_same_content(before, content.as_mut(), &path)?
        {
            return Ok(Some((Differs::Content, now)));
        }
        let stat = |entry: &Entry| (entry.mode, entry.uid, entry.gid, entry.mtime_ns);
        let same = stat(before) == stat(&now) && self.has_same_xattrs(before, &now)?;
        Ok((!same).then_some((Differs::Metadata, now)))
    }

    fn has_same_xattrs(&self, before: &Entry, now: &Entry) -> Result<bool, ReadError> {
        if before.xattrs.len() != now.xattrs.len() {
            return Ok(false);
        }
        for (one, other) in before.xattrs.iter().zip(&now.xattrs) {
            if one.name != other.name || self.reader.xattr(one)? != self.reader.xattr(other)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn has_same_content(
        &self,
        before: &Entry,
        content: &mut dyn Content,
        path: &Path,
    ) -> Result<bool, Failed> {
        if content.holes() != before.holes {
            return self.has_same_bytes(before, path);
        }
        let keys = self.reader.repository().keys();
        match (&before.content, &before.hash) {
            (_, Some(hash)) => {
                let mut hasher = blake3::Hasher::new();
                each_part(content, &mut |part| {
                    hasher.update(part);
                })?;
                Ok(hasher.finalize().as_bytes() == hash)
            }
            (FileContent::Empty, None) => Ok(whole(content)?.is_empty()),
            (FileContent::Inline(bytes), None) => Ok(whole(content)? == *bytes),
            (FileContent::List(blobs), None) => match blobs.as_slice() {
                [blob] => Ok(keys.content_id(&whole(content)?) == blob.id),
                _ => self.has_same_bytes(before, path),
            },
            (FileContent::Tree(_), None) => self.has_same_bytes(before, path),
        }
    }

    /// Byte by byte, holes being zeros.
    fn has_same_bytes(&self, before: &Entry, path: &Path) -> Result<bool, Failed> {
        let (file, mut here) = (self.reader.open(before), open(path)?);
        let mut at = 0;
        let mut buffer = Vec::new();
        while at < file.size() {
            let part = file.read(at, PART_BYTES)?;
            at += u64::try_from(part.len()).unwrap_or(u64::MAX);
            buffer.resize(part.len(), 0);
            match here.read_exact(&mut buffer) {
                Ok(()) if buffer == part => {}
                Ok(()) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

/// Which side could not be read.
enum Failed {
    Here(io::Error),
    There(ReadError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Here(error)
    }
}

impl From<ReadError> for Failed {
    fn from(error: ReadError) -> Self {
        Self::There(error)
    }
}

/// Waits for nobody, and follows no link that took the file's place.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn each_part(content: &mut dyn Content, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; PART_BYTES];
    loop {
        let read = content.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        take(buffer.get(..read).unwrap_or_default());
    }
}

fn whole(content: &mut dyn Content) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    each_part(content, &mut |part| bytes.extend_from_slice(part))?;
    Ok(bytes)
}

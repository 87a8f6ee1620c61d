//! The files of a snapshot, as the readers of conversations want them.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use heirloom_chats::files::{Files, Item, ReadAt};
use heirloom_engine::error::ReadError;
use heirloom_engine::id::NodeId;
use heirloom_engine::tree::{Entry, Kind, key_from_path};
use heirloom_engine::view::{Depth, File, Reader};

/// A folder of a snapshot. Paths are relative to it.
#[derive(Debug)]
pub(super) struct SnapshotFiles {
    pub(super) reader: Reader,
    pub(super) root: NodeId,
    pub(super) key: Vec<u8>,
}

impl SnapshotFiles {
    fn key_of(&self, path: &Path) -> Vec<u8> {
        let below = key_from_path(path);
        match (self.key.is_empty(), below.is_empty()) {
            (true, _) => below,
            (_, true) => self.key.clone(),
            (false, false) => [self.key.as_slice(), &[0], below.as_slice()].concat(),
        }
    }

    fn entry(&self, path: &Path) -> io::Result<Option<Entry>> {
        self.reader.view(self.root).entry(&self.key_of(path)).map_err(io_error)
    }
}

/// A path of the snapshot, from one of its folders on.
pub(crate) fn path_below(folder: &[u8], key: &[u8]) -> PathBuf {
    let below = key.get(folder.len()..).unwrap_or_default();
    let below = below.strip_prefix(&[0]).unwrap_or(below);
    let path: Vec<u8> = below.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }).collect();
    PathBuf::from(std::ffi::OsStr::from_bytes(&path))
}

/// Readers of files know errors of files; what is below is still told.
fn io_error(error: ReadError) -> io::Error {
    io::Error::other(error)
}

fn item(path: PathBuf, entry: &Entry) -> Option<Item> {
    let is_folder = entry.kind == Kind::Folder;
    let is_wanted = is_folder || entry.kind == Kind::File;
    is_wanted.then_some(Item { path, is_folder, size: entry.size, mtime_ns: entry.mtime_ns })
}

impl Files for SnapshotFiles {
    fn walk(&self, folder: &Path, visit: &mut dyn FnMut(&Item)) -> io::Result<()> {
        let key = self.key_of(folder);
        if let Some(item) = self.find(folder)? {
            visit(&item);
        }
        let mut damage = None;
        self.reader.view(self.root).list(
            &key,
            Depth::All,
            &mut |key, entry| {
                if let Some(item) = item(path_below(&self.key, key), entry) {
                    visit(&item);
                }
                true
            },
            &mut |problem| {
                damage.get_or_insert(problem);
            },
        );
        damage.map_or(Ok(()), |problem| Err(io::Error::other(problem)))
    }

    fn find(&self, path: &Path) -> io::Result<Option<Item>> {
        Ok(self.entry(path)?.and_then(|entry| item(path.to_owned(), &entry)))
    }

    fn open_decoded(&self, path: &Path) -> io::Result<Option<Arc<dyn ReadAt>>> {
        let entry = self.entry(path)?;
        let is_stored_so = |entry: &Entry| {
            entry.transform.as_ref().is_some_and(|transform| transform.decoded_bytes.is_some())
        };
        let decoded = entry.filter(is_stored_so).and_then(|entry| self.reader.open_decoded(&entry));
        Ok(decoded.map(|file| -> Arc<dyn ReadAt> { Arc::new(Content(file)) }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        match self.entry(path)? {
            Some(entry) if entry.kind == Kind::File => {
                Ok(Arc::new(Content(self.reader.open(&entry))))
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[derive(Debug)]
struct Content(File);

impl ReadAt for Content {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        self.0.read(offset, bytes).map_err(io_error)
    }
}

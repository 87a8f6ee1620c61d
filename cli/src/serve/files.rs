//! The tree as WebDAV wants it: files and folders. Links that are made up are followed; what else a snapshot holds,
//! links and devices, WebDAV does not know, and it is left out.

use std::io::SeekFrom;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use dav_server::davpath::DavPath;
use dav_server::fs::{
    DavDirEntry, DavFile, DavFileSystem, DavMetaData, FsError, FsFuture, FsResult, FsStream,
    OpenOptions, ReadDirMeta,
};
use futures::FutureExt as _;
use futures::stream;
use heirloom_engine::tree::{Entry, Kind};
use heirloom_engine::view::File;
use tokio::task::spawn_blocking;

use crate::layout::{Found, Layout, Place, Unreadable};
use crate::render::time;

/// Entries that are read at once.
const PART: usize = 1024;
/// A made-up link leads to a snapshot, and not to another link.
const LINKS_MAX: usize = 4;

/// The tree.
#[derive(Debug, Clone)]
pub(super) struct Files {
    layout: Arc<Layout>,
}

#[derive(Debug, Clone)]
struct Facts {
    bytes: u64,
    mtime: SystemTime,
    is_folder: bool,
}

struct Child {
    name: Box<[u8]>,
    facts: Facts,
}

struct OpenFile {
    layout: Arc<Layout>,
    place: Place,
    facts: Facts,
    file: Arc<File>,
    offset: u64,
}

impl Facts {
    /// `None` for what WebDAV does not know.
    fn new(entry: &Entry) -> Option<Self> {
        let is_folder = entry.kind == Kind::Folder;
        let is_shown = is_folder || entry.kind == Kind::File;
        is_shown.then(|| Self { bytes: entry.size, mtime: time::system(entry.mtime_ns), is_folder })
    }
}

impl Files {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self { layout }
    }

    fn find(&self, path: &[u8]) -> FsResult<Found> {
        let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
        let mut path: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
        for _ in 0..LINKS_MAX {
            match self.walk(&path)? {
                Walk::Found(found) => return Ok(*found),
                Walk::Link(elsewhere) => path = elsewhere,
            }
        }
        Err(FsError::LoopDetected)
    }

    fn walk(&self, path: &[Vec<u8>]) -> FsResult<Walk> {
        let place = self.layout.root().clone();
        let entry = self.layout.entry(&place).map_err(failed)?.ok_or(FsError::NotFound)?;
        let mut found = Found { place, entry };
        for (depth, name) in path.iter().enumerate() {
            if found.entry.kind != Kind::Folder {
                return Err(FsError::NotFound);
            }
            let child = self.layout.child(&found.place, name).map_err(failed)?;
            found = child.ok_or(FsError::NotFound)?;
            let target = found.entry.target.as_ref();
            if let (Place::Made(_), Some(target)) = (&found.place, target) {
                let mut elsewhere = path.iter().take(depth).cloned().collect::<Vec<_>>();
                for part in target.split(|byte| *byte == b'/') {
                    if part == b".." {
                        elsewhere.pop();
                    } else {
                        elsewhere.push(part.to_vec());
                    }
                }
                elsewhere.extend(path.iter().skip(depth + 1).cloned());
                return Ok(Walk::Link(elsewhere));
            }
        }
        Ok(Walk::Found(Box::new(found)))
    }

    fn children(&self, path: &[u8]) -> FsResult<Vec<Child>> {
        let folder = self.find(path)?;
        if folder.entry.kind != Kind::Folder {
            return Err(FsError::Forbidden);
        }
        let (mut children, mut last) = (Vec::new(), None);
        loop {
            let listing = self.layout.list(&folder.place, last.as_deref(), PART);
            for (name, found) in listing.found {
                let is_link = found.entry.target.is_some();
                let facts = if is_link && matches!(found.place, Place::Made(_)) {
                    let whole = [path, b"/", &name].concat();
                    self.find(&whole).ok().and_then(|found| Facts::new(&found.entry))
                } else {
                    Facts::new(&found.entry)
                };
                children.extend(facts.map(|facts| Child { name, facts }));
            }
            match listing.last {
                Some(name) => last = Some(name),
                None => return Ok(children),
            }
        }
    }
}

enum Walk {
    Found(Box<Found>),
    Link(Vec<Vec<u8>>),
}

fn failed(_told: Unreadable) -> FsError {
    FsError::GeneralFailure
}

/// Does this where waiting for the store keeps nobody else waiting.
fn aside<T: Send + 'static>(
    work: impl FnOnce() -> FsResult<T> + Send + 'static,
) -> impl Future<Output = FsResult<T>> + Send {
    spawn_blocking(work).map(|done| done.unwrap_or(Err(FsError::GeneralFailure)))
}

impl DavFileSystem for Files {
    fn open<'a>(
        &'a self,
        path: &'a DavPath,
        options: OpenOptions,
    ) -> FsFuture<'a, Box<dyn DavFile>> {
        let (files, path) = (self.clone(), path.as_bytes().to_vec());
        let open = move || {
            if options.write || options.append || options.create {
                return Err(FsError::Forbidden);
            }
            let Found { place, entry } = files.find(&path)?;
            let facts = Facts::new(&entry).filter(|facts| !facts.is_folder);
            let facts = facts.ok_or(FsError::Forbidden)?;
            let file = Arc::new(files.layout.open(&entry));
            let open = OpenFile { layout: files.layout, place, facts, file, offset: 0 };
            let open: Box<dyn DavFile> = Box::new(open);
            Ok(open)
        };
        aside(open).boxed()
    }

    fn read_dir<'a>(
        &'a self,
        path: &'a DavPath,
        _: ReadDirMeta,
    ) -> FsFuture<'a, FsStream<Box<dyn DavDirEntry>>> {
        let (files, path) = (self.clone(), path.as_bytes().to_vec());
        let children = aside(move || files.children(&path));
        let entries = async {
            let children = children.await?.into_iter();
            let entries = children.map(|child| {
                let child: Box<dyn DavDirEntry> = Box::new(child);
                Ok(child)
            });
            let entries: FsStream<Box<dyn DavDirEntry>> = Box::pin(stream::iter(entries));
            Ok(entries)
        };
        entries.boxed()
    }

    fn metadata<'a>(&'a self, path: &'a DavPath) -> FsFuture<'a, Box<dyn DavMetaData>> {
        let (files, path) = (self.clone(), path.as_bytes().to_vec());
        let look = move || {
            let facts = Facts::new(&files.find(&path)?.entry).ok_or(FsError::NotFound)?;
            let facts: Box<dyn DavMetaData> = Box::new(facts);
            Ok(facts)
        };
        aside(look).boxed()
    }
}

impl DavMetaData for Facts {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn modified(&self) -> FsResult<SystemTime> {
        Ok(self.mtime)
    }

    fn is_dir(&self) -> bool {
        self.is_folder
    }
}

impl DavDirEntry for Child {
    fn name(&self) -> Vec<u8> {
        self.name.to_vec()
    }

    fn metadata(&'_ self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        let facts: Box<dyn DavMetaData> = Box::new(self.facts.clone());
        async { Ok(facts) }.boxed()
    }
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFile").field("place", &self.place).finish_non_exhaustive()
    }
}

impl DavFile for OpenFile {
    fn metadata(&'_ mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        let facts: Box<dyn DavMetaData> = Box::new(self.facts.clone());
        async { Ok(facts) }.boxed()
    }

    fn read_bytes(&'_ mut self, count: usize) -> FsFuture<'_, Bytes> {
        let (layout, file) = (Arc::clone(&self.layout), Arc::clone(&self.file));
        let (place, offset) = (self.place.clone(), self.offset);
        let read = aside(move || layout.read(&place, &file, offset, count).map_err(failed));
        let step = async {
            let bytes = read.await?;
            self.offset += u64::try_from(bytes.len()).unwrap_or_default();
            Ok(bytes)
        };
        step.boxed()
    }

    fn seek(&'_ mut self, position: SeekFrom) -> FsFuture<'_, u64> {
        let offset = match position {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(by) => self.facts.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.offset.checked_add_signed(by),
        };
        self.offset = offset.unwrap_or(self.offset);
        async move { offset.ok_or(FsError::GeneralFailure) }.boxed()
    }

    fn write_buf(&'_ mut self, _: Box<dyn Buf + Send>) -> FsFuture<'_, ()> {
        async { Err(FsError::Forbidden) }.boxed()
    }

    fn write_bytes(&'_ mut self, _: Bytes) -> FsFuture<'_, ()> {
        async { Err(FsError::Forbidden) }.boxed()
    }

    fn flush(&'_ mut self) -> FsFuture<'_, ()> {
        async { Err(FsError::Forbidden) }.boxed()
    }
}

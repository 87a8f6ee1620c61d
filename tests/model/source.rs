//! What the clients back up: a few files, drawn from a small universe of contents so that snapshots share blobs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use heirloom_engine::backup::source::{Content, Found, Handle, Source};
use heirloom_engine::error::Problem;
use heirloom_engine::tree::{Entry, Kind};

use crate::random::Random;

/// Contents of one blob each.
pub(crate) const SMALL: usize = 8;
/// Contents of so many blobs that they are listed in a tree of their own. They share most of them.
pub(crate) const LARGE: usize = 3;
/// Paths that a file can have.
pub(crate) const PATHS: usize = 6;

const PAGE_BYTES: usize = 4096;
const PAGES: usize = 18;
/// In 2001: long before any snapshot.
const OLD_NS: i128 = 1_000_000_000_000_000_000;

static UNIVERSE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut random = Random::new(7);
    let small = |number: usize| random.bytes(600 + 60 * number);
    let mut contents: Vec<_> = (0..SMALL).map(small).collect();
    contents.extend((0..LARGE).map(pages));
    contents
});

/// A database by its first bytes. Page `n` is the same in most of them, and is a pack of its own.
fn pages(number: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PAGES * PAGE_BYTES);
    for page in 0..PAGES {
        let own = page % 6 == number;
        let seed = 1000 + 100 * page + if own { number + 1 } else { 0 };
        bytes.extend(Random::new(seed as u64).bytes(PAGE_BYTES));
    }
    let header = b"SQLite format 3\0\x10\x00";
    bytes[..header.len()].copy_from_slice(header);
    bytes
}

/// Which path has which content.
pub(crate) type Files = BTreeMap<usize, usize>;

pub(crate) fn content(number: usize) -> &'static [u8] {
    &UNIVERSE[number]
}

pub(crate) fn key(path: usize) -> Vec<u8> {
    format!("f{path}").into_bytes()
}

/// A source with these files.
#[derive(Debug)]
pub(crate) struct FileSource(std::collections::btree_map::IntoIter<usize, usize>);

impl FileSource {
    pub(crate) fn new(files: &Files) -> Self {
        Self(files.clone().into_iter())
    }
}

impl Source for FileSource {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        let (path, number) = self.0.next()?;
        let mut entry = Entry::new(Kind::File);
        let bytes = content(number);
        entry.mode = 0o644;
        entry.size = bytes.len() as u64;
        entry.mtime_ns = OLD_NS + number as i128;
        entry.ctime_ns = Some(entry.mtime_ns);
        entry.inode = path as u64 + 1;
        let handle = Box::new(FileHandle { path: PathBuf::from(format!("/f{path}")), bytes });
        Some(Ok(Found { key: key(path), entry, handle }))
    }
}

#[derive(Debug)]
struct FileHandle {
    path: PathBuf,
    bytes: &'static [u8],
}

impl Handle for FileHandle {
    fn path(&self) -> &Path {
        &self.path
    }

    fn open(
        &mut self,
        _: &mut Entry,
        _: &mut dyn FnMut(Problem),
    ) -> io::Result<Option<Box<dyn Content>>> {
        Ok(Some(Box::new(FileContent { bytes: self.bytes, at: 0 })))
    }
}

#[derive(Debug)]
struct FileContent {
    bytes: &'static [u8],
    at: usize,
}

impl Content for FileContent {
    fn holes(&self) -> &[(u64, u64)] {
        &[]
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        self.at += bytes;
        Ok(bytes)
    }

    fn unchanged(&mut self, _: &mut Entry) -> io::Result<bool> {
        Ok(true)
    }

    fn rewind(&mut self, _: &mut Entry) -> io::Result<()> {
        self.at = 0;
        Ok(())
    }
}

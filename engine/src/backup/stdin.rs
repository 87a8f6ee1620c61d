//! A stream of bytes (standard input, the output of a command) as a source of one file.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::vec;

use super::source::{Content, Found, Handle, Source};
use crate::error::Problem;
use crate::tree::{Entry, Kind, key_from_path, safe_key};

/// What a stream cannot tell about the file that it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamMetadata {
    /// Modification time of the file and the folders above it, in ns since 1970-01-01 UTC.
    pub mtime_ns: i128,
    /// Permission bits of the file.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Yields one file, after the folders in its path.
#[derive(Debug)]
pub struct StreamSource {
    entries: vec::IntoIter<Found>,
}

impl StreamSource {
    /// The file with this path has what `reader` gives; an error of `reader` is an error of the file.
    ///
    /// # Errors
    ///
    /// `InvalidFilename` if the path has no components, or `..` among them.
    pub fn new(
        path: &Path,
        reader: Box<dyn Read + Send>,
        metadata: StreamMetadata,
    ) -> io::Result<Self> {
        let key = key_from_path(path);
        if key.is_empty() || path.as_os_str().as_bytes().contains(&0) || !safe_key(&key) {
            return Err(io::Error::from(io::ErrorKind::InvalidFilename));
        }
        let borders = key.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
        let mut entries: Vec<Found> = borders
            .filter_map(|end| key.get(..end))
            .map(|above| found(above.to_vec(), entry(Kind::Folder, metadata), None))
            .collect();
        entries.push(found(key, entry(Kind::File, metadata), Some(reader)));
        Ok(Self { entries: entries.into_iter() })
    }
}

fn entry(kind: Kind, metadata: StreamMetadata) -> Entry {
    let mut entry = Entry::new(kind);
    entry.mode = if kind == Kind::Folder { 0o755 } else { metadata.mode };
    entry.uid = metadata.uid;
    entry.gid = metadata.gid;
    entry.mtime_ns = metadata.mtime_ns;
    entry
}

fn found(key: Vec<u8>, entry: Entry, reader: Option<Box<dyn Read + Send>>) -> Found {
    let path = crate::tree::path_from_key(&key);
    Found { key, entry, handle: Box::new(StreamHandle { path, reader }) }
}

impl Source for StreamSource {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        self.entries.next().map(Ok)
    }
}

struct StreamHandle {
    path: PathBuf,
    reader: Option<Box<dyn Read + Send>>,
}

impl fmt::Debug for StreamHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StreamHandle").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Handle for StreamHandle {
    fn path(&self) -> &Path {
        &self.path
    }

    fn open(
        &mut self,
        entry: &mut Entry,
        _problem: &mut dyn FnMut(Problem),
    ) -> io::Result<Option<Box<dyn Content>>> {
        if entry.kind != Kind::File {
            return Ok(None);
        }
        let reader = self.reader.take().ok_or(io::ErrorKind::Unsupported)?;
        Ok(Some(Box::new(StreamContent { reader, bytes: 0 })))
    }
}

struct StreamContent {
    reader: Box<dyn Read + Send>,
    bytes: u64,
}

impl fmt::Debug for StreamContent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StreamContent").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Content for StreamContent {
    fn holes(&self) -> &[(u64, u64)] {
        &[]
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.bytes += u64::try_from(bytes).map_err(io::Error::other)?;
        Ok(bytes)
    }

    fn unchanged(&mut self, entry: &mut Entry) -> io::Result<bool> {
        entry.size = self.bytes;
        Ok(true)
    }

    fn rewind(&mut self, _entry: &mut Entry) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: StreamMetadata =
        StreamMetadata { mtime_ns: 1_700_000_000_000_000_001, mode: 0o600, uid: 7, gid: 8 };

    fn source(path: &str, content: &'static [u8]) -> io::Result<StreamSource> {
        StreamSource::new(Path::new(path), Box::new(content), METADATA)
    }

    #[test]
    fn a_stream_becomes_a_file_of_the_size_that_was_read() {
        let mut source = source("dump.sql", b"select 1").unwrap();
        let mut found = source.next().unwrap().unwrap();
        assert!(source.next().is_none());
        assert_eq!((found.key.as_slice(), found.entry.size), (&b"dump.sql"[..], 0));
        assert_eq!((found.entry.mode, found.entry.uid), (0o600, 7));
        let mut content = found.handle.open(&mut found.entry, &mut |_| {}).unwrap().unwrap();
        let mut buffer = [0; 5];
        assert_eq!(content.read(&mut buffer).unwrap(), 5);
        assert_eq!(content.read(&mut buffer).unwrap(), 3);
        assert_eq!(content.read(&mut buffer).unwrap(), 0);
        assert!(content.unchanged_or_rewind(&mut found.entry).unwrap());
        assert_eq!(found.entry.size, 8);
        assert!(content.rewind(&mut found.entry).is_err(), "a stream cannot be read twice");
        assert!(found.handle.open(&mut found.entry, &mut |_| {}).is_err());
    }

    #[test]
    fn the_folders_in_the_path_of_a_stream_are_entries() {
        let source = source("/db/daily/dump.sql", b"").unwrap();
        let found: Vec<_> = source.entries.collect();
        let list: Vec<_> = found.iter().map(|f| (f.key.as_slice(), f.entry.kind)).collect();
        assert_eq!(
            list,
            [
                (&b"db"[..], Kind::Folder),
                (b"db\0daily", Kind::Folder),
                (b"db\0daily\0dump.sql", Kind::File)
            ]
        );
        assert_eq!(found[1].handle.path(), Path::new("/db/daily"));
    }

    #[test]
    fn a_stream_needs_a_sound_name() {
        for path in ["", "/", ".", "a/../b", "..", "a\0b"] {
            assert!(source(path, b"").is_err(), "{path:?}");
        }
    }

    #[test]
    fn an_error_of_the_stream_is_an_error_of_the_file() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::BrokenPipe))
            }
        }
        let mut source = StreamSource::new(Path::new("x"), Box::new(Failing), METADATA).unwrap();
        let mut found = source.next().unwrap().unwrap();
        let mut content = found.handle.open(&mut found.entry, &mut |_| {}).unwrap().unwrap();
        assert!(content.read(&mut [0; 4]).is_err());
    }
}

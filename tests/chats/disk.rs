//! Files on disk, at any offset.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;
use heirloom_chats::files::ReadAt;

/// A file on disk.
#[derive(Debug)]
pub(crate) struct OnDisk(File);

impl OnDisk {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }
}

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let rest = usize::try_from(self.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut read = vec![0; bytes.min(rest)];
        self.0.read_exact_at(&mut read, offset)?;
        Ok(read.into())
    }
}

//! Where the real files are.

use std::env;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use heirloom_chats::files::ReadAt;

/// A folder of real files; says so and gives `None` where nobody named it.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let all = env::var_os("HEIRLOOM_FIXTURES").map(PathBuf::from);
    if all.is_none() {
        eprintln!("HEIRLOOM_FIXTURES is not set: nothing real is tried");
    }
    all.map(|all| all.join(name))
}

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

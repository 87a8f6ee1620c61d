//! A folder of a disk, to be looked into without a repository.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use bytes::Bytes;

use crate::files::{Files, Item, ReadAt};

/// A folder of a disk. Links are not followed.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Everything below this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn item(path: PathBuf, metadata: &Metadata) -> Item {
        let since_epoch =
            metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Item {
            path,
            is_folder: metadata.is_dir(),
            size: if metadata.is_dir() { 0 } else { metadata.len() },
            mtime_ns: since_epoch
                .and_then(|since| i128::try_from(since.as_nanos()).ok())
                .unwrap_or(0),
        }
    }
}

impl Files for Folder {
    fn walk(&self, folder: &Path, visit: &mut dyn FnMut(&Item)) -> io::Result<()> {
        let mut waiting = vec![folder.to_owned()];
        while let Some(path) = waiting.pop() {
            let full = self.root.join(&path);
            let metadata = fs::symlink_metadata(&full)?;
            if !metadata.is_dir() && !metadata.is_file() {
                continue;
            }
            visit(&Self::item(path.clone(), &metadata));
            if metadata.is_dir() {
                let mut names = fs::read_dir(&full)?
                    .map(|entry| entry.map(|entry| entry.file_name()))
                    .collect::<io::Result<Vec<_>>>()?;
                names.sort();
                waiting.extend(names.into_iter().rev().map(|name| path.join(name)));
            }
        }
        Ok(())
    }

    fn find(&self, path: &Path) -> io::Result<Option<Item>> {
        match fs::symlink_metadata(self.root.join(path)) {
            Ok(metadata) => Ok(Some(Self::item(path.to_owned(), &metadata))),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        let file = File::open(self.root.join(path))?;
        let size = file.metadata()?.len();
        Ok(Arc::new(OnDisk { size, file: Mutex::new(file) }))
    }
}

#[derive(Debug)]
struct OnDisk {
    size: u64,
    file: Mutex<File>,
}

impl ReadAt for OnDisk {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        let mut read = Vec::new();
        // A length that a file says of itself must not make room for itself.
        let wanted = u64::try_from(bytes).unwrap_or(u64::MAX).min(self.size.saturating_sub(offset));
        Read::by_ref(&mut *file).take(wanted).read_to_end(&mut read)?;
        Ok(read.into())
    }
}

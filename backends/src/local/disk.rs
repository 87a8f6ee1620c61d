//! The file operations of a local store, in the order that durability asks for. Blocking; see the parent for the port.
//!
//! Everything happens relative to the opened root folder: a disk that is unmounted or replaced in mid-session makes
//! calls fail instead of filling whatever lies below its mount point.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heirloom_engine::repository::OBJECT_BYTES_MAX;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fstat, fsync, mkdirat, openat, renameat, unlinkat,
};
use rustix::io::Errno;

use super::listing::Listing;
use super::sweep::sweep;

/// Where writes begin. Starts with a dot, as no part of an object's name may.
const TEMPORARY: &str = ".tmp";

/// A folder of the local disk, and what was opened of it.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    open: Mutex<Open>,
    swept: AtomicBool,
    writes: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    root: Option<Arc<OwnedFd>>,
    /// Folders that this process has seen to be durable, by name; `""` is the root.
    ready: HashMap<String, Arc<OwnedFd>>,
}

/// Why a read gave nothing.
#[derive(Debug)]
pub(super) enum Missed {
    Io(io::Error),
    /// The object is not what was asked for.
    Answer(&'static str),
}

/// How much memory to ask for. What is larger than 32 MiB comes from the system and goes back to it; of a little less than
/// that, an allocator may keep a block for each thread that ever read a pack. Pages that nobody touches cost nothing.
fn room_for(bytes: usize) -> usize {
    const WHOLE_PACK: usize = 16 << 20;
    const OWN_PAGES: usize = 33 << 20;
    if bytes < WHOLE_PACK { bytes } else { bytes.max(OWN_PAGES) }
}

impl From<io::Error> for Missed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for Missed {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

impl Disk {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            open: Mutex::default(),
            swept: AtomicBool::new(false),
            writes: AtomicU64::new(0),
        }
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let target = self.durable_folder(folder)?;
        let temporary = self.durable_folder(TEMPORARY)?;
        let (temporary_name, temporary_file) = self.create_temporary(&temporary, file)?;
        if !self.swept.swap(true, Ordering::Relaxed) {
            // A leftover that cannot be removed is no reason to refuse a new object.
            sweep(&temporary, &temporary_file).ok();
        }
        let placed = write_durably(temporary_file, bytes)
            .and_then(|()| Ok(renameat(&temporary, &temporary_name, &target, file)?));
        if placed.is_err() {
            unlinkat(&temporary, &temporary_name, AtFlags::empty()).ok();
        }
        placed.and_then(|()| sync_folder(&target))
    }

    pub(super) fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, Missed> {
        let root = self.existing_root()?;
        // Neither follows a link out of the repository nor waits for the writer of a fifo.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut file = File::from(openat(&root, name, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(Errno::NOENT.into());
        }
        if !metadata.is_file() {
            return Err(Missed::Answer("not a regular file"));
        }
        let range = range.unwrap_or(0..metadata.len());
        let Some(wanted) = range.end.checked_sub(range.start) else {
            return Err(Missed::Answer("the range ends before it starts"));
        };
        if range.end > metadata.len() {
            return Err(Missed::Answer("the range reaches beyond the end of the object"));
        }
        let capacity = usize::try_from(wanted).ok().filter(|_| wanted <= OBJECT_BYTES_MAX);
        let Some(capacity) = capacity else {
            return Err(Missed::Answer("the object is larger than any that was put"));
        };
        let mut bytes = Vec::with_capacity(room_for(capacity));
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start))?;
        }
        file.take(wanted).read_to_end(&mut bytes)?;
        if bytes.len() == capacity {
            Ok(bytes)
        } else {
            Err(Missed::Answer("the object became shorter while it was read"))
        }
    }

    /// Not synced: an object that comes back after a power cut is as good as one that was never deleted.
    pub(super) fn delete(&self, name: &str) -> io::Result<()> {
        let deleted =
            self.existing_root().and_then(|root| Ok(unlinkat(&root, name, AtFlags::empty())?));
        match deleted {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// `None` if there is no such folder.
    pub(super) fn open_listing(&self, folder: &str) -> io::Result<Option<Listing>> {
        let opened = self.existing_root().and_then(|root| {
            let path = if folder.is_empty() { "." } else { folder };
            Ok(openat(&root, path, folder_flags(), Mode::empty())?)
        });
        match opened {
            Ok(descriptor) => Listing::new(descriptor, folder).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while holding the lock, and every state of the maps is a valid one.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn existing_root(&self) -> io::Result<Arc<OwnedFd>> {
        let mut open = self.locked();
        if let Some(root) = &open.root {
            return Ok(Arc::clone(root));
        }
        let root = Arc::new(rustix::fs::open(&self.root, folder_flags(), Mode::empty())?);
        open.root = Some(Arc::clone(&root));
        Ok(root)
    }

    /// The folder, made if missing, once it is sure to survive a power cut.
    fn durable_folder(&self, folder: &str) -> io::Result<Arc<OwnedFd>> {
        if let Some(ready) = self.locked().ready.get(folder) {
            return Ok(Arc::clone(ready));
        }
        let opened = if folder.is_empty() {
            create_durably(&self.root)?;
            self.existing_root()?
        } else {
            let root = self.durable_folder("")?;
            let mode = Mode::RWXU | (mode_of(&root)? & (Mode::RWXG | Mode::RWXO));
            match mkdirat(&root, folder, mode) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            // Also if another process has just made it: that one may not have synced yet.
            sync_folder(&root)?;
            Arc::new(openat(&root, folder, folder_flags(), Mode::empty())?)
        };
        self.locked().ready.insert(folder.to_owned(), Arc::clone(&opened));
        Ok(opened)
    }

    fn create_temporary(&self, temporary: &OwnedFd, file: &str) -> io::Result<(String, File)> {
        let readable = Mode::RGRP | Mode::ROTH;
        let mode = Mode::RUSR | Mode::WUSR | (mode_of(temporary)? & readable);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        loop {
            // Processes on other machines may share the folder; whoever finds a name taken counts on.
            let write = self.writes.fetch_add(1, Ordering::Relaxed);
            let name = format!("{file}.{}.{write}", std::process::id());
            match openat(temporary, &name, flags, mode) {
                Ok(descriptor) => return Ok((name, File::from(descriptor))),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

fn mode_of(folder: &OwnedFd) -> io::Result<Mode> {
    Ok(Mode::from_raw_mode(fstat(folder)?.st_mode))
}

/// A failed sync may have thrown the data away, so the file must be given up; it is never synced twice.
fn write_durably(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(folder: &OwnedFd) -> io::Result<()> {
    match fsync(folder) {
        // Some network file systems cannot sync folders and have nothing to sync.
        Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes a folder and its missing parents, each synced into its own parent.
fn create_durably(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    if fs::metadata(path).is_ok_and(|found| found.is_dir()) {
        // Perhaps made a moment ago by a process that has not synced yet. Its parent may be closed to us, though.
        open_and_sync(parent).ok();
        return Ok(());
    }
    create_durably(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    open_and_sync(parent)
}

fn open_and_sync(folder: &Path) -> io::Result<()> {
    sync_folder(&rustix::fs::open(folder, folder_flags(), Mode::empty())?)
}

/// Whether a mode is that of a plain file.
pub(super) fn is_file(mode: u32) -> bool {
    FileType::from_raw_mode(mode) == FileType::RegularFile
}

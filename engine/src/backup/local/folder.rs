//! Folders that are being walked, and the budget of descriptors for them.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::fs::{CWD, Mode, OFlags, RawDir};
use rustix::io::Errno;
use rustix::process::{Resource, geteuid, getrlimit};

use super::owners::Owners;
use super::stat::Stat;

/// Descriptors for folders, whatever the limit of the process allows.
const OPEN_FOLDERS_MAX: usize = 256;
const OPEN_FOLDERS_MIN: usize = 8;

/// What everything in one source shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) owners: Owners,
    user: u32,
    open_folders_max: usize,
    /// Folders with a descriptor, the longest open first.
    open: Mutex<VecDeque<Weak<Folder>>>,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let share = usize::try_from(limit / 8).unwrap_or(OPEN_FOLDERS_MAX);
        Arc::new(Self {
            owners: Owners::default(),
            user: geteuid().as_raw(),
            open_folders_max: share.clamp(OPEN_FOLDERS_MIN, OPEN_FOLDERS_MAX),
            open: Mutex::default(),
        })
    }

    /// Opens something below a folder without leaving a trace in its access time, if that is allowed.
    pub(super) fn open(
        &self,
        folder: impl AsFd,
        name: &[u8],
        flags: OFlags,
        owner: Option<u32>,
    ) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mut quiet = if self.user == 0 || owner == Some(self.user) {
            OFlags::NOATIME
        } else {
            OFlags::empty()
        };
        let mut closed_others = false;
        loop {
            match rustix::fs::openat(&folder, name, flags | quiet, Mode::empty()) {
                Err(Errno::PERM) if !quiet.is_empty() => quiet = OFlags::empty(),
                Err(Errno::INTR) => {}
                Err(Errno::MFILE | Errno::NFILE) if !closed_others => {
                    closed_others = true;
                    self.close_folders();
                }
                result => return Ok(result?),
            }
        }
    }

    fn close_folders(&self) {
        let all = std::mem::take(&mut *locked(&self.open));
        all.iter().filter_map(Weak::upgrade).for_each(|folder| folder.close());
    }

    fn opened(&self, folder: &Arc<Folder>) {
        let mut open = locked(&self.open);
        open.push_back(Arc::downgrade(folder));
        let oldest = if open.len() > self.open_folders_max { open.pop_front() } else { None };
        // The other folder's lock must not be taken under this one.
        drop(open);
        if let Some(oldest) = oldest.as_ref().and_then(Weak::upgrade) {
            oldest.close();
        }
    }
}

/// A folder that is or was walked.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) key: Vec<u8>,
    pub(super) shared: Arc<Shared>,
    device: u64,
    inode: u64,
    descriptor: Mutex<Option<Arc<OwnedFd>>>,
}

impl Folder {
    /// Takes over the open folder with this key.
    pub(super) fn new(
        key: Vec<u8>,
        shared: &Arc<Shared>,
        descriptor: OwnedFd,
        stat: &Stat,
    ) -> Arc<Self> {
        let folder = Arc::new(Self {
            key,
            shared: Arc::clone(shared),
            device: stat.device,
            inode: stat.inode(),
            descriptor: Mutex::new(Some(Arc::new(descriptor))),
        });
        shared.opened(&folder);
        folder
    }

    /// Its descriptor; opens it again by its path if it was closed, and makes sure that it is the same folder.
    pub(super) fn descriptor(self: &Arc<Self>) -> io::Result<Arc<OwnedFd>> {
        if let Some(descriptor) = &*locked(&self.descriptor) {
            return Ok(Arc::clone(descriptor));
        }
        let descriptor = Arc::new(self.open_again()?);
        let stat = Stat::of_open(&descriptor)?;
        if (stat.device, stat.inode()) != (self.device, self.inode) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        *locked(&self.descriptor) = Some(Arc::clone(&descriptor));
        self.shared.opened(self);
        Ok(descriptor)
    }

    /// The key of an entry in this folder.
    pub(super) fn key_of(&self, name: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.key.len() + 1 + name.len());
        key.extend_from_slice(&self.key);
        if !key.is_empty() {
            key.push(0);
        }
        key.extend_from_slice(name);
        key
    }

    /// Walks down in steps, because the kernel takes no path above 4 KiB.
    fn open_again(&self) -> io::Result<OwnedFd> {
        const STEP_BYTES: usize = 2048;
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let mut folder = self.shared.open(CWD, b"/", flags, None)?;
        let mut path = Vec::new();
        for component in self.key.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            path.extend_from_slice(component);
            path.push(b'/');
            if path.len() > STEP_BYTES {
                folder = self.shared.open(&folder, &path, flags, None)?;
                path.clear();
            }
        }
        path.push(b'.');
        match self.shared.open(&folder, &path, OFlags::DIRECTORY, None) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.shared.open(&folder, &path, flags, None)
            }
            result => result,
        }
    }

    fn close(&self) {
        *locked(&self.descriptor) = None;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both kinds of content are replaced as a whole, so a panic elsewhere leaves them sound.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The names in a folder, in one allocation.
#[derive(Debug, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Names {
    /// Adds all names in an open folder. After an error, those before it are there.
    pub(super) fn read(
        &mut self,
        folder: impl AsFd,
        buffer: &mut [MaybeUninit<u8>],
    ) -> io::Result<()> {
        let mut entries = RawDir::new(folder, buffer);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => match entry.file_name().to_bytes() {
                    b"." | b".." => {}
                    name => self.push(name),
                },
                Err(Errno::INTR) => {}
                // The folder itself was deleted.
                Err(Errno::NOENT) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) fn push(&mut self, name: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.spans.push((start, self.bytes.len()));
    }

    /// Brings the names into ascending order, each once: a folder that changes may list a name twice.
    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        let name = |span: &(usize, usize)| bytes.get(span.0..span.1).unwrap_or_default();
        self.spans.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        self.spans.dedup_by(|a, b| name(a) == name(b));
    }

    pub(super) fn get(&self, ordinal: usize) -> Option<&[u8]> {
        let (start, end) = *self.spans.get(ordinal)?;
        self.bytes.get(start..end)
    }

    /// Whether the sorted names include this one.
    pub(super) fn contains(&self, wanted: &[u8]) -> bool {
        let name = |span: &(usize, usize)| self.bytes.get(span.0..span.1).unwrap_or_default();
        self.spans.binary_search_by(|span| name(span).cmp(wanted)).is_ok()
    }
}

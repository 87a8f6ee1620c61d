//! A folder of the target: how it is opened, and when it is finished.
//!
//! Every open is one component relative to the parent's descriptor and follows no link, so that nothing that stands
//! in the target, or comes from the snapshot, can lead outside. A folder is finished (owner, attributes, mode, times)
//! when the walk has left it and nothing below it is pending; until then its owner may do anything in it.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::fd::{AsFd, AsRawFd as _, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, fchmod, fstat};
use rustix::io::Errno;

use super::attributes;
use super::context::{Context, lock};
use super::report::count;
use crate::tree::Entry;

const OPEN: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What a folder hands down to what is created in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Inheritance {
    /// Its group.
    pub(super) group: bool,
    /// A default access control list.
    pub(super) acl: bool,
}

#[derive(Debug)]
pub(super) struct Folder {
    parent: Option<Arc<Self>>,
    name: Box<[u8]>,
    fd: Mutex<Option<Arc<OwnedFd>>>,
    /// The walk, and everything below that is not finished.
    pending: AtomicUsize,
    /// What to set at the end.
    entry: Mutex<Option<Entry>>,
    /// The mode that an existing folder had before it was made writable.
    former_mode: Option<Mode>,
    pub(super) inheritance: Inheritance,
    /// Made by this run, and therefore empty at first.
    pub(super) created: bool,
    /// Does not exist: a dry run would make it.
    pub(super) imagined: bool,
}

impl Folder {
    /// The target itself. `fd` is absent in a dry run if there is no such folder.
    pub(super) fn root(path: &std::path::Path, fd: Option<OwnedFd>, created: bool) -> Arc<Self> {
        let inheritance = fd.as_ref().map_or_else(Inheritance::default, inheritance_of);
        let imagined = fd.is_none();
        Arc::new(Self {
            parent: None,
            name: path.as_os_str().as_bytes().into(),
            fd: Mutex::new(fd.map(Arc::new)),
            pending: AtomicUsize::new(1),
            entry: Mutex::default(),
            former_mode: None,
            inheritance,
            created: created || imagined,
            imagined,
        })
    }

    fn below(parent: &Arc<Self>, name: &[u8], created: bool) -> Self {
        parent.hold();
        Self {
            parent: Some(Arc::clone(parent)),
            name: name.into(),
            fd: Mutex::default(),
            pending: AtomicUsize::new(1),
            entry: Mutex::default(),
            former_mode: None,
            inheritance: Inheritance::default(),
            created,
            imagined: false,
        }
    }

    /// A folder that a dry run would make.
    pub(super) fn imagined(parent: &Arc<Self>, name: &[u8]) -> Arc<Self> {
        Arc::new(Self { imagined: true, ..Self::below(parent, name, true) })
    }

    /// Makes a folder that does not exist. `Errno::EXIST` if it does.
    pub(super) fn create(
        context: &Context<'_>,
        parent: &Arc<Self>,
        name: &[u8],
        known: bool,
    ) -> Result<Arc<Self>, Errno> {
        let parent_fd = parent.open(context)?;
        // What the snapshot describes stays private until its mode is set; the rest keeps what the system gives it.
        let mode = if known { Mode::RWXU } else { Mode::from_raw_mode(0o777) };
        rustix::fs::mkdirat(&*parent_fd, name, mode)?;
        let fd = rustix::fs::openat(&*parent_fd, name, OPEN, Mode::empty())?;
        if parent.inheritance.acl && known {
            attributes::drop_acls(&fd);
        }
        count(&context.tally.folders);
        let mut folder = Self::below(parent, name, true);
        folder.inheritance =
            Inheritance { group: parent.inheritance.group, acl: parent.inheritance.acl && !known };
        let folder = Arc::new(folder);
        folder.remember(Arc::new(fd), context);
        Ok(folder)
    }

    /// Opens an existing folder, and sees to it that entries can be made in it.
    pub(super) fn enter(
        context: &Context<'_>,
        parent: &Arc<Self>,
        name: &[u8],
    ) -> Result<Arc<Self>, Errno> {
        let parent_fd = parent.open(context)?;
        let mut former_mode = None;
        let fd = match rustix::fs::openat(&*parent_fd, name, OPEN, Mode::empty()) {
            Err(Errno::ACCESS) if !context.options.dry_run => {
                former_mode = Some(unlock(&*parent_fd, name)?);
                rustix::fs::openat(&*parent_fd, name, OPEN, Mode::empty())?
            }
            other => other?,
        };
        let stat = fstat(&fd)?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        let ours = stat.st_uid == context.ownership.uid && !context.ownership.privileged();
        if ours && !mode.contains(Mode::RWXU) && !context.options.dry_run {
            fchmod(&fd, mode | Mode::RWXU)?;
            former_mode = Some(mode);
        }
        let mut folder = Self::below(parent, name, false);
        folder.former_mode = former_mode;
        folder.inheritance = inheritance_of(&fd);
        let folder = Arc::new(folder);
        folder.remember(Arc::new(fd), context);
        Ok(folder)
    }

    /// Something below is pending; [`release`](Self::release) is owed.
    pub(super) fn hold(&self) {
        self.pending.fetch_add(1, Ordering::AcqRel);
    }

    /// What to set when the folder is finished.
    pub(super) fn describe(&self, entry: Entry) {
        *lock(&self.entry) = Some(entry);
    }

    /// Its descriptor, opened again if it was closed to save descriptors.
    pub(super) fn open(self: &Arc<Self>, context: &Context<'_>) -> Result<Arc<OwnedFd>, Errno> {
        let mut closed = Vec::new();
        let mut at = self;
        let mut fd = loop {
            if let Some(fd) = at.cached() {
                break fd;
            }
            closed.push(at);
            at = at.parent.as_ref().ok_or(Errno::NOENT)?;
        };
        for folder in closed.into_iter().rev() {
            fd = Arc::new(rustix::fs::openat(&*fd, &*folder.name, OPEN, Mode::empty())?);
            folder.remember(Arc::clone(&fd), context);
        }
        Ok(fd)
    }

    fn cached(&self) -> Option<Arc<OwnedFd>> {
        lock(&self.fd).clone()
    }

    fn remember(self: &Arc<Self>, fd: Arc<OwnedFd>, context: &Context<'_>) {
        *lock(&self.fd) = Some(fd);
        context.folders.add(self);
    }

    /// The path for people.
    pub(super) fn path(&self) -> PathBuf {
        let mut names = Vec::new();
        let mut at = self;
        while let Some(parent) = &at.parent {
            names.push(OsStr::from_bytes(&at.name));
            at = parent;
        }
        let mut path = PathBuf::from(OsStr::from_bytes(&at.name));
        path.extend(names.into_iter().rev());
        path
    }

    /// The path for people of something in it.
    pub(super) fn path_of(&self, name: &[u8]) -> PathBuf {
        self.path().join(OsStr::from_bytes(name))
    }

    /// The key of something in it, relative to the target.
    pub(super) fn key_of(&self, name: &[u8]) -> Vec<u8> {
        let mut names = vec![name];
        let mut at = self;
        while let Some(parent) = &at.parent {
            names.push(&at.name);
            at = parent;
        }
        names.reverse();
        names.join(&0)
    }

    /// Something that was held is finished; finishes the folder, and those above, if it was the last.
    pub(super) fn release(self: &Arc<Self>, context: &Context<'_>) {
        let mut at = self;
        while at.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            at.finish(context);
            match &at.parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
    }

    fn finish(self: &Arc<Self>, context: &Context<'_>) {
        let entry = lock(&self.entry).take();
        if !context.options.dry_run && (entry.is_some() || self.former_mode.is_some()) {
            match self.open(context) {
                Ok(fd) => match entry {
                    Some(entry) => {
                        let group =
                            self.parent.as_ref().is_some_and(|folder| folder.inheritance.group);
                        let is_new = self.created;
                        attributes::set_on_folder(context, &fd, &entry, (group, is_new), || {
                            self.path()
                        });
                    }
                    None => self.lock_again(context, &fd),
                },
                Err(error) => context.failed(self.path(), error.into()),
            }
        }
        if self.parent.is_some() {
            *lock(&self.fd) = None;
        }
    }

    fn lock_again(&self, context: &Context<'_>, fd: &OwnedFd) {
        if let Some(mode) = self.former_mode
            && let Err(error) = fchmod(fd, mode)
        {
            context.attribute(self.path(), "mode", error);
        }
    }
}

fn inheritance_of(fd: &OwnedFd) -> Inheritance {
    let group = fstat(fd).is_ok_and(|stat| Mode::from_raw_mode(stat.st_mode).contains(Mode::SGID));
    Inheritance { group, acl: attributes::has_default_acl(fd) }
}

/// Gives the owner all rights on a folder that cannot even be opened; returns the former mode.
fn unlock(parent: impl AsFd, name: &[u8]) -> Result<Mode, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    let mode = Mode::from_raw_mode(fstat(&fd)?.st_mode);
    // A descriptor opened for its path only can be changed through its own name in /proc alone.
    rustix::fs::chmod(descriptor_path(&fd), mode | Mode::RWXU)?;
    Ok(mode)
}

/// A path that means this descriptor whatever happens to names.
pub(super) fn descriptor_path(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Opens the folder that holds the entry with this key, from the target downwards.
pub(super) fn open_parent_of(root: &OwnedFd, key: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut fd = rustix::fs::openat(root, ".", flags, Mode::empty())?;
    let mut rest = key;
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let (name, after) = rest.split_at(end);
        fd = rustix::fs::openat(&fd, name, flags, Mode::empty())?;
        rest = after.get(1..).unwrap_or_default();
    }
    Ok(fd)
}

/// Opens the target folder; what leads to it is the caller's, so links are followed here.
pub(super) fn open_target(path: &std::path::Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty())
}

/// Keeps the number of open folders bounded. Which one is closed hardly matters: the walk needs the latest ones, the
/// writers go through them in the same order.
#[derive(Debug, Default)]
pub(super) struct FolderPool(Mutex<VecDeque<Arc<Folder>>>);

impl FolderPool {
    const OPEN_MAX: usize = 128;

    fn add(&self, folder: &Arc<Folder>) {
        let mut open = lock(&self.0);
        open.push_back(Arc::clone(folder));
        let oldest = if open.len() > Self::OPEN_MAX { open.pop_front() } else { None };
        drop(open);
        if let Some(oldest) = oldest {
            *lock(&oldest.fd) = None;
        }
    }
}

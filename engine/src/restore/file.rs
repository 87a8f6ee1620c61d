//! A regular file on its way into the target.
//!
//! Until it is finished a file has the mode `01600`, which means nothing on a regular file and which nobody gives to
//! one; the final mode is the last thing that is set. So a file that a killed restore left behind is told from a
//! user's own file without a temporary name and a rename for each. (Measured on 100,000 small files: 0.02 s for the
//! mark, 0.15 s for a rename on tmpfs and many times that on ext4, where unnamed files are slower still.) On file
//! systems without modes leftovers are not recognised, and reported as existing. What replaces an existing file is
//! written beside it under a name derived from its own, marked in the same way, and renamed over it at the end.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, ftruncate, renameat, unlinkat};
use rustix::io::Errno;

use super::attributes;
use super::context::{Context, lock};
use super::folder::Folder;
use super::holes::Holes;
use super::report::{add, count};
use super::write::{Part, without_zeros, write_all};
use crate::error::{Problem, ReadError};
use crate::progress::Counter;
use crate::tree::Entry;

const UNFINISHED: u32 = 0o1600;
const TEMPORARY: &[u8] = b".heirloom-restore-";
const TEMPORARY_DIGITS: usize = 24;

/// Whether this is what a killed restore left behind.
pub(super) fn is_unfinished(context: &Context<'_>, stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_mode & 0o7777 == UNFINISHED
        && stat.st_nlink == 1
        && stat.st_uid == context.ownership.uid
}

/// The name under which the replacement of an existing entry is prepared.
pub(super) fn temporary_name(context: &Context<'_>, name: &[u8]) -> Box<[u8]> {
    let digits = context.reader.content_id(name).to_string();
    let digits = digits.get(..TEMPORARY_DIGITS).unwrap_or_default();
    [TEMPORARY, digits.as_bytes()].concat().into()
}

pub(super) fn is_temporary_name(name: &[u8]) -> bool {
    name.strip_prefix(TEMPORARY).is_some_and(|digits| {
        digits.len() == TEMPORARY_DIGITS && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

/// How an entry gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The name is free.
    Fresh,
    /// An unfinished file of an earlier restore has the name.
    Resume,
    /// Something is to be replaced.
    Replace,
}

/// Why a file cannot be finished.
#[derive(Debug)]
enum Broken {
    Content(ReadError),
    Write(Errno),
}

#[derive(Debug, Default)]
struct State {
    fd: Option<Arc<OwnedFd>>,
    created: bool,
    broken: Option<Broken>,
    /// BLAKE3 of what was made of stored content.
    made: Option<[u8; 32]>,
}

#[derive(Debug)]
pub(super) struct TargetFile {
    pub(super) folder: Arc<Folder>,
    pub(super) name: Box<[u8]>,
    pub(super) entry: Entry,
    pub(super) place: Place,
    pub(super) holes: Holes,
    /// Bytes of content; known when the whole content is planned.
    content_bytes: AtomicU64,
    planned: AtomicBool,
    /// Writes that are to come, and one while the content is still being planned.
    remaining: AtomicUsize,
    state: Mutex<State>,
    /// Some content was there before, hence zeros cannot be left out.
    resumed: AtomicBool,
    finished: AtomicBool,
}

impl TargetFile {
    pub(super) fn new(
        folder: &Arc<Folder>,
        name: &[u8],
        entry: Entry,
        place: Place,
    ) -> Option<Self> {
        let holes = Holes::of(&entry)?;
        folder.hold();
        Some(Self {
            folder: Arc::clone(folder),
            name: name.into(),
            entry,
            place,
            holes,
            content_bytes: AtomicU64::new(0),
            planned: AtomicBool::new(false),
            remaining: AtomicUsize::new(1),
            state: Mutex::default(),
            resumed: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }

    /// Under which name the bytes are now.
    pub(super) fn current_name(&self, context: &Context<'_>) -> Box<[u8]> {
        if self.place == Place::Replace && !self.is_finished() {
            temporary_name(context, &self.name)
        } else {
            self.name.clone()
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    pub(super) fn is_planned(&self) -> bool {
        self.planned.load(Ordering::Acquire)
    }

    /// The whole content is planned.
    pub(super) fn set_planned(&self, content_bytes: u64) {
        self.content_bytes.store(content_bytes, Ordering::Release);
        self.planned.store(true, Ordering::Release);
    }

    /// All of the content was made, and has this hash.
    pub(super) fn set_made(&self, bytes: u64, hash: [u8; 32]) {
        self.content_bytes.store(bytes, Ordering::Release);
        lock(&self.state).made = Some(hash);
    }

    /// The hash of what was made of stored content.
    pub(super) fn made(&self) -> Option<[u8; 32]> {
        lock(&self.state).made
    }

    /// Tells how many writes a batch brings; returns how many are outstanding then.
    pub(super) fn expect_writes(&self, writes: usize) -> usize {
        let before = self.remaining.fetch_add(writes, Ordering::AcqRel);
        let hold = usize::from(self.is_planned());
        self.remaining.fetch_sub(hold, Ordering::AcqRel);
        before + writes - hold
    }

    /// Content that is at hand will be written: one write more.
    pub(super) fn expect_inline(&self) {
        self.remaining.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn is_broken(&self) -> bool {
        lock(&self.state).broken.is_some()
    }

    /// The content cannot be had; the first reason is reported.
    pub(super) fn lose_content(&self, error: ReadError) {
        lock(&self.state).broken.get_or_insert(Broken::Content(error));
    }

    /// Whether an unfinished file could be opened for another try.
    pub(super) fn resume(&self, context: &Context<'_>) -> Result<Option<Arc<OwnedFd>>, Errno> {
        let folder = self.folder.open(context)?;
        let name = self.current_name(context);
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&*folder, &*name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(_gone) => return Ok(None),
        };
        if !is_unfinished(context, &rustix::fs::fstat(&fd)?) {
            return Ok(None);
        }
        if !self.holes.is_empty() || context.options.sparse {
            ftruncate(&fd, 0)?;
        }
        let fd = Arc::new(fd);
        let mut state = lock(&self.state);
        state.created = true;
        state.fd = Some(Arc::clone(&fd));
        self.resumed.store(true, Ordering::Release);
        Ok(Some(fd))
    }

    /// Writes pieces of content and, if they are the last, finishes the file.
    ///
    /// `alone`: these are all pieces that the file has, so that no descriptor needs to be kept.
    pub(super) fn write(
        self: &Arc<Self>,
        context: &Context<'_>,
        pieces: &[(u64, &[u8])],
        alone: bool,
    ) {
        let mut fd = None;
        if !self.is_broken() {
            match self.try_write(context, pieces, alone) {
                Ok(open) => fd = Some(open),
                Err(error) => {
                    lock(&self.state).broken.get_or_insert(Broken::Write(error));
                }
            }
        }
        if self.remaining.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish(context, fd);
        }
    }

    /// A write that was expected will not come.
    pub(super) fn skip_write(self: &Arc<Self>, context: &Context<'_>) {
        if self.remaining.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish(context, None);
        }
    }

    fn try_write(
        self: &Arc<Self>,
        context: &Context<'_>,
        pieces: &[(u64, &[u8])],
        alone: bool,
    ) -> Result<Arc<OwnedFd>, Errno> {
        let fd = self.open(context, alone)?;
        let bytes: usize = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.holes.is_empty() && !context.options.sparse {
            write_all(&fd, pieces)?;
        } else {
            let mut parts: Vec<Part<'_>> = Vec::with_capacity(pieces.len());
            for (offset, bytes) in pieces {
                self.holes.cut(*offset, bytes, |offset, bytes| parts.push((offset, bytes)));
            }
            if context.options.sparse {
                parts = without_zeros(&parts);
            }
            write_all(&fd, &parts)?;
        }
        add(&context.tally.bytes, bytes);
        context.progress.add(Counter::ContentBytes, bytes);
        Ok(fd)
    }

    /// Makes the file, or opens it again.
    fn open(self: &Arc<Self>, context: &Context<'_>, alone: bool) -> Result<Arc<OwnedFd>, Errno> {
        let mut state = lock(&self.state);
        if let Some(fd) = &state.fd {
            return Ok(Arc::clone(fd));
        }
        let folder = self.folder.open(context)?;
        let fd = if state.created {
            let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(&*folder, &*self.current_name(context), flags, Mode::empty())?
        } else {
            self.create(context, &folder)?
        };
        let fd = Arc::new(fd);
        state.created = true;
        if !alone {
            state.fd = Some(Arc::clone(&fd));
            drop(state);
            context.files.add(self);
        }
        Ok(fd)
    }

    fn create(&self, context: &Context<'_>, folder: &OwnedFd) -> Result<OwnedFd, Errno> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(UNFINISHED);
        let fd = if self.place == Place::Replace {
            let name = temporary_name(context, &self.name);
            match rustix::fs::openat(folder, &*name, flags, mode) {
                Err(Errno::EXIST) => {
                    unlinkat(folder, &*name, AtFlags::empty())?;
                    rustix::fs::openat(folder, &*name, flags, mode)?
                }
                other => other?,
            }
        } else {
            rustix::fs::openat(folder, &*self.name, flags, mode)?
        };
        if self.folder.inheritance.acl {
            attributes::drop_acls(&fd);
        }
        Ok(fd)
    }

    /// For a file whose content is complete without a write: empty, all hole, or resumed to the end.
    pub(super) fn finish(self: &Arc<Self>, context: &Context<'_>, fd: Option<Arc<OwnedFd>>) {
        if context.stopped() {
            return;
        }
        if let Err(error) = self.try_finish(context, fd) {
            lock(&self.state).broken.get_or_insert(Broken::Write(error));
        }
        let mut state = lock(&self.state);
        let (created, broken) = (state.created, state.broken.take());
        state.fd = None;
        drop(state);
        let whole = broken.is_none();
        match broken {
            None => count(&context.tally.files),
            Some(broken) => {
                if created {
                    self.remove(context);
                }
                self.report(context, broken);
            }
        }
        if self.entry.links > 1 {
            lock(&context.links).settle(&self.entry, whole);
        }
        context.entry_done();
        if !context.options.verify {
            self.folder.release(context);
        }
    }

    fn try_finish(
        self: &Arc<Self>,
        context: &Context<'_>,
        fd: Option<Arc<OwnedFd>>,
    ) -> Result<(), Errno> {
        if self.is_broken() {
            return Ok(());
        }
        let fd = match fd {
            Some(fd) => fd,
            None => self.open(context, true)?,
        };
        let content_bytes = self.content_bytes.load(Ordering::Acquire);
        let file_bytes = self.holes.file_bytes(content_bytes);
        let is_resumed = self.resumed.load(Ordering::Acquire);
        if !self.holes.is_empty() || context.options.sparse || is_resumed {
            ftruncate(&fd, file_bytes)?;
        }
        let inherited = self.folder.inheritance.group;
        attributes::set_on_file(context, &fd, &self.entry, inherited, || self.path());
        if self.place == Place::Replace {
            let folder = self.folder.open(context)?;
            let temporary = temporary_name(context, &self.name);
            renameat(&*folder, &*temporary, &*folder, &*self.name)?;
        }
        self.finished.store(true, Ordering::Release);
        let flags = attributes::settable_flags(&self.entry);
        if flags != 0 && self.entry.links > 1 {
            lock(&context.links).defer_flags(self.folder.key_of(&self.name), flags);
        } else {
            attributes::set_flags(context, &fd, flags, &|| self.path());
        }
        if context.options.size_of(&self.entry).is_some_and(|size| size != file_bytes) {
            context.problem(&Problem::Differs { path: self.path() });
        }
        Ok(())
    }

    /// Takes away what was written of a file that cannot be finished.
    fn remove(&self, context: &Context<'_>) {
        if self.is_finished() {
            return;
        }
        let removed = self
            .folder
            .open(context)
            .and_then(|folder| unlinkat(&*folder, &*self.current_name(context), AtFlags::empty()));
        if let Err(error) = removed {
            context.failed(self.path(), error.into());
        }
    }

    fn report(&self, context: &Context<'_>, broken: Broken) {
        match broken {
            Broken::Content(error) => {
                count(&context.tally.damaged);
                let source = Box::new(error);
                context.problem(&Problem::ContentDamaged { path: self.path(), source });
            }
            // Names that differ for the snapshot but not for this file system: the first one has the file.
            Broken::Write(Errno::EXIST) => {
                count(&context.tally.differing);
                context.problem(&Problem::Exists { path: self.path() });
            }
            Broken::Write(error) => context.failed(self.path(), error.into()),
        }
    }
}

/// Keeps the number of files that are open for further pieces bounded; see [`FolderPool`](super::folder::FolderPool).
#[derive(Debug, Default)]
pub(super) struct FilePool(Mutex<VecDeque<Arc<TargetFile>>>);

impl FilePool {
    const OPEN_MAX: usize = 128;

    fn add(&self, file: &Arc<TargetFile>) {
        let mut open = lock(&self.0);
        open.push_back(Arc::clone(file));
        let oldest = if open.len() > Self::OPEN_MAX { open.pop_front() } else { None };
        drop(open);
        if let Some(oldest) = oldest {
            lock(&oldest.state).fd = None;
        }
    }
}

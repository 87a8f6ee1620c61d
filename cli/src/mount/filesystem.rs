//! Answers the kernel. Several threads do so at once; whatever one waits for, the others go on.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use fuser::{
    AccessFlags, Errno, FileAttr, FileHandle, Filesystem, FopenFlags, Generation, INodeNo,
    InitFlags, KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory,
    ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyXattr,
    Request,
};
use heirloom_engine::tree::{Entry, Kind};
use heirloom_engine::view::File;

use super::attributes;
use super::folders::{OpenFolder, Step};
use super::inodes::{Inodes, Known};
use crate::layout::{self, Found, Layout, Place};

const SELINUX_LABEL: &str = "security.selinux";
/// Snapshots never change.
const FOR_LONG: Duration = Duration::from_hours(24);
/// Which snapshots there are changes now and then.
const SHORTLY: Duration = Duration::from_secs(1);
/// Requests that the kernel may send without waiting for answers.
const WAITING_MAX: u16 = 64;
const BLOCK_BYTES: u32 = 4096;
const NAME_BYTES_MAX: u32 = 255;
/// Of `lseek`.
const SEEK_DATA: i32 = 3;
const SEEK_HOLE: i32 = 4;

#[derive(Debug)]
pub(super) struct Snapshots {
    layout: Arc<Layout>,
    /// To whom everything belongs.
    owner: Option<(u32, u32)>,
    inodes: Inodes,
    files: Handles<OpenFile>,
    folders: Handles<OpenFolder>,
}

#[derive(Debug)]
struct OpenFile {
    known: Arc<Known>,
    file: File,
    holes: Vec<(u64, u64)>,
}

/// Takes the number of an entry, the offset of the next one, its name, and what it is unless it is a folder above;
/// says whether there was no room.
type Add<'a> = dyn FnMut(u64, u64, &[u8], Option<&Found>) -> bool + 'a;

/// What the kernel has open, by number.
#[derive(Debug)]
struct Handles<T> {
    next: AtomicU64,
    open: RwLock<HashMap<u64, Arc<T>>>,
}

impl<T> Handles<T> {
    fn new() -> Self {
        Self { next: AtomicU64::new(1), open: RwLock::default() }
    }

    fn add(&self, value: T) -> FileHandle {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(number, Arc::new(value));
        FileHandle(number)
    }

    fn get(&self, FileHandle(number): FileHandle) -> Result<Arc<T>, Errno> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&number).map(Arc::clone).ok_or(Errno::EBADF)
    }

    fn remove(&self, FileHandle(number): FileHandle) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}

impl Snapshots {
    pub(super) fn new(layout: Arc<Layout>, is_mine: bool) -> Self {
        let me = || (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        Self {
            inodes: Inodes::new(layout.root().clone()),
            layout,
            owner: is_mine.then(me),
            files: Handles::new(),
            folders: Handles::new(),
        }
    }

    fn known(&self, INodeNo(number): INodeNo) -> Result<Arc<Known>, Errno> {
        self.inodes.get(number).ok_or(Errno::ENOENT)
    }

    fn entry(&self, INodeNo(number): INodeNo, known: &Known) -> Result<Arc<Entry>, Errno> {
        if let Some(entry) = self.inodes.kept(number) {
            return Ok(entry);
        }
        let entry = self.layout.entry(&known.place).map_err(|_told| Errno::EIO)?;
        let entry = Arc::new(entry.ok_or(Errno::ENOENT)?);
        if is_lasting(&known.place) {
            self.inodes.keep(number, Arc::clone(&entry));
        }
        Ok(entry)
    }

    fn attributes(&self, number: u64, entry: &Entry) -> FileAttr {
        attributes::of(number, entry, self.owner)
    }

    fn look_up(&self, folder: INodeNo, name: &OsStr) -> Result<(FileAttr, Duration), Errno> {
        let folder = self.known(folder)?;
        let found = self.layout.child(&folder.place, name.as_bytes());
        let found = found.map_err(|_told| Errno::EIO)?.ok_or(Errno::ENOENT)?;
        let number = layout::inode(&found.place, &found.entry);
        let attributes = self.attributes(number, &found.entry);
        self.inodes.remember(number, &found);
        if is_lasting(&found.place) {
            self.inodes.keep(number, Arc::new(found.entry));
        }
        Ok((attributes, lasts(&folder.place)))
    }

    fn target(&self, number: INodeNo) -> Result<Vec<u8>, Errno> {
        let known = self.known(number)?;
        self.entry(number, &known)?.target.clone().ok_or(Errno::EINVAL)
    }

    fn open_file(&self, number: INodeNo) -> Result<FileHandle, Errno> {
        let known = self.known(number)?;
        let entry = self.entry(number, &known)?;
        let (file, holes) = (self.layout.open(&entry), entry.holes.clone());
        Ok(self.files.add(OpenFile { known, file, holes }))
    }

    fn xattr(&self, number: INodeNo, name: &OsStr) -> Result<Vec<u8>, Errno> {
        let known = self.known(number)?;
        if !known.has_xattrs {
            return Err(without(name));
        }
        let entry = self.entry(number, &known)?;
        let xattr = entry.xattrs.iter().find(|xattr| xattr.name == name.as_bytes());
        let value = self.layout.xattr(&known.place, xattr.ok_or_else(|| without(name))?);
        value.map_err(|_told| Errno::EIO)
    }

    fn xattrs(&self, number: INodeNo) -> Result<Vec<u8>, Errno> {
        let known = self.known(number)?;
        if !known.has_xattrs {
            return Ok(Vec::new());
        }
        let entry = self.entry(number, &known)?;
        Ok(entry.xattrs.iter().flat_map(|xattr| xattr.name.iter().copied().chain([0])).collect())
    }

    /// Calls `add` with each entry of an open folder from this offset on, until it says that it is full.
    fn list(
        &self,
        (number, handle): (INodeNo, FileHandle),
        mut offset: u64,
        add: &mut Add<'_>,
    ) -> Result<(), Errno> {
        let (known, open) = (self.known(number)?, self.folders.get(handle)?);
        let mut is_first = true;
        for dots in [&b"."[..], b".."].into_iter().skip(usize::try_from(offset).unwrap_or(2)) {
            offset += 1;
            is_first = false;
            if add(number.0, offset, dots, None) {
                return Ok(());
            }
        }
        let mut reading = open.read(&self.layout, &known);
        loop {
            match reading.entry(offset.saturating_sub(2)) {
                Step::Entry(name, found) => {
                    offset += 1;
                    let number = layout::inode(&found.place, &found.entry);
                    if add(number, offset, name, Some(found)) {
                        return Ok(());
                    }
                }
                // Only once everything that could be read was handed over.
                Step::Damaged if is_first => return Err(Errno::EIO),
                Step::Damaged | Step::End => return Ok(()),
            }
            is_first = false;
        }
    }
}

/// What to say of an attribute that an entry does not have. `ls -l` asks for the label of every file, until it hears that
/// there are none here: half of what listing a large folder takes.
fn without(name: &OsStr) -> Errno {
    if name == SELINUX_LABEL { Errno::EOPNOTSUPP } else { Errno::NO_XATTR }
}

/// Whether what is at this place stays as it is.
fn is_lasting(place: &Place) -> bool {
    matches!(place, Place::Tree(..))
}

/// For how long the kernel may believe what it was told about a folder.
fn lasts(folder: &Place) -> Duration {
    if is_lasting(folder) { FOR_LONG } else { SHORTLY }
}

fn reply_xattr(reply: ReplyXattr, value: Result<Vec<u8>, Errno>, room: u32) {
    match value {
        Err(error) => reply.error(error),
        Ok(value) => match (u32::try_from(value.len()), room) {
            (Ok(length), 0) => reply.size(length),
            (Ok(length), room) if length <= room => reply.data(&value),
            _ => reply.error(Errno::ERANGE),
        },
    }
}

/// Where data, or a hole, begins at or after an offset of a file.
fn seek(holes: &[(u64, u64)], size: u64, offset: u64, wants_hole: bool) -> Option<u64> {
    if offset >= size {
        return None;
    }
    let mut at = 0_u64;
    for (data, hole) in holes {
        let hole_start = at.saturating_add(*data);
        let hole_end = hole_start.saturating_add(*hole);
        if offset < hole_start {
            return Some(if wants_hole { hole_start } else { offset });
        }
        if offset < hole_end && wants_hole {
            return Some(offset);
        }
        if offset < hole_end {
            return Some(hole_end).filter(|end| *end < size);
        }
        at = hole_end;
    }
    Some(if wants_hole { size } else { offset })
}

impl Filesystem for Snapshots {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let mut wanted = InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_READDIRPLUS_AUTO
            | InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_CACHE_SYMLINKS;
        wanted &= config.capabilities();
        // An old kernel goes without.
        config.add_capabilities(wanted).ok();
        config.set_max_background(WAITING_MAX).ok();
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.look_up(parent, name) {
            Ok((attributes, lasts)) => {
                reply.entry_with_ttls(&lasts, &lasts, &attributes, Generation(0));
            }
            Err(error) => reply.error(error),
        }
    }

    fn forget(&self, _: &Request, INodeNo(number): INodeNo, times: u64) {
        self.inodes.forget(number, times);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let known = self.known(ino);
        let entry = known.and_then(|known| Ok((self.entry(ino, &known)?, lasts(&known.place))));
        match entry {
            Ok((entry, lasts)) => reply.attr(&lasts, &self.attributes(ino.0, &entry)),
            Err(error) => reply.error(error),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.target(ino) {
            Ok(target) => reply.data(&target),
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.open_file(ino) {
            Ok(handle) => {
                let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH;
                reply.opened(handle, flags);
            }
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let read = self.files.get(handle).and_then(|open| {
            let read = self.layout.read(&open.known.place, &open.file, offset, size);
            read.map_err(|_told| Errno::EIO)
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.files.remove(handle);
        reply.ok();
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.known(ino) {
            Ok(known) => {
                let lasting = FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE;
                let flags = if is_lasting(&known.place) { lasting } else { FopenFlags::empty() };
                reply.opened(self.folders.add(OpenFolder::default()), flags);
            }
            Err(error) => reply.error(error),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let add = &mut |number, next, name: &[u8], found: Option<&Found>| {
            let kind = found.map_or(Kind::Folder, |found| found.entry.kind);
            reply.add(INodeNo(number), next, attributes::kind(kind), OsStr::from_bytes(name))
        };
        match self.list((ino, handle), offset, add) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let lasts = self.known(ino).map_or(SHORTLY, |known| lasts(&known.place));
        let dots = Entry::new(Kind::Folder);
        let add = &mut |number, next, name: &[u8], found: Option<&Found>| {
            let attributes = self.attributes(number, found.map_or(&dots, |found| &found.entry));
            let name = OsStr::from_bytes(name);
            let is_full =
                reply.add(INodeNo(number), next, name, &lasts, &attributes, Generation(0));
            if let Some(found) = found.filter(|_| !is_full) {
                self.inodes.remember(number, found);
            }
            is_full
        };
        match self.list((ino, handle), offset, add) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn releasedir(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.folders.remove(handle);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let (entries, bytes) = self.layout.size();
        let blocks = bytes.div_ceil(BLOCK_BYTES.into());
        reply.statfs(blocks, 0, 0, entries, 0, BLOCK_BYTES, NAME_BYTES_MAX, BLOCK_BYTES);
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, room: u32, reply: ReplyXattr) {
        reply_xattr(reply, self.xattr(ino, name), room);
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, room: u32, reply: ReplyXattr) {
        reply_xattr(reply, self.xattrs(ino), room);
    }

    /// The kernel looks after it if others are let in, and else whoever got here has the key.
    fn access(&self, _: &Request, _: INodeNo, _: AccessFlags, reply: ReplyEmpty) {
        reply.ok();
    }

    fn lseek(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let found = self.files.get(handle).and_then(|open| {
            let wants_hole = match whence {
                SEEK_DATA => false,
                SEEK_HOLE => true,
                _ => return Err(Errno::EINVAL),
            };
            let offset = u64::try_from(offset).map_err(|_negative| Errno::ENXIO)?;
            let found = seek(&open.holes, open.file.size(), offset, wants_hole);
            found.and_then(|found| i64::try_from(found).ok()).ok_or(Errno::ENXIO)
        });
        match found {
            Ok(found) => reply.offset(found),
            Err(error) => reply.error(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_holes_are_found_from_anywhere() {
        // Ten bytes, a hole of twenty, ten bytes, a hole of ten up to the end.
        let holes = [(10, 20), (10, 10)];
        for (offset, data, hole) in [
            (0, Some(0), Some(10)),
            (9, Some(9), Some(10)),
            (10, Some(30), Some(10)),
            (29, Some(30), Some(29)),
            (30, Some(30), Some(40)),
            (40, None, Some(40)),
            (50, None, None),
        ] {
            assert_eq!(seek(&holes, 50, offset, false), data, "data from {offset}");
            assert_eq!(seek(&holes, 50, offset, true), hole, "hole from {offset}");
        }
        assert_eq!(seek(&[], 5, 2, true), Some(5));
    }
}

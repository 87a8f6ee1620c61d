//! What one `statx` tells of an entry.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, StatxTimestamp};

use crate::tree::{Entry, Kind};

const NS: i128 = 1_000_000_000;

/// Whether a symbolic link stands for itself or for its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    Keep,
    Follow,
}

/// The result of a `statx`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stat {
    pub(super) kind: Kind,
    pub(super) device: u64,
    btime_ns: Option<i128>,
    raw: Statx,
}

/// What changes if a file is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    mtime_ns: i128,
    ctime_ns: i128,
    inode: u64,
}

impl Stat {
    /// Of an entry of a folder. Does not make the kernel mount anything.
    pub(super) fn of_name(folder: impl AsFd, name: &[u8], links: Links) -> io::Result<Self> {
        let flags = match links {
            Links::Keep => AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT,
            Links::Follow => AtFlags::NO_AUTOMOUNT,
        };
        Self::call(folder, name, flags)
    }

    /// Of an open file or folder.
    pub(super) fn of_open(file: impl AsFd) -> io::Result<Self> {
        Self::call(file, b"", AtFlags::EMPTY_PATH)
    }

    fn call(folder: impl AsFd, name: &[u8], flags: AtFlags) -> io::Result<Self> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let raw = rustix::fs::statx(folder, name, flags, wanted)?;
        let known = StatxFlags::from_bits_retain(raw.stx_mask);
        Ok(Self {
            kind: kind(raw.stx_mode)?,
            device: rustix::fs::makedev(raw.stx_dev_major, raw.stx_dev_minor),
            // File systems that do not know say 1970.
            btime_ns: known
                .contains(StatxFlags::BTIME)
                .then(|| nanoseconds(raw.stx_btime))
                .filter(|btime_ns| *btime_ns != 0),
            raw,
        })
    }

    /// An entry that says this much.
    pub(super) fn entry(&self) -> Entry {
        let mut entry = Entry::new(self.kind);
        self.fill(&mut entry);
        entry
    }

    /// Replaces in the entry what a `statx` tells.
    pub(super) fn fill(&self, entry: &mut Entry) {
        let is_device = matches!(self.kind, Kind::CharDevice | Kind::BlockDevice);
        entry.kind = self.kind;
        entry.mode = u32::from(self.raw.stx_mode) & 0o7777;
        entry.uid = self.raw.stx_uid;
        entry.gid = self.raw.stx_gid;
        entry.size = self.size();
        entry.mtime_ns = nanoseconds(self.raw.stx_mtime);
        entry.ctime_ns = Some(nanoseconds(self.raw.stx_ctime));
        entry.btime_ns = self.btime_ns;
        entry.inode = self.raw.stx_ino;
        entry.device = self.device;
        // The links of a folder only count its subfolders, and 1 means what 0 means.
        let several = self.kind != Kind::Folder && self.raw.stx_nlink > 1;
        entry.links = if several { u64::from(self.raw.stx_nlink) } else { 0 };
        entry.rdev = is_device.then_some((self.raw.stx_rdev_major, self.raw.stx_rdev_minor));
    }

    /// Bytes of a file; zero for everything else.
    pub(super) fn size(&self) -> u64 {
        if self.kind == Kind::File { self.raw.stx_size } else { 0 }
    }

    pub(super) fn inode(&self) -> u64 {
        self.raw.stx_ino
    }

    pub(super) fn owner(&self) -> u32 {
        self.raw.stx_uid
    }

    /// Whether less is allocated than the size says: holes, compression, or content in the inode.
    pub(super) fn may_have_holes(&self) -> bool {
        self.raw.stx_blocks.saturating_mul(512) < self.size()
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp {
            size: self.size(),
            mtime_ns: nanoseconds(self.raw.stx_mtime),
            ctime_ns: nanoseconds(self.raw.stx_ctime),
            inode: self.raw.stx_ino,
        }
    }
}

fn nanoseconds(time: StatxTimestamp) -> i128 {
    i128::from(time.tv_sec) * NS + i128::from(time.tv_nsec)
}

fn kind(mode: u16) -> io::Result<Kind> {
    Ok(match FileType::from_raw_mode(u32::from(mode)) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Unknown => return Err(io::Error::from(io::ErrorKind::Unsupported)),
    })
}

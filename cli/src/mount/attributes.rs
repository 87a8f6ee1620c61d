//! What the kernel wants to know about an entry.

use fuser::{FileAttr, FileType, INodeNo};
use heirloom_engine::tree::{Entry, Kind};

use crate::render::time::system as time;

/// What a folder takes on most file systems.
const FOLDER_BYTES: u64 = 4096;
const BLOCK_BYTES: u32 = 4096;
/// Sizes are counted in these, whatever a block is.
const UNIT_BYTES: u64 = 512;

/// The attributes of an entry, which belongs to this user and group if they are given.
pub(super) fn of(number: u64, entry: &Entry, owner: Option<(u32, u32)>) -> FileAttr {
    let (uid, gid) = owner.unwrap_or((entry.uid, entry.gid));
    let target = entry.target.as_ref().map_or(0, |target| length(target.len()));
    let (size, stored) = match entry.kind {
        Kind::File => (entry.size, entry.content_bytes()),
        Kind::Folder => (FOLDER_BYTES, FOLDER_BYTES),
        Kind::Symlink => (target, 0),
        Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => (0, 0),
    };
    let mtime = time(entry.mtime_ns);
    let is_folder = entry.kind == Kind::Folder;
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: stored.div_ceil(BLOCK_BYTES.into()) * (u64::from(BLOCK_BYTES) / UNIT_BYTES),
        atime: mtime,
        mtime,
        ctime: entry.ctime_ns.map_or(mtime, time),
        crtime: entry.btime_ns.map_or(mtime, time),
        kind: kind(entry.kind),
        perm: u16::try_from(entry.mode & 0o7777).unwrap_or_default(),
        // One says of a folder that nobody counted; two would say that there is no folder in it.
        nlink: if is_folder { 1 } else { u32::try_from(entry.links.max(1)).unwrap_or(u32::MAX) },
        uid,
        gid,
        rdev: entry.rdev.map_or(0, device),
        blksize: BLOCK_BYTES,
        flags: 0,
    }
}

pub(super) fn kind(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Folder => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharDevice,
        Kind::BlockDevice => FileType::BlockDevice,
    }
}

/// As the kernel writes the numbers of a device: twelve bits for the major, twenty around them for the minor.
fn device((major, minor): (u32, u32)) -> u32 {
    (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & !0xff) << 12)
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_stored_takes_blocks() {
        let mut entry = Entry::new(Kind::File);
        entry.size = 10_000_000;
        entry.holes = vec![(5000, 9_995_000)];
        let attributes = of(7, &entry, None);
        assert_eq!((attributes.size, attributes.blocks), (10_000_000, 16));
        assert_eq!(of(7, &Entry::new(Kind::Fifo), None).blocks, 0);
    }

    #[test]
    fn everything_belongs_to_whoever_asks_for_it() {
        let mut entry = Entry::new(Kind::File);
        (entry.uid, entry.gid, entry.mode) = (5, 6, 0o4755);
        let attributes = of(7, &entry, Some((1000, 1001)));
        assert_eq!((attributes.uid, attributes.gid), (1000, 1001));
        assert_eq!((of(7, &entry, None).uid, attributes.perm), (5, 0o4755));
    }

    #[test]
    fn devices_are_numbered_as_the_kernel_does() {
        assert_eq!(device((8, 1)), 0x801);
        assert_eq!(device((259, 0x12345)), 0x1231_0345);
    }
}

//! Extended attributes and inode flags.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::fs::{
    IFlags, fgetxattr, fgetxattr_query, flistxattr, flistxattr_query, ioctl_getflags, lgetxattr,
    lgetxattr_query, llistxattr, llistxattr_query,
};
use rustix::io::Errno;

use crate::tree::{Xattr, XattrValue};

/// The inode flags that a user can set. The others describe how the file system stores the inode, and would make
/// every restored file look different: compressed blocks, indexed folder, extents, verity, inline data, encryption.
const KEPT_FLAGS: u32 = 0x0000_0001 // secure deletion
    | 0x0000_0002 // undelete
    | 0x0000_0004 // compress
    | 0x0000_0008 // synchronous
    | 0x0000_0010 // immutable
    | 0x0000_0020 // append only
    | 0x0000_0040 // no dump
    | 0x0000_0080 // no access time
    | 0x0000_0400 // do not compress
    | 0x0000_4000 // journal data
    | 0x0000_8000 // no tail packing
    | 0x0001_0000 // synchronous folder
    | 0x0002_0000 // top of a hierarchy
    | 0x0080_0000 // no copy on write
    | 0x0200_0000 // direct access
    | 0x2000_0000 // inherit the project
    | 0x4000_0000; // names ignore case

/// Enough for nearly every list and value, so that one call per item does.
const BUFFER_BYTES: usize = 4096;

/// What attributes are read from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// An open file or folder.
    Open(&'a OwnedFd),
    /// An entry of an open folder that cannot be opened itself: a link, a device, something without read permission.
    Named(&'a OwnedFd, &'a [u8]),
}

/// All extended attributes, sorted by name. What could be read is added also in the case of an error.
pub(super) fn read_xattrs(place: Place<'_>, found: &mut Vec<Xattr>) -> io::Result<()> {
    found.clear();
    let path;
    let reach = match place {
        Place::Open(file) => Reach::Open(file),
        Place::Named(folder, name) => {
            path = path_through(folder, name);
            Reach::Path(&path)
        }
    };
    let names = match reach.list() {
        Ok(names) => names,
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut failed = None;
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match reach.value(name) {
            Ok(value) => {
                found.push(Xattr { name: name.to_vec(), value: XattrValue::Inline(value) });
            }
            // Removed meanwhile, or listed by a file system that does not really have it.
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => failed = Some(error),
        }
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// The inode flags that a user can set; none where there are no such flags.
pub(super) fn read_flags(file: &OwnedFd) -> io::Result<u32> {
    match ioctl_getflags(file) {
        Ok(flags) => Ok(flags.bits() & KEPT_FLAGS),
        Err(
            Errno::NOTTY | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::BADF
            // Some network file systems and sandboxes.
            | Errno::PERM | Errno::ACCESS,
        ) => Ok(IFlags::empty().bits()),
        Err(error) => Err(error.into()),
    }
}

/// The calls for links take only paths; this one goes through the descriptor of the folder.
fn path_through(folder: &OwnedFd, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(if name.is_empty() { b"." } else { name });
    path
}

#[derive(Clone, Copy)]
enum Reach<'a> {
    Open(&'a OwnedFd),
    Path(&'a [u8]),
}

impl Reach<'_> {
    fn list(self) -> Result<Vec<u8>, Errno> {
        with_growing_buffer(
            |buffer| match self {
                Self::Open(file) => flistxattr(file, buffer),
                Self::Path(path) => llistxattr(path, buffer),
            },
            || match self {
                Self::Open(file) => flistxattr_query(file),
                Self::Path(path) => llistxattr_query(path),
            },
        )
    }

    fn value(self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        with_growing_buffer(
            |buffer| match self {
                Self::Open(file) => fgetxattr(file, name, buffer),
                Self::Path(path) => lgetxattr(path, name, buffer),
            },
            || match self {
                Self::Open(file) => fgetxattr_query(file, name),
                Self::Path(path) => lgetxattr_query(path, name),
            },
        )
    }
}

/// One call if the result is small; otherwise asks for the size, and again if it grew meanwhile.
fn with_growing_buffer(
    read: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    size: impl Fn() -> Result<usize, Errno>,
) -> Result<Vec<u8>, Errno> {
    let mut small = [0; BUFFER_BYTES];
    match read(&mut small) {
        Ok(bytes) => return Ok(small.get(..bytes).unwrap_or_default().to_vec()),
        Err(Errno::RANGE) => {}
        Err(error) => return Err(error),
    }
    for _ in 0..8 {
        let mut large = vec![0; size()?];
        if large.is_empty() {
            return Ok(large);
        }
        match read(&mut large) {
            Ok(bytes) => {
                large.truncate(bytes);
                return Ok(large);
            }
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::RANGE)
}

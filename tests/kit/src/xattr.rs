//! Extended attributes of a path itself, never of what a link points to.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{XattrFlags, lgetxattr, lgetxattr_query, llistxattr, llistxattr_query, lsetxattr};
use rustix::io::Errno;

/// All attributes; none where the file system has no such thing.
pub(crate) fn list(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let size = match llistxattr_query(path) {
        Err(Errno::OPNOTSUPP) => return Ok(BTreeMap::new()),
        size => size?,
    };
    let mut names = vec![0_u8; size];
    let size = llistxattr(path, &mut names[..])?;
    let mut attributes = BTreeMap::new();
    for name in names[..size].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0_u8; lgetxattr_query(path, name)?];
        let size = lgetxattr(path, name, &mut value[..])?;
        value.truncate(size);
        attributes.insert(name.to_vec(), value);
    }
    Ok(attributes)
}

/// Sets an attribute; `false` where the file system does not take it.
pub(crate) fn set(path: &Path, name: &[u8], value: &[u8]) -> io::Result<bool> {
    match lsetxattr(path, OsStr::from_bytes(name), value, XattrFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

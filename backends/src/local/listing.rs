//! Reads a folder in batches, so that a listing of a million objects neither blocks for long nor is held in memory.

use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;

use heirloom_engine::repository::{Listed, check_name};
use rustix::fs::{AtFlags, Dir, statat};
use rustix::io::Errno;

use super::disk::is_file;

/// One hop to a blocking thread carries this many entries.
const BATCH: usize = 512;

/// A folder that is being read.
#[derive(Debug)]
pub(super) struct Listing {
    entries: Dir,
    descriptor: OwnedFd,
    prefix: String,
}

impl Listing {
    pub(super) fn new(descriptor: OwnedFd, folder: &str) -> io::Result<Self> {
        let entries = Dir::read_from(&descriptor)?;
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Ok(Self { entries, descriptor, prefix })
    }

    /// The next objects; `None` at the end.
    pub(super) fn next_batch(&mut self) -> io::Result<Option<Vec<Listed>>> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Some(entry) = self.entries.read() else { break };
            if let Some(listed) = self.object(entry?.file_name())? {
                batch.push(listed);
            }
        }
        Ok(Some(batch).filter(|batch| !batch.is_empty()))
    }

    /// `None` for what is no object: folders, links, and names that no object can have.
    fn object(&self, file: &CStr) -> io::Result<Option<Listed>> {
        let Some(name) = file.to_str().ok().map(|file| format!("{}{file}", self.prefix)) else {
            return Ok(None);
        };
        if check_name(&name).is_err() {
            return Ok(None);
        }
        let found = match statat(&self.descriptor, file, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if is_file(found.st_mode) => found,
            // Neither is an object that is deleted while it is listed.
            Ok(_) | Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(u64::try_from(found.st_size).ok().map(|size| Listed { name, size }))
    }
}

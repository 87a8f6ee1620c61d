//! Removes what writers that died have left in the folder for temporary files.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, fstat, statat, unlinkat};

use super::disk::is_file;

/// Nobody writes 64 MiB for a day. Should it happen, the writer's rename fails and the write is repeated.
const LEFTOVER_AFTER_SECONDS: i64 = 24 * 60 * 60;

/// Removes files that are a day older than `fresh`, which was made just now.
///
/// Both times come from the file system itself, whose clock need not be ours.
pub(super) fn sweep(temporary: &OwnedFd, fresh: &File) -> io::Result<()> {
    let now = fstat(fresh)?.st_mtime;
    for entry in Dir::read_from(temporary)? {
        let entry = entry?;
        let found = statat(temporary, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
        if is_file(found.st_mode) && now.saturating_sub(found.st_mtime) > LEFTOVER_AFTER_SECONDS {
            unlinkat(temporary, entry.file_name(), AtFlags::empty())?;
        }
    }
    Ok(())
}

//! Decides what happens where something exists in the target.

use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Stat, statat, unlinkat};
use rustix::io::Errno;

use super::context::{Context, lock};
use super::delete;
use super::file::{Place, is_unfinished};
use super::folder::Folder;
use super::options::Overwrite;
use super::report::count;
use super::special;
use crate::error::Problem;
use crate::tree::{Entry, Kind};

/// Smaller leftovers are written anew rather than compared.
const RESUME_BYTES_MIN: u64 = 1 << 20;

/// What to do about one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Make it.
    Make(Place),
    /// Nothing; it has been counted.
    Leave,
}

/// An entry that has a name in common with something in the target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'e> {
    pub(super) folder: &'e Arc<Folder>,
    pub(super) name: &'e [u8],
    /// Its key in the snapshot.
    pub(super) key: &'e [u8],
    pub(super) entry: &'e Entry,
}

pub(super) fn kind_of(stat: &Stat) -> Option<Kind> {
    Some(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Unknown => return None,
    })
}

fn mtime_ns(stat: &Stat) -> i128 {
    i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec)
}

/// For anything but a folder of the snapshot.
pub(super) fn judge(context: &Context<'_>, it: Candidate<'_>) -> Result<Verdict, Errno> {
    let fd = it.folder.open(context)?;
    let stat = match statat(&*fd, it.name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(Verdict::Make(Place::Fresh)),
        other => other?,
    };
    if is_unfinished(context, &stat) && !is_equal_file(context, it.entry, &stat) {
        return take_over(context, it, &fd);
    }
    let found = kind_of(&stat);
    let same_kind = found == Some(it.entry.kind);
    let equal = same_kind
        && (is_equal_file(context, it.entry, &stat) || special::is_equal(&fd, it.name, it.entry));
    let overwrite = context.options.overwrite;
    if equal && (overwrite != Overwrite::Always || it.entry.kind != Kind::File) {
        return Ok(leave_equal(context, it, &fd, &stat));
    }
    let replace = match overwrite {
        Overwrite::Always => true,
        Overwrite::IfNewer if same_kind => {
            if it.entry.mtime_ns <= mtime_ns(&stat) {
                return Ok(leave(context));
            }
            true
        }
        Overwrite::IfNewer | Overwrite::IfChanged => false,
        Overwrite::Never => return Ok(leave(context)),
    };
    if !replace {
        return Ok(refuse(context, it));
    }
    if found == Some(Kind::Folder) && !give_way(context, it, &fd)? {
        return Ok(refuse(context, it));
    }
    count(&context.tally.overwritten);
    let place = if found == Some(Kind::Folder) { Place::Fresh } else { Place::Replace };
    Ok(Verdict::Make(place))
}

fn is_equal_file(context: &Context<'_>, entry: &Entry, stat: &Stat) -> bool {
    let is_as_long = |size| u64::try_from(stat.st_size) == Ok(size);
    entry.kind == Kind::File
        && kind_of(stat) == Some(Kind::File)
        && context.options.size_of(entry).is_none_or(is_as_long)
        && mtime_ns(stat) == entry.mtime_ns
}

fn leave(context: &Context<'_>) -> Verdict {
    count(&context.tally.unchanged);
    Verdict::Leave
}

fn leave_equal(context: &Context<'_>, it: Candidate<'_>, fd: &OwnedFd, stat: &Stat) -> Verdict {
    if it.entry.kind == Kind::File {
        lock(&context.links).found(it.entry, || it.folder.key_of(it.name));
    } else if mtime_ns(stat) != it.entry.mtime_ns
        && context.options.overwrite != Overwrite::Never
        && !context.options.dry_run
    {
        special::describe(context, it.folder, (fd, it.name), it.name, it.entry);
    }
    leave(context)
}

fn refuse(context: &Context<'_>, it: Candidate<'_>) -> Verdict {
    count(&context.tally.differing);
    context.problem(&Problem::Exists { path: it.folder.path_of(it.name) });
    Verdict::Leave
}

/// The file is a leftover of a killed restore.
fn take_over(context: &Context<'_>, it: Candidate<'_>, fd: &OwnedFd) -> Result<Verdict, Errno> {
    if it.entry.kind == Kind::File && it.entry.content_bytes() >= RESUME_BYTES_MIN {
        return Ok(Verdict::Make(Place::Resume));
    }
    if !context.options.dry_run {
        unlinkat(fd, it.name, AtFlags::empty())?;
    }
    Ok(Verdict::Make(Place::Fresh))
}

/// Removes a folder that stands where something else shall be; false if it must stay.
fn give_way(context: &Context<'_>, it: Candidate<'_>, fd: &OwnedFd) -> Result<bool, Errno> {
    if context.options.deletes_in(it.key) {
        return Ok(delete::remove(context, (it.folder, fd), it.name, it.key));
    }
    if context.options.dry_run {
        return Ok(true);
    }
    match unlinkat(fd, it.name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a folder of the snapshot finds at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderVerdict {
    /// Nothing.
    Create,
    /// A folder.
    Enter,
    /// Something else, which stays.
    Blocked,
}

pub(super) fn judge_folder(
    context: &Context<'_>,
    folder: &Arc<Folder>,
    name: &[u8],
) -> Result<FolderVerdict, Errno> {
    let fd = folder.open(context)?;
    let stat = match statat(&*fd, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(FolderVerdict::Create),
        other => other?,
    };
    if kind_of(&stat) == Some(Kind::Folder) {
        return Ok(FolderVerdict::Enter);
    }
    let unfinished = is_unfinished(context, &stat);
    if context.options.overwrite != Overwrite::Always && !unfinished {
        if context.options.overwrite == Overwrite::Never {
            count(&context.tally.unchanged);
        } else {
            count(&context.tally.differing);
            context.problem(&Problem::Exists { path: folder.path_of(name) });
        }
        return Ok(FolderVerdict::Blocked);
    }
    if !unfinished {
        count(&context.tally.overwritten);
    }
    if !context.options.dry_run {
        unlinkat(&*fd, name, AtFlags::empty())?;
    }
    Ok(FolderVerdict::Create)
}

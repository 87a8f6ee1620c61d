//! Removes what the target has and the snapshot lacks. Follows no link, and stays on one file system.

use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, fstat, statat, unlinkat};
use rustix::io::Errno;

use super::conflict::kind_of;
use super::context::Context;
use super::file::{is_temporary_name, is_unfinished};
use super::folder::Folder;
use super::listing::Listing;
use super::options::Selection;
use super::report::count;
use crate::tree::Kind;

/// Each level of a tree that is removed needs a descriptor.
const DEPTH_MAX: usize = 512;

/// Removes one entry of a folder with everything below, as far as the selection goes; whether it is gone.
pub(super) fn remove(
    context: &Context<'_>,
    (folder, fd): (&Arc<Folder>, &OwnedFd),
    name: &[u8],
    key: &[u8],
) -> bool {
    let removed = remove_below(context, fd, (name, key), 0);
    removed.unwrap_or_else(|error| {
        context.failed(folder.path_of(name), error.into());
        false
    })
}

fn remove_below(
    context: &Context<'_>,
    fd: &OwnedFd,
    (name, key): (&[u8], &[u8]),
    depth: usize,
) -> Result<bool, Errno> {
    let stat = statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = kind_of(&stat).unwrap_or(Kind::File);
    if context.options.selects(key, kind) != Selection::Take {
        return Ok(false);
    }
    let mut how = AtFlags::empty();
    if kind == Kind::Folder {
        how = AtFlags::REMOVEDIR;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let below = rustix::fs::openat(fd, name, flags, Mode::empty())?;
        if fstat(&below)?.st_dev != fstat(fd)?.st_dev {
            return Err(Errno::XDEV);
        }
        if depth >= DEPTH_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        let mut names = Vec::new();
        Listing::read(&below, true)?.rest(&mut names);
        let mut empty = true;
        for name in names {
            let key = [key, &[0], &*name].concat();
            empty &= remove_below(context, &below, (&name, &key), depth + 1)?;
        }
        if !empty {
            return Ok(false);
        }
    }
    if !context.options.dry_run {
        unlinkat(fd, name, how)?;
    }
    count(&context.tally.deleted);
    Ok(true)
}

/// Removes what a killed restore had prepared beside the entries that it was to replace.
pub(super) fn remove_leftover(context: &Context<'_>, fd: &OwnedFd, name: &[u8]) {
    let is_leftover = is_temporary_name(name)
        && statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| is_unfinished(context, &stat));
    if is_leftover && !context.options.dry_run {
        // If it stays, it is in nobody's way.
        let _stays = unlinkat(fd, name, AtFlags::empty());
    }
}

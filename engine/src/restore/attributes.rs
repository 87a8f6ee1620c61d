//! Sets what an entry is besides its content: owner, extended attributes, times, mode, flags.
//!
//! The order is forced: changing the owner clears set-id bits and capabilities, an access list changes the mode, and
//! an immutable file takes nothing any more. The mode of a file comes after its times, because the mode is what marks
//! an unfinished file (see `file.rs`).

use std::path::PathBuf;

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Gid, IFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags,
};
use rustix::io::Errno;

use super::context::Context;
use super::folder::descriptor_path;
use super::owner::OwnerPlan;
use crate::error::Problem;
use crate::fetch::fetch_one;
use crate::tree::{Entry, Kind, Xattr, XattrValue};

const DEFAULT_ACL: &str = "system.posix_acl_default";
const ACCESS_ACL: &str = "system.posix_acl_access";

/// Flags that a user may set and that mean the same on every file system; others describe how a file is stored.
const FLAGS: IFlags = IFlags::APPEND
    .union(IFlags::IMMUTABLE)
    .union(IFlags::NODUMP)
    .union(IFlags::NOATIME)
    .union(IFlags::SYNC)
    .union(IFlags::DIRSYNC)
    .union(IFlags::COMPRESSED);

type PathOf<'p> = &'p dyn Fn() -> PathBuf;

type SetXattr<'s> = &'s dyn Fn(&Xattr, &[u8]) -> Result<(), Errno>;

pub(super) fn has_default_acl(folder: &OwnedFd) -> bool {
    rustix::fs::fgetxattr(folder, DEFAULT_ACL, &mut [0_u8; 0]).is_ok()
}

/// Removes what was inherited, so that only the snapshot decides.
pub(super) fn drop_acls(fd: &OwnedFd) {
    // Both may be absent or unknown to the file system, which is as good.
    for name in [ACCESS_ACL, DEFAULT_ACL] {
        let _absent = rustix::fs::fremovexattr(fd, name);
    }
}

/// Everything but the flags of a file that will get further names, which an immutable file could not.
pub(super) fn set_on_file(
    context: &Context<'_>,
    fd: &OwnedFd,
    entry: &Entry,
    inherited_group: bool,
    path: impl Fn() -> PathBuf,
) {
    let plan = set_owner(context, fd, entry, inherited_group, &path);
    set_xattrs(context, entry, &path, &|xattr, value| {
        rustix::fs::fsetxattr(fd, xattr.name.as_slice(), value, XattrFlags::empty())
    });
    if let Err(error) = rustix::fs::futimens(fd, &times_of(entry)) {
        context.attribute(path(), "times", error);
    }
    let mode = allowed_mode(context, entry, plan, &path);
    if let Err(error) = rustix::fs::fchmod(fd, mode) {
        context.attribute(path(), "mode", error);
    }
}

/// `inherited_group`, and whether the folder is new: an existing one may have access lists that are to go.
pub(super) fn set_on_folder(
    context: &Context<'_>,
    fd: &OwnedFd,
    entry: &Entry,
    (inherited_group, is_new): (bool, bool),
    path: impl Fn() -> PathBuf,
) {
    if !is_new {
        drop_acls(fd);
    }
    let plan = if is_new {
        set_owner(context, fd, entry, inherited_group, &path)
    } else {
        // Somebody else's folder may be there; only setting the owner tells.
        set_owner(context, fd, entry, true, &path)
    };
    set_xattrs(context, entry, &path, &|xattr, value| {
        rustix::fs::fsetxattr(fd, xattr.name.as_slice(), value, XattrFlags::empty())
    });
    let mode = allowed_mode(context, entry, plan, &path);
    if let Err(error) = rustix::fs::fchmod(fd, mode) {
        context.attribute(path(), "mode", error);
    }
    if let Err(error) = rustix::fs::futimens(fd, &times_of(entry)) {
        context.attribute(path(), "times", error);
    }
    set_flags(context, fd, entry.flags, &path);
}

/// For what cannot be opened: links, pipes, sockets, devices. Nothing is followed.
pub(super) fn set_by_name(
    context: &Context<'_>,
    (folder, name): (&OwnedFd, &[u8]),
    entry: &Entry,
    inherited_group: bool,
    path: impl Fn() -> PathBuf,
) {
    let mut plan = context.ownership.plan(entry, inherited_group);
    if let Some((uid, gid)) = plan.set {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        if let Err(error) = rustix::fs::chownat(folder, name, uid, gid, nofollow) {
            plan = OwnerPlan { user_right: false, group_right: false, ..plan };
            context.attribute(path(), "owner", error);
        }
    }
    let mut by_path = descriptor_path(folder).into_bytes();
    by_path.push(b'/');
    by_path.extend_from_slice(name);
    set_xattrs(context, entry, &path, &|xattr, value| {
        let (by_path, name) = (by_path.as_slice(), xattr.name.as_slice());
        rustix::fs::lsetxattr(by_path, name, value, XattrFlags::empty())
    });
    if entry.kind != Kind::Symlink {
        let mode = allowed_mode(context, entry, plan, &path);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let changed = rustix::fs::openat(folder, name, flags, Mode::empty())
            .and_then(|fd| rustix::fs::chmod(descriptor_path(&fd), mode));
        if let Err(error) = changed {
            context.attribute(path(), "mode", error);
        }
    }
    let nofollow = AtFlags::SYMLINK_NOFOLLOW;
    if let Err(error) = rustix::fs::utimensat(folder, name, &times_of(entry), nofollow) {
        context.attribute(path(), "times", error);
    }
}

fn set_owner(
    context: &Context<'_>,
    fd: &OwnedFd,
    entry: &Entry,
    inherited_group: bool,
    path: PathOf<'_>,
) -> OwnerPlan {
    let plan = context.ownership.plan(entry, inherited_group);
    let Some((uid, gid)) = plan.set else { return plan };
    match rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))) {
        Ok(()) => plan,
        Err(error) => {
            context.attribute(path(), "owner", error);
            OwnerPlan { user_right: false, group_right: false, ..plan }
        }
    }
}

/// A set-id bit under another owner would hand out that owner's rights: it is dropped, and reported.
fn allowed_mode(context: &Context<'_>, entry: &Entry, plan: OwnerPlan, path: PathOf<'_>) -> Mode {
    let wanted = Mode::from_raw_mode(entry.mode & 0o7777);
    let mut allowed = wanted;
    if entry.kind != Kind::Folder {
        allowed.set(Mode::SUID, wanted.contains(Mode::SUID) && plan.user_right);
        allowed.set(Mode::SGID, wanted.contains(Mode::SGID) && plan.group_right);
    }
    if allowed != wanted {
        context.attribute(path(), "set-id bits", Errno::PERM);
    }
    allowed
}

fn set_xattrs(context: &Context<'_>, entry: &Entry, path: PathOf<'_>, set: SetXattr<'_>) {
    for xattr in &entry.xattrs {
        let fetched;
        let value = match &xattr.value {
            XattrValue::Inline(value) => value,
            XattrValue::Blob(blob) => match fetch_one(context.reader, &blob.id, blob.bytes) {
                Ok(value) => {
                    fetched = value;
                    &fetched
                }
                Err(error) => {
                    let source = Box::new(error);
                    context.problem(&Problem::ContentDamaged { path: path(), source });
                    continue;
                }
            },
        };
        if let Err(error) = set(xattr, value) {
            context.attribute(path(), "extended attributes", error);
        }
    }
}

/// The inode flags of an entry that this program would set at all.
pub(super) fn settable_flags(entry: &Entry) -> u32 {
    IFlags::from_bits_truncate(entry.flags).intersection(FLAGS).bits()
}

pub(super) fn set_flags(context: &Context<'_>, fd: &OwnedFd, flags: u32, path: PathOf<'_>) {
    let wanted = IFlags::from_bits_truncate(flags).intersection(FLAGS);
    if wanted.is_empty() {
        return;
    }
    let set = rustix::fs::ioctl_getflags(fd).and_then(|now| {
        let then = now.difference(FLAGS).union(wanted);
        if now == then { Ok(()) } else { rustix::fs::ioctl_setflags(fd, then) }
    });
    if let Err(error) = set {
        context.attribute(path(), "flags", error);
    }
}

/// Only the modification time is known; the time of last access stays what it is.
fn times_of(entry: &Entry) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: timespec(entry.mtime_ns),
    }
}

fn timespec(ns: i128) -> Timespec {
    const SECOND: i128 = 1_000_000_000;
    let seconds = ns.div_euclid(SECOND);
    let clamped = if seconds < 0 { i64::MIN } else { i64::MAX };
    Timespec {
        tv_sec: i64::try_from(seconds).unwrap_or(clamped),
        tv_nsec: i64::try_from(ns.rem_euclid(SECOND)).expect("a remainder of a second fits"),
    }
}

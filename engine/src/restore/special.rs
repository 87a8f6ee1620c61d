//! Makes what is neither file nor folder: symbolic links, pipes, sockets, devices.

use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, FileType, Mode, makedev, mknodat, readlinkat, renameat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::attributes;
use super::context::Context;
use super::file::{Place, temporary_name};
use super::folder::Folder;
use crate::tree::{Entry, Kind};

/// Makes one, with its attributes.
pub(super) fn make(
    context: &Context<'_>,
    folder: &Arc<Folder>,
    name: &[u8],
    entry: &Entry,
    place: Place,
) -> Result<(), Errno> {
    let is_device = matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice);
    if is_device && !context.ownership.privileged() {
        return Err(Errno::PERM);
    }
    let fd = folder.open(context)?;
    if place == Place::Replace {
        let temporary = temporary_name(context, name);
        match create(&fd, &temporary, entry) {
            Err(Errno::EXIST) => {
                unlinkat(&*fd, &*temporary, AtFlags::empty())?;
                create(&fd, &temporary, entry)?;
            }
            other => other?,
        }
        describe(context, folder, (&fd, &temporary), name, entry);
        return renameat(&*fd, &*temporary, &*fd, name);
    }
    create(&fd, name, entry)?;
    describe(context, folder, (&fd, name), name, entry);
    Ok(())
}

/// Sets the attributes of one that was equal already, which a killed restore may not have done.
pub(super) fn describe(
    context: &Context<'_>,
    folder: &Arc<Folder>,
    place: (&OwnedFd, &[u8]),
    name: &[u8],
    entry: &Entry,
) {
    let inherited = folder.inheritance.group;
    attributes::set_by_name(context, place, entry, inherited, || folder.path_of(name));
}

fn create(folder: &OwnedFd, name: &[u8], entry: &Entry) -> Result<(), Errno> {
    let file_type = match entry.kind {
        Kind::Symlink => {
            let target = entry.target.as_deref().unwrap_or_default();
            return symlinkat(target, folder, name);
        }
        Kind::File | Kind::Folder => return Err(Errno::INVAL),
        Kind::Fifo => FileType::Fifo,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
    };
    let device = entry.rdev.map_or(0, |(major, minor)| makedev(major, minor));
    mknodat(folder, name, file_type, Mode::RUSR | Mode::WUSR, device)
}

/// Whether what stands there is what the entry describes, times aside.
pub(super) fn is_equal(folder: &OwnedFd, name: &[u8], entry: &Entry) -> bool {
    match entry.kind {
        Kind::File | Kind::Folder => false,
        Kind::Fifo | Kind::Socket => true,
        Kind::Symlink => readlinkat(folder, name, Vec::new())
            .is_ok_and(|target| Some(target.as_bytes()) == entry.target.as_deref()),
        Kind::CharDevice | Kind::BlockDevice => statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| {
                entry.rdev.map(|(major, minor)| makedev(major, minor)) == Some(stat.st_rdev)
            }),
    }
}

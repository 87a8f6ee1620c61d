//! The way from an entry of the walk to its attributes and content.

use std::cell::OnceCell;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::attributes::{self, Place};
use super::content::LocalContent;
use super::folder::Folder;
use super::stat::Stat;
use crate::backup::source::{Content, Handle, KindChanged};
use crate::error::Problem;
use crate::tree::{Entry, Kind, path_from_key};

/// An entry of this machine.
#[derive(Debug)]
pub(super) struct LocalHandle {
    target: Target,
    path: OnceCell<PathBuf>,
}

#[derive(Debug)]
enum Target {
    /// An entry of a folder.
    Named(Arc<Folder>, Box<[u8]>),
    /// A folder that the walk has entered.
    Entered(Arc<Folder>),
}

impl LocalHandle {
    pub(super) fn named(folder: &Arc<Folder>, name: &[u8]) -> Self {
        let target = Target::Named(Arc::clone(folder), name.into());
        Self { target, path: OnceCell::new() }
    }

    pub(super) fn entered(folder: &Arc<Folder>) -> Self {
        Self { target: Target::Entered(Arc::clone(folder)), path: OnceCell::new() }
    }

    fn folder(&self) -> &Arc<Folder> {
        match &self.target {
            Target::Named(folder, _) | Target::Entered(folder) => folder,
        }
    }

    /// The descriptor of the folder, and the name in it; an entered folder has no name.
    fn place(&self) -> io::Result<(Arc<OwnedFd>, &[u8])> {
        Ok(match &self.target {
            Target::Named(folder, name) => (folder.descriptor()?, name),
            Target::Entered(folder) => (folder.descriptor()?, b""),
        })
    }

    fn open_file(
        &self,
        entry: &mut Entry,
        problem: &mut dyn FnMut(Problem),
    ) -> io::Result<Box<dyn Content>> {
        let (folder, name) = self.place()?;
        let shared = &self.folder().shared;
        let file = match shared.open(&*folder, name, OFlags::NOFOLLOW, Some(entry.uid)) {
            Err(error) if is_other_kind(&error) => return Err(KindChanged.into()),
            result => result?,
        };
        let stat = Stat::of_open(&file)?;
        if stat.kind != entry.kind {
            return Err(KindChanged.into());
        }
        stat.fill(entry);
        self.read_xattrs(Place::Open(&file), entry, problem);
        self.read_flags(&file, entry, problem);
        Ok(Box::new(LocalContent::new(file, &stat, entry)?))
    }

    fn read_folder(&self, entry: &mut Entry, problem: &mut dyn FnMut(Problem)) -> io::Result<()> {
        let (above, name) = self.place()?;
        let opened = match &self.target {
            Target::Entered(_) => Ok(above),
            Target::Named(folder, _) => {
                let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY;
                match folder.shared.open(&*above, name, flags, Some(entry.uid)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                    Err(error) if is_other_kind(&error) => return Err(KindChanged.into()),
                    // Attributes can be read without permission to read the folder.
                    Err(_) => Err(above),
                    Ok(opened) => Ok(Arc::new(opened)),
                }
            }
        };
        match opened {
            Ok(opened) => {
                // A descriptor of a folder without read permission is good for paths only.
                let only_path = rustix::fs::fcntl_getfl(&*opened)
                    .is_ok_and(|flags| flags.contains(OFlags::PATH));
                let place =
                    if only_path { Place::Named(&opened, b"") } else { Place::Open(&opened) };
                self.read_xattrs(place, entry, problem);
                self.read_flags(&opened, entry, problem);
            }
            Err(above) => self.read_xattrs(Place::Named(&above, name), entry, problem),
        }
        Ok(())
    }

    fn read_other(&self, entry: &mut Entry, problem: &mut dyn FnMut(Problem)) -> io::Result<()> {
        let (folder, name) = self.place()?;
        if entry.kind == Kind::Symlink {
            entry.target = Some(match rustix::fs::readlinkat(&*folder, name, Vec::new()) {
                Ok(target) => target.into_bytes(),
                Err(Errno::INVAL) => return Err(KindChanged.into()),
                Err(error) => return Err(error.into()),
            });
        }
        self.read_xattrs(Place::Named(&folder, name), entry, problem);
        Ok(())
    }

    fn read_xattrs(&self, place: Place<'_>, entry: &mut Entry, problem: &mut dyn FnMut(Problem)) {
        if let Err(source) = attributes::read_xattrs(place, &mut entry.xattrs) {
            problem(self.unreadable("extended attributes", source));
        }
    }

    fn read_flags(&self, file: &OwnedFd, entry: &mut Entry, problem: &mut dyn FnMut(Problem)) {
        match attributes::read_flags(file) {
            Ok(flags) => entry.flags = flags,
            Err(source) => problem(self.unreadable("flags", source)),
        }
    }

    fn unreadable(&self, attribute: &'static str, source: io::Error) -> Problem {
        Problem::AttributeUnreadable { path: self.path().to_path_buf(), attribute, source }
    }
}

impl Handle for LocalHandle {
    fn path(&self) -> &Path {
        self.path.get_or_init(|| match &self.target {
            Target::Named(folder, name) => path_from_key(&folder.key_of(name)),
            Target::Entered(folder) => path_from_key(&folder.key),
        })
    }

    fn open(
        &mut self,
        entry: &mut Entry,
        problem: &mut dyn FnMut(Problem),
    ) -> io::Result<Option<Box<dyn Content>>> {
        let content = match entry.kind {
            Kind::File => Some(self.open_file(entry, problem)?),
            Kind::Folder => {
                self.read_folder(entry, problem)?;
                None
            }
            Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => {
                self.read_other(entry, problem)?;
                None
            }
        };
        let owners = &self.folder().shared.owners;
        entry.user = owners.user(entry.uid);
        entry.group = owners.group(entry.gid);
        Ok(content)
    }
}

/// What opening something says if it is not what it was found: a link, or a socket or device without anybody behind.
fn is_other_kind(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::NXIO | Errno::NOTDIR))
}

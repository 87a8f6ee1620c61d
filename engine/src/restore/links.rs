//! Hard links: names of one file.
//!
//! The first name gets the content, the others are linked to it when it is finished. Where linking is impossible, or
//! the first name came to nothing, the next one is restored like any other file.

use std::collections::HashMap;
use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, linkat, renameat, unlinkat};
use rustix::io::Errno;

use super::attributes;
use super::context::{Context, lock};
use super::file::{Place, TargetFile, temporary_name};
use super::folder::{Folder, open_parent_of};
use super::plan::entry_weight;
use super::report::count;
use crate::tree::{Entry, Kind, file_name, path_from_key};

/// What a name is in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// There is no group.
    Single,
    /// The first to be restored.
    First,
    /// To be linked to the first.
    Further,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Whole,
    Failed,
}

#[derive(Debug)]
struct Group {
    /// Key of the first name, relative to the target.
    first: Vec<u8>,
    state: State,
    /// Names met so far.
    met: u64,
    /// Of these, names that wait to be linked.
    waiting: u64,
}

/// The groups that are not complete.
#[derive(Debug, Default)]
pub(super) struct Links {
    groups: HashMap<(u64, u64), Group>,
    /// Flags that would have made further links impossible: key relative to the target, flags.
    flags: Vec<(Vec<u8>, u32)>,
}

impl Links {
    /// What the name is to be; the first of its group will be at `key`, unless it is `settle`d as failed.
    pub(super) fn role(&mut self, entry: &Entry, key: impl FnOnce() -> Vec<u8>) -> Role {
        if entry.kind != Kind::File || entry.links < 2 {
            return Role::Single;
        }
        let name = (entry.device, entry.inode);
        if let Some(group) = self.groups.get_mut(&name) {
            group.met += 1;
            group.waiting += 1;
            return Role::Further;
        }
        self.groups.insert(name, Group { first: key(), state: State::Pending, met: 1, waiting: 0 });
        Role::First
    }

    /// The name that stands there already serves as the first, if there is no other.
    pub(super) fn found(&mut self, entry: &Entry, key: impl FnOnce() -> Vec<u8>) {
        match self.role(entry, key) {
            Role::First => self.settle(entry, true),
            Role::Further => self.waited(entry),
            Role::Single => {}
        }
    }

    /// The first name is finished, or came to nothing.
    pub(super) fn settle(&mut self, entry: &Entry, whole: bool) {
        if let Some(group) = self.groups.get_mut(&(entry.device, entry.inode)) {
            group.state = if whole { State::Whole } else { State::Failed };
            self.drop_if_complete(entry);
        }
    }

    /// The first name came to nothing before it was a file.
    pub(super) fn fail(&mut self, name: (u64, u64)) {
        if let Some(group) = self.groups.get_mut(&name) {
            group.state = State::Failed;
        }
    }

    /// A dry run would have made the link.
    pub(super) fn imagine_link(&mut self, entry: &Entry) {
        self.waited(entry);
    }

    fn waited(&mut self, entry: &Entry) {
        if let Some(group) = self.groups.get_mut(&(entry.device, entry.inode)) {
            group.waiting = group.waiting.saturating_sub(1);
            self.drop_if_complete(entry);
        }
    }

    fn drop_if_complete(&mut self, entry: &Entry) {
        let name = (entry.device, entry.inode);
        if self.groups.get(&name).is_some_and(|group| {
            group.met >= entry.links && group.waiting == 0 && group.state != State::Pending
        }) {
            self.groups.remove(&name);
        }
    }

    pub(super) fn defer_flags(&mut self, key: Vec<u8>, flags: u32) {
        self.flags.push((key, flags));
    }
}

/// A name that waits for the first of its group.
#[derive(Debug)]
pub(super) struct PendingLink {
    pub(super) folder: Arc<Folder>,
    pub(super) name: Box<[u8]>,
    pub(super) entry: Entry,
    pub(super) place: Place,
}

impl PendingLink {
    pub(super) fn entry_weight(&self) -> usize {
        entry_weight(&self.entry)
    }
}

/// What to do with the links of a batch that cannot be made now.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The first of their group is still being written.
    pub(super) waiting: Vec<PendingLink>,
    /// To be restored like any other file.
    pub(super) files: Vec<TargetFile>,
}

/// Makes the links whose first name is finished.
pub(super) fn make(context: &Context<'_>, root: &OwnedFd, links: Vec<PendingLink>) -> Rest {
    let mut rest = Rest::default();
    for link in links {
        let mut all = lock(&context.links);
        let Some(group) = all.groups.get_mut(&(link.entry.device, link.entry.inode)) else {
            drop(all);
            rest.files.extend(into_file(context, link));
            continue;
        };
        match group.state {
            State::Pending => rest.waiting.push(link),
            State::Failed => {
                group.state = State::Pending;
                group.first = link.folder.key_of(&link.name);
                group.waiting = group.waiting.saturating_sub(1);
                drop(all);
                rest.files.extend(into_file(context, link));
            }
            State::Whole => {
                let first = group.first.clone();
                all.waited(&link.entry);
                drop(all);
                match try_link(context, root, &first, &link) {
                    Ok(()) => {
                        count(&context.tally.hard_links);
                        context.entry_done();
                        link.folder.release(context);
                    }
                    Err(error) => {
                        context.attribute(link.folder.path_of(&link.name), "hard link", error);
                        let mut link = link;
                        link.entry.links = 0;
                        rest.files.extend(into_file(context, link));
                    }
                }
            }
        }
    }
    rest
}

fn into_file(context: &Context<'_>, link: PendingLink) -> Option<TargetFile> {
    let PendingLink { folder, name, entry, place } = link;
    let file = TargetFile::new(&folder, &name, entry, place);
    if file.is_none() {
        context.unsafe_entry(folder.path_of(&name));
    }
    // The file holds the folder from here on.
    folder.release(context);
    file
}

fn try_link(
    context: &Context<'_>,
    root: &OwnedFd,
    first: &[u8],
    link: &PendingLink,
) -> Result<(), Errno> {
    let from = open_parent_of(root, first)?;
    let folder = link.folder.open(context)?;
    let source = file_name(first);
    match link.place {
        Place::Fresh | Place::Resume => {
            if link.place == Place::Resume {
                unlinkat(&*folder, &*link.name, AtFlags::empty())?;
            }
            linkat(&from, source, &*folder, &*link.name, AtFlags::empty())
        }
        Place::Replace => {
            let temporary = temporary_name(context, &link.name);
            match linkat(&from, source, &*folder, &*temporary, AtFlags::empty()) {
                Err(Errno::EXIST) => {
                    unlinkat(&*folder, &*temporary, AtFlags::empty())?;
                    linkat(&from, source, &*folder, &*temporary, AtFlags::empty())?;
                }
                other => other?,
            }
            renameat(&*folder, &*temporary, &*folder, &*link.name)?;
            // Renaming over another name of the same file does nothing at all.
            match unlinkat(&*folder, &*temporary, AtFlags::empty()) {
                Err(Errno::NOENT) | Ok(()) => Ok(()),
                Err(error) => Err(error),
            }
        }
    }
}

/// Sets the flags that had to wait until every link was made.
pub(super) fn set_deferred_flags(context: &Context<'_>, root: &OwnedFd) {
    let deferred = std::mem::take(&mut lock(&context.links).flags);
    for (key, flags) in deferred {
        let path = || {
            let path = path_from_key(&key);
            context.options.target.join(path.strip_prefix("/").unwrap_or(&path))
        };
        let open = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = open_parent_of(root, &key)
            .and_then(|folder| rustix::fs::openat(folder, file_name(&key), open, Mode::empty()));
        match fd {
            Ok(fd) => attributes::set_flags(context, &fd, flags, &path),
            Err(error) => context.attribute(path(), "flags", error),
        }
    }
}

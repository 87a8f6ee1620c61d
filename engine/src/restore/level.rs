//! One folder on the walk's way from the target to the current entry.

use std::sync::Arc;

use rustix::io::Errno;

use super::context::Context;
use super::delete;
use super::folder::Folder;
use super::listing::Listing;
use crate::tree::Entry;

/// Why nothing can be restored below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocked {
    /// A component of the path must not be written to disk.
    Unsafe,
    /// The folder could not be made.
    Failed,
}

#[derive(Debug)]
pub(super) struct Level {
    pub(super) name: Box<[u8]>,
    /// What the snapshot says about the folder, until the folder is told.
    pub(super) entry: Option<Entry>,
    /// Selected itself, not only on the way to something that is.
    pub(super) taken: bool,
    /// Absent until something is restored in it.
    pub(super) folder: Option<Arc<Folder>>,
    pub(super) blocked: Option<Blocked>,
    /// Whether the name existed; `None` while the parent's names are not known.
    pub(super) met: Option<bool>,
    /// What existed in it; absent for a new folder.
    listing: Option<Listing>,
    /// Names that the snapshot lacks.
    others: Vec<Box<[u8]>>,
    /// Whether these are removed.
    deletes: bool,
    /// Temporary names that this run uses.
    pub(super) prepared: Vec<Box<[u8]>>,
}

impl Level {
    /// `entry` comes with whether names that the snapshot lacks are removed.
    pub(super) fn new(
        name: &[u8],
        entry: Option<(Entry, bool)>,
        met: Option<bool>,
        blocked: Option<Blocked>,
    ) -> Self {
        let (entry, deletes) =
            entry.map_or((None, false), |(entry, deletes)| (Some(entry), deletes));
        Self {
            name: name.into(),
            entry,
            taken: false,
            folder: None,
            blocked,
            met,
            listing: None,
            others: Vec::new(),
            deletes,
            prepared: Vec::new(),
        }
    }

    pub(super) fn root(context: &Context<'_>, folder: Arc<Folder>) -> Result<Self, Errno> {
        let mut level = Self::new(&[], None, None, None);
        level.deletes = context.options.deletes_in(&context.options.subpath);
        level.enter(context, folder)?;
        Ok(level)
    }

    /// The target gets attributes only if it was made for this restore.
    pub(super) fn describe_root(&self, entry: Entry) {
        if let Some(folder) = self.folder.as_ref().filter(|folder| folder.created) {
            folder.describe(entry);
        }
    }

    /// The folder is there now; looks at what it holds.
    pub(super) fn enter(
        &mut self,
        context: &Context<'_>,
        folder: Arc<Folder>,
    ) -> Result<(), Errno> {
        if !folder.created {
            self.listing = Some(Listing::read(&*folder.open(context)?, self.deletes)?);
        }
        self.folder = Some(folder);
        Ok(())
    }

    /// Whether a name existed before. Names are asked in ascending order.
    pub(super) fn meet(&mut self, name: &[u8]) -> Option<bool> {
        self.folder.as_ref()?;
        Some(self.listing.as_mut().is_some_and(|listing| listing.meet(name, &mut self.others)))
    }

    /// What the snapshot has here is not fully known.
    pub(super) fn keep_others(&mut self) {
        self.deletes = false;
    }

    /// The walk is through with the folder.
    pub(super) fn leave(mut self, context: &Context<'_>, key: &[u8]) {
        let Some(folder) = self.folder else { return };
        if let Some(listing) = &mut self.listing {
            listing.rest(&mut self.others);
        }
        if !self.others.is_empty() {
            match folder.open(context) {
                Ok(fd) => {
                    for name in self.others.iter().filter(|name| !self.prepared.contains(name)) {
                        if self.deletes {
                            let parent = Some(key).filter(|key| !key.is_empty());
                            let key = parent.into_iter().chain([&**name]).collect::<Vec<_>>();
                            delete::remove(context, (&folder, &fd), name, &key.join(&0));
                        } else {
                            delete::remove_leftover(context, &fd, name);
                        }
                    }
                }
                Err(error) => context.failed(folder.path(), error.into()),
            }
        }
        folder.release(context);
    }
}

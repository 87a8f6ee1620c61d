//! What the caller of a restore decides.

use std::fmt;
use std::path::PathBuf;

use super::owner::Accounts;
use crate::tree::{Entry, Kind};

/// What a selection says about one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Restore it.
    Take,
    /// Leave it out; a folder is still made if something below it is taken.
    Leave,
    /// Leave it out, and everything below it unseen.
    LeaveAll,
}

/// Chooses entries by key and kind. Asked for every entry of the snapshot, and for what `delete_below` would remove.
pub trait Select: Send + Sync {
    /// The verdict on one key, as it stands in the snapshot.
    fn select(&self, key: &[u8], kind: Kind) -> Selection;
}

impl<F: Fn(&[u8], Kind) -> Selection + Send + Sync> Select for F {
    fn select(&self, key: &[u8], kind: Kind) -> Selection {
        self(key, kind)
    }
}

/// Chooses entries by what is known of them. Unlike a [`Select`], it does not call the others left out: another run has them.
pub trait Turn: Send + Sync {
    /// Whether this entry is restored in this run. Names of one file must get the same answer; folders are not asked for.
    fn has(&self, key: &[u8], entry: &Entry) -> bool;
}

impl<F: Fn(&[u8], &Entry) -> bool + Send + Sync> Turn for F {
    fn has(&self, key: &[u8], entry: &Entry) -> bool {
        self(key, entry)
    }
}

/// What happens to something that exists in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Replace it, whatever it is. A folder that is not empty gives way only below `delete_below`.
    Always,
    /// Leave what is equal in size and modification time; leave and report what differs.
    #[default]
    IfChanged,
    /// Replace what is older than the snapshot's entry.
    IfNewer,
    /// Leave it, and do not report it.
    Never,
}

/// Whether and how owners are restored. Without the right to do so they are not, and that is no error.
#[derive(Debug, Default)]
pub enum Owner {
    /// By the numbers in the snapshot.
    #[default]
    Numeric,
    /// By name where this machine knows the name, else by number.
    Named(Accounts),
    /// Everything belongs to whoever restores.
    Skip,
}

/// What to restore, where to, and how to treat what is there.
#[derive(Default)]
pub struct RestoreOptions {
    /// The target folder; made if missing.
    pub target: PathBuf,
    /// Key of what to restore. What lies below it goes directly into the target; a file goes there by its name.
    pub subpath: Vec<u8>,
    /// Which entries; all without it.
    pub select: Option<Box<dyn Select>>,
    /// What is restored in this run, if the rest shall be restored by another one; all without it.
    pub turn: Option<Box<dyn Turn>>,
    /// How to treat existing entries.
    pub overwrite: Overwrite,
    /// Keys of folders in which, and below which, entries of the target that the snapshot lacks are removed.
    ///
    /// Not a switch: a snapshot of `/home/me` also names `/home`, where nothing may be removed.
    pub delete_below: Vec<Vec<u8>>,
    /// Count what would happen, and write nothing.
    pub dry_run: bool,
    /// Read everything written once more and compare it with the ids.
    pub verify: bool,
    /// Restore what transformed files hold, in a form that other programs read, instead of the files.
    ///
    /// Such a file may get another name, hence nothing is removed from the target then, whatever `delete_below` says.
    pub decoded: bool,
    /// Leave holes for long runs of zeros, not only where the source had holes.
    pub sparse: bool,
    /// Owners.
    pub owner: Owner,
    /// Threads that fetch and write; 0 means 1.
    pub threads: usize,
}

impl fmt::Debug for RestoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestoreOptions")
            .field("target", &self.target)
            .field("overwrite", &self.overwrite)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

impl RestoreOptions {
    /// The verdict on a key of the snapshot.
    pub(super) fn selects(&self, key: &[u8], kind: Kind) -> Selection {
        self.select.as_ref().map_or(Selection::Take, |select| select.select(key, kind))
    }

    /// Whether an entry is for this run.
    pub(super) fn has_turn(&self, key: &[u8], entry: &Entry) -> bool {
        entry.kind == Kind::Folder || self.turn.as_ref().is_none_or(|turn| turn.has(key, entry))
    }

    /// How long a restored file will be, if that is known.
    pub(super) fn size_of(&self, entry: &Entry) -> Option<u64> {
        match &entry.transform {
            Some(transform) if self.decoded => transform.decoded_bytes,
            Some(_) | None => Some(entry.size),
        }
    }

    /// Whether entries that the snapshot lacks may be removed from the folder with this key.
    pub(super) fn deletes_in(&self, key: &[u8]) -> bool {
        !self.decoded
            && self.delete_below.iter().any(|top| {
                top.is_empty()
                    || key
                        .strip_prefix(top.as_slice())
                        .is_some_and(|rest| matches!(rest.first(), None | Some(0)))
            })
    }
}

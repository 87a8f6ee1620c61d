//! Which files of Drive are the copies of an object, as far as this process has seen.
//!
//! There may be several: a client that never learnt that its upload had succeeded may have sent it again. All of one name have the
//! same bytes by the contract of the port. If they do not, somebody else's hand was there; then the largest one is the
//! object, because what goes wrong with files is that they are cut short. Reading goes by the same order as listing, so
//! that the size in a listing is the size that is read.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::files::File;

/// More names are not kept; whoever needs one again looks it up.
const NAMES_MAX: usize = 200_000;

/// More removed files are not remembered.
const REMOVED_MAX: usize = 20_000;

/// A file that holds an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) id: String,
    pub(super) size: u64,
    pub(super) md5: Option<String>,
}

impl Copy {
    /// Folders and documents of Google's own hold no object.
    pub(super) fn of(file: File) -> Option<Self> {
        let size = file.bytes().filter(|_| !file.is_folder() && !file.trashed)?;
        Some(Self { id: file.id, size, md5: file.md5_checksum })
    }
}

#[derive(Default)]
pub(super) struct Copies {
    known: Mutex<HashMap<String, Vec<Copy>>>,
    /// Files that this process removed: a listing that comes late may still show them.
    removed: Mutex<HashSet<String>>,
}

impl Copies {
    /// Best first.
    pub(super) fn get(&self, name: &str) -> Vec<Copy> {
        self.known().get(name).cloned().unwrap_or_default()
    }

    /// Adds what was put, or what a listing showed; what was known and is not shown may only be late.
    pub(super) fn add(&self, name: &str, copies: impl IntoIterator<Item = Copy>) -> Vec<Copy> {
        let mut known = self.known();
        if known.len() >= NAMES_MAX {
            known.clear();
        }
        let all = known.entry(name.to_owned()).or_default();
        for copy in copies {
            all.retain(|known| known.id != copy.id);
            all.push(copy);
        }
        sort(all);
        all.clone()
    }

    pub(super) fn forget(&self, name: &str) {
        self.known().remove(name);
    }

    /// Notes that a file is removed for good.
    pub(super) fn note_removed(&self, id: &str) {
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        if removed.len() >= REMOVED_MAX {
            removed.clear();
        }
        removed.insert(id.to_owned());
    }

    pub(super) fn is_removed(&self, id: &str) -> bool {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Vec<Copy>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Best first, in the same order for everybody.
pub(super) fn sort(copies: &mut [Copy]) {
    copies.sort_unstable_by(|a, b| (Reverse(a.size), &a.id).cmp(&(Reverse(b.size), &b.id)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(id: &str, size: u64) -> Copy {
        Copy { id: id.into(), size, md5: None }
    }

    #[test]
    fn the_largest_copy_is_the_object() {
        let copies = Copies::default();
        copies.add("a", [copy("2", 5), copy("3", 4)]);
        let all = copies.add("a", [copy("1", 5), copy("3", 6)]);
        assert_eq!(all, [copy("3", 6), copy("1", 5), copy("2", 5)]);
        assert_eq!(copies.get("a"), all);
    }
}

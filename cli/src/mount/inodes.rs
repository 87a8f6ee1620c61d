//! What the kernel knows, by number, until it says that it forgot.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heirloom_engine::tree::Entry;

use crate::layout::{Found, Place};

/// The root has this number, and is never forgotten.
pub(super) const ROOT: u64 = 1;
/// Entries that are kept: whoever looks a file up often opens it, and asks for its attributes one by one.
const RECENT_MAX: usize = 512;

/// Something that the kernel knows.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) place: Place,
    pub(super) has_xattrs: bool,
}

#[derive(Debug)]
pub(super) struct Inodes {
    root: Arc<Known>,
    known: Mutex<HashMap<u64, (Arc<Known>, u64)>>,
    recent: Mutex<Recent>,
}

/// Two generations: what nobody asked for while the younger one filled up goes.
#[derive(Debug, Default)]
struct Recent {
    young: HashMap<u64, Arc<Entry>>,
    old: HashMap<u64, Arc<Entry>>,
}

impl Inodes {
    pub(super) fn new(root: Place) -> Self {
        let root = Arc::new(Known { place: root, has_xattrs: true });
        Self { root, known: Mutex::default(), recent: Mutex::default() }
    }

    /// Notes that the kernel was told of this once more.
    pub(super) fn remember(&self, number: u64, found: &Found) {
        match lock(&self.known).entry(number) {
            Slot::Occupied(mut slot) => slot.get_mut().1 += 1,
            Slot::Vacant(slot) => {
                let place = found.place.clone();
                let has_xattrs = !found.entry.xattrs.is_empty();
                slot.insert((Arc::new(Known { place, has_xattrs }), 1));
            }
        }
    }

    /// What has this number; `None` if the kernel said that it forgot it.
    pub(super) fn get(&self, number: u64) -> Option<Arc<Known>> {
        if number == ROOT {
            return Some(Arc::clone(&self.root));
        }
        lock(&self.known).get(&number).map(|(known, _)| Arc::clone(known))
    }

    /// The kernel forgot so many of the times that it was told.
    pub(super) fn forget(&self, number: u64, times: u64) {
        let mut known = lock(&self.known);
        if let Slot::Occupied(mut slot) = known.entry(number) {
            let left = slot.get().1.saturating_sub(times);
            if left == 0 {
                slot.remove();
            } else {
                slot.get_mut().1 = left;
            }
        }
    }

    /// Keeps an entry that will be asked for again soon.
    pub(super) fn keep(&self, number: u64, entry: Arc<Entry>) {
        let mut recent = lock(&self.recent);
        if recent.young.len() >= RECENT_MAX {
            recent.old = std::mem::take(&mut recent.young);
        }
        recent.young.insert(number, entry);
    }

    pub(super) fn kept(&self, number: u64) -> Option<Arc<Entry>> {
        let recent = lock(&self.recent);
        recent.young.get(&number).or_else(|| recent.old.get(&number)).map(Arc::clone)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use heirloom_engine::tree::Kind;

    use super::*;

    fn found(name: &[u8]) -> Found {
        Found { place: Place::Made(name.into()), entry: Entry::new(Kind::File) }
    }

    #[test]
    fn what_the_kernel_forgot_as_often_as_it_was_told_takes_no_memory() {
        let inodes = Inodes::new(Place::Made(Box::default()));
        for _ in 0..3 {
            inodes.remember(7, &found(b"a"));
        }
        inodes.forget(7, 2);
        assert!(inodes.get(7).is_some());
        inodes.forget(7, 1);
        assert!(inodes.get(7).is_none());
        assert!(lock(&inodes.known).is_empty());
    }

    #[test]
    fn the_root_is_never_forgotten() {
        let inodes = Inodes::new(Place::Made(Box::default()));
        inodes.forget(ROOT, 1);
        assert!(inodes.get(ROOT).is_some());
    }

    #[test]
    fn only_a_few_entries_are_kept() {
        let inodes = Inodes::new(Place::Made(Box::default()));
        for number in 0..10_000 {
            inodes.keep(number, Arc::new(Entry::new(Kind::File)));
        }
        let recent = lock(&inodes.recent);
        assert!(recent.young.len() + recent.old.len() <= 2 * RECENT_MAX);
    }
}

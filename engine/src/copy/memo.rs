//! Under which id the destination has a piece of content of the source.

use std::collections::HashMap;
use std::mem;

use crate::id::ContentId;

/// Pairs in each of two generations: about 40 MB each.
const PAIRS_MAX: usize = 1 << 19;

/// Remembers what was copied last. What it forgot is read again and found to be there: that costs time, not space.
#[derive(Debug, Default)]
pub(super) struct Memo {
    young: HashMap<ContentId, ContentId>,
    old: HashMap<ContentId, ContentId>,
}

impl Memo {
    pub(super) fn get(&self, source: &ContentId) -> Option<ContentId> {
        self.young.get(source).or_else(|| self.old.get(source)).copied()
    }

    pub(super) fn insert(&mut self, source: ContentId, copy: ContentId) {
        if self.young.len() >= PAIRS_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(source, copy);
    }
}

//! A set of blobs that are in an index: one bit for each, and nothing for what is not marked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::{IndexSet, Place};
use crate::id::BlobPrefix;
use crate::pack::cursor::as_usize;

/// Bits that grow on demand.
#[derive(Debug, Clone, Default)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// Sets a bit; whether it was clear.
    pub fn set(&mut self, at: usize) -> bool {
        let (word, mask) = (at / 64, 1 << (at % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0.get_mut(word).is_some_and(|word| {
            let was_clear = *word & mask == 0;
            *word |= mask;
            was_clear
        })
    }

    /// Whether a bit is set.
    pub fn get(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// How many are set.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| as_usize(word.count_ones())).sum()
    }
}

/// Blobs of an [`IndexSet`], which must not change meanwhile.
///
/// A blob is marked in the segment in which it was found, whichever of several that is.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    bits: Vec<Bits>,
    /// The segments, the one in which a blob was found last at the front: neighbours of a file lie in few of them.
    order: Vec<usize>,
}

/// What marking a blob said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    /// It was not marked before.
    Now,
    /// It was.
    Before,
    /// The index does not know it.
    Unknown,
}

/// Takes a blob and all its places: segment, and place in it.
pub type Visit<'v> = dyn FnMut(&BlobPrefix, &[(usize, Place)]) + 'v;

impl Marks {
    /// Marks a blob. Of one that is in several segments it may say [`Marked::Now`] more than once.
    pub fn mark(&mut self, set: &IndexSet, prefix: &BlobPrefix) -> Marked {
        self.order.extend(self.order.len()..set.len());
        let find = |segment: &usize| Some((*segment, set.segment(*segment)?.position(prefix)?));
        let mut tried = self.order.iter().enumerate();
        let found = tried.find_map(|(rank, segment)| Some((rank, find(segment)?)));
        let Some((rank, (segment, at))) = found else { return Marked::Unknown };
        self.order.get_mut(..=rank).unwrap_or_default().rotate_right(1);
        if self.bits.len() <= segment {
            self.bits.resize_with(segment + 1, Bits::default);
        }
        let was_clear = self.bits.get_mut(segment).is_some_and(|bits| bits.set(at));
        if was_clear { Marked::Now } else { Marked::Before }
    }

    /// Whether a blob is marked.
    pub fn contains(&self, set: &IndexSet, prefix: &BlobPrefix) -> bool {
        let in_segment = |segment: usize| {
            let at = set.segment(segment)?.position(prefix)?;
            self.bits.get(segment)?.get(at).then_some(())
        };
        (0..set.len()).any(|segment| in_segment(segment).is_some())
    }

    /// Hands on every marked blob with all its places, in the order of the prefixes: segment, and place in it.
    ///
    /// Goes through all segments at once from start to end, which is many times faster than to look each blob up.
    pub fn for_each(&self, set: &IndexSet, visit: &mut Visit<'_>) {
        let mut next = BinaryHeap::new();
        let prefix_at = |segment: usize, at: usize| {
            let prefix = set.segment(segment)?.prefix_at(at)?;
            Some(Reverse((prefix, segment, at)))
        };
        next.extend((0..set.len()).filter_map(|segment| prefix_at(segment, 0)));
        let mut places = Vec::new();
        while let Some(&Reverse((prefix, ..))) = next.peek() {
            let mut is_marked = false;
            places.clear();
            while let Some(mut first) = next.peek_mut()
                && first.0.0 == prefix
            {
                let Reverse((_, segment, at)) = *first;
                is_marked |= self.bits.get(segment).is_some_and(|bits| bits.get(at));
                places.push((segment, at));
                match prefix_at(segment, at + 1) {
                    Some(further) => *first = further,
                    None => drop(PeekMut::pop(first)),
                }
            }
            if is_marked {
                let place = |&(segment, at): &(usize, usize)| {
                    Some((segment, set.segment(segment)?.place_at(at)?))
                };
                visit(&prefix, &places.iter().filter_map(place).collect::<Vec<_>>());
            }
        }
    }

    /// How many there are; one that was marked in two segments counts twice.
    pub fn count(&self) -> usize {
        self.bits.iter().map(Bits::count).sum()
    }
}

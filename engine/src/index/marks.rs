//! A set of blobs that are in an index: one bit for each, and nothing for what is not marked.

use super::IndexSet;
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

    /// The positions of all set bits, ascending.
    pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(number, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.checked_sub(1)?;
                Some(number * 64 + as_usize(bit))
            })
        })
    }

    /// How many are set.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| as_usize(word.count_ones())).sum()
    }
}

/// Blobs of an [`IndexSet`], which must not change meanwhile.
///
/// A blob is marked where it is found first, so that each has one bit however many places it has.
#[derive(Debug, Clone, Default)]
pub struct Marks(Vec<Bits>);

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

impl Marks {
    /// Marks a blob.
    pub fn mark(&mut self, set: &IndexSet, prefix: &BlobPrefix) -> Marked {
        let Some((segment, at)) = find(set, prefix) else { return Marked::Unknown };
        if self.0.len() <= segment {
            self.0.resize_with(segment + 1, Bits::default);
        }
        let was_clear = self.0.get_mut(segment).is_some_and(|bits| bits.set(at));
        if was_clear { Marked::Now } else { Marked::Before }
    }

    /// Whether a blob is marked.
    pub fn contains(&self, set: &IndexSet, prefix: &BlobPrefix) -> bool {
        let found = find(set, prefix);
        found.is_some_and(|(segment, at)| self.0.get(segment).is_some_and(|bits| bits.get(at)))
    }

    /// Every marked blob, segment by segment in the order of the prefixes.
    pub fn iter<'a>(&'a self, set: &'a IndexSet) -> impl Iterator<Item = BlobPrefix> + 'a {
        set.segments()
            .zip(&self.0)
            .flat_map(|((_, segment, _), bits)| bits.ones().filter_map(|at| segment.prefix_at(at)))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.iter().map(Bits::count).sum()
    }
}

fn find(set: &IndexSet, prefix: &BlobPrefix) -> Option<(usize, usize)> {
    let positions = set.segments().map(|(_, segment, _)| segment.position(prefix));
    positions.enumerate().find_map(|(segment, at)| Some((segment, at?)))
}

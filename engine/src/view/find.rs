//! Looks for entries in many snapshots at once. What snapshots have in common is read and looked at once.

use std::collections::BTreeMap;

use super::{Nodes, Reader};
use crate::error::{Problem, ReadError};
use crate::id::NodeId;
use crate::tree::{Entry, EntryView, LEVEL_MAX, Step, TreeCursor, path_from_key};

/// Some of the snapshots that were searched, by their positions in the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holders(Vec<u64>);

impl Holders {
    fn insert(&mut self, position: usize) {
        let word = position / 64;
        self.0.resize(self.0.len().max(word + 1), 0);
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (position % 64);
        }
    }

    fn unite(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(bits, more)| *bits |= more);
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.positions().count()
    }

    /// Whether this one is among them.
    pub fn contains(&self, position: usize) -> bool {
        self.0.get(position / 64).is_some_and(|bits| bits >> (position % 64) & 1 == 1)
    }

    /// Each of them, in the order of the list.
    pub fn positions(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.0.len() * 64).filter(|position| self.contains(*position))
    }
}

/// One version of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its key.
    pub key: Vec<u8>,
    /// What the last snapshot says that has it.
    pub entry: Entry,
    /// Which snapshots have it. Where an inode is and when it changed there makes no other version.
    pub holders: Holders,
}

/// Calls `visit` for each version of each entry at and below `key` that is `wanted`, in the order of the keys and then of
/// the snapshots that have it first, until it returns `false`.
///
/// Parts that cannot be read are reported and passed over.
pub fn find(
    reader: &Reader,
    (roots, key): (&[NodeId], &[u8]),
    wanted: &dyn Fn(&[u8], &EntryView) -> bool,
    visit: &mut dyn FnMut(Found) -> bool,
    report: &mut dyn FnMut(Problem),
) {
    let last = key.to_vec();
    let mut walk = Walk { nodes: reader.0.nodes(), walkers: BTreeMap::new(), last, report };
    for (position, root) in roots.iter().enumerate() {
        let mut holders = Holders::default();
        holders.insert(position);
        walk.settle(Walker { cursor: TreeCursor::subtree(*root, key), step: Step::End, holders });
    }
    while let Some((place, mut walkers)) = walk.walkers.pop_first() {
        if place.rank < ENTRY {
            if !walk.enter(walkers) {
                return;
            }
            continue;
        }
        for found in walk.versions(&place.key, &walkers, wanted) {
            if !visit(found) {
                return;
            }
        }
        walk.last = place.key;
        walkers.drain(..).for_each(|walker| walk.settle(walker));
    }
}

/// The rank of entries: nodes come first, from the highest to the lowest.
const ENTRY: u8 = u8::MAX;

/// Where a walker stands.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: Vec<u8>,
    rank: u8,
}

/// One walk for all snapshots that have the same there.
#[derive(Debug)]
struct Walker {
    cursor: TreeCursor,
    step: Step,
    holders: Holders,
}

struct Walk<'a> {
    nodes: Nodes<'a>,
    walkers: BTreeMap<Place, Vec<Walker>>,
    /// The last key that was looked at.
    last: Vec<u8>,
    report: &'a mut dyn FnMut(Problem),
}

impl Walk<'_> {
    /// Lets a walker go to where it will be next.
    fn settle(&mut self, mut walker: Walker) {
        loop {
            match walker.cursor.step() {
                Ok(Step::End) => return,
                Ok(step) => {
                    walker.step = step;
                    break;
                }
                Err(error) => {
                    self.damaged(error);
                    walker.cursor.skip_damaged();
                }
            }
        }
        let (key, rank) = match walker.step {
            Step::Entry | Step::End => (walker.cursor.key(), ENTRY),
            Step::Node(_) => {
                let rank = (LEVEL_MAX + 1).saturating_sub(walker.cursor.pending_level());
                (walker.cursor.pending_key().unwrap_or_default(), rank)
            }
        };
        self.walkers.entry(Place { key: key.to_vec(), rank }).or_default().push(walker);
    }

    /// Reads the nodes that these walkers stand before, each once; false if it is no use to go on.
    fn enter(&mut self, mut walkers: Vec<Walker>) -> bool {
        while let Some(mut walker) = walkers.pop() {
            let (same, others): (Vec<Walker>, Vec<Walker>) =
                walkers.into_iter().partition(|other| other.step == walker.step);
            walkers = others;
            if !same.is_empty() {
                let mut branch = Walker {
                    cursor: walker.cursor.branch(),
                    step: walker.step,
                    holders: walker.holders.clone(),
                };
                for other in &same {
                    branch.holders.unite(&other.holders);
                }
                for mut other in same.into_iter().chain([walker]) {
                    other.cursor.skip_node();
                    self.settle(other);
                }
                walker = branch;
            }
            if let Err(error) = walker.cursor.enter(&mut self.nodes) {
                walker.cursor.skip_damaged();
                if !self.damaged(error) {
                    return false;
                }
            }
            self.settle(walker);
        }
        true
    }

    /// What these walkers have at their key.
    fn versions(
        &mut self,
        key: &[u8],
        walkers: &[Walker],
        wanted: &dyn Fn(&[u8], &EntryView) -> bool,
    ) -> Vec<Found> {
        let mut distinct: Vec<(&[u8], Holders)> = Vec::new();
        for walker in walkers {
            let encoded = walker.cursor.encoded();
            match distinct.iter_mut().find(|(other, _)| *other == encoded) {
                Some((_, holders)) => holders.unite(&walker.holders),
                None => distinct.push((encoded, walker.holders.clone())),
            }
        }
        let mut versions: Vec<Found> = Vec::new();
        for (encoded, holders) in distinct {
            let entry = EntryView::parse(encoded)
                .and_then(|view| wanted(key, &view).then(|| Entry::parse(encoded)).transpose());
            match entry {
                Ok(None) => {}
                Ok(Some(entry)) => {
                    add_version(&mut versions, Found { key: key.to_vec(), entry, holders });
                }
                Err(error) => {
                    self.damaged(error.into());
                }
            }
        }
        versions.sort_unstable_by_key(|version| version.holders.positions().next());
        versions
    }

    /// Whether other nodes can be had.
    fn damaged(&mut self, error: ReadError) -> bool {
        let goes_on = error.is_local();
        let (after, source) = (path_from_key(&self.last), Box::new(error));
        (self.report)(Problem::TreeDamaged { after, source });
        goes_on
    }
}

fn add_version(versions: &mut Vec<Found>, found: Found) {
    match versions.iter_mut().find(|version| is_same_version(&version.entry, &found.entry)) {
        Some(version) => {
            if found.holders.positions().next_back() > version.holders.positions().next_back() {
                version.entry = found.entry;
            }
            version.holders.unite(&found.holders);
        }
        None => versions.push(found),
    }
}

/// Whether nobody but the file system could tell one entry from the other: where an inode is, and when it changed there,
/// makes no difference.
pub fn is_same_version(one: &Entry, other: &Entry) -> bool {
    let plain = |entry: &Entry| Entry {
        ctime_ns: None,
        btime_ns: None,
        inode: 0,
        device: 0,
        links: 0,
        changed: false,
        ..entry.clone()
    };
    one.size == other.size && one.mtime_ns == other.mtime_ns && plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_are_told_in_the_order_of_the_list() {
        let (mut one, mut other) = (Holders::default(), Holders::default());
        one.insert(70);
        other.insert(3);
        one.unite(&other);
        assert_eq!(one.positions().collect::<Vec<_>>(), [3, 70]);
        assert_eq!((one.count(), one.contains(3), one.contains(4)), (2, true, false));
    }
}

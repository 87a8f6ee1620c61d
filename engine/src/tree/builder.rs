//! Writes the search tree as a stream: one open node a level, each handed on as soon as it is full.

use crate::id::NodeId;

use super::wire::{put_length, put_varint, varint_bytes};
use super::{Entry, KEY_BYTES_MAX, LEVEL_MAX, LeafRun, NODE_BYTES_MAX, NodeSink, TreeTotals};

/// A node may end only from here on.
const CUT_BYTES_MIN: usize = 12 << 10;
/// A node ends here in any case.
const CUT_BYTES_MAX: usize = 64 << 10;
/// 2^32 / 96, rounded up: a node ends after a key whose hash is below.
const CUT_BELOW: u32 = 44_739_243;
/// Inner nodes of fewer children would not make the tree narrower if keys are as long as nodes.
const CHILDREN_MIN: u64 = 4;
/// Room in front of the items for the level and their number, which is known last.
const HEADER_ROOM: usize = 1 + 10;
/// What fits into a node that is just too small to be cut, beside lengths and the header.
const ITEM_BYTES_MAX: usize = NODE_BYTES_MAX - CUT_BYTES_MAX - 64;

/// Why an entry could not be added. The builder is of no use afterwards, except after the first three.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError<E> {
    /// The key is not above the one before.
    #[error("keys do not ascend")]
    Order,
    /// The key has more than [`KEY_BYTES_MAX`] bytes.
    #[error("the path is too long")]
    KeyTooLong,
    /// Key and entry together do not fit into a node.
    #[error("the entry is too large")]
    EntryTooLarge,
    /// There are more entries than a tree of [`LEVEL_MAX`] levels can hold.
    #[error("the tree is too deep")]
    TooDeep,
    /// The sink failed.
    #[error(transparent)]
    Sink(E),
}

/// Builds a tree from entries in ascending order of their keys.
///
/// Memory does not grow with the number of entries.
#[derive(Debug, Default)]
pub struct TreeBuilder {
    levels: Vec<OpenNode>,
    totals: TreeTotals,
    /// Holds one encoded entry while it is added.
    scratch: Vec<u8>,
}

impl TreeBuilder {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was added so far.
    pub fn totals(&self) -> TreeTotals {
        self.totals
    }

    /// Adds an entry.
    pub fn push<S: NodeSink + ?Sized>(
        &mut self,
        key: &[u8],
        entry: &Entry,
        sink: &mut S,
    ) -> Result<(), BuildError<S::Error>> {
        let mut encoded = std::mem::take(&mut self.scratch);
        encoded.clear();
        entry.encode(&mut encoded);
        let result = self.push_encoded(key, &encoded, entry.size, sink);
        self.scratch = encoded;
        result
    }

    /// Adds an entry as another tree holds it; `size` is the entry's.
    pub fn push_encoded<S: NodeSink + ?Sized>(
        &mut self,
        key: &[u8],
        encoded: &[u8],
        size: u64,
        sink: &mut S,
    ) -> Result<(), BuildError<S::Error>> {
        if key.len() > KEY_BYTES_MAX {
            return Err(BuildError::KeyTooLong);
        }
        if key.len() + encoded.len() > ITEM_BYTES_MAX {
            return Err(BuildError::EntryTooLarge);
        }
        let leaf = self.level(0);
        let below = TreeTotals { entries: 1, bytes: size };
        if !leaf.push_key(key, below) {
            return Err(BuildError::Order);
        }
        put_length(&mut leaf.bytes, encoded.len());
        leaf.bytes.extend_from_slice(encoded);
        let full = leaf.is_full(0, key, sink);
        self.totals.add(below);
        if full { self.close(sink) } else { Ok(()) }
    }

    /// Adds entries as another tree holds them. A whole leaf is used again as it is, where the same entries one by one
    /// would make the same leaf.
    pub fn push_run<S: NodeSink + ?Sized>(
        &mut self,
        run: &LeafRun,
        sink: &mut S,
    ) -> Result<(), BuildError<S::Error>> {
        let leaf = self.level(0);
        let whole = run.whole().filter(|_| leaf.items == 0);
        let Some((id, node)) =
            whole.filter(|(_, node)| is_full(0, node.len(), run.last_key(), sink))
        else {
            return run.for_each(|key, encoded, size| self.push_encoded(key, encoded, size, sink));
        };
        if leaf.closed > 0 && run.first_key() <= leaf.last_key.as_slice() {
            return Err(BuildError::Order);
        }
        let id = sink.put_again(&id, node).map_err(BuildError::Sink)?;
        leaf.adopt(id, run);
        self.totals.add(run.totals());
        self.closed(id, sink)
    }

    /// Hands on what is still open; the tree's root and what it holds.
    pub fn finish<S: NodeSink + ?Sized>(
        mut self,
        sink: &mut S,
    ) -> Result<(NodeId, TreeTotals), BuildError<S::Error>> {
        let mut level = 0_u8;
        loop {
            let open = self.level(level);
            if open.items > 0 || open.closed == 0 {
                let id = open.close(level, sink).map_err(BuildError::Sink)?;
                if open.closed == 1 {
                    return Ok((id, self.totals));
                }
                self.push_child(level, id)?;
            } else if let (1, Some(id)) = (open.closed, open.last) {
                return Ok((id, self.totals));
            }
            level += 1;
        }
    }

    /// Closes the leaf, and every inner node that this fills.
    fn close<S: NodeSink + ?Sized>(&mut self, sink: &mut S) -> Result<(), BuildError<S::Error>> {
        let id = self.level(0).close(0, sink).map_err(BuildError::Sink)?;
        self.closed(id, sink)
    }

    /// After the leaf was closed: closes every inner node that this fills.
    fn closed<S: NodeSink + ?Sized>(
        &mut self,
        mut id: NodeId,
        sink: &mut S,
    ) -> Result<(), BuildError<S::Error>> {
        let mut level = 0;
        loop {
            self.push_child(level, id)?;
            level += 1;
            let parent = self.level(level);
            if parent.items < CHILDREN_MIN || !parent.is_full(level, &parent.last_key, sink) {
                return Ok(());
            }
            id = parent.close(level, sink).map_err(BuildError::Sink)?;
        }
    }

    /// Enters the node that was just closed at `level` into the open node above.
    fn push_child<E>(&mut self, level: u8, id: NodeId) -> Result<(), BuildError<E>> {
        if level >= LEVEL_MAX {
            return Err(BuildError::TooDeep);
        }
        let child = self.level(level);
        let (key, below) = (std::mem::take(&mut child.first_key), child.closed_totals);
        let parent = self.level(level + 1);
        let ascends = parent.push_key(&key, below);
        debug_assert!(ascends, "first keys of nodes ascend as keys do");
        parent.bytes.extend_from_slice(id.as_bytes());
        put_varint(&mut parent.bytes, below.entries);
        put_varint(&mut parent.bytes, below.bytes);
        self.level(level).first_key = key;
        Ok(())
    }

    fn level(&mut self, level: u8) -> &mut OpenNode {
        let level = usize::from(level);
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, OpenNode::default);
        }
        self.levels.get_mut(level).expect("the levels were just made")
    }
}

/// The node of a level that is being filled.
#[derive(Debug, Default)]
struct OpenNode {
    /// [`HEADER_ROOM`], then the items.
    bytes: Vec<u8>,
    items: u64,
    totals: TreeTotals,
    /// First key of the open node, or of the last closed one if nothing is open.
    first_key: Vec<u8>,
    /// The last key that was ever added to this level.
    last_key: Vec<u8>,
    /// How many nodes of this level were closed.
    closed: u64,
    /// What the last closed node holds.
    closed_totals: TreeTotals,
    /// The last closed node.
    last: Option<NodeId>,
}

impl OpenNode {
    /// Appends a key; false, and nothing done, if it is not above the last.
    fn push_key(&mut self, key: &[u8], below: TreeTotals) -> bool {
        let shared = shared_prefix(&self.last_key, key);
        let (_, further) = key.split_at(shared);
        let anything_before = self.items > 0 || self.closed > 0;
        let (_, last_further) = self.last_key.split_at(shared);
        if anything_before && further <= last_further {
            return false;
        }
        if self.items == 0 {
            self.bytes.clear();
            self.bytes.resize(HEADER_ROOM, 0);
            self.first_key.clear();
            self.first_key.extend_from_slice(key);
            put_varint(&mut self.bytes, 0);
            put_length(&mut self.bytes, key.len());
            self.bytes.extend_from_slice(key);
        } else {
            put_length(&mut self.bytes, shared);
            put_length(&mut self.bytes, further.len());
            self.bytes.extend_from_slice(further);
        }
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(further);
        self.items += 1;
        self.totals.add(below);
        true
    }

    /// Whether the node ends after its last key.
    fn is_full<S: NodeSink + ?Sized>(&self, level: u8, key: &[u8], sink: &S) -> bool {
        let bytes = self.bytes.len() - HEADER_ROOM + 1 + varint_bytes(self.items);
        is_full(level, bytes, key, sink)
    }

    /// Takes a node that is closed already, while none is open.
    fn adopt(&mut self, id: NodeId, run: &LeafRun) {
        self.first_key.clear();
        self.first_key.extend_from_slice(run.first_key());
        self.last_key.clear();
        self.last_key.extend_from_slice(run.last_key());
        self.closed += 1;
        self.closed_totals = run.totals();
        self.last = Some(id);
    }

    /// Hands the node on and starts the next.
    fn close<S: NodeSink + ?Sized>(&mut self, level: u8, sink: &mut S) -> Result<NodeId, S::Error> {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER_ROOM, 0);
        }
        let count = varint_bytes(self.items);
        let start = HEADER_ROOM - 1 - count;
        let mut header = Vec::with_capacity(HEADER_ROOM);
        header.push(level);
        put_varint(&mut header, self.items);
        let (room, _) = self.bytes.split_at_mut(HEADER_ROOM);
        room.split_at_mut(start).1.copy_from_slice(&header);
        let node = self.bytes.split_at(start).1;
        debug_assert!(node.len() <= NODE_BYTES_MAX, "items are bounded");
        let id = sink.put(node)?;
        self.items = 0;
        self.closed += 1;
        self.closed_totals = std::mem::take(&mut self.totals);
        self.last = Some(id);
        Ok(id)
    }
}

/// Whether a node of this many bytes ends after this key.
fn is_full<S: NodeSink + ?Sized>(level: u8, bytes: usize, key: &[u8], sink: &S) -> bool {
    bytes >= CUT_BYTES_MAX || bytes >= CUT_BYTES_MIN && sink.split(level, key) < CUT_BELOW
}

/// Length of the common beginning.
fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 8;
    let same = a
        .chunks_exact(STEP)
        .zip(b.chunks_exact(STEP))
        .take_while(|(left, right)| left == right)
        .count()
        * STEP;
    let (_, a) = a.split_at(same);
    let (_, b) = b.split_at(same);
    same + a.iter().zip(b).take_while(|(left, right)| left == right).count()
}

// A leaf that is not yet cut and the largest item make a node that readers accept.
const _: () = assert!(ITEM_BYTES_MAX + CUT_BYTES_MAX < NODE_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_prefix_is_exact_at_every_length() {
        let text: Vec<u8> = (0..40).collect();
        for length in 0..40 {
            for changed in 0..length {
                let mut other = text[..length].to_vec();
                other[changed] ^= 0x80;
                assert_eq!(shared_prefix(&text, &other), changed);
            }
            assert_eq!(shared_prefix(&text, &text[..length]), length);
        }
        assert_eq!(shared_prefix(b"", b"a"), 0);
    }
}

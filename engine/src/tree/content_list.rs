//! Writes the list of a large file's blobs as a tree of small nodes, so that a changed blob does not rewrite the list.

use crate::id::NodeId;

use super::codec::put_blob;
use super::wire::{put_varint, wide};
use super::{BlobRef, BuildError, LEVEL_MAX, NodeSink};

/// First byte of a leaf; an inner node adds its level.
pub(super) const LIST_NODE: u8 = 16;
/// A node may end only from here on.
const ITEMS_MIN: u64 = 4;
/// A node ends here in any case.
pub(super) const ITEMS_MAX: u64 = 64;
/// 2^32 / 8: a node ends after an item whose id begins below.
const CUT_BELOW: u32 = 1 << 29;

/// Builds a content list from blobs in the order of the file. Memory does not grow with their number.
#[derive(Debug, Default)]
pub struct ContentListBuilder {
    levels: Vec<OpenList>,
}

/// The node of a level that is being filled.
#[derive(Debug, Default)]
struct OpenList {
    /// The items, without the header.
    items: Vec<u8>,
    count: u64,
    content_bytes: u64,
    blobs: u64,
    /// How many nodes of this level were closed, and the last one.
    closed: u64,
    last: Option<NodeId>,
}

/// A closed node, as its parent names it.
struct Closed {
    id: NodeId,
    content_bytes: u64,
    blobs: u64,
}

impl ContentListBuilder {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a blob.
    pub fn push<S: NodeSink + ?Sized>(
        &mut self,
        blob: &BlobRef,
        sink: &mut S,
    ) -> Result<(), BuildError<S::Error>> {
        let leaf = self.level(0);
        put_blob(&mut leaf.items, blob);
        leaf.add(blob.bytes, 1);
        let mut full = leaf.is_full(blob.id.as_bytes());
        let mut level = 0;
        while full {
            let child = self.level(level).close(level, sink).map_err(BuildError::Sink)?;
            full = self.push_child(level, &child)?;
            level += 1;
        }
        Ok(())
    }

    /// Hands on what is still open; the list's root.
    pub fn finish<S: NodeSink + ?Sized>(
        mut self,
        sink: &mut S,
    ) -> Result<NodeId, BuildError<S::Error>> {
        let mut level = 0;
        loop {
            let open = self.level(level);
            if open.count > 0 || open.closed == 0 {
                let child = open.close(level, sink).map_err(BuildError::Sink)?;
                if open.closed == 1 {
                    return Ok(child.id);
                }
                self.push_child(level, &child)?;
            } else if let (1, Some(id)) = (open.closed, open.last) {
                return Ok(id);
            }
            level += 1;
        }
    }

    /// Enters a node that was closed at `level` above; whether that fills the node there.
    fn push_child<E>(&mut self, level: u8, child: &Closed) -> Result<bool, BuildError<E>> {
        if level >= LEVEL_MAX {
            return Err(BuildError::TooDeep);
        }
        let parent = self.level(level + 1);
        parent.items.extend_from_slice(child.id.as_bytes());
        put_varint(&mut parent.items, child.content_bytes);
        put_varint(&mut parent.items, child.blobs);
        parent.add(child.content_bytes, child.blobs);
        Ok(parent.is_full(child.id.as_bytes()))
    }

    fn level(&mut self, level: u8) -> &mut OpenList {
        let level = usize::from(level);
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, OpenList::default);
        }
        self.levels.get_mut(level).expect("the levels were just made")
    }
}

impl OpenList {
    fn add(&mut self, content_bytes: u64, blobs: u64) {
        self.count += 1;
        self.content_bytes = self.content_bytes.saturating_add(content_bytes);
        self.blobs = self.blobs.saturating_add(blobs);
    }

    /// Whether the node ends after the item with this id.
    fn is_full(&self, id: &[u8; 32]) -> bool {
        let [a, b, c, d, ..] = *id;
        let cut = u32::from_le_bytes([a, b, c, d]) < CUT_BELOW;
        self.count >= ITEMS_MAX || self.count >= ITEMS_MIN && cut
    }

    fn close<S: NodeSink + ?Sized>(&mut self, level: u8, sink: &mut S) -> Result<Closed, S::Error> {
        let mut node = Vec::with_capacity(self.items.len() + 2);
        node.push(LIST_NODE + level);
        put_varint(&mut node, self.count);
        node.append(&mut self.items);
        debug_assert!(wide(node.len()) <= ITEMS_MAX * 64, "items have at most 52 bytes");
        let id = sink.put(&node)?;
        let closed = Closed { id, content_bytes: self.content_bytes, blobs: self.blobs };
        *self = Self { closed: self.closed + 1, last: Some(id), ..Self::default() };
        Ok(closed)
    }
}

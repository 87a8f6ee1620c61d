//! Entries that follow each other in a leaf of another tree, taken over without a copy of each.

use std::sync::Arc;

use crate::id::NodeId;

use super::node::{Child, NodeCursor};
use super::{TreeCursor, TreeTotals};

/// Entries of one leaf, one behind the other.
#[derive(Debug, Clone)]
pub struct LeafRun {
    id: NodeId,
    node: Arc<[u8]>,
    /// How many entries the leaf has.
    items: u64,
    /// How many of them come before the run.
    skipped: u64,
    /// The size of each entry, and their sum.
    sizes: Vec<u64>,
    totals: TreeTotals,
    first_key: Vec<u8>,
    last_key: Vec<u8>,
}

impl LeafRun {
    /// The entry that the cursor is at, with this size; `None` elsewhere.
    pub fn new(cursor: &TreeCursor, size: u64) -> Option<Self> {
        let leaf = cursor.leaf()?;
        let (id, node) = leaf.node();
        Some(Self {
            id,
            node: Arc::clone(node),
            items: leaf.items(),
            skipped: leaf.items() - leaf.left() - 1,
            sizes: vec![size],
            totals: TreeTotals { entries: 1, bytes: size },
            first_key: leaf.key().to_vec(),
            last_key: leaf.key().to_vec(),
        })
    }

    /// Adds the entry that the cursor is at, with this size; false, and nothing done, if it does not follow in the leaf.
    pub fn extend(&mut self, cursor: &TreeCursor, size: u64) -> bool {
        let Some(leaf) = cursor.leaf() else { return false };
        let follows = Arc::ptr_eq(&self.node, leaf.node().1)
            && leaf.items() - leaf.left() - 1 == self.skipped + self.totals.entries;
        if follows {
            self.sizes.push(size);
            self.totals.add(TreeTotals { entries: 1, bytes: size });
            self.last_key.clear();
            self.last_key.extend_from_slice(leaf.key());
        }
        follows
    }

    /// How many entries there are, and the sum of their sizes.
    pub fn totals(&self) -> TreeTotals {
        self.totals
    }

    /// The whole leaf, if the run leaves out none of its entries.
    pub(super) fn whole(&self) -> Option<(NodeId, &[u8])> {
        (self.totals.entries == self.items).then_some((self.id, &self.node))
    }

    pub(super) fn first_key(&self) -> &[u8] {
        &self.first_key
    }

    pub(super) fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Calls `visit` with key, encoded entry and size of each.
    pub(super) fn for_each<E>(
        &self,
        mut visit: impl FnMut(&[u8], &[u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let open = NodeCursor::open(Arc::clone(&self.node), &Child::root(self.id));
        let mut leaf = open.expect("another cursor has opened it");
        for _ in 0..self.skipped {
            leaf.advance().expect("another cursor has passed it");
        }
        for size in &self.sizes {
            leaf.advance().expect("another cursor has been at it");
            visit(leaf.key(), leaf.entry(), *size)?;
        }
        Ok(())
    }
}

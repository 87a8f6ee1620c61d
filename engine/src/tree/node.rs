//! Reads one node of the search tree, item by item, as a hostile store may have made it.

use std::ops::Range;
use std::sync::Arc;

use crate::error::FormatError;
use crate::id::NodeId;

use super::wire::Reader;
use super::{KEY_BYTES_MAX, LEVEL_MAX, NODE_BYTES_MAX, TreeTotals};

/// What a parent says about a node.
#[derive(Debug, Clone)]
pub(super) struct Child {
    pub(super) id: NodeId,
    /// Its first key; `None` for a root.
    pub(super) first: Option<Vec<u8>>,
    /// Its keys are below this; `None` on the right edge.
    pub(super) upper: Option<Vec<u8>>,
    /// Its level is below this.
    pub(super) below_level: u8,
    /// What it is said to hold; nothing is known of a root.
    pub(super) totals: TreeTotals,
}

impl Child {
    pub(super) fn root(id: NodeId) -> Self {
        let totals = TreeTotals::default();
        Self { id, first: None, upper: None, below_level: LEVEL_MAX + 1, totals }
    }
}

/// A position in a node.
#[derive(Debug)]
pub(super) struct NodeCursor {
    id: NodeId,
    node: Arc<[u8]>,
    items: u64,
    level: u8,
    upper: Option<Vec<u8>>,
    /// Where the next item begins.
    at: usize,
    /// How many items are still to come.
    left: u64,
    key: Vec<u8>,
    started: bool,
    item: Item,
}

/// What stands beside a key.
#[derive(Debug, Clone)]
enum Item {
    Entry(Range<usize>),
    Child(NodeId, TreeTotals),
}

impl NodeCursor {
    /// Before the first item of a node that the parent describes as `child`.
    pub(super) fn open(node: Arc<[u8]>, child: &Child) -> Result<Self, FormatError> {
        if node.len() > NODE_BYTES_MAX {
            return Err(FormatError::OutOfBounds { what: "size of a tree node" });
        }
        let mut reader = Reader::new(&node);
        let level = reader.byte()?;
        if level > LEVEL_MAX {
            return Err(FormatError::Unrecognised { expected: "tree node" });
        }
        if level >= child.below_level {
            return Err(FormatError::OutOfBounds { what: "level of a tree node" });
        }
        let items = reader.varint()?;
        let (id, left) = (child.id, items);
        let at = node.len() - reader.len();
        let (upper, item) = (child.upper.clone(), Item::Entry(0..0));
        let key = Vec::new();
        let cursor = Self { id, node, items, level, upper, at, left, key, started: false, item };
        let first = cursor.peek_key()?;
        let may_be_empty = level == 0 && child.first.is_none();
        if first.is_none() && !may_be_empty || child.first.is_some() && first != child.first {
            return Err(FormatError::OutOfBounds { what: "first key of a tree node" });
        }
        Ok(cursor)
    }

    /// Its name and its bytes.
    pub(super) fn node(&self) -> (NodeId, &Arc<[u8]>) {
        (self.id, &self.node)
    }

    /// How many items it has.
    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// How many of them come after the one that was read last.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn level(&self) -> u8 {
        self.level
    }

    pub(super) fn upper(&self) -> Option<&[u8]> {
        self.upper.as_deref()
    }

    /// Key of the item that was read last.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Reads the next item; false at the end. After an error, nothing has moved.
    pub(super) fn advance(&mut self) -> Result<bool, FormatError> {
        let mut reader = self.reader();
        if self.left == 0 {
            let complete = reader.is_empty().then_some(false);
            return complete.ok_or(FormatError::OutOfBounds { what: "length of a tree node" });
        }
        let next = self.read_key(&mut reader)?;
        let item = if self.level == 0 {
            let entry = reader.counted()?;
            let end = self.node.len() - reader.len();
            Item::Entry(end - entry.len()..end)
        } else {
            let id = NodeId(reader.array()?);
            Item::Child(id, TreeTotals { entries: reader.varint()?, bytes: reader.varint()? })
        };
        let at = self.node.len() - reader.len();
        self.key.truncate(next.shared);
        self.key.extend_from_slice(self.node.get(next.further).unwrap_or_default());
        (self.at, self.item, self.started) = (at, item, true);
        self.left -= 1;
        Ok(true)
    }

    /// The key of the next item.
    pub(super) fn peek_key(&self) -> Result<Option<Vec<u8>>, FormatError> {
        if self.left == 0 {
            return Ok(None);
        }
        let next = self.read_key(&mut self.reader())?;
        let (kept, _) = self.key.split_at(next.shared);
        Ok(Some([kept, self.node.get(next.further).unwrap_or_default()].concat()))
    }

    /// The encoded entry of a leaf's item; empty in an inner node.
    pub(super) fn entry(&self) -> &[u8] {
        match &self.item {
            Item::Entry(range) => self.node.get(range.clone()).unwrap_or_default(),
            Item::Child(..) => &[],
        }
    }

    /// The child that an inner node's item names; `None` in a leaf.
    pub(super) fn child(&self) -> Option<Child> {
        let Item::Child(id, totals) = self.item else { return None };
        // A next key that cannot be read is an error when it is its turn, not of this child.
        let next = self.peek_key().unwrap_or_default();
        let upper = next.or_else(|| self.upper.clone());
        Some(Child { id, first: Some(self.key.clone()), upper, below_level: self.level, totals })
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(self.node.get(self.at..).unwrap_or_default())
    }

    /// Takes the next key off the reader and checks it.
    fn read_key(&self, reader: &mut Reader<'_>) -> Result<NextKey, FormatError> {
        let out_of_bounds = FormatError::OutOfBounds { what: "key in a tree node" };
        let shared = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        let further = reader.counted()?;
        let Some((kept, replaced)) = self.key.split_at_checked(shared) else {
            return Err(out_of_bounds);
        };
        let ascends = !self.started || further > replaced;
        if !ascends || kept.len() + further.len() > KEY_BYTES_MAX {
            return Err(out_of_bounds);
        }
        let below = |upper: &[u8]| match upper.split_at_checked(shared) {
            Some((head, tail)) if head == kept => further < tail,
            Some((head, _)) => kept < head,
            None => kept.iter().chain(further).lt(upper),
        };
        if self.upper.as_deref().is_some_and(|upper| !below(upper)) {
            return Err(out_of_bounds);
        }
        let end = self.node.len() - reader.len();
        Ok(NextKey { shared, further: end - further.len()..end })
    }
}

/// A key as a node spells it.
struct NextKey {
    /// Bytes that it shares with the key before.
    shared: usize,
    /// Where its further bytes are.
    further: Range<usize>,
}

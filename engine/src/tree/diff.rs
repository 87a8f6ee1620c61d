//! What differs between two trees, without reading what they share.

use std::cmp::Ordering;

use crate::error::{FormatError, ReadError};
use crate::id::NodeId;

use super::{Entry, NodeSource, Step, TreeCursor};

/// A key whose entry is not the same in both trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Vec<u8>,
    /// The encoded entry of the first tree, if it has one.
    pub before: Option<Vec<u8>>,
    /// The encoded entry of the second tree, if it has one.
    pub after: Option<Vec<u8>>,
}

impl Change {
    /// The entry of the first tree.
    pub fn entry_before(&self) -> Result<Option<Entry>, FormatError> {
        self.before.as_deref().map(Entry::parse).transpose()
    }

    /// The entry of the second tree.
    pub fn entry_after(&self) -> Result<Option<Entry>, FormatError> {
        self.after.as_deref().map(Entry::parse).transpose()
    }
}

/// Compares two trees in the order of their keys. Nodes that both have are not read.
#[derive(Debug)]
pub struct Diff {
    before: TreeCursor,
    after: TreeCursor,
    /// What was reported last: which sides have to move on.
    moves: (bool, bool),
    steps: (Step, Step),
}

impl Diff {
    /// Compares everything.
    pub fn new(before: NodeId, after: NodeId) -> Self {
        Self::of(TreeCursor::new(before), TreeCursor::new(after))
    }

    /// Compares what is at and below a key.
    pub fn subtree(before: NodeId, after: NodeId, key: &[u8]) -> Self {
        Self::of(TreeCursor::subtree(before, key), TreeCursor::subtree(after, key))
    }

    fn of(before: TreeCursor, after: TreeCursor) -> Self {
        Self { before, after, moves: (true, true), steps: (Step::End, Step::End) }
    }

    /// The next difference; `None` at the end. After an error see [`Self::skip_damaged`].
    pub fn next(&mut self, source: &mut dyn NodeSource) -> Result<Option<Change>, ReadError> {
        loop {
            if self.moves.0 {
                self.steps.0 = self.before.step()?;
                self.moves.0 = false;
            }
            if self.moves.1 {
                self.steps.1 = self.after.step()?;
                self.moves.1 = false;
            }
            match self.steps {
                (Step::End, Step::End) => return Ok(None),
                (Step::Node(before), Step::Node(after)) if before == after => {
                    self.before.skip_node();
                    self.after.skip_node();
                    self.moves = (true, true);
                }
                (Step::Node(_), Step::Node(_)) => self.enter(self.before_opens_first(), source)?,
                (Step::Node(_), Step::Entry) if !self.after_comes_first() => {
                    self.enter(true, source)?;
                }
                (Step::Entry, Step::Node(_)) if !self.before_comes_first() => {
                    self.enter(false, source)?;
                }
                (Step::Node(_), Step::End) => self.enter(true, source)?,
                (Step::End, Step::Node(_)) => self.enter(false, source)?,
                _ => {
                    if let Some(change) = self.compare_entries() {
                        return Ok(Some(change));
                    }
                }
            }
        }
    }

    /// After an error: leaves out the part of both trees that could not be compared.
    pub fn skip_damaged(&mut self) {
        let (damaged, other, is_before) = if self.before.has_failed() {
            (&mut self.before, &mut self.after, true)
        } else if self.after.has_failed() {
            (&mut self.after, &mut self.before, false)
        } else {
            return;
        };
        // The other side may stand at an entry behind the gap, which is still to be compared.
        let stands_behind =
            damaged.damage_end().is_some_and(|end| other.is_at_entry() && other.key() >= end);
        match damaged.damage_end() {
            Some(end) if !stands_behind => other.seek(end),
            Some(_) => {}
            None => {
                other.stop();
            }
        }
        damaged.skip_damaged();
        let other_moves = !stands_behind;
        self.moves = if is_before { (true, other_moves) } else { (other_moves, true) };
    }

    /// The one that begins earlier is read first, then the higher one: so equal nodes meet unread.
    fn before_opens_first(&self) -> bool {
        let keys = self.before.pending_key().cmp(&self.after.pending_key());
        let levels = self.after.pending_level().cmp(&self.before.pending_level());
        keys.then(levels) != Ordering::Greater
    }

    fn after_comes_first(&self) -> bool {
        self.before.pending_key().is_some_and(|first| self.after.key() < first)
    }

    fn before_comes_first(&self) -> bool {
        self.after.pending_key().is_some_and(|first| self.before.key() < first)
    }

    fn enter(&mut self, before: bool, source: &mut dyn NodeSource) -> Result<(), ReadError> {
        if before {
            self.before.enter(source)?;
            self.moves.0 = true;
        } else {
            self.after.enter(source)?;
            self.moves.1 = true;
        }
        Ok(())
    }

    /// Both sides stand at an entry, or one does and the other has nothing before it.
    fn compare_entries(&mut self) -> Option<Change> {
        let order = match self.steps {
            (Step::Entry, Step::Entry) => self.before.key().cmp(self.after.key()),
            (Step::Entry, _) => Ordering::Less,
            _ => Ordering::Greater,
        };
        self.moves = (order.is_le(), order.is_ge());
        let change = Change {
            key: if order.is_le() { self.before.key() } else { self.after.key() }.to_vec(),
            before: order.is_le().then(|| self.before.encoded().to_vec()),
            after: order.is_ge().then(|| self.after.encoded().to_vec()),
        };
        (change.before != change.after).then_some(change)
    }
}

//! Walks a tree in order, with one path of nodes in memory.

use crate::error::{FormatError, ReadError};
use crate::id::NodeId;

use super::node::{Child, NodeCursor};
use super::{Entry, EntryView, NodeSource, subtree_end};

/// Where a [`TreeCursor`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Before a node: [`TreeCursor::enter`] or [`TreeCursor::skip_node`].
    Node(NodeId),
    /// At an entry: [`TreeCursor::key`] and [`TreeCursor::entry`].
    Entry,
    /// After the last entry.
    End,
}

/// A position in a tree.
///
/// [`advance`](Self::advance) goes from entry to entry; whoever wants to leave out nodes that it knows already uses
/// [`step`](Self::step). After an error the same call repeats the attempt, and
/// [`skip_damaged`](Self::skip_damaged) gives up on the part that could not be read.
#[derive(Debug)]
pub struct TreeCursor {
    root: NodeId,
    /// From the root to the node that is being read.
    path: Vec<NodeCursor>,
    /// A node that is to be read next.
    pending: Option<Child>,
    /// Entries below this key are passed over.
    target: Option<Vec<u8>>,
    /// The walk ends before this key.
    end: Option<Vec<u8>>,
    /// Last key of the leaf that was left last.
    last: Vec<u8>,
    at_entry: bool,
    failed: bool,
}

impl TreeCursor {
    /// Before the first entry of the tree.
    pub fn new(root: NodeId) -> Self {
        Self {
            root,
            path: Vec::new(),
            pending: Some(Child::root(root)),
            target: None,
            end: None,
            last: Vec::new(),
            at_entry: false,
            failed: false,
        }
    }

    /// Before the entry with this key, or the first one below it; ends after the last one below it.
    pub fn subtree(root: NodeId, key: &[u8]) -> Self {
        let mut cursor = Self::new(root);
        cursor.seek(key);
        cursor.end = subtree_end(key);
        cursor
    }

    /// Ends before this key from now on.
    pub fn set_end(&mut self, end: Option<Vec<u8>>) {
        self.end = end;
    }

    /// Goes to the next entry; false at the end.
    pub fn advance(&mut self, source: &mut dyn NodeSource) -> Result<bool, ReadError> {
        loop {
            match self.step()? {
                Step::Node(_) => self.enter(source)?,
                Step::Entry => return Ok(true),
                Step::End => return Ok(false),
            }
        }
    }

    /// Key of the entry that the cursor is at, or else of the last one that it passed; empty before the first.
    pub fn key(&self) -> &[u8] {
        match self.path.last() {
            Some(node) if node.level() == 0 && !node.key().is_empty() => node.key(),
            _ => &self.last,
        }
    }

    /// The entry as it is encoded; empty before the first and after the last.
    pub fn encoded(&self) -> &[u8] {
        self.leaf().map(NodeCursor::entry).unwrap_or_default()
    }

    /// The part of the entry that tells whether a file changed.
    pub fn view(&self) -> Result<EntryView, FormatError> {
        EntryView::parse(self.encoded())
    }

    /// The entry.
    pub fn entry(&self) -> Result<Entry, FormatError> {
        Entry::parse(self.encoded())
    }

    /// Goes to the next node or entry, without reading a node.
    ///
    /// Stays before a node until it is entered or skipped.
    pub fn step(&mut self) -> Result<Step, ReadError> {
        let step = self.try_step();
        self.failed = step.is_err();
        self.at_entry = matches!(step, Ok(Step::Entry));
        Ok(step?)
    }

    fn try_step(&mut self) -> Result<Step, FormatError> {
        loop {
            if let Some(child) = &self.pending {
                if child.first.as_deref().is_some_and(|first| self.is_past_end(first)) {
                    return Ok(self.stop());
                }
                return Ok(Step::Node(child.id));
            }
            let Some(node) = self.path.last_mut() else { return Ok(Step::End) };
            if !node.advance()? {
                self.leave_node();
                continue;
            }
            if node.level() > 0 {
                self.pending = pass_over(node, self.target.as_deref())?;
                continue;
            }
            if self.target.as_deref().is_some_and(|target| node.key() < target) {
                continue;
            }
            self.target = None;
            if self.end.as_deref().is_some_and(|end| node.key() >= end) {
                return Ok(self.stop());
            }
            return Ok(Step::Entry);
        }
    }

    /// Reads the node that the cursor stands before; nothing to do elsewhere.
    pub fn enter(&mut self, source: &mut dyn NodeSource) -> Result<(), ReadError> {
        let Some(child) = &self.pending else { return Ok(()) };
        self.failed = true;
        let node = source.node(&child.id)?;
        let node = NodeCursor::open(node, child)?;
        self.failed = false;
        self.path.push(node);
        self.pending = None;
        Ok(())
    }

    /// Passes over the node that the cursor stands before; nothing to do elsewhere.
    pub fn skip_node(&mut self) {
        self.pending = None;
    }

    /// After an error: gives up on what could not be read, so that the walk goes on behind it.
    ///
    /// That is one node with all below, or the rest of a node that makes no sense. Not after an error: nothing.
    pub fn skip_damaged(&mut self) {
        if self.failed && self.pending.take().is_none() {
            self.leave_node();
        }
        self.failed = false;
    }

    /// Passes over everything below the entry that the cursor is at.
    pub fn skip_below(&mut self) {
        let end = self.leaf().and_then(|leaf| subtree_end(leaf.key()));
        if let Some(end) = end {
            self.seek(&end);
        } else {
            self.stop();
        }
    }

    /// The next entry will be the first with this key or above. Forwards this reads only what lies between.
    pub fn seek(&mut self, key: &[u8]) {
        if self.is_ahead(key) {
            if self.pending.as_ref().is_some_and(|child| is_past(child.upper.as_deref(), key)) {
                self.pending = None;
            }
            while self.path.last().is_some_and(|node| is_past(node.upper(), key)) {
                self.path.pop();
            }
        } else {
            self.path.clear();
            self.pending = Some(Child::root(self.root));
        }
        self.target = Some(key.to_vec());
        (self.at_entry, self.failed) = (false, false);
    }

    /// Whether nothing at or above the key was passed.
    fn is_ahead(&self, key: &[u8]) -> bool {
        if self.target.as_deref().is_some_and(|target| key < target) {
            return false;
        }
        match (&self.pending, self.leaf()) {
            (Some(child), _) => child.first.as_deref().is_some_and(|first| key >= first),
            (None, Some(leaf)) => key > leaf.key(),
            (None, None) => false,
        }
    }

    /// How many entries lie below the node that the cursor stands before, if its parent says so.
    pub fn pending_entries(&self) -> Option<u64> {
        self.pending
            .as_ref()
            .filter(|child| child.first.is_some())
            .map(|child| child.totals.entries)
    }

    /// A walk of its own through the node that the cursor stands before, and no further.
    #[must_use]
    pub fn branch(&self) -> Self {
        let (pending, target, end) = (self.pending.clone(), self.target.clone(), self.end.clone());
        Self { pending, target, end, ..Self::new(self.root) }
    }

    /// The first key of the node that the cursor stands before; `None` before a root and elsewhere.
    pub fn pending_key(&self) -> Option<&[u8]> {
        self.pending.as_ref().and_then(|child| child.first.as_deref())
    }

    /// The level that the pending node has in a tree as this module builds it, plus one.
    pub fn pending_level(&self) -> u8 {
        self.pending.as_ref().map_or(0, |child| child.below_level)
    }

    /// Where the part ends that [`Self::skip_damaged`] would give up; `None` if that is the end of the tree.
    pub(super) fn damage_end(&self) -> Option<&[u8]> {
        match &self.pending {
            Some(child) => child.upper.as_deref(),
            None => self.path.last().and_then(NodeCursor::upper),
        }
    }

    pub(super) fn is_at_entry(&self) -> bool {
        self.at_entry
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Ends the walk.
    pub(super) fn stop(&mut self) -> Step {
        self.path.clear();
        self.pending = None;
        self.target = None;
        self.at_entry = false;
        Step::End
    }

    fn leave_node(&mut self) {
        if let Some(node) = self.path.pop().filter(|node| node.level() == 0) {
            self.last.clear();
            self.last.extend_from_slice(node.key());
        }
    }

    fn is_past_end(&self, key: &[u8]) -> bool {
        self.end.as_deref().is_some_and(|end| key >= end)
    }

    /// The leaf with the entry that the cursor is at.
    pub(super) fn leaf(&self) -> Option<&NodeCursor> {
        self.path.last().filter(|_| self.at_entry)
    }
}

/// Whether a part that ends before `upper` has nothing at or above the key.
fn is_past(upper: Option<&[u8]>, key: &[u8]) -> bool {
    upper.is_some_and(|upper| upper <= key)
}

/// From the item that an inner node is at to the child that may hold the target.
fn pass_over(node: &mut NodeCursor, target: Option<&[u8]>) -> Result<Option<Child>, FormatError> {
    let mut child = node.child();
    while let (Some(target), Some(upper)) =
        (target, child.as_ref().and_then(|child| child.upper.as_deref()))
    {
        if upper > target || !node.advance()? {
            break;
        }
        child = node.child();
    }
    Ok(child)
}

//! Reads a content list in order or from an offset on.

use crate::error::{FormatError, ReadError};
use crate::id::NodeId;

use super::codec::read_blob;
use super::content_list::LIST_NODE;
use super::wire::Reader;
use super::{BlobRef, LEVEL_MAX, NODE_BYTES_MAX, NodeSource};

/// A larger blob cannot be stored.
const BLOB_BYTES_MAX: u64 = 16 << 20;

/// A position in a content list.
#[derive(Debug)]
pub struct ContentListCursor {
    root: NodeId,
    /// From the root's items to those of the node that is being read, each reversed: the next is last.
    path: Vec<Vec<Item>>,
    started: bool,
    /// Where the next item begins in the content.
    offset: u64,
    /// Blobs that end at or before this offset are passed over.
    target: u64,
    failed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Blob(BlobRef),
    Node(Described),
}

/// What a parent says about a node.
#[derive(Debug, Clone, Copy)]
struct Described {
    id: NodeId,
    content_bytes: u64,
    blobs: u64,
    below_level: u8,
}

impl Item {
    fn content_bytes(&self) -> u64 {
        match self {
            Self::Blob(blob) => blob.bytes,
            Self::Node(node) => node.content_bytes,
        }
    }

    fn blobs(&self) -> u64 {
        match self {
            Self::Blob(_) => 1,
            Self::Node(node) => node.blobs,
        }
    }
}

impl ContentListCursor {
    /// Before the first blob.
    pub fn new(root: NodeId) -> Self {
        Self { root, path: Vec::new(), started: false, offset: 0, target: 0, failed: false }
    }

    /// The next blob will be the one that holds the byte at this offset of the content.
    pub fn seek(&mut self, offset: u64) {
        if offset < self.offset {
            *self = Self::new(self.root);
        }
        self.target = offset;
    }

    /// The next blob and where it begins in the content; `None` at the end.
    ///
    /// The entry tells how much content to expect; a list that has more or less is damaged.
    pub fn next(
        &mut self,
        source: &mut dyn NodeSource,
    ) -> Result<Option<(u64, BlobRef)>, ReadError> {
        if !self.started {
            let items = self.open(None, self.root, source)?;
            self.path.push(items);
            self.started = true;
        }
        while let Some(items) = self.path.last_mut() {
            let Some(item) = items.last().copied() else {
                self.path.pop();
                continue;
            };
            let end = self
                .offset
                .checked_add(item.content_bytes())
                .ok_or(FormatError::OutOfBounds { what: "content of a list" })?;
            let passed = end <= self.target;
            if let (Item::Node(node), false) = (item, passed) {
                let below = self.open(Some(&node), node.id, source)?;
                self.path.last_mut().map(Vec::pop);
                self.path.push(below);
                continue;
            }
            items.pop();
            let start = std::mem::replace(&mut self.offset, end);
            if let (Item::Blob(blob), false) = (item, passed) {
                return Ok(Some((start, blob)));
            }
        }
        Ok(None)
    }

    /// After an error: passes over the node that could not be read, and says how many bytes of content that was.
    ///
    /// `None`: it was the root, and nothing is left.
    pub fn skip_damaged(&mut self) -> Option<u64> {
        if !std::mem::take(&mut self.failed) {
            return Some(0);
        }
        self.started = true;
        let item = self.path.last_mut().and_then(Vec::pop)?;
        self.offset = self.offset.saturating_add(item.content_bytes());
        Some(item.content_bytes())
    }

    fn open(
        &mut self,
        described: Option<&Described>,
        id: NodeId,
        source: &mut dyn NodeSource,
    ) -> Result<Vec<Item>, ReadError> {
        self.failed = true;
        let node = source.node(&id)?;
        let mut items = parse_node(&node, described)?;
        items.reverse();
        self.failed = false;
        Ok(items)
    }
}

/// All items of a node; they must add up to what the parent said, or offsets would lie.
fn parse_node(node: &[u8], described: Option<&Described>) -> Result<Vec<Item>, FormatError> {
    let out_of_bounds = FormatError::OutOfBounds { what: "content of a list" };
    if node.len() > NODE_BYTES_MAX {
        return Err(out_of_bounds);
    }
    let mut reader = Reader::new(node);
    let level = reader
        .byte()?
        .checked_sub(LIST_NODE)
        .filter(|level| *level <= LEVEL_MAX)
        .ok_or(FormatError::Unrecognised { expected: "content list" })?;
    let count = reader.varint()?;
    let mut items = Vec::new();
    let (mut content_bytes, mut blobs) = (0_u64, 0_u64);
    for _ in 0..count {
        let item = read_item(&mut reader, level)?;
        let add = |sum: u64, more| sum.checked_add(more).ok_or(out_of_bounds.clone());
        content_bytes = add(content_bytes, item.content_bytes())?;
        blobs = add(blobs, item.blobs())?;
        items.push(item);
    }
    let contradicts = described.is_some_and(|said| {
        level >= said.below_level || said.content_bytes != content_bytes || said.blobs != blobs
    });
    if contradicts || !reader.is_empty() || level > 0 && count == 0 {
        return Err(out_of_bounds);
    }
    Ok(items)
}

/// No item is empty: a hostile list cannot keep a reader busy without giving content.
fn read_item(reader: &mut Reader<'_>, level: u8) -> Result<Item, FormatError> {
    let item = if level == 0 {
        Item::Blob(read_blob(reader)?)
    } else {
        let id = NodeId(reader.array()?);
        let (content_bytes, blobs) = (reader.varint()?, reader.varint()?);
        Item::Node(Described { id, content_bytes, blobs, below_level: level })
    };
    let too_large = level == 0 && item.content_bytes() > BLOB_BYTES_MAX;
    if item.content_bytes() == 0 || item.blobs() == 0 || too_large {
        return Err(FormatError::OutOfBounds { what: "content of a list" });
    }
    Ok(item)
}

//! The manifest of a snapshot: sorted paths to entries, as a content-defined search tree.
//!
//! Nodes are cut where a keyed hash of the key says so, hence the same map gives the same nodes whatever its history,
//! and a small change rewrites one path of nodes. Nothing here does I/O: builders hand finished nodes to a
//! [`NodeSink`], readers ask a [`NodeSource`]. Nodes may come from a hostile store: every length is bounded, levels
//! fall strictly towards the leaves, and keys ascend strictly within the range that the parent states.
//! That a node has the id that it was asked for is the [`NodeSource`]'s promise, not checked here.
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

use std::sync::Arc;

use crate::error::ReadError;
use crate::id::NodeId;

mod builder;
mod codec;
mod content_list;
mod cursor;
mod diff;
mod entry;
mod key;
mod list_cursor;
mod node;
mod query;
mod references;
mod run;
#[cfg(test)]
mod tests;
mod view;
mod wire;

pub use self::builder::{BuildError, TreeBuilder};
pub use self::content_list::ContentListBuilder;
pub use self::cursor::{Step, TreeCursor};
pub use self::diff::{Change, Diff};
pub use self::entry::{
    BlobRef, Entry, FileContent, Kind, Transform, UnknownField, UnknownValue, Xattr, XattrValue,
};
pub use self::key::{
    components, file_name, key_from_path, parent_key, path_from_key, safe_component, safe_key,
    subtree_end,
};
pub use self::list_cursor::ContentListCursor;
pub use self::query::{lookup, nth, totals};
pub use self::references::{Reference, references};
pub use self::run::LeafRun;
pub use self::view::EntryView;

/// A larger node is refused.
pub const NODE_BYTES_MAX: usize = 1 << 20;
/// A longer key is refused.
pub const KEY_BYTES_MAX: usize = 64 << 10;
/// The highest level of an inner node.
pub const LEVEL_MAX: u8 = 15;

/// Takes finished nodes of a tree or of a content list.
pub trait NodeSink {
    /// Why a node could not be stored.
    type Error;

    /// Stores a node, or knows that it is stored, and names it.
    fn put(&mut self, node: &[u8]) -> Result<NodeId, Self::Error>;

    /// As [`put`](Self::put), for a node that a [`NodeSource`] gave under this id.
    fn put_again(&mut self, id: &NodeId, node: &[u8]) -> Result<NodeId, Self::Error>;

    /// The keyed hash that decides whether a node of this level ends after this key.
    fn split(&self, level: u8, key: &[u8]) -> u32;
}

/// Gives nodes by id.
pub trait NodeSource {
    /// The node whose bytes were verified to have this id.
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError>;
}

/// How much a tree, or a part of it, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeTotals {
    /// Number of entries.
    pub entries: u64,
    /// Sum of their sizes.
    pub bytes: u64,
}

impl TreeTotals {
    /// Adds another part; stops at the maximum.
    pub fn add(&mut self, other: Self) {
        self.entries = self.entries.saturating_add(other.entries);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

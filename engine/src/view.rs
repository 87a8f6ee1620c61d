//! Presents snapshots as read-only trees: look an entry up, list a folder, list everything below it, read a file at any
//! offset, compare two of them.
//!
//! Damage in one part of the tree is reported and skipped; the rest can still be listed.

mod ahead;
mod compare;
mod file;
mod find;
mod frames;
mod nodes;
mod reader;
mod rebuilt;

pub use self::compare::{Compared, Difference, Differs, compare, has_same_content};
pub use self::file::File;
pub use self::find::{Found, Holders, find, is_same_version};
use self::nodes::Nodes;
pub use self::reader::Reader;
use crate::error::{Problem, ReadError};
use crate::id::NodeId;
use crate::repository::Repository;
use crate::tree::{Entry, TreeCursor, TreeTotals, lookup, path_from_key, subtree_end, totals};

/// How far down a listing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The entries of the folder itself.
    Children,
    /// Everything below it.
    All,
}

/// The tree of one snapshot.
#[derive(Debug, Clone, Copy)]
pub struct View<'r> {
    nodes: Nodes<'r>,
    root: NodeId,
}

impl<'r> View<'r> {
    /// Looks at the tree with this root, once: whoever comes back takes a [`Reader`].
    pub fn new(repository: &'r Repository, root: NodeId) -> Self {
        Self { nodes: Nodes { repository, cache: None }, root }
    }

    /// The entry at a key, if there is one.
    pub fn entry(&self, key: &[u8]) -> Result<Option<Entry>, ReadError> {
        let mut nodes = self.nodes;
        lookup(self.root, key, &mut nodes)
    }

    /// How many entries there are at and below a key, and their bytes, read from one path of nodes.
    pub fn totals(&self, key: &[u8]) -> Result<TreeTotals, ReadError> {
        let mut nodes = self.nodes;
        totals(self.root, key, &mut nodes)
    }

    /// Calls `visit` for each entry below `key` (the whole tree for an empty one), in order, until it returns `false`.
    pub fn list(
        &self,
        key: &[u8],
        depth: Depth,
        visit: &mut dyn FnMut(&[u8], &Entry) -> bool,
        report: &mut dyn FnMut(Problem),
    ) {
        self.list_after((key, key), depth, visit, report);
    }

    /// The same from the first entry behind `last` on, which is an entry below `key` that was listed before.
    pub fn list_after(
        &self,
        (key, last): (&[u8], &[u8]),
        depth: Depth,
        visit: &mut dyn FnMut(&[u8], &Entry) -> bool,
        report: &mut dyn FnMut(Problem),
    ) {
        let mut nodes = self.nodes;
        let mut cursor = TreeCursor::subtree(self.root, key);
        if last != key {
            let behind = if depth == Depth::Children { subtree_end(last) } else { None };
            cursor.seek(&behind.unwrap_or_else(|| [last, &[0]].concat()));
        }
        let mut after = key.to_vec();
        loop {
            let entry = match cursor.advance(&mut nodes) {
                Ok(false) => return,
                Ok(true) => cursor.entry().map_err(ReadError::from),
                Err(error) => Err(error),
            };
            match entry {
                Ok(_) if cursor.key() == key => {}
                Ok(entry) => {
                    after.clear();
                    after.extend_from_slice(cursor.key());
                    if !visit(&after, &entry) {
                        return;
                    }
                    if depth == Depth::Children && subtree_end(&after).is_some() {
                        cursor.skip_below();
                    }
                }
                Err(error) => {
                    // A store that cannot be reached will not give the next node either.
                    let goes_on = error.is_local();
                    let source = Box::new(error);
                    report(Problem::TreeDamaged { after: path_from_key(&after), source });
                    if !goes_on {
                        return;
                    }
                    cursor.skip_damaged();
                }
            }
        }
    }
}

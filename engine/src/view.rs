//! Presents a snapshot as a read-only tree: look an entry up, list a folder, list everything below it, compare it
//! with another.
//!
//! Damage in one part of the tree is reported and skipped; the rest can still be listed.

mod compare;

pub use self::compare::{Compared, Difference, Differs, compare};
use crate::error::{Problem, ReadError};
use crate::id::NodeId;
use crate::repository::Repository;
use crate::tree::{Entry, TreeCursor, lookup, path_from_key, subtree_end};

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
    repository: &'r Repository,
    root: NodeId,
}

impl<'r> View<'r> {
    /// Looks at the tree with this root.
    pub fn new(repository: &'r Repository, root: NodeId) -> Self {
        Self { repository, root }
    }

    /// The entry at a key, if there is one.
    pub fn entry(&self, key: &[u8]) -> Result<Option<Entry>, ReadError> {
        let mut nodes = self.repository;
        lookup(self.root, key, &mut nodes)
    }

    /// Calls `visit` for each entry below `key` (the whole tree for an empty one), in order, until it returns `false`.
    pub fn list(
        &self,
        key: &[u8],
        depth: Depth,
        visit: &mut dyn FnMut(&[u8], &Entry) -> bool,
        report: &mut dyn FnMut(Problem),
    ) {
        let mut nodes = self.repository;
        let mut cursor = TreeCursor::subtree(self.root, key);
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
                    let source = Box::new(error);
                    report(Problem::TreeDamaged { after: path_from_key(&after), source });
                    cursor.skip_damaged();
                }
            }
        }
    }
}

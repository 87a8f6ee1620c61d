//! Which snapshots and which paths damage touches. Only after damage; nodes that nothing lost lies below are not read
//! twice, whatever the number of snapshots.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::report::{Affected, Standing, Touched};
use crate::error::ReadError;
use crate::id::{BlobPrefix, NodeId};
use crate::progress::Progress;
use crate::repository::{Repository, RepositoryError};
use crate::snapshot::Snapshot;
use crate::tree::{
    BlobRef, Entry, FileContent, NodeSource as _, Reference, Step, TreeCursor, XattrValue,
    path_from_key, references,
};

/// Places that are named for each snapshot.
const TOUCHED_MAX: usize = 1000;

/// Deeper than any tree whose leaves hold content lists.
const DEPTH_MAX: u32 = 64;

/// What is lost, and what of the trees that touches.
pub(crate) struct Damage<'r> {
    repository: &'r Repository,
    lost: Arc<HashSet<BlobPrefix>>,
    /// Nodes that were looked at, and whether something lost lies at or below them.
    touched: HashMap<NodeId, bool>,
}

impl<'r> Damage<'r> {
    pub(crate) fn new(repository: &'r Repository, lost: HashSet<BlobPrefix>) -> Self {
        Self { repository, lost: Arc::new(lost), touched: HashMap::new() }
    }

    /// Blobs that cannot be read.
    pub(crate) fn lost(&self) -> Arc<HashSet<BlobPrefix>> {
        Arc::clone(&self.lost)
    }

    fn is_lost(&self, blob: &BlobRef) -> bool {
        self.lost.contains(&blob.id.prefix())
    }

    /// Whether anything at or below this node of a tree or content list is lost.
    fn touches(&mut self, node: NodeId) -> Result<bool, RepositoryError> {
        self.look(node, 0)
    }

    fn look(&mut self, id: NodeId, depth: u32) -> Result<bool, RepositoryError> {
        if self.lost.contains(&id.prefix()) || depth > DEPTH_MAX {
            return Ok(true);
        }
        if let Some(known) = self.touched.get(&id) {
            return Ok(*known);
        }
        let mut nodes = self.repository;
        let mut below = Vec::new();
        let mut touched = false;
        let read = nodes.node(&id).and_then(|node| {
            let visit = &mut |reference: Reference| match reference {
                Reference::Node(node) => below.push(node),
                Reference::Blob(blob) => touched |= self.is_lost(&blob),
            };
            references(&node, visit).map_err(ReadError::Node)
        });
        touched |= is_unreadable(read)?.is_none();
        for node in below {
            touched = touched || self.look(node, depth + 1)?;
        }
        self.touched.insert(id, touched);
        Ok(touched)
    }

    /// Whether the content of this entry is not whole.
    fn touches_content(&mut self, entry: &Entry) -> Result<bool, RepositoryError> {
        match &entry.content {
            FileContent::Empty | FileContent::Inline(_) => Ok(false),
            FileContent::List(blobs) => Ok(blobs.iter().any(|blob| self.is_lost(blob))),
            FileContent::Tree(list) => self.touches(*list),
        }
    }

    /// Whether the value of an extended attribute is lost.
    fn touches_value(&self, value: &XattrValue) -> bool {
        match value {
            XattrValue::Inline(_) => false,
            XattrValue::Blob(blob) => self.is_lost(blob),
        }
    }

    /// Walks a tree. Without `whole`, nodes that damage does not touch are passed over.
    pub(crate) fn walk(
        &mut self,
        root: NodeId,
        whole: bool,
        visit: &mut dyn FnMut(Found<'_>) -> Result<(), RepositoryError>,
    ) -> Result<(), RepositoryError> {
        let mut nodes = self.repository;
        let mut cursor = TreeCursor::new(root);
        loop {
            let Some(step) = is_unreadable(cursor.step())? else {
                visit(Found::Gap { after: cursor.key(), entries: None })?;
                cursor.skip_damaged();
                continue;
            };
            match step {
                Step::End => return Ok(()),
                Step::Node(id) if self.lost.contains(&id.prefix()) => {
                    visit(Found::Gap { after: cursor.key(), entries: cursor.pending_entries() })?;
                    cursor.skip_node();
                }
                Step::Node(id) if !whole && !self.touches(id)? => cursor.skip_node(),
                Step::Node(_) => {
                    if is_unreadable(cursor.enter(&mut nodes))?.is_none() {
                        let entries = cursor.pending_entries();
                        visit(Found::Gap { after: cursor.key(), entries })?;
                        cursor.skip_damaged();
                    }
                }
                Step::Entry => visit(match cursor.entry() {
                    Ok(entry) if self.touches_content(&entry)? => Found::Content(cursor.key()),
                    Ok(entry) if entry.xattrs.iter().any(|one| self.touches_value(&one.value)) => {
                        Found::Attributes(cursor.key(), entry)
                    }
                    Ok(entry) => Found::Whole(&cursor, entry),
                    Err(_) => Found::Content(cursor.key()),
                })?,
            }
        }
    }

    /// What damage does to a snapshot; `None` if nothing.
    pub(crate) fn affects(
        &mut self,
        snapshot: &Snapshot,
        standing: Standing,
        progress: &dyn Progress,
    ) -> Result<Option<Affected>, RepositoryError> {
        if progress.cancelled() {
            return Err(RepositoryError::Cancelled);
        }
        let root = snapshot.record.root;
        if !self.touches(root)? {
            return Ok(None);
        }
        let mut affected = Affected {
            snapshot: snapshot.session,
            standing,
            lost: self.is_root_lost(root)?,
            touched: Vec::new(),
            more: 0,
        };
        self.walk(root, false, &mut |found| {
            let touched = match found {
                Found::Content(key) => Touched::Content(path_from_key(key)),
                Found::Attributes(key, _) => Touched::Attributes(path_from_key(key)),
                Found::Gap { after, entries } => Touched::Entries { after: path(after), entries },
                Found::Whole(..) => return Ok(()),
            };
            if affected.touched.len() < TOUCHED_MAX {
                affected.touched.push(touched);
            } else {
                affected.more += 1;
            }
            Ok(())
        })?;
        Ok(Some(affected))
    }

    /// Whether nothing of a tree can be listed.
    fn is_root_lost(&self, root: NodeId) -> Result<bool, RepositoryError> {
        let mut nodes = self.repository;
        Ok(self.lost.contains(&root.prefix()) || is_unreadable(nodes.node(&root))?.is_none())
    }
}

/// What a walk meets.
pub(crate) enum Found<'a> {
    /// An entry that is whole, or that nothing was said to be wrong about.
    Whole(&'a TreeCursor, Entry),
    /// An entry whose content is not whole.
    Content(&'a [u8]),
    /// An entry of which only extended attributes are lost.
    Attributes(&'a [u8], Entry),
    /// Entries that cannot be listed.
    Gap { after: &'a [u8], entries: Option<u64> },
}

fn path(key: &[u8]) -> PathBuf {
    if key.is_empty() { PathBuf::from("/") } else { path_from_key(key) }
}

/// `None` for what is lost; an error if the store says nothing about it.
fn is_unreadable<T>(read: Result<T, ReadError>) -> Result<Option<T>, RepositoryError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_local() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

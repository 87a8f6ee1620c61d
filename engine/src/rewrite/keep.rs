//! Makes sure that a session may refer to all that a tree needs, by storing again what it may not.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;

use super::RewriteError;
use crate::error::ReadError;
use crate::fetch::{Loss, read_all};
use crate::id::{BlobPrefix, ContentId, NodeId, SessionId};
use crate::progress::{Counter, Progress};
use crate::repository::{Repository, RepositoryError, Session};
use crate::tree::{
    BlobRef, ContentListCursor, Entry, FileContent, NodeSource, TreeCursor, XattrValue,
    path_from_key,
};

/// Bytes of content that wait to be read together.
const WAITING_BYTES_MAX: u64 = 16 << 20;
/// Blobs that wait to be read together.
const WAITING_BLOBS_MAX: usize = 4096;

/// Walks through what a snapshot needs. Holds the names of the content lists it has seen, 16 bytes each, and a bounded
/// number of blobs that wait to be read; nothing else grows with the snapshot.
#[derive(Debug)]
pub(super) struct Keeper<'s, 'r, 'p> {
    pub(super) session: &'s mut Session<'r>,
    progress: &'p dyn Progress,
    loss: Loss<'p>,
    lists: HashSet<BlobPrefix>,
    waiting: Waiting,
}

/// Content that has to be read and stored again, and the entries that need it.
#[derive(Debug, Default)]
struct Waiting {
    ids: Vec<ContentId>,
    needed_by: Vec<Vec<Arc<[u8]>>>,
    positions: HashMap<ContentId, usize>,
    bytes: u64,
}

impl Waiting {
    fn add(&mut self, blob: &BlobRef, key: &Arc<[u8]>) {
        if let Some(keys) =
            self.positions.get(&blob.id).and_then(|position| self.needed_by.get_mut(*position))
        {
            keys.push(Arc::clone(key));
            return;
        }
        self.positions.insert(blob.id, self.ids.len());
        self.ids.push(blob.id);
        self.needed_by.push(vec![Arc::clone(key)]);
        self.bytes = self.bytes.saturating_add(blob.bytes);
    }

    fn is_full(&self) -> bool {
        self.bytes >= WAITING_BYTES_MAX || self.ids.len() >= WAITING_BLOBS_MAX
    }
}

impl<'s, 'r, 'p> Keeper<'s, 'r, 'p> {
    pub(super) fn new(session: &'s mut Session<'r>, progress: &'p dyn Progress) -> Self {
        Self {
            session,
            progress,
            loss: Loss::new(progress),
            lists: HashSet::new(),
            waiting: Waiting::default(),
        }
    }

    /// Keeps the nodes of the tree and everything that its entries refer to.
    pub(super) fn keep_tree(&mut self, root: NodeId) -> Result<(), RewriteError> {
        let mut cursor = TreeCursor::new(root);
        loop {
            let mut nodes = KeptNodes::new(self.session);
            let advanced = cursor.advance(&mut nodes);
            nodes.end()?;
            match advanced {
                Ok(false) => return Ok(()),
                Ok(true) => self.at_entry(&cursor)?,
                Err(error) => {
                    self.lose_tree(cursor.key(), error)?;
                    cursor.skip_damaged();
                }
            }
        }
    }

    /// Keeps what the entry that a cursor is at refers to.
    pub(super) fn at_entry(&mut self, cursor: &TreeCursor) -> Result<(), RewriteError> {
        if self.progress.cancelled() {
            return Err(RewriteError::Cancelled);
        }
        match cursor.entry() {
            Ok(entry) => {
                self.progress.current(&path_from_key(cursor.key()));
                self.keep_entry(&Arc::from(cursor.key()), &entry)?;
                self.progress.add(Counter::Entries, 1);
                Ok(())
            }
            Err(error) => self.lose_tree(cursor.key(), error.into()),
        }
    }

    fn keep_entry(&mut self, key: &Arc<[u8]>, entry: &Entry) -> Result<(), RewriteError> {
        for xattr in &entry.xattrs {
            match &xattr.value {
                XattrValue::Inline(_) => {}
                XattrValue::Blob(blob) => self.keep_blob(key, blob)?,
            }
        }
        match &entry.content {
            FileContent::Empty | FileContent::Inline(_) => Ok(()),
            FileContent::List(blobs) => blobs.iter().try_for_each(|blob| self.keep_blob(key, blob)),
            FileContent::Tree(root) => self.keep_list(key, *root),
        }
    }

    fn keep_list(&mut self, key: &Arc<[u8]>, root: NodeId) -> Result<(), RewriteError> {
        if !self.lists.insert(root.prefix()) {
            return Ok(());
        }
        let mut cursor = ContentListCursor::new(root);
        loop {
            let mut nodes = KeptNodes::new(self.session);
            let next = cursor.next(&mut nodes);
            nodes.end()?;
            match next {
                Ok(None) => return Ok(()),
                Ok(Some((_, blob))) => self.keep_blob(key, &blob)?,
                Err(error) => {
                    // Another entry with the same list is lost as well.
                    self.lists.remove(&root.prefix());
                    self.lose_content(key, error)?;
                    if cursor.skip_damaged().is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn keep_blob(&mut self, key: &Arc<[u8]>, blob: &BlobRef) -> Result<(), RewriteError> {
        if self.session.is_known(&blob.id.prefix()) {
            return Ok(());
        }
        self.waiting.add(blob, key);
        if self.waiting.is_full() { self.store_waiting() } else { Ok(()) }
    }

    /// Reads what waits from wherever it still is, and stores it again.
    fn store_waiting(&mut self) -> Result<(), RewriteError> {
        let waiting = mem::take(&mut self.waiting);
        let outcomes = read_all(self.session.repository(), &waiting.ids);
        for ((id, keys), outcome) in waiting.ids.iter().zip(&waiting.needed_by).zip(outcomes) {
            match outcome {
                Ok(fetched) if !self.loss.is_any() => {
                    self.session.put_content(fetched.lane, id, &fetched.bytes)?;
                }
                // Nothing will be committed; it only remains to say what else is lost.
                Ok(_) => {}
                Err(error) => {
                    keys.iter().try_for_each(|key| self.lose_content(key, error.copy()))?;
                }
            }
        }
        if self.progress.cancelled() { Err(RewriteError::Cancelled) } else { Ok(()) }
    }

    fn lose_content(&mut self, key: &[u8], error: ReadError) -> Result<(), RewriteError> {
        self.loss.content(key, local(error)?);
        Ok(())
    }

    /// What cannot be read of the tree is reported; a store that cannot be read at all ends everything.
    pub(super) fn lose_tree(&mut self, after: &[u8], error: ReadError) -> Result<(), RewriteError> {
        self.loss.tree(after, local(error)?);
        Ok(())
    }

    /// Stores what still waits. Refuses if anything is lost.
    pub(super) fn finish(mut self, snapshot: SessionId) -> Result<(), RewriteError> {
        self.store_waiting()?;
        let lost = |(paths, places)| Err(RewriteError::Lost { snapshot, paths, places });
        self.loss.found().map_or(Ok(()), lost)
    }
}

fn local(error: ReadError) -> Result<ReadError, RewriteError> {
    if error.is_local() { Ok(error) } else { Err(RewriteError::Repository(error.into())) }
}

/// Reads nodes, and stores again those that must not be referred to where they are.
struct KeptNodes<'a, 'r> {
    session: &'a mut Session<'r>,
    failure: Option<RepositoryError>,
}

impl<'a, 'r> KeptNodes<'a, 'r> {
    fn new(session: &'a mut Session<'r>) -> Self {
        Self { session, failure: None }
    }

    fn end(self) -> Result<(), RepositoryError> {
        self.failure.map_or(Ok(()), Err)
    }
}

impl NodeSource for KeptNodes<'_, '_> {
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        let mut nodes: &Repository = self.session.repository();
        let node = nodes.node(id)?;
        if let Err(error) = self.session.put_node(&node) {
            self.failure.get_or_insert(error);
        }
        Ok(node)
    }
}

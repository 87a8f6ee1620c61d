//! Reads entries and content of all snapshots, from several threads at once, with caches that do not grow.

use std::sync::Arc;

use super::View;
use super::ahead::Ahead;
use super::file::File;
use super::frames::Frames;
use super::nodes::{NodeCache, Nodes};
use crate::error::ReadError;
use crate::id::NodeId;
use crate::repository::Repository;
use crate::tree::{Entry, Xattr, XattrValue};

/// Nodes that are kept.
const NODES_BYTES: u64 = 8 << 20;

/// Presents the snapshots of a repository. Clones share the caches.
#[derive(Debug, Clone)]
pub struct Reader(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) repository: Arc<Repository>,
    nodes: NodeCache,
    pub(super) frames: Frames,
    pub(super) ahead: Ahead,
}

impl Reader {
    /// Keeps at most so many bytes of content.
    pub fn new(repository: Arc<Repository>, content_bytes: u64) -> Self {
        let (nodes, frames) = (NodeCache::new(NODES_BYTES), Frames::new(content_bytes));
        // What is ahead and what is being read fit in together.
        let ahead = Ahead::new(content_bytes / 4, repository.threads());
        Self(Arc::new(Shared { repository, nodes, frames, ahead }))
    }

    /// What is read.
    pub fn repository(&self) -> &Repository {
        &self.0.repository
    }

    /// The tree with this root.
    pub fn view(&self, root: NodeId) -> View<'_> {
        View { nodes: self.0.nodes(), root }
    }

    /// The content of a file; nothing is read yet. Other kinds are empty.
    ///
    /// A transformed file is made again from its beginning, and can be read at any offset at that price.
    pub fn open(&self, entry: &Entry) -> File {
        File::new(Arc::clone(&self.0), entry)
    }

    /// What a transformed file holds, in a form that other programs read; `None` if that is nothing, or cannot be had.
    ///
    /// Where it is stored as it is, nothing is read yet, and reading it at any offset costs no more than of any file. Where
    /// it has to be made, it is made once to learn its length.
    pub fn open_decoded(&self, entry: &Entry) -> Option<File> {
        File::decoded(Arc::clone(&self.0), entry)
    }

    /// The value of an extended attribute.
    pub fn xattr(&self, xattr: &Xattr) -> Result<Vec<u8>, ReadError> {
        match &xattr.value {
            XattrValue::Inline(value) => Ok(value.clone()),
            XattrValue::Blob(blob) => {
                let mut value = Vec::new();
                self.0.frames.content(&self.0.repository, &blob.id, &mut |bytes| {
                    value.extend_from_slice(bytes);
                })?;
                Ok(value)
            }
        }
    }
}

impl Shared {
    pub(super) fn nodes(&self) -> Nodes<'_> {
        Nodes { repository: &self.repository, cache: Some(&self.nodes) }
    }
}

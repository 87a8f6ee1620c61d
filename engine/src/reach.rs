//! Marks every blob that snapshots need, so that what is not marked can be told from what is.
//!
//! One bit for each blob of the index, and one path of nodes: memory does not depend on the number of snapshots. A
//! node that two trees share is read once. Damage is collected; a caller that deletes must not go on after any.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::ReadError;
use crate::id::{BlobPrefix, NodeId};
use crate::index::{Marked, Marks};
use crate::progress::Progress;
use crate::repository::{Catalogue, Repository, RepositoryError};
use crate::tree::{NodeSource as _, Reference, references};

/// What snapshots need, as far as it was walked.
#[derive(Debug)]
pub struct Reach<'r> {
    repository: &'r Repository,
    catalogue: Arc<Catalogue>,
    marks: Marks,
    /// Needed, but in no pack that is known.
    lost: HashSet<BlobPrefix>,
    unreadable: Vec<(NodeId, ReadError)>,
}

impl<'r> Reach<'r> {
    /// Nothing is marked yet. Loads the index anew, with the tables of packs that no segment knows.
    pub fn new(repository: &'r Repository) -> Result<Self, RepositoryError> {
        Ok(Self::with(repository, repository.whole_catalogue()?))
    }

    /// The same over an index that was loaded before.
    pub fn with(repository: &'r Repository, catalogue: Arc<Catalogue>) -> Self {
        let (marks, lost) = (Marks::default(), HashSet::new());
        Self { repository, catalogue, marks, lost, unreadable: Vec::new() }
    }

    /// Marks everything that the tree with this root needs. Ends early only if it is asked to.
    pub fn add(&mut self, root: NodeId, progress: &dyn Progress) -> Result<(), RepositoryError> {
        let mut waiting = vec![root];
        while let Some(id) = waiting.pop() {
            if progress.cancelled() {
                return Err(RepositoryError::Cancelled);
            }
            if self.mark(id.prefix()) != Marked::Now {
                continue;
            }
            let mut nodes = self.repository;
            let first = waiting.len();
            let read = nodes.node(&id).and_then(|node| {
                references(&node, &mut |reference| match reference {
                    Reference::Node(id) => waiting.push(id),
                    Reference::Blob(blob) => drop(self.mark(blob.id.prefix())),
                })
                .map_err(ReadError::Node)
            });
            // Neighbours lie side by side in their packs: first come, first read.
            waiting.get_mut(first..).unwrap_or_default().reverse();
            match read {
                Ok(()) => {}
                Err(error) if error.is_local() => self.unreadable.push((id, error)),
                // A store that cannot be reached says nothing about the blob.
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn mark(&mut self, prefix: BlobPrefix) -> Marked {
        let marked = self.marks.mark(self.catalogue.set(), &prefix);
        if marked == Marked::Unknown && self.lost.insert(prefix) {
            return Marked::Now;
        }
        marked
    }

    /// Whether something that was added needs this blob.
    pub fn contains(&self, prefix: &BlobPrefix) -> bool {
        self.marks.contains(self.catalogue.set(), prefix) || self.lost.contains(prefix)
    }

    /// Every blob that is needed and that the index knows.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Blobs that are needed although no pack is known to hold them.
    pub fn lost(&self) -> &HashSet<BlobPrefix> {
        &self.lost
    }

    /// Nodes that cannot be read. What lies below them is not known.
    pub fn unreadable(&self) -> &[(NodeId, ReadError)] {
        &self.unreadable
    }

    /// The index that was asked.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }
}

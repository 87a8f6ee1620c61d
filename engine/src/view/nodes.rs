//! Nodes of trees that were read lately: whoever looks around comes by the same ones again and again.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::error::ReadError;
use crate::id::NodeId;
use crate::repository::Repository;
use crate::tree::NodeSource;

/// Nodes are about this large; a guess for the size of a table.
const NODE_BYTES: usize = 16 << 10;

/// Nodes that are kept.
pub(super) struct NodeCache(Cache<NodeId, Arc<[u8]>, Length>);

#[derive(Clone, Copy)]
struct Length;

impl Weighter<NodeId, Arc<[u8]>> for Length {
    fn weight(&self, _: &NodeId, node: &Arc<[u8]>) -> u64 {
        u64::try_from(node.len()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for NodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeCache({} nodes)", self.0.len())
    }
}

impl NodeCache {
    pub(super) fn new(bytes: u64) -> Self {
        Self(super::frames::cache(bytes, NODE_BYTES, Length))
    }
}

/// Reads nodes of a repository, from the cache where there is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nodes<'r> {
    pub(super) repository: &'r Repository,
    pub(super) cache: Option<&'r NodeCache>,
}

impl NodeSource for Nodes<'_> {
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        let mut repository = self.repository;
        match self.cache {
            Some(cache) => cache.0.get_or_insert_with(id, || repository.node(id)),
            None => repository.node(id),
        }
    }
}

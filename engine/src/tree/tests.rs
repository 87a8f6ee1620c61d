//! Behaviour of the tree as a whole, over nodes in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use crate::error::{FormatError, ReadError};
use crate::id::{ContentId, NodeId};

use super::*;

mod entries;
mod hostile;
mod lists;
mod referred;
mod runs;
mod trees;

/// Nodes in memory.
#[derive(Default)]
struct Memory {
    nodes: HashMap<NodeId, Arc<[u8]>>,
    /// Bytes of nodes that were not there before.
    new_bytes: usize,
    new_count: usize,
    reads: usize,
    lost: HashSet<NodeId>,
    /// Nodes that were used again as they were read.
    again: usize,
}

impl NodeSink for Memory {
    type Error = Infallible;

    fn put(&mut self, node: &[u8]) -> Result<NodeId, Infallible> {
        let id = NodeId(*blake3::keyed_hash(&[1; 32], node).as_bytes());
        if self.nodes.insert(id, node.into()).is_none() {
            self.new_bytes += node.len();
            self.new_count += 1;
        }
        Ok(id)
    }

    fn put_again(&mut self, id: &NodeId, node: &[u8]) -> Result<NodeId, Infallible> {
        self.again += 1;
        let again = self.put(node)?;
        assert_eq!(again, *id, "it was read under another name");
        Ok(again)
    }

    fn split(&self, level: u8, key: &[u8]) -> u32 {
        let hash = blake3::Hasher::new_keyed(&[2; 32]).update(&[level]).update(key).finalize();
        u32::from_le_bytes(hash.as_bytes()[..4].try_into().expect("four bytes"))
    }
}

impl NodeSource for Memory {
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        self.reads += 1;
        match self.nodes.get(id) {
            Some(node) if !self.lost.contains(id) => Ok(Arc::clone(node)),
            _ => Err(ReadError::Missing { prefix: id.prefix().to_string() }),
        }
    }
}

type Map = BTreeMap<Vec<u8>, Entry>;

fn build(map: &Map, nodes: &mut Memory) -> NodeId {
    let mut builder = TreeBuilder::new();
    for (key, entry) in map {
        builder.push(key, entry, nodes).expect("keys of a map ascend");
    }
    builder.finish(nodes).expect("memory does not fail").0
}

/// The next entry with its key; `None` at the end.
fn next(
    cursor: &mut TreeCursor,
    nodes: &mut Memory,
) -> Result<Option<(Vec<u8>, Entry)>, ReadError> {
    Ok(if cursor.advance(nodes)? { Some((cursor.key().to_vec(), cursor.entry()?)) } else { None })
}

fn read(root: NodeId, nodes: &mut Memory) -> Vec<(Vec<u8>, Entry)> {
    let mut cursor = TreeCursor::new(root);
    let mut entries = Vec::new();
    while let Some(found) = next(&mut cursor, nodes).expect("nothing is damaged") {
        entries.push(found);
    }
    entries
}

fn file(seed: u64) -> Entry {
    let mut entry = Entry::new(Kind::File);
    entry.mode = 0o644;
    entry.uid = 1000;
    entry.gid = 1000;
    entry.user = Some(b"me"[..].into());
    entry.group = Some(b"me"[..].into());
    entry.size = 100_000 + seed;
    entry.mtime_ns = 1_790_000_000_000_000_000 + i128::from(seed) * 1_234_567_891;
    entry.ctime_ns = Some(entry.mtime_ns + 1);
    entry.btime_ns = Some(entry.mtime_ns - 5_000_000_000);
    entry.inode = 1_000_000 + seed;
    entry.device = 2049;
    entry.content = FileContent::List(vec![blob(seed)]);
    entry
}

fn blob(seed: u64) -> BlobRef {
    BlobRef { id: ContentId(*blake3::hash(&seed.to_le_bytes()).as_bytes()), bytes: 4096 }
}

/// One folder of pictures.
fn flat_folder(count: u64) -> Map {
    let mut map = Map::new();
    map.insert(b"media".to_vec(), Entry::new(Kind::Folder));
    for n in 0..count {
        let (day, number) = (n / 40, n % 40);
        let key = format!("media\0IMG-{:08}-WA{number:04}.jpg", 20_150_101 + day);
        map.insert(key.into_bytes(), file(n));
    }
    map
}

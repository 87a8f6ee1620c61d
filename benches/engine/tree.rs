//! Building the tree of a hundred thousand files, reading it back, comparing two.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use criterion::Criterion;
use heirloom_engine::crypto::Keys;
use heirloom_engine::error::ReadError;
use heirloom_engine::id::{ContentId, NodeId};
use heirloom_engine::tree::{
    BlobRef, Diff, Entry, FileContent, Kind, NodeSink, NodeSource, TreeBuilder, TreeCursor,
};

use crate::data::keys;

const FILES: u64 = 100_000;

pub(crate) fn benches(c: &mut Criterion) {
    let files = files();
    let mut group = c.benchmark_group("tree");
    group.sample_size(10);
    group.bench_function("build, 100,000 files", |b| {
        b.iter(|| build(&files, &mut Nodes::new()));
    });
    let mut nodes = Nodes::new();
    let root = build(&files, &mut nodes);
    group.bench_function("walk, 100,000 files", |b| {
        b.iter(|| {
            let mut cursor = TreeCursor::new(root);
            let mut bytes = 0;
            while cursor.advance(&mut nodes).expect("all nodes are there") {
                let entry = cursor.entry().expect("well formed");
                bytes += entry.size;
            }
            bytes
        });
    });
    let mut changed = files;
    for (_, entry) in changed.iter_mut().step_by(1000) {
        entry.mtime_ns += 1;
    }
    let after = build(&changed, &mut nodes);
    group.bench_function("compare, 100 of 100,000 files changed", |b| {
        b.iter(|| {
            let mut diff = Diff::new(root, after);
            let mut found = 0;
            while diff.next(&mut nodes).expect("all nodes are there").is_some() {
                found += 1;
            }
            assert_eq!(found, FILES / 1000);
        });
    });
}

fn files() -> Vec<(Vec<u8>, Entry)> {
    let file = |n: u64| {
        let mut entry = Entry::new(Kind::File);
        entry.mode = 0o644;
        (entry.uid, entry.gid) = (1000, 1000);
        entry.size = 20_000 + n * 7919 % 300_000;
        entry.mtime_ns = 1_700_000_000_000_000_000 + i128::from(n) * 61_000_000_123;
        (entry.inode, entry.device) = (1_000_000 + n, 66_306);
        let id = ContentId(*blake3::hash(&n.to_le_bytes()).as_bytes());
        entry.content = FileContent::List(vec![BlobRef { id, bytes: entry.size }]);
        let (year, number) = (2015 + n / 10_000, n % 10_000);
        (format!("home\0me\0Pictures\0{year}\0IMG-{year}-WA{number:04}.jpg").into_bytes(), entry)
    };
    (0..FILES).map(file).collect()
}

fn build(files: &[(Vec<u8>, Entry)], nodes: &mut Nodes) -> NodeId {
    let mut builder = TreeBuilder::new();
    for (key, entry) in files {
        builder.push(key, entry, nodes).expect("keys ascend");
    }
    builder.finish(nodes).expect("nodes are kept in memory").0
}

/// Nodes in memory, named as in a repository.
struct Nodes {
    keys: Keys,
    nodes: HashMap<NodeId, Arc<[u8]>>,
}

impl Nodes {
    fn new() -> Self {
        Self { keys: keys(), nodes: HashMap::new() }
    }
}

impl NodeSink for Nodes {
    type Error = Infallible;

    fn put(&mut self, node: &[u8]) -> Result<NodeId, Infallible> {
        let id = self.keys.node_id(node);
        self.nodes.insert(id, node.into());
        Ok(id)
    }

    fn put_again(&mut self, _id: &NodeId, node: &[u8]) -> Result<NodeId, Infallible> {
        self.put(node)
    }

    fn split(&self, level: u8, key: &[u8]) -> u32 {
        self.keys.split_value(level, key)
    }
}

impl NodeSource for Nodes {
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        Ok(Arc::clone(&self.nodes[id]))
    }
}

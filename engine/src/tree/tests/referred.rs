//! What nodes refer to.

use proptest::prelude::*;

use super::entries::any_entry;
use super::*;

/// Everything that is reached from a node, the slow way round: each node once.
fn reached(root: NodeId, nodes: &mut Memory) -> (HashSet<NodeId>, Vec<BlobRef>) {
    let (mut seen, mut blobs, mut waiting) = (HashSet::new(), Vec::new(), vec![root]);
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        // Lists that an entry made up are not there.
        let Ok(node) = nodes.node(&id) else { continue };
        references(&node, &mut |reference| match reference {
            Reference::Node(id) => waiting.push(id),
            Reference::Blob(blob) => blobs.push(blob),
        })
        .expect("well formed");
    }
    (seen, blobs)
}

fn named_by(entry: &Entry) -> Vec<BlobRef> {
    let values = entry.xattrs.iter().filter_map(|xattr| match &xattr.value {
        XattrValue::Blob(blob) => Some(*blob),
        XattrValue::Inline(_) => None,
    });
    let list = match &entry.content {
        FileContent::List(blobs) => blobs.clone(),
        FileContent::Empty | FileContent::Inline(_) | FileContent::Tree(_) => Vec::new(),
    };
    values.chain(list).collect()
}

fn sorted(mut blobs: Vec<BlobRef>) -> Vec<BlobRef> {
    blobs.sort_by_key(|blob| (blob.id, blob.bytes));
    blobs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_blob_of_every_entry_is_reached(
        map in prop::collection::btree_map(prop::collection::vec(any::<u8>(), 1..2000), any_entry(), 0..80),
    ) {
        let mut nodes = Memory::default();
        let root = build(&map, &mut nodes);
        let (seen, blobs) = reached(root, &mut nodes);
        prop_assert_eq!(sorted(blobs), sorted(map.values().flat_map(named_by).collect()));
        let lists: HashSet<_> = map.values().filter_map(|entry| match entry.content {
            FileContent::Tree(root) => Some(root),
            FileContent::Empty | FileContent::Inline(_) | FileContent::List(_) => None,
        }).collect();
        prop_assert!(lists.is_subset(&seen));
    }

    #[test]
    fn every_blob_and_node_of_a_list_is_reached(seeds in prop::collection::vec(any::<u64>(), 0..900)) {
        let blobs: Vec<BlobRef> = seeds.iter().map(|seed| blob(*seed)).collect();
        let mut nodes = Memory::default();
        let mut builder = ContentListBuilder::new();
        for blob in &blobs {
            builder.push(blob, &mut nodes).expect("memory does not fail");
        }
        let root = builder.finish(&mut nodes).expect("memory does not fail");
        let (seen, found) = reached(root, &mut nodes);
        let distinct = |blobs: &[BlobRef]| blobs.iter().map(|blob| blob.id).collect::<HashSet<_>>();
        prop_assert_eq!(distinct(&found), distinct(&blobs));
        prop_assert_eq!(seen.len(), nodes.nodes.len());
    }
}

//! Content lists.

use proptest::prelude::*;

use super::*;

fn build_list(blobs: &[BlobRef], nodes: &mut Memory) -> NodeId {
    let mut builder = ContentListBuilder::new();
    for blob in blobs {
        builder.push(blob, nodes).expect("memory does not fail");
    }
    builder.finish(nodes).expect("memory does not fail")
}

fn read_list(root: NodeId, from: u64, nodes: &mut Memory) -> Vec<(u64, BlobRef)> {
    let mut cursor = ContentListCursor::new(root);
    cursor.seek(from);
    let mut blobs = Vec::new();
    while let Some(found) = cursor.next(nodes).expect("nothing is damaged") {
        blobs.push(found);
    }
    blobs
}

fn with_offsets(blobs: &[BlobRef]) -> Vec<(u64, BlobRef)> {
    let mut offset = 0;
    let mut place = |blob: &BlobRef| {
        offset += blob.bytes;
        (offset - blob.bytes, *blob)
    };
    blobs.iter().map(&mut place).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_list_gives_back_its_blobs_from_any_offset(
        seeds in prop::collection::vec((any::<u64>(), 1_u64..9000), 0..600),
        from in any::<prop::sample::Index>(),
    ) {
        let blobs: Vec<BlobRef> =
            seeds.into_iter().map(|(seed, bytes)| BlobRef { bytes, ..blob(seed) }).collect();
        let mut nodes = Memory::default();
        let root = build_list(&blobs, &mut nodes);
        let all = with_offsets(&blobs);
        prop_assert_eq!(&read_list(root, 0, &mut nodes), &all);
        let end = all.last().map_or(0, |(offset, blob)| offset + blob.bytes);
        let from = from.index(usize::try_from(end + 1).expect("small"));
        let from = u64::try_from(from).expect("small");
        let tail: Vec<_> =
            all.iter().filter(|(offset, blob)| offset + blob.bytes > from).copied().collect();
        prop_assert_eq!(read_list(root, from, &mut nodes), tail);
    }

    #[test]
    fn any_bytes_are_a_list_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200), level in 14_u8..20) {
        if let Some(first) = bytes.first_mut() { *first = level; }
        let mut nodes = Memory::default();
        let root = nodes.put(&bytes).expect("memory does not fail");
        let mut cursor = ContentListCursor::new(root);
        while let Ok(Some(_)) = cursor.next(&mut nodes) {}
        drop(references(&bytes, &mut |_| {}));
    }
}

#[test]
fn changed_pages_of_a_database_rewrite_a_part_of_its_list() {
    let mut blobs: Vec<BlobRef> = (0..100_000).map(blob).collect();
    let mut nodes = Memory::default();
    build_list(&blobs, &mut nodes);
    let (all_bytes, all_nodes) = (nodes.new_bytes, nodes.new_count);
    for n in 0..3000_u64 {
        let at =
            u64::from_le_bytes(blob(n + 500_000).id.0[..8].try_into().expect("eight")) % 100_000;
        blobs[usize::try_from(at).expect("small")] = blob(n + 1_000_000);
    }
    (nodes.new_bytes, nodes.new_count) = (0, 0);
    build_list(&blobs, &mut nodes);
    println!(
        "all: {all_bytes} bytes in {all_nodes} nodes; new: {} in {}",
        nodes.new_bytes, nodes.new_count
    );
    assert!(nodes.new_bytes <= 1_800_000, "{}", nodes.new_bytes);

    (nodes.new_bytes, nodes.new_count) = (0, 0);
    blobs[50_000] = blob(7_000_000);
    build_list(&blobs, &mut nodes);
    assert!(nodes.new_bytes <= 8 << 10, "{} for one page", nodes.new_bytes);
}

#[test]
fn seeking_back_and_forth_reads_one_path() {
    let blobs: Vec<BlobRef> = (0..100_000).map(blob).collect();
    let mut nodes = Memory::default();
    let root = build_list(&blobs, &mut nodes);
    let mut cursor = ContentListCursor::new(root);
    for at in [99_999_u64, 5, 6, 70_000, 0] {
        nodes.reads = 0;
        cursor.seek(at * 4096 + 17);
        let found = cursor.next(&mut nodes).expect("intact");
        assert_eq!(found, Some((at * 4096, blob(at))));
        assert!(nodes.reads <= 8, "{}", nodes.reads);
    }
}

#[test]
fn a_lost_list_node_says_how_much_content_is_lost() {
    let blobs: Vec<BlobRef> = (0..2000).map(blob).collect();
    let mut nodes = Memory::default();
    let root = build_list(&blobs, &mut nodes);
    let leaf = nodes.nodes.iter().find(|(_, node)| node[0] == 16).map(|(id, _)| *id);
    nodes.lost.extend(leaf);
    let (mut lost, mut got, mut cursor) = (0, 0, ContentListCursor::new(root));
    loop {
        match cursor.next(&mut nodes) {
            Ok(Some((offset, blob))) => {
                assert_eq!(offset, got + lost);
                got += blob.bytes;
            }
            Ok(None) => break,
            Err(_) => lost += cursor.skip_damaged().expect("not the root"),
        }
    }
    assert!(lost > 0);
    assert_eq!(got + lost, 2000 * 4096);
    nodes.lost.insert(root);
    let mut cursor = ContentListCursor::new(root);
    assert!(cursor.next(&mut nodes).is_err());
    assert_eq!(cursor.skip_damaged(), None);
    assert!(matches!(cursor.next(&mut nodes), Ok(None)));
}

#[test]
fn lists_that_contradict_themselves_are_refused() {
    let mut nodes = Memory::default();
    let item = |id: &[u8; 32], numbers: &[u8]| [&id[..], numbers].concat();
    let leaf = nodes.put(&[&[16, 1][..], &item(&[7; 32], &[5])].concat()).expect("memory");
    for (first, numbers) in
        [(17_u8, [6_u8, 1]), (17, [5, 2]), (17, [0, 1]), (17, [5, 0]), (32, [5, 1]), (15, [5, 1])]
    {
        let node = [&[first, 1][..], &item(&leaf.0, &numbers)].concat();
        let root = nodes.put(&node).expect("memory");
        assert!(ContentListCursor::new(root).next(&mut nodes).is_err(), "{first} {numbers:?}");
    }
    let same_level = nodes.put(&[&[17, 1][..], &item(&leaf.0, &[5, 1])].concat()).expect("memory");
    assert_eq!(read_list(same_level, 0, &mut nodes).len(), 1);
    let root = nodes.put(&[&[17, 1][..], &item(&same_level.0, &[5, 1])].concat()).expect("memory");
    assert!(ContentListCursor::new(root).next(&mut nodes).is_err(), "levels must fall");
    for bad in [&[16, 1][..], &[16, 0, 0], &[17, 0], &[]] {
        let root = nodes.put(bad).expect("memory");
        assert!(ContentListCursor::new(root).next(&mut nodes).is_err(), "{bad:?}");
    }
    let empty_blob = nodes.put(&[&[16, 1][..], &item(&[7; 32], &[0])].concat()).expect("memory");
    assert!(ContentListCursor::new(empty_blob).next(&mut nodes).is_err());
}

//! Nodes as a hostile store, or another writer, may make them.

use proptest::prelude::*;

use super::*;

/// A leaf of empty files.
fn leaf(keys: &[&[u8]]) -> Vec<u8> {
    let mut node = vec![0, u8::try_from(keys.len()).expect("few")];
    for key in keys {
        node.extend([0, u8::try_from(key.len()).expect("short")]);
        node.extend_from_slice(key);
        node.extend([1, 0]);
    }
    node
}

fn inner(level: u8, children: &[(&[u8], NodeId)]) -> Vec<u8> {
    let mut node = vec![level, u8::try_from(children.len()).expect("few")];
    for (key, id) in children {
        node.extend([0, u8::try_from(key.len()).expect("short")]);
        node.extend_from_slice(key);
        node.extend_from_slice(id.as_bytes());
        node.extend([1, 0]);
    }
    node
}

fn put(node: &[u8], nodes: &mut Memory) -> NodeId {
    nodes.put(node).expect("memory does not fail")
}

/// Keys that can be read when damage is skipped, and the number of errors.
fn salvage(root: NodeId, nodes: &mut Memory) -> (Vec<Vec<u8>>, usize) {
    let (mut keys, mut errors) = (Vec::new(), 0);
    let mut cursor = TreeCursor::new(root);
    loop {
        match next(&mut cursor, nodes) {
            Ok(Some((key, _))) => keys.push(key),
            Ok(None) => return (keys, errors),
            Err(_) => {
                errors += 1;
                cursor.skip_damaged();
            }
        }
    }
}

#[test]
fn keys_must_ascend_within_a_leaf() {
    let mut nodes = Memory::default();
    for bad in [&[&b"b"[..], b"a"][..], &[b"a", b"a"], &[b"a", b""], &[b"ab", b"a"]] {
        let root = put(&leaf(bad), &mut nodes);
        assert_eq!(salvage(root, &mut nodes), (vec![bad[0].to_vec()], 1), "{bad:?}");
    }
}

#[test]
fn keys_must_lie_in_the_range_that_the_parent_states() {
    let mut nodes = Memory::default();
    let (first, second) =
        (put(&leaf(&[b"a", b"d"]), &mut nodes), put(&leaf(&[b"c", b"e"]), &mut nodes));
    let root = put(&inner(1, &[(b"a", first), (b"c", second)]), &mut nodes);
    let expected = ["a", "c", "e"].map(|key| key.as_bytes().to_vec()).to_vec();
    assert_eq!(salvage(root, &mut nodes), (expected, 1));
    assert!(lookup(root, b"d", &mut nodes).expect("not passed").is_none());

    let wrong_first = put(&inner(1, &[(b"b", first)]), &mut nodes);
    assert_eq!(salvage(wrong_first, &mut nodes), (vec![], 1));
    let empty = put(&[0, 0], &mut nodes);
    let empty_child = put(&inner(1, &[(b"", empty), (b"a", second)]), &mut nodes);
    assert_eq!(salvage(empty_child, &mut nodes).1, 2);
}

#[test]
fn levels_must_fall_so_that_no_walk_goes_deep() {
    let mut nodes = Memory::default();
    let bottom = put(&leaf(&[b"a"]), &mut nodes);
    let one = put(&inner(1, &[(b"a", bottom)]), &mut nodes);
    let same = put(&inner(1, &[(b"a", one)]), &mut nodes);
    assert_eq!(salvage(same, &mut nodes), (vec![], 1));
    let skips_levels = put(&inner(9, &[(b"a", one)]), &mut nodes);
    assert_eq!(salvage(skips_levels, &mut nodes), (vec![b"a".to_vec()], 0));
    let too_high = put(&inner(16, &[(b"a", one)]), &mut nodes);
    assert_eq!(salvage(too_high, &mut nodes), (vec![], 1));
    let no_children = put(&[1, 0], &mut nodes);
    assert_eq!(salvage(no_children, &mut nodes), (vec![], 1));
}

#[test]
fn an_entry_that_makes_no_sense_costs_only_itself() {
    let mut nodes = Memory::default();
    let node =
        [&[0, 3][..], &[0, 1, b'a', 1, 0], &[0, 1, b'b', 1, 99], &[0, 1, b'c', 1, 0]].concat();
    let root = put(&node, &mut nodes);
    assert_eq!(salvage(root, &mut nodes), (vec![b"a".to_vec(), b"c".to_vec()], 1));
}

#[test]
fn oversized_nodes_and_bytes_behind_the_last_item_are_refused() {
    let mut nodes = Memory::default();
    let mut huge = leaf(&[b"a"]);
    huge.push(0);
    let trailing = put(&huge, &mut nodes);
    assert_eq!(salvage(trailing, &mut nodes), (vec![b"a".to_vec()], 1));
    huge.resize(NODE_BYTES_MAX + 1, 0);
    let root = put(&huge, &mut nodes);
    assert_eq!(salvage(root, &mut nodes), (vec![], 1));
    let mut cursor = TreeCursor::new(root);
    let error = next(&mut cursor, &mut nodes).expect_err("too large");
    let expected = FormatError::OutOfBounds { what: "size of a tree node" };
    assert!(matches!(error, ReadError::Node(found) if found == expected));
}

#[test]
fn a_key_cannot_grow_beyond_its_limit_by_sharing() {
    let mut nodes = Memory::default();
    let mut node = vec![0, 2, 0];
    node.extend([0x80, 0x80, 0x04]);
    node.extend(vec![b'x'; KEY_BYTES_MAX]);
    node.extend([1, 0, 0x80, 0x80, 0x04, 1, b'y', 1, 0]);
    let root = put(&node, &mut nodes);
    let (keys, errors) = salvage(root, &mut nodes);
    assert_eq!((keys.len(), errors), (1, 1));
}

proptest! {
    #[test]
    fn any_bytes_are_a_tree_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        level in 0_u8..18,
        count in 0_u8..5,
    ) {
        let mut nodes = Memory::default();
        let node = [&[level, count][..], &bytes].concat();
        for node in [node, bytes] {
            let root = put(&node, &mut nodes);
            salvage(root, &mut nodes);
            drop(lookup(root, b"a", &mut nodes));
            drop(totals(root, b"a", &mut nodes));
            let empty = put(&[0, 0], &mut nodes);
            let mut diff = Diff::new(root, empty);
            for _ in 0..1000 {
                match diff.next(&mut nodes) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => diff.skip_damaged(),
                }
            }
        }
    }

    #[test]
    fn a_changed_byte_in_a_tree_does_not_panic(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let map = flat_folder(700);
        let mut nodes = Memory::default();
        let root = build(&map, &mut nodes);
        let mut ids: Vec<NodeId> = nodes.nodes.keys().copied().collect();
        ids.sort_unstable();
        let id = ids[which.index(ids.len())];
        let mut node = nodes.nodes[&id].to_vec();
        let at = at.index(node.len());
        node[at] = to;
        nodes.nodes.insert(id, node.into());
        salvage(root, &mut nodes);
        drop(totals(root, b"media", &mut nodes));
    }
}

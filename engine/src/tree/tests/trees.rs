//! Building, walking, comparing.

use proptest::prelude::*;

use super::entries::any_entry;
use super::*;

fn any_map() -> impl Strategy<Value = Map> {
    let key = prop::collection::vec(prop_oneof![Just(0_u8), Just(b'a'), any::<u8>()], 0..12);
    prop::collection::btree_map(key, any_entry(), 0..60)
}

/// Keys long enough for several levels from few entries.
pub(super) fn long_map(seeds: &HashMap<u16, u64>) -> Map {
    let key = |n: &u16| {
        let mut key = format!("{n:05}\0").into_bytes();
        key.resize(2000, b'x');
        key.extend_from_slice(&n.to_le_bytes());
        key
    };
    seeds.iter().map(|(n, seed)| (key(n), file(*seed))).collect()
}

fn naive_diff(before: &Map, after: &Map) -> Vec<(Vec<u8>, Option<Entry>, Option<Entry>)> {
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .map(|key| (key.clone(), before.get(key).cloned(), after.get(key).cloned()))
        .filter(|(_, before, after)| before != after)
        .collect()
}

fn diff(
    before: NodeId,
    after: NodeId,
    nodes: &mut Memory,
) -> Vec<(Vec<u8>, Option<Entry>, Option<Entry>)> {
    let mut diff = Diff::new(before, after);
    let mut changes = Vec::new();
    while let Some(change) = diff.next(nodes).expect("nothing is damaged") {
        let before = change.entry_before().expect("well formed");
        let after = change.entry_after().expect("well formed");
        changes.push((change.key, before, after));
    }
    changes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_tree_gives_back_what_was_built(map in any_map()) {
        let mut nodes = Memory::default();
        let root = build(&map, &mut nodes);
        prop_assert!(read(root, &mut nodes).into_iter().eq(map.clone()));
        for (key, entry) in &map {
            let found = lookup(root, key, &mut nodes).expect("nothing is damaged");
            prop_assert_eq!(found.as_ref(), Some(entry));
        }
    }

    #[test]
    fn seeking_finds_the_first_key_at_or_above(
        seeds in prop::collection::hash_map(0_u16..400, any::<u64>().prop_map(|n| n >> 8), 0..200),
        targets in prop::collection::vec(0_u16..420, 1..20),
    ) {
        let map = long_map(&seeds);
        let mut nodes = Memory::default();
        let root = build(&map, &mut nodes);
        let mut cursor = TreeCursor::new(root);
        for target in targets {
            let target = format!("{target:05}").into_bytes();
            cursor.seek(&target);
            let mut expected = map.range(target..).map(|(key, _)| key.as_slice());
            for _ in 0..3 {
                let found = cursor.advance(&mut nodes).expect("nothing is damaged");
                prop_assert_eq!(found.then(|| cursor.key()), expected.next());
            }
        }
    }

    #[test]
    fn a_comparison_equals_that_of_the_maps(
        old in prop::collection::hash_map(0_u16..300, 0_u64..5, 0..200),
        changes in prop::collection::hash_map(0_u16..300, 5_u64..9, 0..9),
        gone in prop::collection::vec(0_u16..300, 0..9),
    ) {
        let mut new = old.clone();
        new.extend(changes);
        for key in &gone {
            new.remove(key);
        }
        let (old, new) = (long_map(&old), long_map(&new));
        let mut nodes = Memory::default();
        let (before, after) = (build(&old, &mut nodes), build(&new, &mut nodes));
        prop_assert_eq!(diff(before, after, &mut nodes), naive_diff(&old, &new));
        prop_assert_eq!(diff(after, before, &mut nodes), naive_diff(&new, &old));
    }

    #[test]
    fn totals_of_a_subtree_are_those_of_its_entries(
        seeds in prop::collection::hash_map(0_u16..300, any::<u64>().prop_map(|n| n >> 16), 0..200),
        folder in 0_u16..300,
    ) {
        let map = long_map(&seeds);
        let mut nodes = Memory::default();
        let root = build(&map, &mut nodes);
        for key in [format!("{folder:05}").into_bytes(), Vec::new()] {
            let mut expected = TreeTotals::default();
            let mut cursor = TreeCursor::subtree(root, &key);
            for (_, entry) in map.iter().filter(|(k, _)| key.is_empty() || k.starts_with(&key)) {
                prop_assert!(cursor.advance(&mut nodes).expect("nothing is damaged"));
                prop_assert_eq!(&cursor.entry().expect("well formed"), entry);
                expected.add(TreeTotals { entries: 1, bytes: entry.size });
            }
            prop_assert!(!cursor.advance(&mut nodes).expect("nothing is damaged"));
            let found = totals(root, &key, &mut nodes).expect("nothing is damaged");
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn every_entry_is_found_by_its_number() {
    for count in [0, 1, 3, 2000] {
        let map = flat_folder(count);
        let mut nodes = Memory::default();
        let root = build(&map, &mut nodes);
        for (number, (key, entry)) in (0..).zip(&map) {
            let found = nth(root, number, &mut nodes).expect("intact");
            assert_eq!(found, Some((key.clone(), entry.clone())), "{number} of {count}");
        }
        let behind = u64::try_from(map.len()).expect("few");
        assert_eq!(nth(root, behind, &mut nodes).expect("intact"), None);
        assert_eq!(nth(root, u64::MAX, &mut nodes).expect("intact"), None);
    }
}

#[test]
fn an_empty_map_is_a_leaf_without_items() {
    let mut nodes = Memory::default();
    let root = build(&Map::new(), &mut nodes);
    assert_eq!(&*nodes.nodes[&root], [0, 0]);
    assert_eq!(read(root, &mut nodes), []);
    assert_eq!(totals(root, b"", &mut nodes).expect("intact"), TreeTotals::default());
}

#[test]
fn keys_that_do_not_ascend_are_refused_and_cost_nothing() {
    let mut nodes = Memory::default();
    let mut builder = TreeBuilder::new();
    let entry = file(1);
    builder.push(b"", &entry, &mut nodes).expect("the root may be an entry");
    builder.push(b"b\0c", &entry, &mut nodes).expect("ascends");
    for bad in [&b"b\0c"[..], b"b", b"a", b""] {
        assert_eq!(builder.push(bad, &entry, &mut nodes), Err(BuildError::Order), "{bad:?}");
    }
    let long = vec![b'x'; KEY_BYTES_MAX + 1];
    assert_eq!(builder.push(&long, &entry, &mut nodes), Err(BuildError::KeyTooLong));
    let mut huge = file(2);
    huge.target = Some(vec![0; NODE_BYTES_MAX]);
    assert_eq!(builder.push(b"c", &huge, &mut nodes), Err(BuildError::EntryTooLarge));
    builder.push(b"c", &entry, &mut nodes).expect("ascends");
    let (root, totals) = builder.finish(&mut nodes).expect("memory does not fail");
    assert_eq!((totals.entries, totals.bytes), (3, 3 * entry.size));
    let keys: Vec<_> = read(root, &mut nodes).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [&b""[..], b"b\0c", b"c"]);
}

#[test]
fn the_longest_keys_and_largest_entries_make_nodes_that_can_be_read() {
    let mut map = Map::new();
    for n in 0_u8..40 {
        let mut key = vec![n; KEY_BYTES_MAX];
        key[1] = b'x';
        let mut entry = file(n.into());
        entry.target = (n % 8 == 0).then(|| vec![n; NODE_BYTES_MAX - (130 << 10)]);
        map.insert(key, entry);
    }
    let mut nodes = Memory::default();
    let root = build(&map, &mut nodes);
    assert!(nodes.nodes.values().all(|node| node.len() <= NODE_BYTES_MAX));
    assert!(read(root, &mut nodes).into_iter().eq(map));
}

#[test]
fn an_insertion_into_a_folder_of_100_000_costs_little() {
    let mut map = flat_folder(100_000);
    let mut nodes = Memory::default();
    let before = build(&map, &mut nodes);
    let (all_bytes, all_nodes) = (nodes.new_bytes, nodes.new_count);
    let mut most = (0, 0);
    let mut sum = 0;
    for at in [0, 77, 1311, 2499] {
        let key = format!("media\0IMG-{:08}-WA0017.new.jpg", 20_150_101 + at).into_bytes();
        map.insert(key.clone(), file(1_000_000 + at));
        (nodes.new_bytes, nodes.new_count) = (0, 0);
        let after = build(&map, &mut nodes);
        most = most.max((nodes.new_bytes, nodes.new_count));
        sum += nodes.new_bytes;
        assert!(nodes.new_bytes <= 80 << 10, "{} bytes in {}", nodes.new_bytes, nodes.new_count);
        assert!(nodes.new_count <= 5, "a leaf a level and perhaps a neighbour");

        nodes.reads = 0;
        assert_eq!(diff(before, after, &mut nodes).len(), 1);
        assert!(nodes.reads <= 2 * 5, "{} nodes read", nodes.reads);
        map.remove(&key);
        assert_eq!(build(&map, &mut nodes), before, "what was there before leaves no trace");
    }
    println!(
        "{all_nodes} nodes, {all_bytes} bytes; an insertion: {} bytes on average, at most {most:?}",
        sum / 4
    );
}

#[test]
fn a_changed_entry_rewrites_one_path_and_perhaps_neighbours() {
    let mut map = flat_folder(20_000);
    let mut nodes = Memory::default();
    build(&map, &mut nodes);
    for n in [0, 1, 999, 7777, 13_131, 19_999] {
        let key = format!("media\0IMG-{:08}-WA{:04}.jpg", 20_150_101 + n / 40, n % 40);
        let mut entry = file(n);
        // Longer, so that the sizes that decide about cuts change too.
        entry.content = FileContent::List((0..9).map(|extra| blob(n + extra)).collect());
        let old = map.insert(key.clone().into_bytes(), entry).expect("a picture");
        (nodes.new_bytes, nodes.new_count) = (0, 0);
        build(&map, &mut nodes);
        assert!((2..=5).contains(&nodes.new_count), "{} nodes for {n}", nodes.new_count);
        map.insert(key.into_bytes(), old);
    }
}

#[test]
fn taking_over_encoded_entries_makes_the_same_tree() {
    let map = flat_folder(3000);
    let mut nodes = Memory::default();
    let root = build(&map, &mut nodes);
    let (mut cursor, mut builder) = (TreeCursor::new(root), TreeBuilder::new());
    while cursor.advance(&mut nodes).expect("intact") {
        let size = cursor.view().expect("well formed").size;
        builder
            .push_encoded(cursor.key(), cursor.encoded(), size, &mut nodes)
            .expect("keys of a tree ascend");
    }
    assert_eq!(builder.finish(&mut nodes).expect("memory does not fail").0, root);
}

#[test]
fn a_lost_node_costs_only_what_is_below_it() {
    let map = flat_folder(20_000);
    let mut nodes = Memory::default();
    let root = build(&map, &mut nodes);
    let mut cursor = TreeCursor::new(root);
    assert_eq!(cursor.step().expect("nothing is read"), Step::Node(root));
    cursor.enter(&mut nodes).expect("intact");
    let mut leaves = Vec::new();
    loop {
        match cursor.step().expect("intact") {
            Step::Node(id) if nodes.nodes[&id][0] == 0 => {
                leaves.push(id);
                cursor.skip_node();
            }
            Step::Node(_) => cursor.enter(&mut nodes).expect("intact"),
            Step::Entry => panic!("leaves are skipped"),
            Step::End => break,
        }
    }
    assert!(leaves.len() > 20);
    nodes.lost = [leaves[0], leaves[7], leaves[leaves.len() - 1]].into();

    let (mut found, mut errors) = (0, 0);
    let mut last = Vec::new();
    let mut cursor = TreeCursor::new(root);
    loop {
        match cursor.advance(&mut nodes) {
            Ok(true) => {
                last = cursor.key().to_vec();
                assert_eq!(map.get(&last), Some(&cursor.entry().expect("well formed")));
                found += 1;
            }
            Ok(false) => break,
            Err(_) => {
                assert!(cursor.advance(&mut nodes).is_err(), "the attempt is repeated");
                errors += 1;
                cursor.skip_damaged();
                assert_eq!(cursor.key(), last, "tells after which entry the gap is");
            }
        }
    }
    assert_eq!(errors, 3);
    assert!(found > 18_000 && found < map.len(), "{found}");
}

#[test]
fn a_lost_node_is_left_out_of_a_comparison_on_both_sides() {
    let map = flat_folder(20_000);
    let mut nodes = Memory::default();
    let before = build(&map, &mut nodes);
    let old: HashSet<NodeId> = nodes.nodes.keys().copied().collect();
    let mut newer = map.clone();
    for day in [3, 200, 400] {
        let key = format!("media\0IMG-{:08}-WA0003.jpg", 20_150_101 + day).into_bytes();
        newer.insert(key, file(9_999_999));
    }
    let after = build(&newer, &mut nodes);
    assert_eq!(diff(before, after, &mut nodes).len(), 3);
    let leaf = |(id, node): (&NodeId, &Arc<[u8]>)| {
        let middle = format!("media\0IMG-{:08}-WA0003.jpg", 20_150_101 + 200).into_bytes();
        let holds = lookup(
            *id,
            &middle,
            &mut Memory { nodes: [(*id, Arc::clone(node))].into(), ..Memory::default() },
        );
        (!old.contains(id) && node[0] == 0 && matches!(holds, Ok(Some(_)))).then_some(*id)
    };
    let lost: HashSet<NodeId> = nodes.nodes.iter().filter_map(leaf).collect();
    assert_eq!(lost.len(), 1);
    nodes.lost = lost;
    for (before, after) in [(before, after), (after, before)] {
        let mut diff = Diff::new(before, after);
        let (mut changes, mut errors) = (0, 0);
        loop {
            match diff.next(&mut nodes) {
                Ok(Some(change)) => {
                    assert!(change.before.is_some() && change.after.is_some());
                    changes += 1;
                }
                Ok(None) => break,
                Err(_) => {
                    errors += 1;
                    diff.skip_damaged();
                }
            }
        }
        assert_eq!((changes, errors), (2, 1));
    }
}

#[test]
fn content_of_a_folder_can_be_passed_over() {
    let mut map = Map::new();
    for folder in ["a", "a\0b", "a\0b\0c", "a-", "b", "b\0a"] {
        map.insert(folder.into(), Entry::new(Kind::Folder));
    }
    let mut nodes = Memory::default();
    let root = build(&map, &mut nodes);
    let mut cursor = TreeCursor::new(root);
    let mut top = Vec::new();
    while cursor.advance(&mut nodes).expect("intact") {
        top.push(cursor.key().to_vec());
        cursor.skip_below();
    }
    assert_eq!(top, [&b"a"[..], b"a-", b"b"]);
}

//! Entries that are taken over from another tree: the tree must be the one that they make one by one.

use proptest::prelude::*;

use super::*;

/// Builds a tree of `after`, of which everything that `before` has as well is taken over in runs. No run goes beyond
/// an ordinal in `breaks`.
fn take_over(
    before: NodeId,
    after: &Map,
    breaks: &HashSet<usize>,
    nodes: &mut Memory,
) -> (NodeId, TreeTotals) {
    let (mut cursor, mut builder) = (TreeCursor::new(before), TreeBuilder::new());
    let mut more = cursor.advance(nodes).expect("intact");
    let mut run: Option<LeafRun> = None;
    for (ordinal, (key, entry)) in after.iter().enumerate() {
        while more && cursor.key() < key.as_slice() {
            more = cursor.advance(nodes).expect("intact");
        }
        let is_same = more && cursor.key() == key && cursor.entry().as_ref() == Ok(entry);
        let goes_on = is_same && !breaks.contains(&ordinal);
        if goes_on && run.as_mut().is_some_and(|run| run.extend(&cursor, entry.size)) {
            continue;
        }
        if let Some(run) = run.take() {
            builder.push_run(&run, nodes).expect("keys ascend");
        }
        if is_same {
            run = LeafRun::new(&cursor, entry.size);
        } else {
            builder.push(key, entry, nodes).expect("keys ascend");
        }
    }
    if let Some(run) = run {
        builder.push_run(&run, nodes).expect("keys ascend");
    }
    builder.finish(nodes).expect("memory does not fail")
}

/// A key of [`flat_folder`].
fn picture(n: u64) -> Vec<u8> {
    format!("media\0IMG-{:08}-WA{:04}.jpg", 20_150_101 + n / 40, n % 40).into_bytes()
}

/// A folder with many leaves, and the same after some changes.
fn any_change() -> impl Strategy<Value = (Map, Map)> {
    let some = || prop::collection::vec(0..3000_u64, 0..4);
    (some(), some(), some(), prop::option::of((0..3000_u64, 1..600_u64))).prop_map(
        |(removed, changed, added, gap)| {
            let before = flat_folder(3000);
            let mut after = before.clone();
            after.extend(changed.iter().map(|n| (picture(*n), file(n + 9000))));
            after.retain(|key, _| !removed.iter().any(|n| *key == picture(*n)));
            for n in added {
                let mut key = picture(n);
                key.extend_from_slice(b".json");
                after.insert(key, file(n));
            }
            if let Some((start, length)) = gap {
                let gap = picture(start)..picture(start + length);
                after.retain(|key, _| !gap.contains(key));
            }
            (before, after)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn runs_make_the_tree_that_their_entries_make(
        (before, after) in any_change(),
        breaks in prop::collection::hash_set(0..3000_usize, 0..5),
    ) {
        let mut nodes = Memory::default();
        let (old, new) = (build(&before, &mut nodes), build(&after, &mut nodes));
        let (root, totals) = take_over(old, &after, &breaks, &mut nodes);
        prop_assert_eq!(root, new);
        prop_assert_eq!(totals.entries, u64::try_from(after.len()).expect("fits"));
        prop_assert_eq!(totals.bytes, after.values().map(|entry| entry.size).sum::<u64>());
    }

    #[test]
    fn runs_of_trees_of_many_levels_make_the_same_tree(
        before in prop::collection::hash_map(any::<u16>(), 0..4_u64, 0..400),
        changes in prop::collection::hash_map(any::<u16>(), 4..8_u64, 0..3),
    ) {
        let mut after = before.clone();
        after.extend(changes);
        let (before, after) = (trees::long_map(&before), trees::long_map(&after));
        let mut nodes = Memory::default();
        let (old, new) = (build(&before, &mut nodes), build(&after, &mut nodes));
        prop_assert_eq!(take_over(old, &after, &HashSet::new(), &mut nodes).0, new);
    }
}

#[test]
fn whole_leaves_are_used_again() {
    let map = flat_folder(3000);
    let mut nodes = Memory::default();
    let root = build(&map, &mut nodes);
    let leaves = nodes.nodes.values().filter(|node| node[0] == 0).count();
    assert!(leaves > 10, "{leaves} leaves");
    assert_eq!(take_over(root, &map, &HashSet::new(), &mut nodes).0, root);
    // The last one ends because the tree does.
    assert!(nodes.again >= leaves - 1, "{} of {leaves}", nodes.again);
}

#[test]
fn the_last_leaf_of_a_tree_goes_on_where_more_follows() {
    let before = flat_folder(10);
    let mut after = before.clone();
    after.insert(b"more".to_vec(), file(1));
    let mut nodes = Memory::default();
    let (old, new) = (build(&before, &mut nodes), build(&after, &mut nodes));
    assert_eq!(take_over(old, &after, &HashSet::new(), &mut nodes).0, new);
    assert_eq!(nodes.again, 0);
}

#[test]
fn runs_must_ascend_too() {
    let map = flat_folder(3000);
    let mut nodes = Memory::default();
    let root = build(&map, &mut nodes);
    let mut cursor = TreeCursor::new(root);
    assert!(LeafRun::new(&cursor, 0).is_none(), "not at an entry");
    assert!(cursor.advance(&mut nodes).expect("intact"));
    let mut run = LeafRun::new(&cursor, 0).expect("at an entry");
    while cursor.advance(&mut nodes).expect("intact") && run.extend(&cursor, 1) {}
    let mut builder = TreeBuilder::new();
    builder.push_run(&run, &mut nodes).expect("the first");
    assert_eq!(nodes.again, 1, "a whole leaf");
    assert_eq!(builder.push_run(&run, &mut nodes), Err(BuildError::Order));
}

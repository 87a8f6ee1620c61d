//! Index segments after many sessions.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_engine::backup::BackupError;
use heirloom_engine::id::SessionId;
use heirloom_engine::index::SegmentName;
use heirloom_engine::repository::RepositoryError;
use heirloom_kit::{
    BackedUp, Client, HookStorage, Lab, Random, assert_same_tree, back_up, restore_all,
};

/// One more file, one more snapshot, by a client that remembers nothing.
fn session(lab: &Lab, number: u64) -> Result<BackedUp> {
    let bytes = Random::new(number).bytes(2000);
    fs::write(lab.tree.join(format!("file{number:03}")), bytes)?;
    let done = back_up(&Client::new(lab.storage(), 1000 + number).open()?, &lab.tree)?;
    assert!(done.problems.is_empty(), "{:?}", done.problems);
    Ok(done)
}

#[test]
fn the_number_of_segments_stays_small_and_every_blob_is_found() -> Result<()> {
    let lab = Lab::new(1)?;
    let mut most = 0;
    let mut taken = Vec::new();
    for number in 0..60 {
        let done = session(&lab, number)?;
        most = most.max(lab.store.names_in("index/").len());
        if number % 10 == 0 {
            let reader = Client::new(lab.storage(), 5000 + number).open()?;
            let copy = restore_all(&reader, done.root(), &lab.tree, &lab.fresh_path())?;
            assert_same_tree(&lab.tree, &copy)?;
            taken.push((done.root(), copy));
        }
    }
    println!("at most {most} segments after 60 sessions");
    assert!(most <= 24, "{most} segments");
    let reader = Client::new(lab.storage(), 2).open()?;
    for (root, copy) in taken {
        let target = restore_all(&reader, root, &lab.tree, &lab.fresh_path())?;
        assert_same_tree(&copy, &target)?;
    }
    // Nothing is stored again, and no pack went missing from the index.
    let packs = lab.store.names_in("packs/");
    assert_eq!(indexed_packs(&lab)?, packs);
    let before = lab.store.total_bytes();
    back_up(&Client::new(lab.storage(), 3).open()?, &lab.tree)?;
    // The folders above may have changed, and with them a node of the tree.
    assert!(lab.store.total_bytes() - before <= 64 << 10);
    Ok(())
}

/// Names of the packs that any segment lists, sorted.
fn indexed_packs(lab: &Lab) -> Result<Vec<String>> {
    let mut packs = Vec::new();
    for name in lab.store.names_in("index/") {
        let name = SegmentName::parse(&name).context("a segment's name")?;
        let segment = lab.repository.stored_segment(name)?;
        packs.extend(segment.packs.into_iter().map(|pack| format!("packs/{}", pack.id)));
    }
    packs.sort();
    packs.dedup();
    Ok(packs)
}

#[test]
fn a_merge_by_a_session_that_was_declared_dead_takes_nothing_away() -> Result<()> {
    let lab = Lab::new(2)?;
    for number in 0..40 {
        let segments = lab.store.names_in("index/");
        // Every session is first run by somebody who is declared dead at the last moment.
        let store = Arc::clone(&lab.store);
        let hooked = HookStorage::new(lab.storage(), move |call, object| {
            let session = object.strip_prefix("snapshots/").and_then(SessionId::from_hex);
            if let ("put", Some(session)) = (call, session) {
                store.set(&format!("fences/{session}.{}", "6d".repeat(16)), b"fence".to_vec());
            }
        });
        let dead = back_up(&Client::new(hooked, 5000 + number).open()?, &lab.tree);
        let fenced = matches!(dead, Err(BackupError::Repository(RepositoryError::Fenced { .. })));
        assert!(fenced, "{dead:?}");
        let left = lab.store.names_in("index/");
        assert!(segments.iter().all(|name| left.contains(name)), "a dead session removed segments");
        let before = lab.store.names_in("packs/").len();
        session(&lab, number)?;
        let added = lab.store.names_in("packs/").len() - before;
        assert!(added <= 2, "{added} packs for one small file");
    }
    let root = session(&lab, 999)?.root();
    let reader = Client::new(lab.storage(), 3).open()?;
    let target = restore_all(&reader, root, &lab.tree, &lab.fresh_path())?;
    assert_same_tree(&lab.tree, &target)
}

#[test]
fn a_reader_that_stays_open_finds_what_others_store_meanwhile() -> Result<()> {
    let lab = Lab::new(3)?;
    let client = Client::new(lab.storage(), 1);
    let reader = client.open()?;
    for number in 0..6 {
        // It need not look again for every blob that it cannot find, only now and then.
        client.wait(3600);
        let root = session(&lab, number)?.root();
        let target = restore_all(&reader, root, &lab.tree, &lab.fresh_path())
            .with_context(|| format!("snapshot {number}"))?;
        assert_same_tree(&lab.tree, &target)?;
    }
    Ok(())
}

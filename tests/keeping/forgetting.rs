//! Tombstones.

use anyhow::{Context as _, Result};
use heirloom_engine::repository::RepositoryError;
use heirloom_engine::snapshot::tombstone_name;
use heirloom_kit::{Client, Lab, back_up, scratch_folder};

use crate::{demand, lab_with, saying, taken};

#[test]
fn a_forgotten_snapshot_no_longer_counts_and_says_who_forgot_it() -> Result<()> {
    let (lab, all) = lab_with(3, 1)?;
    lab.repository.forget(&all[..2], &saying("too old"))?;
    for repository in [lab.client.open()?, lab.repository] {
        let listed = repository.snapshots()?;
        assert!(listed.problems.is_empty(), "{:?}", listed.problems);
        assert_eq!(taken(&repository)?, all[2..]);
        let forgotten: Vec<_> = listed.forgotten.iter().map(|one| one.session).collect();
        assert_eq!(forgotten, all[..2]);
        let stone = listed.tombstones.iter().find(|stone| stone.snapshot == all[0]);
        let stone = stone.context("a tombstone")?;
        assert_eq!((stone.time, stone.reason.as_str()), (7, "too old"));
        assert_eq!((stone.host.as_str(), stone.user.as_str()), ("desk", "me"));
        assert!(repository.foreign_objects()?.is_empty());
    }
    Ok(())
}

#[test]
fn forgetting_again_and_by_two_at_once_is_harmless() -> Result<()> {
    let (lab, all) = lab_with(2, 2)?;
    lab.repository.forget(&all[..1], &saying("one"))?;
    let other = Client::new(lab.storage(), 77).open()?;
    other.forget(&all[..1], &saying("two"))?;
    lab.repository.forget(&[], &saying("nobody"))?;
    let listed = lab.client.open()?.snapshots()?;
    assert!(listed.problems.is_empty(), "{:?}", listed.problems);
    assert_eq!((listed.taken.len(), listed.forgotten.len()), (1, 1));
    assert_eq!(listed.tombstones[0].reason, "two");
    Ok(())
}

#[test]
fn forgotten_snapshots_are_still_whole_and_no_parents() -> Result<()> {
    let (lab, all) = lab_with(1, 3)?;
    lab.repository.forget(&all, &saying(""))?;
    let root = lab.repository.snapshots()?.forgotten[0].record.root;
    let next = lab.back_up()?.report;
    assert_eq!(next.parent, None);
    lab.check(root, &lab.tree)
}

/// What the cache remembers of tombstones must not outlive them, nor hide those of others.
#[test]
fn the_listing_decides_which_tombstones_there_are_and_not_the_cache() -> Result<()> {
    let lab = Lab::new(4)?;
    let folder = scratch_folder()?;
    let client = Client::new(lab.storage(), 44).with_cache(folder.path());
    std::fs::write(lab.tree.join("file"), b"content")?;
    let repository = client.open()?;
    let mut all = Vec::new();
    for _ in 0..3 {
        let done = back_up(&repository, &lab.tree)?;
        all.push(done.report.snapshot.context("a snapshot")?.snapshot);
    }
    repository.forget(&all[..2], &saying(""))?;
    assert_eq!(taken(&repository)?, all[2..]);
    assert_eq!(taken(&client.open()?)?, all[2..]);
    assert!(lab.store.remove(&tombstone_name(all[0])));
    assert_eq!(taken(&repository)?, [all[0], all[2]]);
    assert_eq!(taken(&client.open()?)?, [all[0], all[2]]);
    lab.repository.forget(&all[..1], &saying(""))?;
    assert_eq!(taken(&repository)?, all[2..]);
    // Forgetting is no loss: nobody cries rollback when the records go, too.
    for gone in &all[..2] {
        lab.store.remove(&heirloom_engine::snapshot::object_name(*gone));
    }
    let listed = client.open()?.snapshots()?;
    assert!(listed.problems.is_empty(), "{:?}", listed.problems);
    assert_eq!(listed.tombstones.len(), 2);
    Ok(())
}

#[test]
fn nothing_is_forgotten_where_this_program_must_not_write() -> Result<()> {
    let (lab, all) = lab_with(1, 5)?;
    demand(&lab, "write")?;
    let repository = lab.client.open()?;
    let error = repository.forget(&all, &saying("")).expect_err("refused");
    assert!(matches!(error, RepositoryError::UnknownFeature { feature } if feature == "novelty"));
    assert_eq!(lab.store.names_in("tombstones/"), [""; 0]);
    assert_eq!(taken(&repository)?, all);
    Ok(())
}

/// A tombstone deletes nothing.
#[test]
fn snapshots_are_forgotten_where_this_program_must_not_delete() -> Result<()> {
    let (lab, all) = lab_with(1, 6)?;
    demand(&lab, "delete")?;
    let repository = lab.client.open()?;
    repository.forget(&all, &saying(""))?;
    assert_eq!(taken(&repository)?, []);
    Ok(())
}

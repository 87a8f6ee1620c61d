//! Snapshots with transformed files on their way: copied, rewritten, mended, pruned.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use heirloom_engine::copy::{self, CopyOptions};
use heirloom_engine::id::{NodeId, SessionId};
use heirloom_engine::progress::Progress;
use heirloom_engine::repair::{self, Part, Repairer};
use heirloom_engine::repository::Repository;
use heirloom_engine::rewrite::{Author, Edit, Outcome, recommit};
use heirloom_engine::tree::key_from_path;
use heirloom_kit::{
    BackedUp, CollectedProgress, KitUndo, Lab, assert_same_tree, prune_options, prune_with,
};

use crate::scene::{back_up, entry, open, options, restore, scene};
use crate::undoing::{blobs, damage};

fn watcher() -> Arc<dyn Progress> {
    Arc::new(CollectedProgress::new())
}

fn snapshot(done: &BackedUp) -> Result<SessionId> {
    Ok(done.report.snapshot.as_ref().context("a snapshot")?.snapshot)
}

fn newest(repository: &Repository) -> Result<NodeId> {
    let taken = repository.snapshots()?.taken;
    let newest = taken.iter().max_by_key(|snapshot| snapshot.record.finished);
    Ok(newest.context("there is one")?.record.root)
}

fn restores(lab: &Lab, repository: &Repository, root: NodeId) -> Result<()> {
    let target = lab.fresh_path();
    let restored = restore(repository, root, &options(lab, &target))?;
    assert_eq!(restored.problems, [""; 0]);
    assert_same_tree(&lab.tree, &target)
}

#[test]
fn a_copy_in_another_repository_restores_to_the_same_files() -> Result<()> {
    let lab = scene(41)?;
    back_up(&lab)?;
    let there = Lab::new(42)?;
    let snapshots = lab.repository.snapshots()?.taken;
    let options = CopyOptions { host: "testhost".into(), ..CopyOptions::default() };
    let both = (&lab.repository, &there.repository);
    let report = copy::run(both, &snapshots, &options, &watcher(), &mut |_, _| {})?;
    assert_eq!((report.copied, report.refused), (1, 0));
    let copy = open(&there, &KitUndo::new())?;
    restores(&lab, &copy, newest(&copy)?)?;
    let before = entry(&lab.repository, snapshots[0].record.root, &lab.tree.join("more/archive"))?;
    let after = entry(&copy, newest(&copy)?, &lab.tree.join("more/archive"))?;
    assert_eq!((before.transform, before.hash), (after.transform, after.hash));
    Ok(())
}

#[test]
fn a_snapshot_without_some_files_has_the_others_as_they_were() -> Result<()> {
    let lab = scene(43)?;
    let taken = snapshot(&back_up(&lab)?)?;
    let leave = key_from_path(&lab.tree.join("words.txt"));
    let author = Author { host: "testhost".into(), command: "test".into(), ..Author::default() };
    let repository = open(&lab, &KitUndo::new())?;
    let session = author.session(&repository, &watcher())?;
    let doomed = |key: &[u8]| key == leave;
    let Outcome::Committed(new) = recommit(session, taken, Edit::Leave(&doomed), &watcher())?
    else {
        bail!("nothing was committed");
    };
    fs::remove_file(lab.tree.join("words.txt"))?;
    let target = lab.fresh_path();
    let restored = restore(&repository, new.record.root, &options(&lab, &target))?;
    assert_eq!(restored.problems, [""; 0]);
    for name in ["chats.db.crypt15", "more/archive", "more/second name", "plain"] {
        assert!(fs::read(lab.tree.join(name))? == fs::read(target.join(name))?, "{name}");
    }
    assert!(!target.join("words.txt").exists());
    Ok(())
}

#[test]
fn a_repair_leaves_out_a_file_that_lost_a_piece_and_keeps_the_others() -> Result<()> {
    let lab = scene(44)?;
    let root = back_up(&lab)?.root();
    let database = entry(&lab.repository, root, &lab.tree.join("chats.db.crypt15"))?;
    damage(&lab, blobs(&lab.repository, &database)?.first().context("it has blobs")?)?;
    let repository = open(&lab, &KitUndo::new())?;
    let who = Repairer { note: prune_options().note, user: "testuser".into() };
    for part in [Part::Packs(Vec::new()), Part::Snapshots { read_data: true, forget_lost: false }] {
        let progress = watcher();
        let plan = repair::plan(&repository, &part, progress.as_ref())?;
        repair::apply(&repository, (&part, &plan), &who, &progress)?;
    }
    let repository = open(&lab, &KitUndo::new())?;
    let target = lab.fresh_path();
    let restored = restore(&repository, newest(&repository)?, &options(&lab, &target))?;
    assert_eq!(restored.problems, [""; 0]);
    for name in ["more/archive", "plain", "words.txt"] {
        assert!(fs::read(lab.tree.join(name))? == fs::read(target.join(name))?, "{name}");
    }
    assert!(!target.join("chats.db.crypt15").exists());
    assert!(!target.join("more/second name").exists());
    Ok(())
}

#[test]
fn a_prune_keeps_what_transformed_files_need() -> Result<()> {
    let lab = scene(45)?;
    back_up(&lab)?;
    fs::write(lab.tree.join("plain"), "changed")?;
    let second = back_up(&lab)?.root();
    let repository = open(&lab, &KitUndo::new())?;
    prune_with(&repository, &prune_options())?;
    restores(&lab, &open(&lab, &KitUndo::new())?, second)
}

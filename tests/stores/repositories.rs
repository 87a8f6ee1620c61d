//! The engine on every store: what was backed up is restored, and two clients at once do not hurt each other.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Result, anyhow, ensure};
use heirloom_kit::{Client, assert_same_tree, back_up, restore_all, scratch_folder};

use crate::stages::{Stage, on_stores};
use crate::trees;

on_stores! {
    a_tree_and_its_change_are_restored:
    memory, local, moto, apache, nginx, tearing, drive, rust_plugin, python_plugin, rclone_plugin, garage, wsgidav, rclone, sshd
}

on_stores! {
    two_clients_at_once_are_both_restored:
    memory, local, moto, apache, nginx, tearing, drive, rust_plugin, python_plugin, rclone_plugin, garage, wsgidav, rclone, sshd
}

fn a_tree_and_its_change_are_restored(stage: &Stage) -> Result<()> {
    let folder = scratch_folder()?;
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("tree"))?;
    trees::make(&at("tree"), 1)?;
    let first_client = Client::new(stage.storage(), 1).with_cache(&at("cache"));
    let first = back_up(&first_client.init()?, &at("tree"))?;
    ensure!(first.problems.is_empty(), "first backup: {:?}", first.problems);
    // Another installation, which knows nothing but the store.
    let other = Client::new(stage.storage(), 2).open()?;
    restore_all(&other, first.root(), &at("tree"), &at("first"))?;
    assert_same_tree(&at("tree"), &at("first"))?;

    trees::change(&at("tree"))?;
    first_client.wait(60);
    let second = back_up(&first_client.open()?, &at("tree"))?;
    ensure!(second.problems.is_empty(), "second backup: {:?}", second.problems);
    let (all, new) = (first.stored_bytes(), second.stored_bytes());
    ensure!(new < all / 4, "the change took {new} bytes after {all}");
    let other = Client::new(stage.storage(), 3).open()?;
    restore_all(&other, second.root(), &at("tree"), &at("second"))?;
    assert_same_tree(&at("tree"), &at("second"))?;
    // The first one is still there, untouched by the second.
    restore_all(&other, first.root(), &at("tree"), &at("again"))?;
    assert_same_tree(&at("first"), &at("again"))?;
    ensure!(other.snapshots()?.taken.len() == 2, "not two snapshots");
    Ok(())
}

fn two_clients_at_once_are_both_restored(stage: &Stage) -> Result<()> {
    let folder = scratch_folder()?;
    let at = |name: &str| folder.path().join(name);
    Client::new(stage.storage(), 10).init()?;
    // Half of each tree is the same: both clients store it, or one uses what the other stored.
    for (name, seed) in [("left", 21), ("right", 22)] {
        fs::create_dir_all(at(name).join("shared"))?;
        fs::create_dir(at(name).join("own"))?;
        trees::make(&at(name).join("shared"), 20)?;
        trees::make(&at(name).join("own"), seed)?;
    }
    let work = |name: &str, seed: u64| -> Result<_> {
        let client = Client::new(stage.storage(), seed);
        let done = back_up(&client.open()?, &at(name))?;
        ensure!(done.problems.is_empty(), "{name}: {:?}", done.problems);
        Ok(done.root())
    };
    let panicked = |_| anyhow!("a client panicked");
    let (left, right) = thread::scope(|scope| -> Result<_> {
        let left = scope.spawn(|| work("left", 11));
        let right = scope.spawn(|| work("right", 12));
        Ok((left.join().map_err(panicked)??, right.join().map_err(panicked)??))
    })?;
    let other = Client::new(stage.storage(), 13).open()?;
    let snapshots = other.snapshots()?;
    ensure!(snapshots.taken.len() == 2, "{snapshots:?}");
    ensure!(snapshots.problems.is_empty(), "{:?}", snapshots.problems);
    for (name, root) in [("left", left), ("right", right)] {
        let target = at(&format!("{name} restored"));
        restore_all(&other, root, &at(name), &target)?;
        assert_same_tree(&at(name), &target)?;
        remove(&target)?;
    }
    Ok(())
}

/// Memory is what scratch folders are made of.
fn remove(folder: &Path) -> Result<()> {
    Ok(fs::remove_dir_all(folder)?)
}

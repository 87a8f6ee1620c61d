//! A store that goes back in time, or drops a snapshot.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_engine::id::SessionId;
use heirloom_engine::repository::Repository;
use heirloom_engine::snapshot::{Snapshot, Tombstone, object_name, tombstone_name};
use heirloom_kit::{Client, Lab, MemoryStorage, back_up};

fn problems(repository: &Repository) -> Result<Vec<String>> {
    Ok(repository.snapshots()?.problems.iter().map(ToString::to_string).collect())
}

fn take(repository: &Repository, tree: &Path, content: &str) -> Result<SessionId> {
    fs::write(tree.join("file"), content)?;
    Ok(back_up(repository, tree)?.report.snapshot.context("a snapshot")?.snapshot)
}

fn gone(session: SessionId) -> [String; 1] {
    [format!("snapshot {session} has disappeared")]
}

/// A lab whose client remembers, in a folder that lies beside the tree.
fn remembering(seed: u64) -> Result<(Lab, Client)> {
    let lab = Lab::new(seed)?;
    let client = lab.client.clone().with_cache(&lab.fresh_path());
    Ok((lab, client))
}

/// Only what an installation has not read before can surprise it.
fn forget_records(client: &Client) -> Result<()> {
    let root = client.context().cache.as_deref().context("a cache")?;
    for repository in fs::read_dir(root)? {
        let records = repository?.path().join("records");
        if records.exists() {
            fs::remove_file(records)?;
        }
    }
    Ok(())
}

#[test]
fn the_newest_snapshot_cannot_be_removed_without_notice() -> Result<()> {
    let (lab, client) = remembering(1)?;
    take(&client.open()?, &lab.tree, "one")?;
    let second = take(&client.open()?, &lab.tree, "two")?;
    assert_eq!(problems(&client.open()?)?, [""; 0]);
    lab.store.remove(&object_name(second));
    assert_eq!(problems(&client.open()?)?, gone(second));
    // And not only once, and not hushed up by the next snapshot.
    assert_eq!(problems(&client.open()?)?, gone(second));
    Ok(())
}

#[test]
fn an_older_state_of_the_whole_store_is_noticed() -> Result<()> {
    let (lab, client) = remembering(2)?;
    take(&client.open()?, &lab.tree, "one")?;
    let old: Arc<MemoryStorage> = lab.store.copy();
    let second = take(&client.open()?, &lab.tree, "two")?;
    let replayed = client.clone().on(Arc::clone(&old) as _);
    assert_eq!(problems(&replayed.open()?)?, gone(second));
    // A backup into the old state continues the client's own chain and does not forge a second past.
    let repository = replayed.open()?;
    let third = take(&repository, &lab.tree, "three")?;
    let record = repository.snapshot(third)?.context("just taken")?.record;
    assert_eq!(record.sequence, 2);
    Ok(())
}

#[test]
fn a_client_without_memory_learns_of_a_loss_from_what_others_saw() -> Result<()> {
    let (lab, client) = remembering(3)?;
    let first = take(&client.open()?, &lab.tree, "one")?;
    let other = Client::new(lab.storage(), 33).with_cache(&lab.fresh_path());
    take(&other.open()?, &lab.tree, "two")?;
    lab.store.remove(&object_name(first));
    let newcomer = Client::new(lab.storage(), 34);
    assert_eq!(problems(&newcomer.open()?)?, gone(first));
    Ok(())
}

fn tombstone(snapshot: SessionId) -> Tombstone {
    let (host, user, reason) = ("host".into(), "user".into(), "test".into());
    Tombstone { snapshot, time: 1, host, user, reason }
}

#[test]
fn a_forgotten_snapshot_is_no_loss() -> Result<()> {
    let (lab, client) = remembering(4)?;
    take(&client.open()?, &lab.tree, "one")?;
    let repository = client.open()?;
    let second = take(&repository, &lab.tree, "two")?;
    let sealed = tombstone(second).seal(repository.keys(), client.clock());
    lab.store.set(&tombstone_name(second), sealed);
    assert_eq!(problems(&client.open()?)?, [""; 0]);
    assert_eq!(client.open()?.snapshots()?.forgotten.len(), 1);
    lab.store.remove(&object_name(second));
    assert_eq!(problems(&client.open()?)?, [""; 0]);
    Ok(())
}

#[test]
fn a_tombstone_of_another_snapshot_or_by_somebody_else_excuses_no_loss() -> Result<()> {
    let (lab, client) = remembering(6)?;
    let repository = client.open()?;
    let first = take(&repository, &lab.tree, "one")?;
    lab.store.remove(&object_name(first));
    let own = tombstone(SessionId([9; 16])).seal(repository.keys(), client.clock());
    let foreign = tombstone(first).seal(Lab::new(7)?.repository.keys(), client.clock());
    for sealed in [own, foreign] {
        lab.store.set(&tombstone_name(first), sealed);
        let said = problems(&client.open()?)?;
        assert!(said.contains(&gone(first)[0]), "{said:?}");
        assert!(said.contains(&format!("{} is damaged", tombstone_name(first))), "{said:?}");
    }
    Ok(())
}

#[test]
fn a_changed_record_of_the_same_name_is_noticed() -> Result<()> {
    let (lab, client) = remembering(5)?;
    let repository = client.open()?;
    let taken = take(&repository, &lab.tree, "one")?;
    let mut record = repository.snapshot(taken)?.context("just taken")?.record;
    record.label = Some("another".into());
    let session_key = repository.keys().new_session_key(client.clock());
    let signing = (repository.keys(), &session_key);
    let sealed = Snapshot::new(taken, record).seal(signing, client.clock());
    lab.store.set(&object_name(taken), sealed);
    forget_records(&client)?;
    assert_eq!(problems(&client.open()?)?, gone(taken));
    Ok(())
}

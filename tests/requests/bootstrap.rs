//! The way into a repository that the cache remembers, and what happens when it no longer fits.

use std::fs;
use std::sync::Arc;

use anyhow::Result;
use heirloom_engine::error::Problem;
use heirloom_engine::repository::{RepositoryError, Storage};
use heirloom_engine::snapshot::object_name;
use heirloom_kit::{Client, Lab, MemoryStorage, back_up, restore_all};

const STORE: &str = "disk 7";

fn remembering(lab: &Lab) -> Client {
    lab.client.clone().with_cache(&lab.fresh_path()).named(STORE)
}

fn other_repository(seed: u64) -> Result<Arc<MemoryStorage>> {
    let store = MemoryStorage::new();
    let storage: Arc<dyn Storage> = Arc::<MemoryStorage>::clone(&store);
    Client::new(storage, seed).init()?;
    Ok(store)
}

#[test]
fn a_store_with_another_repository_than_last_time_is_told_and_nothing_is_written_to_it()
-> Result<()> {
    let lab = Lab::new(1)?;
    fs::write(lab.tree.join("file"), "content")?;
    lab.back_up()?;
    let client = remembering(&lab);
    client.open()?.snapshots()?;
    for write in [false, true] {
        let other = other_repository(100)?;
        let before = other.names();
        let moved = client.clone().on(Arc::<MemoryStorage>::clone(&other));
        // The cache is asked first, so that opening goes well; the first look at the store tells.
        let repository = client.clone().on(Arc::<MemoryStorage>::clone(&other)).open()?;
        let found = if write {
            back_up(&repository, &lab.tree).err().map(|error| format!("{error:?}"))
        } else {
            repository.snapshots().err().map(|error| format!("{error:?}"))
        };
        assert!(found.is_some_and(|error| error.contains("Replaced")));
        assert_eq!(other.names(), before);
        // From then on the store is asked.
        assert!(moved.open()?.snapshots()?.taken.is_empty());
        // Back again.
        client.open()?.snapshots().err();
        client.open()?.snapshots()?;
    }
    Ok(())
}

#[test]
fn a_repository_that_was_made_anew_is_used_at_once() -> Result<()> {
    let lab = Lab::new(6)?;
    fs::write(lab.tree.join("file"), "content")?;
    let client = remembering(&lab);
    client.open()?.snapshots()?;
    let anew = client.on(MemoryStorage::new());
    anew.init()?;
    let taken = back_up(&anew.open()?, &lab.tree)?;
    restore_all(&anew.open()?, taken.root(), &lab.tree, &lab.fresh_path())?;
    Ok(())
}

#[test]
fn a_store_that_lost_its_repository_is_told() -> Result<()> {
    let lab = Lab::new(2)?;
    let client = remembering(&lab);
    client.open()?.snapshots()?;
    let empty = client.on(MemoryStorage::new());
    let error = empty.open()?.snapshots().expect_err("nothing is there");
    assert!(matches!(error, RepositoryError::Absent), "{error:?}");
    assert!(matches!(empty.open(), Err(RepositoryError::Absent)));
    Ok(())
}

#[test]
fn a_removed_key_does_not_open_from_the_cache_of_the_machine_that_removed_it() -> Result<()> {
    let lab = Lab::new(3)?;
    let client = remembering(&lab);
    let repository = client.open()?;
    let slots = repository.slots()?;
    let second = heirloom_kit::identity_slot();
    repository.add_slot(&[heirloom_kit::identity()], &second)?;
    repository.remove_slot(&slots[0].id.to_string())?;
    assert_ne!(client.open()?.opened_with(), slots[0].id);
    Ok(())
}

#[test]
fn a_record_that_was_replaced_in_the_store_is_read_again() -> Result<()> {
    let lab = Lab::new(4)?;
    fs::write(lab.tree.join("file"), "content")?;
    let taken = lab.back_up()?;
    let session = taken.report.snapshot.as_ref().expect("taken").snapshot;
    let client = remembering(&lab);
    assert_eq!(client.open()?.snapshots()?.taken.len(), 1);
    lab.store.set(&object_name(session), b"cut off".to_vec());
    let problems = client.open()?.snapshots()?.problems;
    let damaged = |problem: &Problem| matches!(problem, Problem::ObjectDamaged { .. });
    assert!(problems.iter().any(damaged), "{problems:?}");
    Ok(())
}

#[test]
fn a_damaged_cache_costs_requests_and_nothing_else() -> Result<()> {
    let lab = Lab::new(5)?;
    fs::write(lab.tree.join("file"), "content")?;
    let taken = lab.back_up()?;
    let client = remembering(&lab);
    client.open()?.snapshots()?;
    let root = client.context().cache.clone().expect("it has a cache");
    let mut files = vec![root];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                files.push(entry?.path());
            }
        } else {
            fs::write(path, b"damaged")?;
        }
    }
    let repository = client.open()?;
    assert_eq!(repository.snapshots()?.taken.len(), 1);
    restore_all(&repository, taken.root(), &lab.tree, &lab.fresh_path())?;
    Ok(())
}

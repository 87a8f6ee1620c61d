//! Several clients at the same time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use heirloom_engine::id::NodeId;
use heirloom_engine::repository::Storage;
use heirloom_kit::{
    Client, HookStorage, Lab, MemoryStorage, Random, assert_same_tree, back_up, restore_all,
    scratch_folder,
};

/// One client's rounds: some files that all have, some of its own, a snapshot each time.
fn rounds(
    storage: Arc<dyn Storage>,
    number: u64,
    count: u64,
    folder: &Path,
) -> Result<Vec<(NodeId, PathBuf)>> {
    let client = Client::new(storage, 10_000 * (number + 1));
    let tree = folder.join(format!("tree{number}"));
    fs::create_dir(&tree)?;
    let mut taken = Vec::new();
    for round in 0..count {
        let shared = Random::new(round).bytes(60_000);
        fs::write(tree.join(format!("shared{round}")), shared)?;
        let own = Random::new(1000 * (number + 1) + round).bytes(30_000);
        fs::write(tree.join(format!("own{round}")), own)?;
        let repository = client.open()?;
        let done = back_up(&repository, &tree).with_context(|| format!("round {round}"))?;
        assert!(done.problems.is_empty(), "{:?}", done.problems);
        let copy = folder.join(format!("copy{number}.{round}"));
        taken.push((done.root(), restore_all(&repository, done.root(), &tree, &copy)?));
        assert_same_tree(&tree, &copy)?;
    }
    Ok(taken)
}

#[expect(clippy::disallowed_methods, reason = "a slow store is what this pretends to be")]
fn pause(microseconds: u64) {
    thread::sleep(Duration::from_micros(microseconds));
}

/// A store whose calls take unequal times, so that the clients meet in many ways.
fn jittery(store: &Arc<MemoryStorage>, seed: u64) -> Arc<dyn Storage> {
    let random = std::sync::Mutex::new(Random::new(seed));
    HookStorage::new(Arc::clone(store) as _, move |_, _| {
        let length = random.lock().expect("no holder of this lock panics").below(4);
        pause(300 * length);
    })
}

fn run_together(seed: u64, clients: u64, count: u64) -> Result<()> {
    let lab = Lab::new(seed)?;
    let folder = scratch_folder()?;
    let all: Vec<(u64, Vec<(NodeId, PathBuf)>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|number| {
                let (storage, folder) = (jittery(&lab.store, seed + number), folder.path());
                scope.spawn(move || Ok((number, rounds(storage, number, count, folder)?)))
            })
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<_>>| {
            thread.join().map_err(|_| anyhow!("a thread panicked"))?
        };
        threads.into_iter().map(join).collect::<Result<_>>()
    })?;
    let reader = Client::new(lab.storage(), 1).open()?;
    let listed = reader.snapshots()?;
    assert!(listed.problems.is_empty(), "{:?}", listed.problems);
    assert_eq!(listed.taken.len(), usize::try_from(clients * count)?);
    for (number, taken) in all {
        let tree = folder.path().join(format!("tree{number}"));
        for (root, copy) in taken {
            let restored = restore_all(&reader, root, &tree, &lab.fresh_path())?;
            assert_same_tree(&copy, &restored)?;
        }
    }
    assert_eq!(lab.store.names_in("sessions/"), [""; 0]);
    Ok(())
}

#[test]
fn two_clients_at_the_same_time_lose_nothing() -> Result<()> {
    (0..3).try_for_each(|seed| run_together(seed, 2, 8))
}

#[test]
fn four_clients_at_the_same_time_lose_nothing_while_segments_are_merged() -> Result<()> {
    (10..12).try_for_each(|seed| run_together(seed, 4, 6))
}

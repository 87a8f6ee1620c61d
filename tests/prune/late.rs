//! A store that lists late: what nobody sees yet, and what came of it.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _};
use heirloom_engine::check::{self, CheckOptions, Weight};
use heirloom_engine::deletion::Death;
use heirloom_engine::error::StorageError;
use heirloom_engine::prune::{PruneOptions, PruneReport};
use heirloom_engine::repository::{Capabilities, Listed, Storage};
use heirloom_kit::{
    Client, CollectedProgress, HookStorage, Lab, MemoryStorage, Random, back_up, prune_options,
    prune_with,
};

use crate::waiting::{forget, start};

/// What listings do not show yet; the same for everybody.
#[derive(Debug, Default)]
struct Unseen(Mutex<BTreeSet<String>>);

impl Unseen {
    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client's way to a store on which objects of one folder are listed only when their writer waits for that.
#[derive(Debug)]
struct LateStorage {
    inner: Arc<MemoryStorage>,
    unseen: Arc<Unseen>,
    folder: &'static str,
}

impl Storage for LateStorage {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        if name.starts_with(self.folder) {
            self.unseen.names().insert(name.to_owned());
        }
        self.inner.put(name, bytes)
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        self.inner.read(name, range)
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let is_seen = |listed: &Listed| !self.unseen.names().contains(&listed.name);
        let listed = self.inner.list(prefix);
        listed.filter(move |one| std::future::ready(one.as_ref().is_ok_and(is_seen))).boxed()
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        self.unseen.names().clear();
        Box::pin(async { Ok(()) })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        self.inner.delete(name)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

/// On a thread of its own: the one that calls may be waiting for the store.
fn prune_by_force(other: Client) -> PruneReport {
    let options = PruneOptions { dead_after_ns: 0, ..prune_options() };
    let pruned = thread::spawn(move || {
        prune_with(&other.open().expect("it is there"), &options).expect("nothing is damaged")
    });
    pruned.join().expect("it goes well")
}

/// Calls `then` when a session has put its record and is about to look for fences.
fn when_committed(
    inner: Arc<dyn Storage>,
    then: impl Fn() + Send + Sync + 'static,
) -> Arc<dyn Storage> {
    let record_is_there = AtomicBool::new(false);
    HookStorage::new(inner, move |call, object| {
        if call == "put" && object.starts_with("snapshots/") {
            record_is_there.store(true, Relaxed);
        }
        if call == "list" && object == "fences/" && record_is_there.swap(false, Relaxed) {
            then();
        }
    })
}

fn write(lab: &Lab, name: &str, seed: u64) -> Result<()> {
    Ok(fs::write(lab.tree.join(name), Random::new(seed).bytes(100_000))?)
}

/// Packs that a segment lists and the store does not have.
fn dangling(lab: &Lab) -> Result<usize> {
    let repository = Client::new(lab.storage(), 900).open()?;
    let report = check::run(&repository, &CheckOptions::default(), &CollectedProgress::new())?;
    let damaged = report.findings.iter().filter(|finding| finding.weight == Weight::Damage);
    Ok(damaged.count())
}

/// A writer merges segments, and lists a pack that is condemned meanwhile, because it began before. Nobody sees its index
/// yet when it puts its record; a prune that declares it dead finds that it has committed, and goes on.
#[test]
fn an_index_that_nobody_sees_yet_names_no_pack_that_a_prune_deletes() -> Result<()> {
    let lab = Lab::new(20)?;
    write(&lab, "old", 500)?;
    let old = lab.back_up()?;
    fs::remove_file(lab.tree.join("old"))?;
    // So many segments that the next session puts them together.
    for number in 0..9 {
        write(&lab, "new", 600 + number)?;
        lab.back_up()?;
    }
    let unseen = Arc::new(Unseen::default());
    let late = || -> Arc<dyn Storage> {
        let (inner, unseen) = (Arc::clone(&lab.store), Arc::clone(&unseen));
        Arc::new(LateStorage { inner, unseen, folder: "index/" })
    };
    let (other, pruned) = (Client::new(late(), 30), Arc::new(AtomicBool::new(false)));
    let done = Arc::clone(&pruned);
    let hooked = when_committed(late(), move || {
        assert!(prune_by_force(other.clone()).deleted_packs > 0);
        done.store(true, Relaxed);
    });
    forget(&lab, &[&old])?;
    write(&lab, "new", 700)?;
    let taken = back_up(&Client::new(hooked, 31).open()?, &lab.tree)?;
    ensure!(pruned.load(Relaxed), "the prune came in between");
    unseen.names().clear();
    ensure!(dangling(&lab)? == 0);
    lab.check(taken.root(), &lab.tree)?;
    // The same content once more: nobody relies on the pack that is gone.
    write(&lab, "old", 500)?;
    let again = back_up(&Client::new(lab.storage(), 32).open()?, &lab.tree)?;
    lab.check(again.root(), &lab.tree)
}

/// The prune could read the record by its name; but whoever lists the snapshots, the prune itself included, does not see it.
#[test]
fn a_session_whose_snapshot_no_listing_shows_is_dead() -> Result<()> {
    let lab = Lab::new(21)?;
    write(&lab, "file", 1)?;
    let old = lab.back_up()?;
    forget(&lab, &[&old])?;
    let unseen = Arc::new(Unseen::default());
    let inner = Arc::clone(&lab.store);
    let late = Arc::new(LateStorage { inner, unseen: Arc::clone(&unseen), folder: "snapshots/" });
    let other = Client::new(Arc::clone(&late) as _, 30);
    let hooked = when_committed(late, move || drop(prune_by_force(other.clone())));
    // It relies on what is there, and may be told so only if that stays.
    let taken = back_up(&Client::new(hooked, 31).open()?, &lab.tree);
    unseen.names().clear();
    if let Ok(taken) = &taken {
        lab.check(taken.root(), &lab.tree)?;
    }
    ensure!(taken.is_err(), "its snapshot could not be seen when the prune had fenced it");
    Ok(())
}

/// Other prunes that miss the object might not see the record yet.
#[test]
fn the_object_of_a_session_that_has_only_just_committed_is_left_to_its_writer() -> Result<()> {
    let lab = Lab::new(22)?;
    write(&lab, "file", 1)?;
    let other = Client::new(lab.storage(), 30).open()?;
    let before = start(&other)?;
    let taken = lab.back_up()?;
    let id = taken.report.snapshot.as_ref().context("taken")?.snapshot;
    // As if it had not ended yet.
    let name = format!("sessions/{id}");
    lab.store.set(&name, "session");
    assert_eq!(before.declare_dead(id, "host")?, Death::Committed);
    assert!(lab.store.get(&name).is_some());
    before.suspend()?;
    let after = start(&other)?;
    assert_eq!(after.declare_dead(id, "host")?, Death::Committed);
    assert!(lab.store.get(&name).is_none());
    after.suspend()?;
    assert_eq!(lab.store.names_in("fences/"), [""; 0]);
    lab.check(taken.root(), &lab.tree)
}

/// Such a segment may have been left by an earlier version of this program.
#[test]
fn a_prune_takes_packs_that_are_gone_out_of_the_index() -> Result<()> {
    let lab = Lab::new(23)?;
    write(&lab, "old", 500)?;
    let old = lab.back_up()?;
    let before: HashSet<String> = lab.store.names_in("packs/").into_iter().collect();
    fs::remove_file(lab.tree.join("old"))?;
    write(&lab, "new", 600)?;
    let new = lab.back_up()?;
    forget(&lab, &[&old])?;
    let segments: Vec<_> = lab.store.names_in("index/");
    let segments: Vec<_> = segments.into_iter().map(|name| (lab.store.get(&name), name)).collect();
    let prune = |seed| -> Result<_> {
        Ok(prune_with(&Client::new(lab.storage(), seed).open()?, &prune_options())?)
    };
    prune(40)?;
    ensure!(before.iter().any(|pack| lab.store.get(pack).is_none()), "packs are gone");
    for name in lab.store.names_in("index/") {
        lab.store.remove(&name);
    }
    for (bytes, name) in segments {
        lab.store.set(&name, bytes.context("listed")?);
    }
    ensure!(dangling(&lab)? > 0, "the index names them");
    prune(41)?;
    ensure!(dangling(&lab)? == 0);
    lab.check(new.root(), &lab.tree)?;
    write(&lab, "old", 500)?;
    let again = back_up(&Client::new(lab.storage(), 42).open()?, &lab.tree)?;
    lab.check(again.root(), &lab.tree)?;
    let index = lab.store.names_in("index/");
    prune(43)?;
    ensure!(lab.store.names_in("index/") == index, "there is nothing to write anew");
    Ok(())
}

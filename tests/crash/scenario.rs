//! A repository with a snapshot, a second one about to be taken, and what must hold however that ends.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::backup::BackupError;
use heirloom_engine::id::{NodeId, SessionId};
use heirloom_engine::index::SegmentName;
use heirloom_engine::repository::Repository;
use heirloom_kit::{
    BackedUp, Client, Counted, Fault, FaultStorage, Lab, MemoryStorage, Random, SMALL_PACKS,
    assert_same_tree, back_up, restore_all,
};

/// Files that fill about three of the smallest packs.
const NEW_FILES: u64 = 33;

/// A lab whose tree has changed since its only snapshot.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) lab: Lab,
    first: (SessionId, NodeId, PathBuf),
    /// Bytes of packs that an undisturbed second backup adds.
    undisturbed: u64,
    seed: AtomicU64,
}

fn pack_bytes(store: &MemoryStorage) -> u64 {
    let names = store.names_in("packs/").into_iter();
    names.filter_map(|name| store.get(&name)).map(|bytes| bytes.len() as u64).sum()
}

impl Scenario {
    pub(crate) fn new(seed: u64) -> Result<Self> {
        let lab = Lab::new(seed)?;
        for number in 0..5 {
            fs::write(lab.tree.join(format!("old{number}")), Random::new(number).bytes(20_000))?;
        }
        let taken = lab.back_up()?.report.snapshot.context("a snapshot")?;
        let copy = lab.restore(taken.record.root)?;
        for number in 0..NEW_FILES {
            let bytes = Random::new(100 + number).bytes(100_000);
            fs::write(lab.tree.join(format!("new{number}")), bytes)?;
        }
        fs::remove_file(lab.tree.join("old0"))?;
        let first = (taken.snapshot, taken.record.root, copy);
        let scenario = Self { lab, first, undisturbed: 0, seed: AtomicU64::new(1000 * (seed + 1)) };
        let store = scenario.lab.store.copy();
        let before = pack_bytes(&store);
        back_up(&scenario.client(&store).open()?, &scenario.lab.tree)?;
        Ok(Self { undisturbed: pack_bytes(&store) - before, ..scenario })
    }

    /// Root of the first snapshot's tree.
    pub(crate) fn first_root(&self) -> NodeId {
        self.first.1
    }

    /// A client that nobody has seen before.
    pub(crate) fn client(&self, store: &Arc<MemoryStorage>) -> Client {
        Client::new(Arc::clone(store) as _, self.seed.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs the second backup with a fault at its `number`-th operation. `None` when it has fewer.
    pub(crate) fn disturbed(&self, number: u64, fault: Fault) -> Option<Disturbed> {
        let store = self.lab.store.copy();
        let faulty = FaultStorage::new(Arc::clone(&store) as _, Counted::All);
        faulty.at(number, fault);
        let client = self.client(&store).on(Arc::clone(&faulty) as _);
        let outcome = client
            .open()
            .map_err(BackupError::from)
            .and_then(|repository| back_up(&repository, &self.lab.tree));
        let struck = faulty.struck().pop()?;
        Some(Disturbed { store, struck, outcome })
    }

    /// Bytes of packs that were added to the store and that some segment lists.
    fn indexed(&self, repository: &Repository, store: &MemoryStorage) -> Result<u64> {
        let old: HashSet<_> = self.lab.store.names_in("packs/").into_iter().collect();
        let mut packs = HashSet::new();
        for name in store.names_in("index/") {
            let name = SegmentName::parse(&name).context("a segment's name")?;
            // A torn one says nothing.
            if let Ok(segment) = repository.stored_segment(name) {
                packs.extend(segment.packs.into_iter().map(|pack| (pack.id, pack.size)));
            }
        }
        let new = packs.into_iter().filter(|(id, _)| !old.contains(&format!("packs/{id}")));
        Ok(new.map(|(_, size)| size).sum())
    }

    /// Every snapshot that counts restores, and so does `reported`, if there is one.
    fn check_snapshots(
        &self,
        repository: &Repository,
        reported: Option<SessionId>,
    ) -> Result<usize> {
        let listed = repository.snapshots()?;
        let (first, first_root, first_copy) = &self.first;
        let known = |id: &SessionId| listed.taken.iter().any(|found| found.session == *id);
        ensure!(known(first), "the first snapshot is gone");
        ensure!(reported.as_ref().is_none_or(known), "a reported snapshot is not listed");
        for snapshot in &listed.taken {
            let expected =
                if snapshot.record.root == *first_root { first_copy } else { &self.lab.tree };
            let target = self.lab.fresh_path();
            restore_all(repository, snapshot.record.root, &self.lab.tree, &target)?;
            assert_same_tree(expected, &target)?;
            fs::remove_dir_all(target)?;
        }
        Ok(listed.taken.len())
    }

    /// What must hold after a disturbed run: nothing is lost, and the next run just works and does not start over.
    pub(crate) fn check_aftermath(&self, disturbed: &Disturbed) -> Result<()> {
        let Disturbed { store, outcome, .. } = disturbed;
        let reported = outcome.as_ref().ok().and_then(|done| done.report.snapshot.as_ref());
        let repository = self.client(store).open()?;
        let count = self.check_snapshots(&repository, reported.map(|taken| taken.snapshot))?;
        let indexed = self.indexed(&repository, store)?;
        let before = pack_bytes(store);
        let again = back_up(&self.client(store).open()?, &self.lab.tree).context("the next run")?;
        let added = pack_bytes(store) - before;
        let bound = self.undisturbed.saturating_sub(indexed) + u64::from(SMALL_PACKS);
        ensure!(
            added <= bound,
            "the next run added {added} bytes of packs, at most {bound} allowed"
        );
        let last = again.report.snapshot.context("a snapshot")?.snapshot;
        let repository = self.client(store).open()?;
        let after = self.check_snapshots(&repository, Some(last))?;
        ensure!(after == count + 1, "{count} snapshots before the next run, {after} after it");
        Ok(())
    }
}

/// What a fault left behind.
#[derive(Debug)]
pub(crate) struct Disturbed {
    pub(crate) store: Arc<MemoryStorage>,
    /// The operation that got the fault.
    pub(crate) struck: String,
    pub(crate) outcome: Result<BackedUp, BackupError>,
}

impl Disturbed {
    /// The object of the operation that got the fault.
    pub(crate) fn object(&self) -> &str {
        let call = self.struck.split(": ").next().unwrap_or_default();
        call.split_once(' ').map_or("", |(_, object)| object)
    }
}

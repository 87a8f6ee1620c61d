//! A repository with a tree of everything, and the moves of others: forgetting, condemning, declaring dead.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_engine::crypto::{ObjectKind, padded_map};
use heirloom_engine::id::{PackId, SessionId};
use heirloom_engine::progress::Progress;
use heirloom_engine::repository::Repository;
use heirloom_engine::snapshot::{Record, Snapshot, Tombstone, tombstone_name};
use heirloom_kit::{
    BackedUp, Client, CollectedProgress, Content, Lab, MemoryStorage, Random, assert_same_tree,
    restore_all,
};
use serde_bytes::ByteBuf;

/// Fills a folder with everything that a snapshot can hold: a file of many blobs, one of a few, tiny ones, a sparse one,
/// two names of one file, a link, a large attribute where the file system takes it.
pub(crate) fn fill(tree: &Path, seed: u64) -> Result<()> {
    fs::create_dir_all(tree.join("documents/letters"))?;
    fs::create_dir_all(tree.join("pictures"))?;
    fs::write(tree.join("documents/book"), Content::Text(seed).bytes(1_500_000))?;
    fs::write(tree.join("documents/letters/one"), Content::Text(seed + 1).bytes(30_000))?;
    fs::write(tree.join("documents/letters/tiny"), format!("tiny {seed}"))?;
    fs::write(tree.join("pictures/noise"), Random::new(seed).bytes(120_000))?;
    fs::write(tree.join("pictures/other"), Random::new(seed + 2).bytes(90_000))?;
    fs::hard_link(tree.join("pictures/noise"), tree.join("documents/same noise"))?;
    std::os::unix::fs::symlink("documents/book", tree.join("link"))?;
    let sparse = fs::File::create(tree.join("sparse"))?;
    sparse.set_len(3_000_000)?;
    sparse.write_all_at(&Random::new(seed + 3).bytes(20_000), 1_000_000)?;
    let value = Random::new(seed + 4).bytes(6000);
    let flags = rustix::fs::XattrFlags::empty();
    // Not every file system takes it; then there is less to test.
    rustix::fs::lsetxattr(tree.join("pictures/other"), "user.large", &value, flags).ok();
    Ok(())
}

/// A lab with such a tree, backed up once.
pub(crate) fn scene(seed: u64) -> Result<(Lab, SessionId)> {
    let lab = Lab::new(seed)?;
    fill(&lab.tree, seed)?;
    let taken = taken(&lab.back_up()?)?;
    Ok((lab, taken))
}

pub(crate) fn taken(done: &BackedUp) -> Result<SessionId> {
    Ok(done.report.snapshot.as_ref().context("a snapshot")?.snapshot)
}

/// Another installation.
pub(crate) fn other(store: &Arc<MemoryStorage>, seed: u64) -> Result<Repository> {
    Ok(Client::new(Arc::clone(store) as _, seed).open()?)
}

pub(crate) fn progress() -> (Arc<CollectedProgress>, Arc<dyn Progress>) {
    let collected = Arc::new(CollectedProgress::new());
    (Arc::clone(&collected), collected)
}

/// The snapshot, whether it counts or not.
pub(crate) fn record(repository: &Repository, snapshot: SessionId) -> Result<Record> {
    Ok(repository.snapshot(snapshot)?.context("a snapshot")?.record)
}

pub(crate) fn live(repository: &Repository) -> Result<Vec<Snapshot>> {
    Ok(repository.snapshots()?.taken)
}

/// Forgets a snapshot as another client does.
pub(crate) fn forget(lab: &Lab, snapshot: SessionId) {
    let (host, user) = ("elsewhere".into(), "somebody".into());
    let stone = Tombstone { snapshot, time: 1, host, user, reason: "a test".into() };
    let sealed = stone.seal(lab.repository.keys(), lab.client.clock());
    lab.store.set(&tombstone_name(snapshot), sealed);
}

/// Declares a session dead.
pub(crate) fn fence(store: &MemoryStorage, session: SessionId) {
    store.set(&format!("fences/{session}.{}", "5c".repeat(16)), b"a fence".to_vec());
}

/// Condemns packs as a pruner does.
pub(crate) fn condemn(lab: &Lab, generation: u32, packs: &[String]) -> Result<()> {
    let mut ids = Vec::new();
    for name in packs {
        let hex = name.strip_prefix("packs/").context("a pack")?;
        ids.extend_from_slice(PackId::from_hex(hex).context("a pack")?.as_bytes());
    }
    let name = format!("condemned/{generation:032x}");
    let body = padded_map(&BTreeMap::from([("packs", ByteBuf::from(ids))]), 256);
    let (keys, clock) = (lab.repository.keys(), lab.client.clock());
    lab.store.set(&name, keys.seal_object(ObjectKind::Condemned, &name, &body, clock));
    Ok(())
}

pub(crate) fn remove(store: &MemoryStorage, names: &[String]) {
    for name in names {
        assert!(store.remove(name), "{name}");
    }
}

/// Fails unless a snapshot, seen by a client that has seen nothing before, restores to what lies at `expected`.
pub(crate) fn restores(
    lab: &Lab,
    store: &Arc<MemoryStorage>,
    snapshot: SessionId,
    expected: &Path,
) -> Result<()> {
    let repository = other(store, 7_000)?;
    let root = record(&repository, snapshot)?.root;
    let target: PathBuf = lab.fresh_path();
    restore_all(&repository, root, &lab.tree, &target)?;
    assert_same_tree(expected, &target)?;
    Ok(fs::remove_dir_all(target)?)
}

//! A repository in memory, a folder to back up into it, and a place to restore to.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::id::NodeId;
use heirloom_engine::repository::{Repository, Storage};
use tempfile::TempDir;

use crate::{
    BackedUp, Client, MemoryStorage, assert_same_tree, back_up, restore_to, scratch_folder,
};

/// Everything that most tests of the whole engine need.
#[derive(Debug)]
pub struct Lab {
    /// The store.
    pub store: Arc<MemoryStorage>,
    /// Who made the repository.
    pub client: Client,
    /// Open.
    pub repository: Repository,
    /// The folder that is backed up; exists and is empty at first.
    pub tree: PathBuf,
    folder: TempDir,
    serial: AtomicU32,
}

impl Lab {
    /// A new repository without a cache.
    pub fn new(seed: u64) -> Result<Self> {
        let store = MemoryStorage::new();
        let client = Client::new(Arc::<MemoryStorage>::clone(&store), seed);
        let folder = scratch_folder()?;
        let tree = folder.path().join("tree");
        fs::create_dir(&tree)?;
        let repository = client.init()?;
        Ok(Self { store, client, repository, tree, folder, serial: AtomicU32::new(0) })
    }

    /// A path in the scratch folder that nothing has been made at yet.
    pub fn fresh_path(&self) -> PathBuf {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("fresh{serial}"))
    }

    /// The store as the engine takes it.
    pub fn storage(&self) -> Arc<dyn Storage> {
        Arc::<MemoryStorage>::clone(&self.store)
    }

    /// Backs the folder up; an entry that could not be read is a failure.
    pub fn back_up(&self) -> Result<BackedUp> {
        let done = back_up(&self.repository, &self.tree)?;
        ensure!(done.problems.is_empty(), "backup: {:?}", done.problems);
        Ok(done)
    }

    /// Restores a snapshot of the folder to a new place, and gives that.
    pub fn restore(&self, root: NodeId) -> Result<PathBuf> {
        restore_all(&self.repository, root, &self.tree, &self.fresh_path())
    }

    /// Fails unless the snapshot restores to exactly what lies at `expected`.
    pub fn check(&self, root: NodeId, expected: &Path) -> Result<()> {
        let restored = self.restore(root)?;
        assert_same_tree(expected, &restored)?;
        Ok(fs::remove_dir_all(restored)?)
    }
}

/// Restores to `target`, and takes any problem for a failure.
pub fn restore_all(
    repository: &Repository,
    root: NodeId,
    folder: &Path,
    target: &Path,
) -> Result<PathBuf> {
    let restored = restore_to(repository, root, folder, target).context("restore")?;
    ensure!(restored.problems.is_empty(), "restore: {:?}", restored.problems);
    Ok(target.to_owned())
}

//! What a command finds: a repository or two, what they hold, and what must not be lost whatever becomes of the command.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail};
use heirloom_engine::id::{NodeId, SessionId};
use heirloom_engine::repository::{Repository, Saying, Storage};
use heirloom_kit::{
    BackedUp, Client, Counted, Fault, FaultStorage, Lab, MemoryStorage, Random, assert_same_tree,
    back_up, restore_all,
};

/// More operations than anything here has.
const ENDLESS: u64 = 10_000;

/// One repository.
pub(crate) struct Site {
    pub(crate) store: Arc<MemoryStorage>,
    pub(crate) lab: Lab,
    /// Snapshots that were reported.
    pub(crate) live: BTreeSet<SessionId>,
    /// What was backed up, and what it looked like then, by the root of its tree.
    trees: HashMap<NodeId, (PathBuf, PathBuf)>,
    /// What the next snapshot backs up: all that was ever there, and something new.
    pub(crate) next: PathBuf,
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) sites: Vec<Site>,
    /// Snapshots that the command is about, all of the first site.
    pub(crate) targets: Vec<SessionId>,
    /// Whatever else a case wants to know.
    pub(crate) note: String,
    seed: AtomicU64,
}

/// So that a put may be seen half done.
pub(crate) fn tearing(store: &Arc<MemoryStorage>) -> Arc<dyn Storage> {
    FaultStorage::new(Arc::clone(store) as _, Counted::Changes)
}

pub(crate) fn saying() -> Saying {
    Saying { time_ns: 1, host: "here".into(), user: "me".into(), reason: "a test".into() }
}

pub(crate) fn snapshot_of(done: &BackedUp) -> Result<SessionId> {
    Ok(done.report.snapshot.as_ref().context("a snapshot")?.snapshot)
}

impl Site {
    fn new(seed: u64) -> Result<Self> {
        let lab = Lab::new(seed)?;
        let next = lab.fresh_path();
        fs::create_dir(&next)?;
        fs::write(next.join("fresh"), Random::new(seed + 900).bytes(3000))?;
        let store = Arc::clone(&lab.store);
        Ok(Self { store, lab, live: BTreeSet::new(), trees: HashMap::new(), next })
    }

    /// Notes what a tree holds, after a look at whether that is true.
    fn learn(&mut self, repository: &Repository, root: NodeId, expected: &Path) -> Result<()> {
        let copy = self.lab.fresh_path();
        restore_all(repository, root, &self.lab.tree, &copy)?;
        assert_same_tree(expected, &copy)?;
        self.trees.insert(root, (self.lab.tree.clone(), copy));
        Ok(())
    }

    /// Restores a tree and compares.
    pub(crate) fn check(&self, repository: &Repository, root: NodeId) -> Result<()> {
        let (folder, expected) = match self.trees.get(&root) {
            Some((folder, copy)) => (folder, copy),
            // Taken by whoever came after the command.
            None => (&self.next, &self.next),
        };
        let target = self.lab.fresh_path();
        restore_all(repository, root, folder, &target)?;
        assert_same_tree(expected, &target)?;
        Ok(fs::remove_dir_all(target)?)
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Result<Self> {
        Ok(Self {
            sites: vec![Site::new(seed)?],
            targets: Vec::new(),
            note: String::new(),
            seed: AtomicU64::new(1_000_000 * (seed + 1)),
        })
    }

    /// Another repository.
    pub(crate) fn add_site(&mut self, seed: u64) -> Result<()> {
        self.sites.push(Site::new(seed)?);
        Ok(())
    }

    pub(crate) fn site(&self) -> &Site {
        &self.sites[0]
    }

    /// A client that nobody has seen before.
    pub(crate) fn client(&self, storage: Arc<dyn Storage>) -> Client {
        Client::new(storage, self.seed.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn open(&self, store: &Arc<MemoryStorage>) -> Result<Repository> {
        Ok(self.client(tearing(store)).open()?)
    }

    /// Files of the first site's folder, written anew.
    pub(crate) fn write(
        &self,
        numbers: impl Iterator<Item = u64>,
        round: u64,
        bytes: usize,
    ) -> Result<()> {
        let site = self.site();
        for number in numbers {
            let content = Random::new(1000 * round + number).bytes(bytes);
            fs::write(site.lab.tree.join(format!("file{number}")), &content)?;
            fs::write(site.next.join(format!("file{number} of {round}")), content)?;
        }
        Ok(())
    }

    /// Takes a snapshot of the first site's folder.
    pub(crate) fn take(&mut self) -> Result<SessionId> {
        let repository = self.open(&self.site().store)?;
        let done = back_up(&repository, &self.site().lab.tree)?;
        self.adopt(&done)
    }

    /// Notes a snapshot of the first site's folder as it is now.
    pub(crate) fn adopt(&mut self, done: &BackedUp) -> Result<SessionId> {
        let repository = self.open(&self.site().store)?;
        let id = snapshot_of(done)?;
        let site = &mut self.sites[0];
        let tree = site.lab.tree.clone();
        site.learn(&repository, done.root(), &tree)?;
        site.live.insert(id);
        Ok(id)
    }

    pub(crate) fn forget(&mut self, snapshots: &[SessionId]) -> Result<()> {
        self.open(&self.site().store)?.forget(snapshots, &saying())?;
        self.sites[0].live.retain(|id| !snapshots.contains(id));
        Ok(())
    }

    /// A backup of the first site's folder dies before the first operation that begins like this.
    pub(crate) fn backup_killed_at(&mut self, operation: &str) -> Result<()> {
        for number in 1..ENDLESS {
            let store = self.site().store.copy();
            let faulty = FaultStorage::new(Arc::clone(&store) as _, Counted::All);
            let repository = self.client(Arc::clone(&faulty) as _).open()?;
            faulty.at(number, Fault::KillBefore);
            drop(back_up(&repository, &self.site().lab.tree));
            let struck = faulty.struck().pop().context("no such operation")?;
            if struck.starts_with(operation) {
                self.sites[0].store = store;
                return Ok(());
            }
        }
        bail!("endless")
    }

    /// Notes what the trees of a site hold that a command makes: all but those that are known look like `expected`.
    pub(crate) fn learn_new(
        &mut self,
        site: usize,
        repository: &Repository,
        expected: &Path,
    ) -> Result<()> {
        let source = self.site().lab.tree.clone();
        let site = &mut self.sites[site];
        for snapshot in repository.snapshots()?.taken {
            let root = snapshot.record.root;
            if site.trees.contains_key(&root) {
                continue;
            }
            let copy = site.lab.fresh_path();
            restore_all(repository, root, &source, &copy)?;
            assert_same_tree(expected, &copy)?;
            site.trees.insert(root, (source.clone(), copy));
        }
        Ok(())
    }
}

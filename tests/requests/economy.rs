//! Upper bounds on calls, as the manual promises them.

use std::fs;
use std::sync::Arc;

use anyhow::Result;
use heirloom_engine::repository::{PACK_BYTES, Repository, Storage};
use heirloom_kit::{
    Client, CountingStorage, MemoryStorage, Random, back_up, identity_slot, scratch_folder,
};

const STORE: &str = "a store far away";

/// A client with a cache, on a store that counts.
struct Counted {
    counting: Arc<CountingStorage>,
    client: Client,
    folder: tempfile::TempDir,
}

impl Counted {
    fn new(seed: u64) -> Result<Self> {
        let folder = scratch_folder()?;
        let counting = CountingStorage::new(MemoryStorage::new());
        let storage: Arc<dyn Storage> = Arc::<CountingStorage>::clone(&counting);
        let client =
            Client::new(storage, seed).with_cache(&folder.path().join("cache")).named(STORE);
        Ok(Self { counting, client, folder })
    }

    fn init(&self) -> Result<Repository> {
        let storage: Arc<dyn Storage> = Arc::<CountingStorage>::clone(&self.counting);
        let context = self.client.context().clone();
        Ok(Repository::init(storage, &[identity_slot()], PACK_BYTES, context)?)
    }

    /// What the calls of one command are.
    fn calls(&self, command: impl FnOnce(&Repository) -> Result<()>) -> Result<Vec<String>> {
        self.counting.reset();
        command(&self.client.open()?)?;
        Ok(self.counting.calls())
    }
}

#[test]
fn ten_thousand_small_files_take_at_most_thirty_puts() -> Result<()> {
    let lab = Counted::new(1)?;
    let tree = lab.folder.path().join("tree");
    let mut random = Random::new(1);
    for n in 0..10_000 {
        let inside = tree.join(format!("{:03}", n / 100));
        if n % 100 == 0 {
            fs::create_dir_all(&inside)?;
        }
        fs::write(inside.join(format!("{n}")), random.bytes(4096))?;
    }
    let repository = lab.init()?;
    back_up(&repository, &tree)?;
    let puts = lab.counting.counts().puts;
    assert!(puts <= 30, "{puts} puts: {:?}", lab.counting.calls());
    Ok(())
}

#[test]
fn an_unchanged_run_takes_at_most_eight_calls() -> Result<()> {
    let lab = Counted::new(2)?;
    let tree = lab.folder.path().join("tree");
    fs::create_dir(&tree)?;
    for n in 0..500 {
        fs::write(tree.join(format!("{n}")), Random::new(n).bytes(3000))?;
    }
    lab.init()?;
    for _ in 0..3 {
        back_up(&lab.client.open()?, &tree)?;
    }
    let calls = lab.calls(|repository| {
        let done = back_up(repository, &tree)?;
        assert_eq!((done.report.added, done.report.changed), (0, 0));
        Ok(())
    })?;
    assert!(calls.len() <= 8, "{calls:?}");
    Ok(())
}

#[test]
fn a_list_of_a_hundred_snapshots_takes_three_calls_warm_and_few_more_than_a_hundred_cold()
-> Result<()> {
    let lab = Counted::new(3)?;
    let tree = lab.folder.path().join("tree");
    fs::create_dir(&tree)?;
    lab.init()?;
    for n in 0..100 {
        fs::write(tree.join("file"), n.to_string())?;
        back_up(&lab.client.open()?, &tree)?;
    }
    let list = |repository: &Repository| {
        assert_eq!(repository.snapshots()?.taken.len(), 100);
        Ok(())
    };
    let warm = lab.calls(list)?;
    assert!(warm.len() <= 3, "{warm:?}");
    fs::remove_dir_all(lab.folder.path().join("cache"))?;
    let cold = lab.calls(list)?;
    assert!(cold.len() <= 110, "{} calls", cold.len());
    let warm = lab.calls(list)?;
    assert!(warm.len() <= 3, "{warm:?}");
    Ok(())
}

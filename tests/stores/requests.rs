//! How many requests each command costs, which is money and time on most stores. Limits may only be lowered.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use heirloom_engine::repository::{Repository, Storage};
use heirloom_kit::{
    Client, Exchange, MemoryStorage, Random, back_up, block_on, identity_slot, scratch_folder,
};

use crate::bad_input::{Line, s3_line};

/// What `init` takes when it is told nothing else.
const PACK_BYTES: u32 = 32 << 20;

impl<S> Line<S> {
    fn storage(&self) -> Result<Arc<dyn Storage>> {
        Ok(block_on(async { self.place.open() })?.storage)
    }

    /// What the last command cost, by method; then the count starts over.
    fn cost(&self) -> (usize, String) {
        let log = self.proxy.log();
        self.proxy.forget_log();
        let mut kinds: Vec<String> = log.iter().map(kind).collect();
        kinds.sort();
        let groups = kinds.chunk_by(|a, b| a == b);
        let summary: Vec<_> = groups.map(|kind| format!("{} x {}", kind.len(), kind[0])).collect();
        (log.len(), summary.join(", "))
    }
}

/// `PUT packs`, `LIST`, `GET index`, ...
fn kind(asked: &Exchange) -> String {
    let folder = asked.path.rsplit('/').nth(1).unwrap_or_default();
    let method = if asked.is_s3_list() { "LIST" } else { asked.method.as_str() };
    format!("{method} {folder}")
}

fn ensure_at_most(limit: usize, what: &str, (count, kinds): (usize, String)) -> Result<()> {
    println!("{what}: {count} requests, at most {limit}: {kinds}");
    ensure!(count <= limit, "{what}: {count} requests, at most {limit}: {kinds}");
    Ok(())
}

/// So many files of 4 kB that cannot be compressed.
fn make_small_files(folder: &Path, count: usize) -> Result<()> {
    let mut random = Random::new(1);
    for directory in 0..count.div_ceil(500) {
        let directory = folder.join(format!("{directory:02}"));
        fs::create_dir_all(&directory)?;
        for file in 0..count.min(500) {
            fs::write(directory.join(format!("{file:03}")), random.bytes(4000))?;
        }
    }
    Ok(())
}

#[test]
fn a_first_snapshot_of_10_000_small_files_takes_few_puts() -> Result<()> {
    let line = s3_line()?;
    let folder = scratch_folder()?;
    let tree = folder.path().join("tree");
    make_small_files(&tree, 10_000)?;
    let client =
        Client::new(line.storage()?, 1).with_cache(&folder.path().join("cache")).named("s3");
    let context = client.context().clone();
    Repository::init(line.storage()?, &[identity_slot()], PACK_BYTES, context)?;
    line.proxy.forget_log();
    back_up(&client.open()?, &tree)?;
    let puts = line.proxy.count(|asked| asked.method == "PUT");
    ensure_at_most(30, "first snapshot", (puts, line.cost().1))
}

#[test]
fn an_unchanged_tree_takes_few_requests() -> Result<()> {
    let line = s3_line()?;
    let folder = scratch_folder()?;
    let tree = folder.path().join("tree");
    make_small_files(&tree, 1000)?;
    let client =
        Client::new(line.storage()?, 1).with_cache(&folder.path().join("cache")).named("s3");
    client.init()?;
    // The first run learns about the files, the second one what the first one made of the repository.
    for _ in 0..2 {
        back_up(&client.open()?, &tree)?;
        client.wait(60);
    }
    line.proxy.forget_log();
    back_up(&client.open()?, &tree)?;
    ensure_at_most(8, "unchanged re-run with a warm cache", line.cost())
}

/// Makes the snapshots in memory and copies the objects, which is faster than to ask a server for each.
fn copy_to(store: &Arc<dyn Storage>, memory: &MemoryStorage) -> Result<()> {
    block_on(async {
        let objects = memory.names().into_iter().map(|name| {
            let bytes = memory.get(&name).unwrap_or_default();
            (name, bytes)
        });
        stream::iter(objects)
            .map(|(name, bytes)| async move { store.put(&name, bytes).await })
            .buffer_unordered(8)
            .try_collect::<()>()
            .await
    })?;
    Ok(())
}

/// Counts what a list of 100 snapshots costs, so many times with one cache.
fn list_100_snapshots(times: usize) -> Result<Vec<(usize, String)>> {
    let line = s3_line()?;
    let folder = scratch_folder()?;
    let (tree, cache) = (folder.path().join("tree"), folder.path().join("cache"));
    fs::create_dir(&tree)?;
    let memory = MemoryStorage::new();
    let writer = Client::new(Arc::<MemoryStorage>::clone(&memory), 1);
    writer.init()?;
    for number in 0..100 {
        fs::write(tree.join("file"), format!("content {number}"))?;
        writer.wait(60);
        back_up(&writer.open()?, &tree)?;
    }
    copy_to(&line.storage()?, &memory)?;
    line.proxy.forget_log();
    let list = |_| -> Result<(usize, String)> {
        let client = Client::new(line.storage()?, 2).with_cache(&cache).named("s3");
        let taken = client.open()?.snapshots()?.taken.len();
        ensure!(taken == 100, "{taken} snapshots");
        Ok(line.cost())
    };
    (0..times).map(list).collect()
}

#[test]
fn a_list_of_100_snapshots_takes_little_more_than_a_request_for_each() -> Result<()> {
    ensure_at_most(110, "snapshots without a cache", list_100_snapshots(1)?.remove(0))
}

#[test]
fn a_list_of_100_snapshots_that_are_known_takes_few_requests() -> Result<()> {
    ensure_at_most(3, "snapshots with a warm cache", list_100_snapshots(2)?.remove(1))
}

//! A store far away is kept busy: a snapshot of large files uses most of the line.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use heirloom_engine::repository::Repository;
use heirloom_kit::{
    Client, Distance, MemoryStorage, Random, SlowStorage, back_up, identity_slot, is_thorough,
    scratch_folder,
};

const BYTES_PER_SECOND: f64 = 50e6;

/// Of the line.
const SHARE: f64 = 0.8;

#[test]
fn large_files_fill_the_line_to_a_store_far_away() -> Result<()> {
    // Unoptimised code is slower than the line; it shows that the way works, and no more.
    let optimised = !cfg!(debug_assertions);
    let files = if is_thorough() && optimised { 250 } else { 8 };
    let folder = scratch_folder()?;
    let tree = folder.path().join("tree");
    fs::create_dir(&tree)?;
    let mut random = Random::new(50);
    for number in 0..files {
        fs::write(tree.join(format!("clip{number:03}")), random.bytes(4_000_000))?;
    }
    let distance = Distance {
        latency: Duration::from_millis(50),
        bytes_per_second: BYTES_PER_SECOND,
        parallel: 8,
    };
    let store = SlowStorage::new(MemoryStorage::new(), distance);
    let client = Client::new(store.clone(), 1);
    let repository =
        Repository::init(store, &[identity_slot()], 32 << 20, client.context().clone())?;
    let started = Instant::now();
    back_up(&repository, &tree)?;
    let seconds = started.elapsed().as_secs_f64();
    let share = f64::from(files) * 4e6 / seconds / BYTES_PER_SECOND;
    println!("{} MB in {seconds:.1} s: {:.0} % of the line", files * 4, share * 100.0);
    ensure!(share >= SHARE || files < 250, "only {share:.2} of the line was used");
    Ok(())
}

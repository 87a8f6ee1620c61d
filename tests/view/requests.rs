//! What reading asks of a store that is far away.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use heirloom_engine::repository::Storage;
use heirloom_engine::view::Reader;
use heirloom_kit::{CountingStorage, Lab};

use crate::scene::{KEPT_BYTES, file, make_files};

struct Far {
    lab: Lab,
    counting: Arc<CountingStorage>,
    cache: PathBuf,
}

impl Far {
    fn new(seed: u64) -> Result<Self> {
        let lab = Lab::new(seed)?;
        make_files(&lab, seed)?;
        let counting = CountingStorage::new(lab.storage());
        let cache = lab.fresh_path();
        Ok(Self { lab, counting, cache })
    }

    fn reader(&self) -> Result<Reader> {
        let storage: Arc<dyn Storage> = Arc::<CountingStorage>::clone(&self.counting);
        let client = self.lab.client.clone().on(storage).with_cache(&self.cache);
        Ok(Reader::new(Arc::new(client.open()?), KEPT_BYTES))
    }
}

#[test]
fn the_first_bytes_of_a_file_take_three_calls_cold_and_one_warm() -> Result<()> {
    let far = Far::new(1)?;
    let root = far.lab.back_up()?.root();
    for (temperature, calls_max) in [("cold", 3), ("warm", 1)] {
        for name in ["inside/chats.db", "film.mp4", "inside/7"] {
            if temperature == "cold" && far.cache.exists() {
                std::fs::remove_dir_all(&far.cache)?;
            }
            let reader = far.reader()?;
            // Which snapshots there are was seen before, and with them the index.
            let snapshots = reader.repository().snapshots()?;
            assert_eq!(snapshots.taken.len(), 1);
            drop(reader.repository().content(&heirloom_engine::id::ContentId([0; 32])));
            far.counting.reset();
            let read = file(&reader, root, &far.lab.tree.join(name))?.read(0, 4096)?;
            assert!(!read.is_empty());
            let calls = far.counting.calls();
            assert!(calls.len() <= calls_max, "{temperature}, {name}: {calls:?}");
        }
    }
    Ok(())
}

#[test]
fn reading_a_file_from_front_to_back_fetches_each_frame_once() -> Result<()> {
    let far = Far::new(2)?;
    let root = far.lab.back_up()?.root();
    for name in ["film.mp4", "inside/chats.db", "sparse"] {
        let reader = far.reader()?;
        let file = file(&reader, root, &far.lab.tree.join(name))?;
        far.counting.reset();
        let (mut at, mut bytes) = (0, 0);
        while at < file.size() {
            let part = file.read(at, 128 << 10)?;
            at += part.len() as u64;
            bytes += part.len() as u64;
        }
        assert_eq!(bytes, file.size());
        let counts = far.counting.counts();
        let mut packs = BTreeMap::<String, u32>::new();
        for call in far.counting.calls() {
            *packs.entry(call).or_default() += 1;
        }
        assert!(
            counts.read_bytes < file.size() * 5 / 4 + (4 << 20),
            "{name}: {counts:?} {packs:?}"
        );
    }
    Ok(())
}

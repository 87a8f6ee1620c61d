//! Every byte of every object flipped, and every object cut at every length.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use heirloom_kit::{MemoryStorage, is_thorough};

use crate::specimen::Specimen;

const THREADS: usize = 2;

/// How many changes were made to the objects of a folder, and how many of them were noticed by a restore.
type Tally = BTreeMap<String, (u64, u64)>;

/// One change of one object.
#[derive(Debug, Clone)]
struct Change {
    object: String,
    position: usize,
}

fn changes(specimen: &Specimen) -> Vec<Change> {
    let store = specimen.store();
    let all = store.names().into_iter().flat_map(|object| {
        let bytes = store.get(&object).map_or(0, |bytes| bytes.len());
        (0..bytes).map(move |position| Change { object: object.clone(), position })
    });
    all.collect()
}

/// Tries all changes, on several threads.
fn try_all(
    specimen: &Specimen,
    changes: &[Change],
    apply: impl Fn(&MemoryStorage, &Change) + Sync,
) -> Result<Tally> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Tally> {
        let mut tally = Tally::new();
        while let Some(change) = changes.get(next.fetch_add(1, Ordering::Relaxed)) {
            let store = specimen.store().copy();
            apply(&store, change);
            let outcome = specimen
                .examine(&store)
                .with_context(|| format!("{} at {}", change.object, change.position))?;
            let folder = change.object.split('/').next().unwrap_or_default();
            let (tried, noticed) = tally.entry(folder.to_owned()).or_default();
            *tried += 1;
            *noticed += u64::from(outcome.noticed);
        }
        Ok(tally)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let mut sum = Tally::new();
        for thread in threads {
            for (folder, (tried, noticed)) in
                thread.join().map_err(|_| anyhow!("a thread panicked"))??
            {
                let (all, seen) = sum.entry(folder).or_default();
                *all += tried;
                *seen += noticed;
            }
        }
        Ok(sum)
    })
}

fn flip(store: &MemoryStorage, change: &Change, mask: u8) {
    assert!(store.flip(&change.object, change.position, mask), "{change:?}");
}

#[test]
fn no_flipped_byte_restores_a_wrong_byte() -> Result<()> {
    let specimen = Specimen::small(1)?;
    let changes = changes(&specimen);
    let tally = try_all(&specimen, &changes, |store, change| {
        flip(store, change, 1 << (change.position % 8));
    })?;
    println!("one bit of each byte flipped, (tried, noticed by a restore): {tally:?}");
    // What a restore reads of these folders is authenticated to the last byte.
    assert_eq!(tally["snapshots"].0, tally["snapshots"].1, "snapshots");
    assert_eq!(
        tally.values().map(|(tried, _)| *tried).sum::<u64>(),
        specimen.store().total_bytes()
    );
    if is_thorough() {
        for mask in [0xff, 0x80, 0x20, 0x01] {
            try_all(&specimen, &changes, |store, change| flip(store, change, mask))?;
        }
    }
    Ok(())
}

#[test]
fn no_flipped_byte_of_a_pack_restores_a_wrong_byte_when_there_is_no_index() -> Result<()> {
    let specimen = Specimen::small(2)?;
    for name in specimen.store().names_in("index/") {
        specimen.store().remove(&name);
    }
    let packs: Vec<_> = changes(&specimen)
        .into_iter()
        .filter(|change| change.object.starts_with("packs/"))
        .collect();
    let tally = try_all(&specimen, &packs, |store, change| flip(store, change, 0x10))?;
    println!("no index, one bit of each byte flipped, (tried, noticed by a restore): {tally:?}");
    Ok(())
}

#[test]
fn no_cut_object_restores_a_wrong_byte() -> Result<()> {
    let specimen = Specimen::small(3)?;
    let tally = try_all(&specimen, &changes(&specimen), |store, change| {
        let whole = store.get(&change.object).unwrap_or_else(Bytes::new);
        store.set(&change.object, whole.slice(..change.position));
    })?;
    println!("each object cut at each length, (tried, noticed by a restore): {tally:?}");
    assert_eq!(tally["snapshots"].0, tally["snapshots"].1, "snapshots");
    Ok(())
}

#[test]
fn an_undamaged_repository_restores_without_a_word() -> Result<()> {
    let specimen = Specimen::two(4)?;
    let outcome = specimen.examine(&Arc::clone(&specimen.lab.store))?;
    assert!(!outcome.noticed, "{:?}", outcome.said);
    assert_eq!(outcome.whole.len(), 2);
    Ok(())
}

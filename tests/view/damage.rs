//! One damaged pack costs the files that are in it, no others.

use std::fs;

use anyhow::Result;
use heirloom_engine::repository::Saying;
use heirloom_kit::{Lab, Random, prune_options, prune_with};

use crate::scene::{file, files, make_files, read_at_random, reader};

#[test]
fn a_flipped_byte_is_an_error_of_the_files_that_need_it() -> Result<()> {
    let lab = Lab::new(1)?;
    for n in 0..30 {
        fs::write(lab.tree.join(format!("{n:02}.jpg")), Random::new(n).bytes(1_500_000))?;
    }
    let root = lab.back_up()?.root();
    let whole = files(&reader(&lab.client)?, root);
    let pack = lab.store.names_in("packs/");
    let largest = pack.iter().max_by_key(|name| lab.store.get(name).map(|bytes| bytes.len()));
    let largest = largest.expect("there are packs");
    assert!(lab.store.flip(largest, 700_000, 0x40));
    let reader = reader(&lab.client)?;
    let failed: Vec<_> = whole
        .iter()
        .enumerate()
        .filter(|(n, file)| read_at_random(&reader, file, *n as u64, 1).is_err())
        .map(|(_, (path, _))| path)
        .collect();
    let entire = |path| file(&reader, root, path).and_then(|file| Ok(file.read(0, 2_000_000)?));
    let broken: Vec<_> = whole.iter().filter(|(path, _)| entire(path).is_err()).collect();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(failed.iter().all(|path| **path == broken[0].0), "{failed:?}");
    Ok(())
}

#[test]
fn a_reader_outlives_a_prune_that_moves_what_it_reads() -> Result<()> {
    let lab = Lab::new(2)?;
    make_files(&lab, 2)?;
    let first = lab.back_up()?;
    let reader = reader(&lab.client)?;
    let before = files(&reader, first.root());
    for file in before.iter().take(20) {
        read_at_random(&reader, file, 1, 1)?;
    }
    for n in 0..150 {
        fs::remove_file(lab.tree.join(format!("inside/{n}")))?;
    }
    let second = lab.back_up()?;
    let other = lab.client.open()?;
    let first = first.report.snapshot.as_ref().expect("it was taken").snapshot;
    let saying = Saying { time_ns: 1, host: "h".into(), user: "u".into(), reason: "a test".into() };
    other.forget(&[first], &saying)?;
    for _ in 0..2 {
        prune_with(&other, &prune_options())?;
    }
    for (n, file) in files(&reader, second.root()).iter().enumerate() {
        read_at_random(&reader, file, n as u64, 3)?;
    }
    Ok(())
}

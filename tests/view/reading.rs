//! What is read is what was backed up, wherever reading begins.

use std::fs;
use std::thread;

use anyhow::Result;
use heirloom_kit::{Lab, TreePlan, TreeShape};

use crate::scene::{KEPT_BYTES, file, files, make_files, read_at_random, reader};

#[test]
fn eight_readers_at_random_offsets_get_the_bytes_of_the_file() -> Result<()> {
    let lab = Lab::new(1)?;
    make_files(&lab, 1)?;
    let root = lab.back_up()?.root();
    let reader = reader(&lab.client)?;
    let files = files(&reader, root);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..8_u64)
            .map(|number| {
                let (reader, files) = (&reader, &files);
                scope.spawn(move || {
                    for (n, file) in files.iter().enumerate() {
                        let times = if file.1.size > 100_000 { 25 } else { 2 };
                        read_at_random(reader, file, number << 32 | n as u64, times)?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        readers.into_iter().try_for_each(|reader| reader.join().expect("no reader panics"))
    })
}

#[test]
fn random_trees_are_read_as_they_are() -> Result<()> {
    for seed in 0..12 {
        let lab = Lab::new(seed)?;
        let shape = TreeShape { owners: false, ..TreeShape::of(60) };
        TreePlan::random(seed, shape).create(&lab.tree)?;
        let root = lab.back_up()?.root();
        let reader = reader(&lab.client)?;
        for (n, file) in files(&reader, root).iter().enumerate() {
            read_at_random(&reader, file, seed << 32 | n as u64, 6)?;
        }
    }
    Ok(())
}

// The film does not fit in, or nothing would be thrown out.
const _: () = assert!(KEPT_BYTES < 24 << 20);

#[test]
fn reading_in_small_and_large_steps_gives_the_whole_file() -> Result<()> {
    let lab = Lab::new(2)?;
    make_files(&lab, 2)?;
    let root = lab.back_up()?.root();
    for name in ["film.mp4", "sparse", "inside/chats.db", "inside/words.txt", "empty"] {
        let expected = fs::read(lab.tree.join(name))?;
        for step in [100_000, 1 << 20, 40 << 20] {
            let reader = reader(&lab.client)?;
            let file = file(&reader, root, &lab.tree.join(name))?;
            let (mut at, mut read) = (0, Vec::new());
            loop {
                let part = file.read(at, step)?;
                if part.is_empty() {
                    break;
                }
                at += part.len() as u64;
                read.extend_from_slice(&part);
            }
            assert!(read == expected, "{name} in steps of {step}");
            assert!(u64::try_from(expected.len())? == file.size());
        }
    }
    Ok(())
}

#[test]
fn nothing_is_behind_the_end() -> Result<()> {
    let lab = Lab::new(3)?;
    make_files(&lab, 3)?;
    let root = lab.back_up()?.root();
    let reader = reader(&lab.client)?;
    for name in ["film.mp4", "sparse", "inside/0", "empty"] {
        let file = file(&reader, root, &lab.tree.join(name))?;
        assert!(file.read(file.size(), 10)?.is_empty());
        assert!(file.read(u64::MAX, usize::MAX)?.is_empty());
        let last = file.read(file.size().saturating_sub(3), usize::MAX)?;
        assert_eq!(last.len() as u64, file.size().min(3));
    }
    Ok(())
}

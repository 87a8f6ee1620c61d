//! Reading transformed files of a snapshot at any offset, as a mount does.

use std::fs;
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result};
use heirloom_engine::view::{Difference, Differs, Reader, compare};
use heirloom_kit::{KitFile, KitUndo, Lab, Random, UndoFault};

use crate::scene::{back_up, database, entry, open, photo, scene};

const KEPT_BYTES: u64 = 8 << 20;

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).expect("it is below a usize")
}

fn large(seed: u64, bytes: usize) -> Result<(Lab, Vec<u8>)> {
    let lab = Lab::new(seed)?;
    let file = KitFile::with(&[&Random::new(seed).bytes(bytes), &photo(1)]);
    fs::write(lab.tree.join("file"), &file)?;
    Ok((lab, file))
}

#[test]
fn several_threads_read_a_file_at_any_offset() -> Result<()> {
    let (lab, bytes) = large(31, 9_000_000)?;
    let root = back_up(&lab)?.root();
    let reader = Reader::new(Arc::new(open(&lab, &KitUndo::new())?), KEPT_BYTES);
    let entry = entry(reader.repository(), root, &lab.tree.join("file"))?;
    let file = reader.open(&entry);
    assert_eq!(file.size(), bytes.len() as u64);
    thread::scope(|scope| {
        for seed in 0..4 {
            let (file, bytes) = (&file, &bytes);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for _ in 0..25 {
                    let offset = below(&mut random, bytes.len() + 3);
                    let length = below(&mut random, 700_000);
                    let read = file.read(offset as u64, length).expect("it is sound");
                    let end = (offset + length).min(bytes.len());
                    assert!(read == bytes[offset.min(bytes.len())..end], "{length} at {offset}");
                }
            });
        }
    });
    assert!(file.read(u64::MAX, 10)?.is_empty());
    Ok(())
}

#[test]
fn reading_on_makes_the_file_once_however_it_is_asked_for() -> Result<()> {
    let (lab, bytes) = large(32, 9_000_000)?;
    let root = back_up(&lab)?.root();
    let undo = KitUndo::new();
    let reader = Reader::new(Arc::new(open(&lab, &undo)?), KEPT_BYTES);
    let file = reader.open(&entry(reader.repository(), root, &lab.tree.join("file"))?);
    let step = 128 << 10;
    let (mut random, mut at) = (Random::new(1), 0);
    while at < bytes.len() {
        // The kernel asks a little before and a little behind.
        let early = at.saturating_sub(below(&mut random, 1 << 20));
        for offset in [at, early] {
            let read = file.read(offset as u64, step)?;
            assert!(read == bytes[offset..(offset + step).min(bytes.len())]);
        }
        at += step;
    }
    assert_eq!(undo.begun(), 1);
    Ok(())
}

#[test]
fn a_reader_is_told_when_a_file_does_not_come_out_right() -> Result<()> {
    let (lab, bytes) = large(33, 400_000)?;
    let root = back_up(&lab)?.root();
    let path = lab.tree.join("file");
    for fault in [
        UndoFault::Unknown,
        UndoFault::Refusal,
        UndoFault::Error,
        UndoFault::WrongByte,
        UndoFault::TooFew,
        UndoFault::TooMany,
        UndoFault::Endless,
    ] {
        let repository = open(&lab, &KitUndo::failing(fault))?;
        let reader = Reader::new(Arc::new(repository), KEPT_BYTES);
        let file = reader.open(&entry(reader.repository(), root, &path)?);
        let last = bytes.len() as u64 - 1;
        let error = file.read(last, 1).expect_err("the end shows it");
        assert!(error.is_local(), "{fault:?}: {error}");
        assert!(file.read(last, 1).is_err(), "and again");
    }
    let reader = Reader::new(Arc::new(lab.client.open()?), KEPT_BYTES);
    let file = reader.open(&entry(reader.repository(), root, &path)?);
    assert!(file.read(0, 1).is_err(), "nobody knows how");
    Ok(())
}

#[test]
fn what_a_file_holds_is_read_where_it_lies_or_made() -> Result<()> {
    let lab = scene(34)?;
    let root = back_up(&lab)?.root();
    let undo = KitUndo::new();
    let reader = Reader::new(Arc::new(open(&lab, &undo)?), KEPT_BYTES);
    let entry = |name: &str| entry(reader.repository(), root, &lab.tree.join(name));
    let held = reader.open_decoded(&entry("chats.db.crypt15")?).context("a database")?;
    let plain = database(500, 1);
    assert_eq!(held.size(), plain.len() as u64);
    let mut random = Random::new(3);
    for _ in 0..100 {
        let offset = below(&mut random, plain.len());
        let end = (offset + 5000).min(plain.len());
        assert!(held.read(offset as u64, 5000)? == plain[offset..end]);
    }
    assert_eq!(undo.begun(), 0, "nothing had to be made");
    let made = reader.open_decoded(&entry("more/archive")?).context("sections")?;
    let photo = photo(2);
    assert_eq!(made.size(), 40_000 + photo.len() as u64);
    assert!(made.read(40_000, photo.len() + 1)? == photo);
    assert!(reader.open_decoded(&entry("plain")?).is_none());
    let reader = Reader::new(Arc::new(lab.client.open()?), KEPT_BYTES);
    let archive = crate::scene::entry(reader.repository(), root, &lab.tree.join("more/archive"))?;
    assert!(reader.open_decoded(&archive).is_none(), "nobody can make it");
    Ok(())
}

#[test]
fn a_file_is_the_same_whether_it_was_taken_apart_or_not() -> Result<()> {
    let lab = scene(35)?;
    let apart = back_up(&lab)?.root();
    let touched = lab.tree.join("chats.db.crypt15");
    let bytes = fs::read(&touched)?;
    fs::write(&touched, bytes)?;
    let whole = lab.back_up()?.root();
    let mut found: Vec<Difference> = Vec::new();
    let mut keep = |difference: &Difference| {
        found.push(difference.clone());
        true
    };
    compare(&lab.repository, (apart, whole), &[], &mut keep, &mut |problem| panic!("{problem}"));
    assert!(found.iter().any(|difference| difference.key.ends_with(b".crypt15")));
    assert!(found.iter().all(|difference| difference.differs == Differs::Metadata), "{found:?}");
    Ok(())
}

//! What is stored of a file that can be taken apart.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_engine::backup::source::{Content, Found, Handle, Parts, ReadAt, Source};
use heirloom_engine::error::Problem;
use heirloom_engine::progress::{Counter, Progress};
use heirloom_engine::tree::{Entry, FileContent};
use heirloom_kit::{
    CollectedProgress, KIT_TRANSFORM, KitFile, KitSource, KitUndo, Lab, Random, assert_same_tree,
    back_up_from, files_of, options_for,
};

use crate::scene::{are_one_file, back_up, database, entry, open, options, photo, restore, scene};

#[test]
fn a_file_that_was_taken_apart_comes_back_bit_for_bit_under_all_its_names() -> Result<()> {
    let lab = scene(1)?;
    let done = back_up(&lab)?;
    assert_eq!(done.problems, [""; 0]);
    let repository = open(&lab, &KitUndo::new())?;
    let file = lab.tree.join("chats.db.crypt15");
    let stored = entry(&repository, done.root(), &file)?;
    let bytes = fs::read(&file)?;
    let transform = stored.transform.as_ref().context("it was taken apart")?;
    assert_eq!(transform.name, KIT_TRANSFORM);
    assert_eq!(transform.decoded_bytes, Some(500 * 4096));
    assert_eq!((stored.size, stored.hash), (bytes.len() as u64, Some(blake3::hash(&bytes).into())));
    assert_eq!(transform.stored_bytes, stored.size + 8, "a recipe is behind it");
    let target = lab.fresh_path();
    let restored = restore(&repository, done.root(), &options(&lab, &target))?;
    assert_eq!(restored.problems, [""; 0]);
    assert_same_tree(&lab.tree, &target)?;
    assert!(are_one_file(&target.join("chats.db.crypt15"), &target.join("more/second name"))?);
    assert_eq!((restored.report.files, restored.report.hard_links), (4, 1));
    Ok(())
}

#[test]
fn what_a_file_holds_costs_nothing_where_it_is_stored_already() -> Result<()> {
    let lab = Lab::new(2)?;
    let (database, photo) = (database(600, 7), photo(8));
    fs::write(lab.tree.join("chats.db"), &database)?;
    fs::write(lab.tree.join("photo.jpg"), &photo)?;
    back_up(&lab)?;
    fs::write(lab.tree.join("chats.db.crypt15"), KitFile::with(&[&database, &photo]))?;
    let second = back_up(&lab)?;
    let size = (database.len() + photo.len()) as u64;
    assert!(second.stored_bytes() < size / 20, "{} of {size} bytes", second.stored_bytes());
    assert!(second.report.read_bytes >= size, "what was read is the file");
    // A page more at the end costs that page.
    let longer = [&database[..], &Random::new(9).bytes(4096)].concat();
    fs::write(lab.tree.join("chats.db.crypt15"), KitFile::with(&[&longer, &photo]))?;
    let third = back_up(&lab)?;
    assert!(third.stored_bytes() < size / 20, "{} of {size} bytes", third.stored_bytes());
    Ok(())
}

#[test]
fn an_unchanged_file_is_taken_over_without_a_look_into_it() -> Result<()> {
    let lab = scene(3)?;
    let first = back_up(&lab)?;
    let second = back_up(&lab)?;
    assert_eq!((second.report.read_bytes, second.report.changed), (0, 0));
    assert_eq!(first.root(), second.root());
    Ok(())
}

#[test]
fn progress_is_told_in_bytes_of_the_files() -> Result<()> {
    let lab = scene(4)?;
    let progress = Arc::new(CollectedProgress::new());
    let watcher: Arc<dyn Progress> = Arc::<CollectedProgress>::clone(&progress);
    let mut source = KitSource::new(files_of(&lab.tree));
    let options = options_for(&lab.tree);
    let report = heirloom_engine::backup::run(&lab.repository, &mut source, &options, &watcher)?;
    let linked = fs::metadata(lab.tree.join("chats.db.crypt15"))?.len();
    assert_eq!(progress.total(Counter::ContentBytes), report.content_bytes - linked);
    assert_eq!(progress.total(Counter::ContentBytes), report.read_bytes);
    Ok(())
}

#[test]
fn what_turns_out_to_be_something_else_in_the_middle_is_stored_as_it_is() -> Result<()> {
    let invalid = Some(io::ErrorKind::InvalidData);
    for (bytes, with) in [(0, None), (100_000, None), (3_000_000, None), (100_000, invalid)] {
        let lab = scene(5)?;
        let mut source = KitSource::new(files_of(&lab.tree)).giving_up_after(bytes, with);
        let done = back_up_from(&lab.repository, &mut source, &options_for(&lab.tree))?;
        assert_eq!(done.problems, [""; 0]);
        let stored = entry(&lab.repository, done.root(), &lab.tree.join("chats.db.crypt15"))?;
        assert_eq!((stored.transform, stored.changed), (None, false), "after {bytes}");
        assert!(stored.hash.is_some());
        if bytes == 0 {
            // Nobody is needed to restore it.
            lab.check(done.root(), &lab.tree)?;
        }
    }
    Ok(())
}

#[test]
fn tiny_and_sparse_files_are_stored_as_they_are() -> Result<()> {
    let lab = Lab::new(6)?;
    fs::write(lab.tree.join("tiny"), KitFile::with(&[&[7; 400]]))?;
    let sparse = fs::File::create_new(lab.tree.join("sparse"))?;
    let file = KitFile::with(&[&vec![0x5a; 3 << 20]]);
    sparse.write_all_at(&file[..8192], 0)?;
    sparse.set_len(file.len() as u64)?;
    let done = back_up(&lab)?;
    let tiny = entry(&lab.repository, done.root(), &lab.tree.join("tiny"))?;
    assert!(matches!(tiny.content, FileContent::Inline(_)) && tiny.transform.is_none());
    let sparse = entry(&lab.repository, done.root(), &lab.tree.join("sparse"))?;
    assert_eq!(sparse.transform.is_some(), sparse.holes.is_empty(), "{:?}", sparse.holes);
    lab.check(done.root(), &lab.tree)
}

/// A source of whose large files somebody changes a byte while they are read, so many times.
#[derive(Debug)]
struct Disturbed<S>(S, u32);

impl<S: Source> Source for Disturbed<S> {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        self.0.next().map(|found| {
            let Found { key, entry, handle } = found?;
            Ok(Found { key, entry, handle: Box::new(DisturbedHandle(handle, self.1)) })
        })
    }
}

#[derive(Debug)]
struct DisturbedHandle(Box<dyn Handle>, u32);

#[derive(Debug)]
struct DisturbedContent {
    inner: Box<dyn Content>,
    path: PathBuf,
    read: u64,
    left: u32,
}

impl Handle for DisturbedHandle {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(
        &mut self,
        entry: &mut Entry,
        problem: &mut dyn FnMut(Problem),
    ) -> io::Result<Option<Box<dyn Content>>> {
        let (path, left) = (self.0.path().to_owned(), self.1);
        let inner = self.0.open(entry, problem)?;
        Ok(inner.map(|inner| Box::new(DisturbedContent { inner, path, read: 0, left }) as Box<_>))
    }
}

impl Content for DisturbedContent {
    fn holes(&self) -> &[(u64, u64)] {
        self.inner.holes()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = self.read;
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        if before < 1 << 20 && self.read >= 1 << 20 && self.left > 0 {
            self.left -= 1;
            let file = fs::OpenOptions::new().write(true).open(&self.path)?;
            file.write_all_at(&[u8::try_from(self.left).expect("few")], 1_200_000)?;
        }
        Ok(read)
    }

    fn at(&self) -> Option<Arc<dyn ReadAt>> {
        self.inner.at()
    }

    fn parts(&self) -> Option<&Parts> {
        self.inner.parts()
    }

    fn decline_parts(&mut self) {
        self.inner.decline_parts();
    }

    fn unchanged(&mut self, entry: &mut Entry) -> io::Result<bool> {
        self.inner.unchanged(entry)
    }

    fn rewind(&mut self, entry: &mut Entry) -> io::Result<()> {
        self.read = 0;
        self.inner.rewind(entry)
    }
}

#[test]
fn a_file_that_changes_while_it_is_taken_apart_is_stored_as_it_came_to_rest() -> Result<()> {
    for times in [1, 2, 9] {
        let lab = Lab::new(7)?;
        fs::write(lab.tree.join("file"), KitFile::with(&[&database(700, 1)]))?;
        let mut source = Disturbed(KitSource::new(files_of(&lab.tree)), times);
        let done = back_up_from(&lab.repository, &mut source, &options_for(&lab.tree))?;
        let stored = entry(&lab.repository, done.root(), &lab.tree.join("file"))?;
        assert_eq!((stored.transform, stored.changed), (None, times == 9), "{times} times");
        assert_eq!(done.problems.len(), usize::from(times == 9), "{:?}", done.problems);
        if times < 9 {
            lab.check(done.root(), &lab.tree)?;
        }
    }
    Ok(())
}

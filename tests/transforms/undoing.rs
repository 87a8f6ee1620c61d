//! Restoring: whoever undoes a transform may fail in any way, and never is a wrong byte taken for the file.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::check::{self, CheckOptions};
use heirloom_engine::id::{ContentId, NodeId};
use heirloom_engine::repository::Repository;
use heirloom_engine::restore::{self, Overwrite, RestoreError, RestoreOptions};
use heirloom_engine::tree::{ContentListCursor, Entry, FileContent};
use heirloom_kit::{CollectedProgress, KitFile, KitUndo, Lab, Random, UndoFault, assert_same_tree};

use crate::scene::{back_up, entry, open, options, restore, scene};

const FAULTS: [UndoFault; 7] = [
    UndoFault::Unknown,
    UndoFault::Refusal,
    UndoFault::Error,
    UndoFault::WrongByte,
    UndoFault::TooFew,
    UndoFault::TooMany,
    UndoFault::Endless,
];

/// The blobs of an entry's content.
pub(crate) fn blobs(repository: &Repository, entry: &Entry) -> Result<Vec<ContentId>> {
    let mut nodes = repository;
    match &entry.content {
        FileContent::Tree(root) => {
            let (mut cursor, mut blobs) = (ContentListCursor::new(*root), Vec::new());
            while let Some((_, blob)) = cursor.next(&mut nodes)? {
                blobs.push(blob.id);
            }
            Ok(blobs)
        }
        FileContent::List(blobs) => Ok(blobs.iter().map(|blob| blob.id).collect()),
        FileContent::Empty | FileContent::Inline(_) => Ok(Vec::new()),
    }
}

/// Damages the place where a blob lies.
pub(crate) fn damage(lab: &Lab, blob: &ContentId) -> Result<()> {
    let place = lab.repository.locate(blob)?.into_iter().next().context("it is somewhere")?;
    let position = usize::try_from(place.range.start)? + 20;
    ensure!(lab.store.flip(&format!("packs/{}", place.pack), position, 1), "no such byte");
    Ok(())
}

/// What is missing in the target must be named, and everything else must be right.
fn only_these_are_missing(
    lab: &Lab,
    (repository, root): (&Repository, NodeId),
    missing: &[&str],
    why: &str,
) -> Result<()> {
    let target = lab.fresh_path();
    let restored = restore(repository, root, &options(lab, &target))?;
    assert_eq!(restored.problems.len(), missing.len(), "{:?}", restored.problems);
    assert_eq!(restored.report.damaged, missing.len() as u64);
    for name in missing {
        assert!(!target.join(name).exists(), "{name} is there");
        let named = |problem: &&String| problem.contains(name) && problem.contains(why);
        let found = restored.problems.iter().find(named);
        found.with_context(|| format!("{name} because of {why}: {:?}", restored.problems))?;
    }
    let copy = lab.fresh_path();
    assert!(
        std::process::Command::new("cp").arg("-a").args([&lab.tree, &copy]).status()?.success()
    );
    for name in missing {
        fs::remove_file(copy.join(name))?;
    }
    for name in ["plain", "words.txt"] {
        assert!(fs::read(copy.join(name))? == fs::read(target.join(name))?, "{name}");
    }
    assert_eq!(fs::read_dir(&copy)?.count(), fs::read_dir(&target)?.count());
    Ok(())
}

#[test]
fn whatever_goes_wrong_with_a_transform_costs_its_files_and_nothing_else() -> Result<()> {
    let lab = scene(11)?;
    let root = back_up(&lab)?.root();
    let missing = ["chats.db.crypt15", "more/second name", "more/archive"];
    only_these_are_missing(&lab, (&lab.repository, root), &missing, "kit/1")?;
    for fault in FAULTS {
        let repository = open(&lab, &KitUndo::failing(fault))?;
        only_these_are_missing(&lab, (&repository, root), &missing, "kit/1")
            .with_context(|| format!("{fault:?}"))?;
    }
    Ok(())
}

#[test]
fn a_damaged_blob_costs_the_files_that_need_it() -> Result<()> {
    let lab = scene(12)?;
    let root = back_up(&lab)?.root();
    let repository = open(&lab, &KitUndo::new())?;
    let database = entry(&repository, root, &lab.tree.join("chats.db.crypt15"))?;
    // A page, which no other file has.
    damage(&lab, blobs(&repository, &database)?.first().context("it has blobs")?)?;
    let repository = open(&lab, &KitUndo::new())?;
    let missing = ["chats.db.crypt15", "more/second name"];
    only_these_are_missing(&lab, (&repository, root), &missing, "damaged")
}

#[test]
fn a_restore_that_is_killed_anywhere_is_completed_by_the_next() -> Result<()> {
    let lab = Lab::new(13)?;
    for n in 0..3 {
        let sections = [Random::new(n).bytes(2_000_000), Random::new(n + 9).bytes(900_000)];
        fs::write(lab.tree.join(format!("{n}")), KitFile::with(&[&sections[0], &sections[1]]))?;
    }
    fs::hard_link(lab.tree.join("1"), lab.tree.join("again"))?;
    let root = back_up(&lab)?.root();
    let repository = open(&lab, &KitUndo::new())?;
    for looks in [1, 5, 12, 20, 28, 36, 50, 70] {
        let target = lab.fresh_path();
        let progress = CollectedProgress::cancelling_after(looks);
        let mut nodes = &repository;
        let killed =
            restore::run(&repository, &mut nodes, root, &options(&lab, &target), &progress);
        if let Err(error) = killed {
            assert!(matches!(error, RestoreError::Cancelled), "{error}");
        }
        let restored = restore(&repository, root, &options(&lab, &target))?;
        assert_eq!(restored.problems, [""; 0], "after {looks} looks");
        assert_same_tree(&lab.tree, &target)?;
    }
    Ok(())
}

#[test]
fn what_is_there_already_is_left_and_what_differs_is_told_or_replaced() -> Result<()> {
    let lab = scene(14)?;
    let root = back_up(&lab)?.root();
    let undo = KitUndo::new();
    let repository = open(&lab, &undo)?;
    let target = lab.fresh_path();
    let verify = RestoreOptions { verify: true, ..options(&lab, &target) };
    let first = restore(&repository, root, &verify)?;
    assert_eq!(first.problems, [""; 0]);
    assert_eq!(first.report.verified_bytes, first.report.bytes);
    let begun = undo.begun();
    let second = restore(&repository, root, &options(&lab, &target))?;
    assert_eq!((second.report.files, second.report.unchanged), (0, 5));
    assert_eq!(undo.begun(), begun, "nothing had to be made");
    fs::write(target.join("more/archive"), "another one")?;
    let third = restore(&repository, root, &options(&lab, &target))?;
    assert_eq!((third.report.differing, third.problems.len()), (1, 1));
    let always = RestoreOptions { overwrite: Overwrite::Always, ..options(&lab, &target) };
    let last = restore(&repository, root, &always)?;
    assert_eq!(last.problems, [""; 0]);
    assert_same_tree(&lab.tree, &target)
}

#[test]
fn a_file_that_must_not_be_replaced_by_a_wrong_one_is_not() -> Result<()> {
    let lab = scene(15)?;
    let root = back_up(&lab)?.root();
    let target = lab.fresh_path();
    restore(&open(&lab, &KitUndo::new())?, root, &options(&lab, &target))?;
    let wrong = open(&lab, &KitUndo::failing(UndoFault::WrongByte))?;
    let always = RestoreOptions { overwrite: Overwrite::Always, ..options(&lab, &target) };
    let restored = restore(&wrong, root, &always)?;
    assert!(restored.report.damaged > 0);
    assert_same_tree(&lab.tree, &target)
}

#[test]
fn a_check_reads_back_what_is_stored_and_what_is_made_of_it() -> Result<()> {
    let lab = scene(16)?;
    let root = back_up(&lab)?.root();
    let test = |repository: &Repository| -> Result<_> {
        let options = CheckOptions { restore_test: 100, ..CheckOptions::default() };
        let report = check::run(repository, &options, &CollectedProgress::new())?;
        report.restore_test.context("a test was asked for")
    };
    let sound = test(&open(&lab, &KitUndo::new())?)?;
    assert_eq!((sound.files, sound.failed.len()), (5, 0));
    let size = |name: &str| fs::metadata(lab.tree.join(name)).map(|data| data.len());
    let names = ["chats.db.crypt15", "chats.db.crypt15", "more/archive", "plain", "words.txt"];
    let bytes: u64 = names.into_iter().map(size).sum::<Result<_, _>>()?;
    assert_eq!(sound.bytes, bytes, "bytes of the files");
    let nobody = test(&lab.repository)?;
    assert_eq!(nobody.failed.len(), 0, "what is stored is sound");
    for fault in FAULTS {
        let failing = test(&open(&lab, &KitUndo::failing(fault))?)?;
        assert_eq!(failing.failed.len(), 3, "{fault:?}");
    }
    let database = entry(&lab.repository, root, &lab.tree.join("chats.db.crypt15"))?;
    damage(&lab, blobs(&lab.repository, &database)?.first().context("it has blobs")?)?;
    let names = test(&open(&lab, &KitUndo::new())?)?.failed.len();
    assert_eq!(names, 2, "the file has two");
    Ok(())
}

#[test]
fn many_files_are_put_together_each_once() -> Result<()> {
    let lab = Lab::new(17)?;
    let undo = KitUndo::new();
    for n in 0..40_u64 {
        let section = Random::new(n).bytes(400_000);
        fs::write(lab.tree.join(format!("{n}")), KitFile::with(&[&section]))?;
    }
    let root = back_up(&lab)?.root();
    let repository = open(&lab, &Arc::clone(&undo))?;
    let target = lab.fresh_path();
    let restored = restore(&repository, root, &options(&lab, &target))?;
    assert_eq!((restored.report.files, undo.begun()), (40, 40));
    assert_same_tree(&lab.tree, &target)
}

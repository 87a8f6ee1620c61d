//! What transformed files hold, restored instead of them.

use std::fs;

use anyhow::Result;
use heirloom_engine::restore::RestoreOptions;
use heirloom_kit::{KitFile, KitUndo, Lab, Random, UndoFault};

use crate::scene::{are_one_file, back_up, database, open, options, photo, restore, scene};

#[test]
fn a_decoded_restore_gives_what_files_hold_and_other_files_as_they_are() -> Result<()> {
    let lab = scene(21)?;
    let root = back_up(&lab)?.root();
    let repository = open(&lab, &KitUndo::new())?;
    let target = lab.fresh_path();
    let decoded = RestoreOptions { decoded: true, verify: true, ..options(&lab, &target) };
    let restored = restore(&repository, root, &decoded)?;
    assert_eq!(restored.problems, [""; 0]);
    assert!(fs::read(target.join("chats.db"))? == database(500, 1));
    assert!(!target.join("chats.db.crypt15").exists());
    assert!(are_one_file(&target.join("chats.db"), &target.join("more/second name"))?);
    let made = fs::read(target.join("more/archive"))?;
    assert!(made.ends_with(&photo(2)), "all sections");
    for name in ["plain", "words.txt"] {
        assert!(fs::read(lab.tree.join(name))? == fs::read(target.join(name))?, "{name}");
    }
    // Once more: all is there.
    let again = restore(&repository, root, &decoded)?;
    assert_eq!((again.report.files, again.problems.len()), (0, 0), "{:?}", again.problems);
    Ok(())
}

#[test]
fn what_stands_there_as_it_is_needs_nobody_who_knows_the_transform() -> Result<()> {
    let lab = scene(22)?;
    let root = back_up(&lab)?.root();
    let target = lab.fresh_path();
    let decoded = RestoreOptions { decoded: true, ..options(&lab, &target) };
    let restored = restore(&lab.repository, root, &decoded)?;
    assert_eq!(restored.report.damaged, 1, "{:?}", restored.problems);
    assert!(fs::read(target.join("chats.db"))? == database(500, 1));
    let target = lab.fresh_path();
    let decoded = RestoreOptions { decoded: true, ..options(&lab, &target) };
    let failing = open(&lab, &KitUndo::failing(UndoFault::Error))?;
    let restored = restore(&failing, root, &decoded)?;
    assert_eq!(restored.report.damaged, 1, "{:?}", restored.problems);
    assert!(!target.join("more/archive").exists());
    Ok(())
}

#[test]
fn a_decoded_file_never_takes_the_place_of_another() -> Result<()> {
    let lab = Lab::new(23)?;
    let content: Vec<_> = (0..4).map(|n| Random::new(n).bytes(20_000)).collect();
    fs::write(lab.tree.join("a"), &content[0])?;
    fs::write(lab.tree.join("a.crypt15"), KitFile::with(&[&content[1]]))?;
    fs::write(lab.tree.join("b.crypt14"), KitFile::with(&[&content[2]]))?;
    fs::write(lab.tree.join("b.crypt15"), KitFile::with(&[&content[3]]))?;
    fs::write(lab.tree.join("c!"), &content[0])?;
    fs::write(lab.tree.join("c.crypt15"), KitFile::with(&[&content[1]]))?;
    let root = back_up(&lab)?.root();
    let target = lab.fresh_path();
    fs::create_dir(&target)?;
    fs::write(target.join("c"), "a user's own")?;
    let decoded =
        RestoreOptions { decoded: true, delete_below: vec![Vec::new()], ..options(&lab, &target) };
    let restored = restore(&lab.repository, root, &decoded)?;
    assert_eq!(restored.problems.len(), 1, "{:?}", restored.problems);
    assert_eq!((restored.report.differing, restored.report.deleted), (1, 0));
    assert_eq!(fs::read(target.join("c"))?, b"a user's own");
    for (name, number) in
        [("a", 0), ("a.crypt15.decoded", 1), ("b.crypt14.decoded", 2), ("b.crypt15.decoded", 3)]
    {
        assert!(fs::read(target.join(name))? == content[number], "{name}");
    }
    Ok(())
}

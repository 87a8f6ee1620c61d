//! Copies in another repository: the same files, under other keys, however often the copy was killed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use heirloom_engine::copy::{self, Copied, CopyError, CopyOptions, CopyReport};
use heirloom_engine::id::SessionId;
use heirloom_engine::repository::Repository;
use heirloom_engine::rewrite::{Author, Change, Edit, recommit};
use heirloom_kit::{
    Client, Content, Counted, CountingStorage, Fault, FaultStorage, Lab, MemoryStorage, Random,
};

use crate::scene::{
    condemn, fence, forget, live, other, progress, record, remove, restores, scene, taken,
};

const ENDLESS: u64 = 10_000;

fn copy_all(
    from: &Repository,
    to: &Repository,
) -> Result<(CopyReport, Vec<(SessionId, Copied)>), CopyError> {
    let (_, watcher) = progress();
    let snapshots = from.snapshots().map_err(CopyError::Source)?.taken;
    let mut told = Vec::new();
    let options = CopyOptions { host: "testhost".into(), ..CopyOptions::default() };
    let report = copy::run((from, to), &snapshots, &options, &watcher, &mut |snapshot, copied| {
        told.push((snapshot.session, copied.clone()));
    })?;
    Ok((report, told))
}

fn committed(copied: &Copied) -> Result<SessionId> {
    match copied {
        Copied::Committed(committed) => Ok(committed.snapshot),
        other => bail!("not copied: {other:?}"),
    }
}

#[test]
fn a_copy_restores_to_the_same_tree_and_its_record_says_the_same() -> Result<()> {
    let (lab, first) = scene(21)?;
    let there = Lab::new(22)?;
    let (report, told) = copy_all(&lab.repository, &there.repository)?;
    assert_eq!((report.copied, report.present, report.refused), (1, 0, 0));
    let copy = committed(&told[0].1)?;
    restores(&lab, &there.store, copy, &lab.tree)?;
    let (old, new) = (record(&lab.repository, first)?, record(&there.repository, copy)?);
    assert_eq!(new.original, Some(first));
    assert_ne!(new.root, old.root, "other keys, other ids");
    assert_eq!((new.time, new.started, new.stats), (old.time, old.started, old.stats));
    assert_eq!(
        (new.host, new.user, new.paths, new.tags),
        (old.host, old.user, old.paths, old.tags)
    );
    let (report, told) = copy_all(&lab.repository, &there.repository)?;
    assert_eq!((report.copied, report.present, report.stored_bytes), (0, 1, 0));
    assert_eq!(told, [(first, Copied::Present(copy))]);
    // One that was forgotten there does not come back by itself.
    forget(&there, copy);
    let (report, told) = copy_all(&lab.repository, &other(&there.store, 23)?)?;
    assert_eq!((report.copied, report.forgotten), (0, 1));
    assert_eq!(told, [(first, Copied::Forgotten(copy))]);
    Ok(())
}

#[test]
fn a_later_snapshot_is_copied_by_what_changed_and_is_as_whole_as_the_first() -> Result<()> {
    let (lab, _) = scene(24)?;
    let there = Lab::new(25)?;
    copy_all(&lab.repository, &there.repository)?;
    fs::write(lab.tree.join("pictures/other"), Random::new(500).bytes(40_000))?;
    fs::remove_file(lab.tree.join("link"))?;
    // A change in the middle of a file of many blobs, and one file whose metadata alone changes.
    let mut book = Content::Text(24).bytes(1_500_000);
    book[700_000..700_010].copy_from_slice(b"0123456789");
    fs::write(lab.tree.join("documents/book"), &book)?;
    let letter = lab.tree.join("documents/letters/one");
    fs::set_permissions(letter, fs::Permissions::from_mode(0o600))?;
    fs::write(lab.tree.join("documents/letters/two"), b"a new one")?;
    let second = taken(&lab.back_up()?)?;
    let (report, told) = copy_all(&lab.repository, &there.repository)?;
    assert_eq!((report.copied, report.present), (1, 1));
    assert!(report.read_bytes < 300_000, "read {} bytes", report.read_bytes);
    let copy = told.iter().find(|(source, _)| *source == second).context("told")?;
    let copy = committed(&copy.1)?;
    restores(&lab, &there.store, copy, &lab.tree)?;
    let first_copy = record(&there.repository, copy)?.parent.context("a parent")?;
    assert!(live(&there.repository)?.iter().any(|found| found.session == first_copy));
    // Without the guide it is the same tree.
    let alone = Lab::new(26)?;
    let (_, told) = copy_all(&lab.repository, &alone.repository)?;
    restores(&lab, &alone.store, committed(&told[1].1)?, &lab.tree)
}

#[test]
fn a_copy_that_lost_files_there_is_no_guide_to_what_it_lacks() -> Result<()> {
    let (lab, _) = scene(27)?;
    let there = Lab::new(28)?;
    let (_, told) = copy_all(&lab.repository, &there.repository)?;
    let copy = committed(&told[0].1)?;
    // Somebody there leaves the letters out, and condemns everything.
    let (_, watcher) = progress();
    let session = Author::default().session(&there.repository, &watcher)?;
    let leaves = |key: &[u8]| key.windows(7).any(|window| window == b"letters");
    recommit(session, copy, Edit::Leave(&leaves), &watcher)?;
    forget(&there, copy);
    let packs = there.store.names_in("packs/");
    condemn(&there, 1, &packs)?;
    fs::write(lab.tree.join("new"), b"new")?;
    let second = taken(&lab.back_up()?)?;
    let (_, told) = copy_all(&lab.repository, &other(&there.store, 29)?)?;
    remove(&there.store, &packs);
    let copy = told.iter().find(|(source, _)| *source == second).context("told")?;
    restores(&lab, &there.store, committed(&copy.1)?, &lab.tree)
}

#[test]
fn a_copy_that_is_killed_at_any_operation_of_the_destination_is_finished_by_the_next() -> Result<()>
{
    let (lab, _) = scene(30)?;
    fs::write(lab.tree.join("more"), Random::new(8).bytes(1_300_000))?;
    let second = taken(&lab.back_up()?)?;
    let empty = Lab::new(31)?;
    let mut tried = 0;
    for fault in [Fault::KillBefore, Fault::KillAfter, Fault::KillTorn { keep: 700 }] {
        for number in 1..ENDLESS {
            let store = empty.store.copy();
            let faulty = FaultStorage::new(Arc::clone(&store) as _, Counted::All);
            let to = Client::new(Arc::clone(&faulty) as _, 1000 + number).open()?;
            faulty.at(number, fault);
            let done = copy_all(&lab.repository, &to);
            let Some(struck) = faulty.struck().pop() else { break };
            finish(&lab, &store, second, number)
                .with_context(|| format!("operation {number}, {struck}, {:?}", done.is_ok()))?;
            tried += 1;
        }
    }
    println!("{tried} kills of a copy");
    assert!(tried > 60, "only {tried} kills");
    Ok(())
}

fn finish(lab: &Lab, store: &Arc<MemoryStorage>, second: SessionId, number: u64) -> Result<()> {
    let to = other(store, 50_000 + number)?;
    let (report, _) = copy_all(&lab.repository, &to)?;
    ensure!(report.copied + report.present == 2, "{report:?}");
    let copies = live(&other(store, 90_000 + number)?)?;
    ensure!(copies.len() == 2, "{} snapshots", copies.len());
    let copy = copies.iter().find(|copy| copy.record.original == Some(second));
    restores(lab, store, copy.context("the second")?.session, &lab.tree)
}

#[test]
fn a_damaged_snapshot_is_refused_and_the_others_are_copied() -> Result<()> {
    let (lab, first) = scene(32)?;
    let before = lab.store.names_in("packs/");
    fs::write(lab.tree.join("lost"), Random::new(99).bytes(500_000))?;
    let second = taken(&lab.back_up()?)?;
    let added = lab.store.names_in("packs/").into_iter().filter(|name| !before.contains(name));
    let largest = added.max_by_key(|name| lab.store.get(name).map(|bytes| bytes.len()));
    remove(&lab.store, &[largest.context("a pack")?]);
    fs::remove_file(lab.tree.join("lost"))?;
    let third = taken(&lab.back_up()?)?;
    let there = Lab::new(33)?;
    let (report, told) = copy_all(&other(&lab.store, 34)?, &there.repository)?;
    assert_eq!((report.copied, report.refused), (2, 1));
    assert!(matches!(&told[0], (id, Copied::Committed(_)) if *id == first));
    match &told[1] {
        (id, Copied::Refused { paths, places: 1 }) if *id == second => {
            assert_eq!(paths, &[lab.tree.join("lost")]);
        }
        other => bail!("not refused: {other:?}"),
    }
    assert!(matches!(&told[2], (id, Copied::Committed(_)) if *id == third));
    restores(&lab, &there.store, committed(&told[2].1)?, &lab.tree)?;
    assert_eq!(live(&there.repository)?.len(), 2);
    assert_eq!(there.store.names_in("sessions/"), [""; 0]);
    Ok(())
}

#[test]
fn a_repository_is_not_copied_into_itself_and_a_disputed_copy_is_none() -> Result<()> {
    let (lab, _) = scene(35)?;
    let again = other(&lab.store, 36)?;
    assert!(matches!(copy_all(&lab.repository, &again), Err(CopyError::SameRepository)));
    let there = Lab::new(37)?;
    let (_, told) = copy_all(&lab.repository, &there.repository)?;
    fence(&there.store, committed(&told[0].1)?);
    let (report, _) = copy_all(&lab.repository, &other(&there.store, 38)?)?;
    assert_eq!(report.copied, 1);
    Ok(())
}

#[test]
fn what_is_pinned_or_tagged_later_is_copied_without_reading_its_content() -> Result<()> {
    let (lab, first) = scene(39)?;
    let there = Lab::new(40)?;
    copy_all(&lab.repository, &there.repository)?;
    let (_, watcher) = progress();
    let pin = Change { pinned: Some(true), ..Change::default() };
    let session = Author::default().session(&lab.repository, &watcher)?;
    recommit(session, first, Edit::Record(&pin), &watcher)?;
    let counting = CountingStorage::new(lab.storage());
    let from = lab.client.clone().on(Arc::<CountingStorage>::clone(&counting)).open()?;
    let (report, told) = copy_all(&from, &there.repository)?;
    assert_eq!((report.copied, report.present, report.read_bytes), (1, 1, 0));
    let pinned = told.iter().find_map(|(_, copied)| committed(copied).ok()).context("a copy")?;
    assert!(record(&there.repository, pinned)?.pinned);
    restores(&lab, &there.store, pinned, &lab.tree)
}

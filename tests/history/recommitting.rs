//! Records that are committed again, and the blobs that they need.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use heirloom_engine::id::SessionId;
use heirloom_engine::repository::Repository;
use heirloom_engine::rewrite::{
    Author, Change, Edit, Outcome, RewriteError, Update, recommit, replace,
};
use heirloom_engine::tree::{key_from_path, subtree_end};
use heirloom_kit::{Client, Counted, Fault, FaultStorage, Random, back_up};

use crate::scene::{
    condemn, fence, forget, live, other, progress, record, remove, restores, scene, taken,
};

fn edited(
    repository: &Repository,
    snapshot: SessionId,
    edit: Edit<'_>,
) -> Result<Outcome, RewriteError> {
    let (_, watcher) = progress();
    let author = Author { host: "testhost".into(), command: "test".into(), ..Author::default() };
    let session = author.session(repository, &watcher)?;
    recommit(session, snapshot, edit, &watcher)
}

fn new_one(outcome: &Outcome) -> Result<SessionId> {
    match outcome {
        Outcome::Committed(committed) => Ok(committed.snapshot),
        other => bail!("nothing was committed: {other:?}"),
    }
}

fn unchanged() -> Change {
    Change::default()
}

#[test]
fn a_forgotten_snapshot_comes_back_under_another_name_and_says_what_it_said() -> Result<()> {
    let (lab, first) = scene(1)?;
    forget(&lab, first);
    let repository = other(&lab.store, 100)?;
    let packs = lab.store.names_in("packs/");
    let back = new_one(&edited(&repository, first, Edit::Record(&unchanged()))?)?;
    assert_eq!(packs, lab.store.names_in("packs/"), "nothing had to be stored again");
    let (old, new) = (record(&repository, first)?, record(&repository, back)?);
    assert_eq!(new.original, Some(first));
    assert_eq!(
        (new.root, new.time, new.started, new.stats),
        (old.root, old.time, old.started, old.stats)
    );
    assert_eq!((new.host, new.user, new.paths), (old.host, old.user, old.paths));
    assert_ne!(new.client, old.client, "the chain is that of whoever brought it back");
    restores(&lab, &lab.store, back, &lab.tree)?;
    // Once more: nothing new.
    let again = edited(&other(&lab.store, 101)?, first, Edit::Record(&unchanged()))?;
    assert_eq!(again, Outcome::Present(back));
    assert_eq!(live(&repository)?.len(), 1);
    assert_eq!(lab.store.names_in("sessions/"), [""; 0]);
    Ok(())
}

#[test]
fn what_lies_in_condemned_packs_is_stored_again_before_a_snapshot_comes_back() -> Result<()> {
    for which in 0..3 {
        let (lab, first) = scene(2)?;
        let packs = lab.store.names_in("packs/");
        assert!(packs.len() >= 2, "content and tree");
        forget(&lab, first);
        let condemned = if which == 0 { packs.clone() } else { vec![packs[which - 1].clone()] };
        condemn(&lab, 1, &condemned)?;
        let back = new_one(&edited(&other(&lab.store, 110)?, first, Edit::Record(&unchanged()))?)?;
        restores(&lab, &lab.store, back, &lab.tree)?;
        // The pruner goes on.
        remove(&lab.store, &condemned);
        restores(&lab, &lab.store, back, &lab.tree)?;
    }
    Ok(())
}

#[test]
fn packs_that_no_segment_lists_any_more_are_read_as_well() -> Result<()> {
    let (lab, first) = scene(3)?;
    forget(&lab, first);
    let packs = lab.store.names_in("packs/");
    condemn(&lab, 1, &packs)?;
    // A pruner that has rewritten the index, and not yet deleted.
    remove(&lab.store, &lab.store.names_in("index/"));
    let back = new_one(&edited(&other(&lab.store, 120)?, first, Edit::Record(&unchanged()))?)?;
    remove(&lab.store, &packs);
    restores(&lab, &lab.store, back, &lab.tree)
}

#[test]
fn a_snapshot_that_lost_something_does_not_come_back_and_its_files_are_named() -> Result<()> {
    let (lab, _) = scene(4)?;
    fs::write(lab.tree.join("lost"), Random::new(99).bytes(50_000))?;
    let before = lab.store.names_in("packs/");
    let second = taken(&lab.back_up()?)?;
    let added: Vec<String> =
        lab.store.names_in("packs/").into_iter().filter(|name| !before.contains(name)).collect();
    forget(&lab, second);
    for (index, lost) in added.iter().enumerate() {
        let store = lab.store.copy();
        remove(&store, std::slice::from_ref(lost));
        for name in store.names_in("index/") {
            // What is lost is lost with the segment that lists it.
            if index == 0 || name.contains(&second.to_string()) {
                store.remove(&name);
            }
        }
        let snapshots = store.names_in("snapshots/");
        let repository = other(&store, 130)?;
        let (collected, watcher) = progress();
        let session = Author::default().session(&repository, &watcher)?;
        match recommit(session, second, Edit::Record(&unchanged()), &watcher) {
            Err(RewriteError::Lost { snapshot, paths, places }) => {
                assert_eq!(snapshot, second);
                assert!(places >= 1 && !paths.is_empty(), "{paths:?}");
                assert!(!collected.problems().is_empty());
            }
            other => bail!("not refused: {other:?}"),
        }
        assert_eq!(store.names_in("snapshots/"), snapshots);
        assert_eq!(store.names_in("sessions/"), [""; 0]);
    }
    Ok(())
}

#[test]
fn the_file_with_a_lost_blob_is_named() -> Result<()> {
    let (lab, _) = scene(5)?;
    let before = lab.store.names_in("packs/");
    fs::write(lab.tree.join("lost"), Random::new(99).bytes(500_000))?;
    let second = taken(&lab.back_up()?)?;
    forget(&lab, second);
    let added = lab.store.names_in("packs/").into_iter().filter(|name| !before.contains(name));
    let largest = added.max_by_key(|name| lab.store.get(name).map(|bytes| bytes.len()));
    let largest = largest.context("a pack")?;
    condemn(&lab, 1, std::slice::from_ref(&largest))?;
    remove(&lab.store, &[largest]);
    match edited(&other(&lab.store, 140)?, second, Edit::Record(&unchanged())) {
        Err(RewriteError::Lost { paths, places: 1, .. }) => {
            assert_eq!(paths, [lab.tree.join("lost")]);
        }
        other => bail!("not refused: {other:?}"),
    }
    Ok(())
}

#[test]
fn a_disputed_snapshot_is_adopted_by_a_session_that_relies_on_nothing_of_the_dead_one() -> Result<()>
{
    let (lab, first) = scene(6)?;
    fence(&lab.store, first);
    let repository = other(&lab.store, 150)?;
    assert!(live(&repository)?.is_empty());
    let adopted = new_one(&edited(&repository, first, Edit::Record(&unchanged()))?)?;
    assert_eq!(record(&repository, adopted)?.original, Some(first));
    let dead = |name: &String| name.contains(&first.to_string());
    let index: Vec<String> = lab.store.names_in("index/").into_iter().filter(dead).collect();
    remove(&lab.store, &index);
    remove(&lab.store, &[format!("snapshots/{first}")]);
    restores(&lab, &lab.store, adopted, &lab.tree)
}

#[test]
fn pins_and_tags_make_a_snapshot_with_the_same_content_and_the_newest_one_stays_the_parent()
-> Result<()> {
    let (lab, first) = scene(7)?;
    fs::write(lab.tree.join("newer"), b"newer")?;
    let second = taken(&lab.back_up()?)?;
    let pin = Change { pinned: Some(true), ..Change::default() };
    let tag = Change {
        add_tags: vec!["good".into()],
        label: Update::Set("home".into()),
        keep_until: Update::Set(77),
        ..Change::default()
    };
    let packs = lab.store.names_in("packs/");
    let pinned = new_one(&edited(&lab.repository, first, Edit::Record(&pin))?)?;
    forget(&lab, first);
    let tagged = new_one(&edited(&lab.repository, pinned, Edit::Record(&tag))?)?;
    forget(&lab, pinned);
    assert_eq!(packs, lab.store.names_in("packs/"));
    let new = record(&lab.repository, tagged)?;
    assert!(new.pinned);
    assert_eq!(
        (new.tags, new.label, new.keep_until),
        (vec!["good".into()], Some("home".into()), Some(77))
    );
    assert_eq!(new.original, Some(first), "the first ancestor");
    let done = back_up(&lab.repository, &lab.tree)?;
    assert_eq!(done.report.parent, Some(second), "not what was committed last");
    let nothing = edited(&lab.repository, tagged, Edit::Record(&tag))?;
    assert_eq!(nothing, Outcome::Unchanged);
    Ok(())
}

#[test]
fn a_live_snapshot_is_looked_at_blob_by_blob_when_something_is_condemned() -> Result<()> {
    let (lab, first) = scene(8)?;
    let packs = lab.store.names_in("packs/");
    condemn(&lab, 1, &packs)?;
    let pin = Change { pinned: Some(true), ..Change::default() };
    let pinned = new_one(&edited(&other(&lab.store, 160)?, first, Edit::Record(&pin))?)?;
    remove(&lab.store, &packs);
    restores(&lab, &lab.store, pinned, &lab.tree)
}

#[test]
fn exactly_the_named_part_is_left_out() -> Result<()> {
    for condemned in [false, true] {
        let (lab, first) = scene(9)?;
        let packs = lab.store.names_in("packs/");
        if condemned {
            condemn(&lab, 1, &packs)?;
        }
        let start = key_from_path(&lab.tree.join("documents"));
        let end = subtree_end(&start);
        let leaves =
            |key: &[u8]| key >= start.as_slice() && end.as_deref().is_none_or(|end| key < end);
        let repository = other(&lab.store, 170)?;
        let left = new_one(&edited(&repository, first, Edit::Leave(&leaves))?)?;
        if condemned {
            remove(&lab.store, &packs);
        }
        fs::remove_dir_all(lab.tree.join("documents"))?;
        // The other name of the file is one of its own now, and the folder is older than what became of it.
        let target = lab.fresh_path();
        let (old, new) = (record(&repository, first)?, record(&repository, left)?);
        heirloom_kit::restore_all(&other(&lab.store, 171)?, new.root, &lab.tree, &target)?;
        heirloom_kit::assert_same_tree(&lab.tree, &target)?;
        assert_eq!(
            (old.stats.files - new.stats.files, old.stats.folders - new.stats.folders),
            (4, 2)
        );
        assert_eq!(old.stats.entries - new.stats.entries, 6);
        assert!(old.stats.content_bytes - new.stats.content_bytes > 1_600_000);
        assert_eq!(new.paths, old.paths);
        let again = edited(&repository, left, Edit::Leave(&leaves))?;
        assert_eq!(again, Outcome::Unchanged);
    }
    Ok(())
}

#[test]
fn nothing_is_no_snapshot() -> Result<()> {
    let (lab, first) = scene(10)?;
    let refused = edited(&lab.repository, first, Edit::Leave(&|_| true));
    assert!(matches!(refused, Err(RewriteError::Empty { snapshot }) if snapshot == first));
    assert_eq!(live(&lab.repository)?.len(), 1);
    let gone = edited(&lab.repository, SessionId([7; 16]), Edit::Record(&unchanged()));
    assert!(matches!(gone, Err(RewriteError::Gone { .. })));
    Ok(())
}

#[test]
fn a_change_that_is_killed_at_any_operation_is_finished_by_the_next_run_and_never_made_twice()
-> Result<()> {
    let (lab, first) = scene(11)?;
    let pin = Change { pinned: Some(true), ..Change::default() };
    let author = Author { host: "testhost".into(), user: "me".into(), ..Author::default() };
    let change = |repository: &Repository| {
        let (_, watcher) = progress();
        let mut told = None;
        let outcome =
            replace(repository, (first, Edit::Record(&pin)), &author, &watcher, &mut |outcome| {
                told = outcome.snapshot();
            });
        outcome.map(|_| told)
    };
    let mut tried = 0;
    for fault in [Fault::KillBefore, Fault::KillAfter, Fault::KillTorn { keep: 100 }] {
        for number in 1..10_000 {
            let store = lab.store.copy();
            let faulty = FaultStorage::new(Arc::clone(&store) as _, Counted::All);
            let repository = Client::new(Arc::clone(&faulty) as _, 2000 + number).open()?;
            faulty.at(number, fault);
            drop(change(&repository));
            let Some(struck) = faulty.struck().pop() else { break };
            let next = other(&store, 30_000 + number)?;
            let told = change(&next).with_context(|| struck.clone())?;
            let seen = other(&store, 60_000 + number)?.snapshots()?;
            let pinned: Vec<_> = seen.taken.iter().map(|found| found.session).collect();
            // A torn tombstone is damaged, and does not count until it is put again.
            assert_eq!(pinned.len(), 1, "{struck}: {:?}", seen.problems);
            assert!(told.is_none() || told == pinned.first().copied(), "{struck}");
            assert!(seen.taken.iter().all(|found| found.record.pinned), "{struck}");
            assert_eq!(seen.forgotten.iter().map(|one| one.session).collect::<Vec<_>>(), [first]);
            tried += 1;
        }
    }
    assert!(tried > 20, "only {tried} kills");
    Ok(())
}

//! Sessions that a deletion waits for, and sessions that are declared dead.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::prune::PruneOptions;
use heirloom_engine::repository::{Compression, Repository, Session, SessionNote};
use heirloom_engine::snapshot::{Tombstone, tombstone_name};
use heirloom_kit::{
    BackedUp, Client, CollectedProgress, Lab, Random, back_up, prune_options, prune_with,
};

pub(crate) fn forget(lab: &Lab, taken: &[&BackedUp]) -> Result<()> {
    for done in taken {
        let snapshot = done.report.snapshot.as_ref().context("a snapshot")?.snapshot;
        let (host, user, reason) = ("testhost".into(), "testuser".into(), "test".into());
        let stone = Tombstone { snapshot, time: 0, host, user, reason };
        let sealed = stone.seal(lab.repository.keys(), lab.client.clock());
        lab.store.set(&tombstone_name(snapshot), sealed);
    }
    Ok(())
}

fn note(started: i128) -> SessionNote {
    SessionNote {
        started: i64::try_from(started).unwrap_or(i64::MAX),
        host: "other".into(),
        program: "suite".into(),
        command: "snapshot".into(),
    }
}

pub(crate) fn start(repository: &Repository) -> Result<Session<'_>> {
    let note = note(repository.clock().now_ns());
    let progress = Arc::new(CollectedProgress::new());
    Ok(Session::start(repository, &note, Compression::default(), progress)?)
}

/// A lab with one forgotten and one live snapshot that share nothing.
fn lab(seed: u64) -> Result<(Lab, BackedUp)> {
    let lab = Lab::new(seed)?;
    fs::write(lab.tree.join("old"), Random::new(seed).bytes(300_000))?;
    let old = lab.back_up()?;
    fs::remove_file(lab.tree.join("old"))?;
    fs::write(lab.tree.join("new"), Random::new(seed + 1).bytes(300_000))?;
    let new = back_up(&Client::new(lab.storage(), 50).open()?, &lab.tree)?;
    forget(&lab, &[&old])?;
    Ok((lab, new))
}

#[test]
fn a_running_session_is_waited_for_and_the_next_prune_goes_on() -> Result<()> {
    let (lab, new) = lab(1)?;
    let writer = Client::new(lab.storage(), 60).open()?;
    let session = start(&writer)?;
    let before = lab.store.names_in("packs/");
    let report = prune_with(&Client::new(lab.storage(), 61).open()?, &prune_options())?;
    assert_eq!(report.deleted_packs, 0);
    assert_eq!(report.waiting_for.len(), 1);
    assert!(report.waiting_packs >= 2, "{report:?}");
    assert_eq!(lab.store.names_in("packs/"), before);
    session.suspend()?;
    let report = prune_with(&Client::new(lab.storage(), 62).open()?, &prune_options())?;
    assert!(report.deleted_packs >= 2 && report.waiting_for.is_empty(), "{report:?}");
    assert_eq!(lab.store.names_in("condemned/"), [""; 0]);
    lab.check(new.root(), &lab.tree)
}

/// Relies on what the forgotten snapshot had, and commits after that was condemned.
fn take_from_condemned(lab: &Lab) -> Result<BackedUp> {
    fs::remove_file(lab.tree.join("new"))?;
    fs::write(lab.tree.join("old"), Random::new(2).bytes(300_000))?;
    let other = lab.store.copy();
    let storage = lab.storage();
    let store = Arc::clone(&lab.store);
    let pruner = Client::new(Arc::clone(&store) as _, 70).open()?;
    let hooked = heirloom_kit::HookStorage::new(storage, move |call, object| {
        if call == "put" && object.starts_with("snapshots/") {
            let report = prune_with(&pruner, &prune_options()).expect("nothing is damaged");
            assert_eq!(report.waiting_for.len(), 1);
        }
    });
    let taken = back_up(&Client::new(hooked, 71).open()?, &lab.tree)?;
    assert!(taken.stored_bytes() < 300_000, "it relied on what was there");
    ensure!(other.names_in("condemned/").is_empty());
    Ok(taken)
}

#[test]
fn what_a_session_committed_while_packs_were_condemned_is_copied() -> Result<()> {
    let (lab, _) = lab(2)?;
    let taken = take_from_condemned(&lab)?;
    let report = prune_with(&Client::new(lab.storage(), 72).open()?, &prune_options())?;
    assert!(report.deleted_packs > 0, "{report:?}");
    lab.check(taken.root(), &lab.tree)
}

#[test]
fn a_snapshot_that_others_forget_and_prune_meanwhile_is_no_reason_to_stop() -> Result<()> {
    for moment in ["list index/", "list packs/"] {
        let (lab, _) = lab(2)?;
        let taken = Arc::new(take_from_condemned(&lab)?);
        let lab = Arc::new(lab);
        let (there, ran) = (Arc::clone(&lab), AtomicU32::new(0));
        let hooked = heirloom_kit::HookStorage::new(lab.storage(), move |call, object| {
            // The first time it looks at what it begins with, the second time it plans.
            let planned = u32::from(object == "index/");
            if format!("{call} {object}") == moment && ran.fetch_add(1, Relaxed) == planned {
                forget(&there, &[&taken]).expect("the store works");
                let storage = there.storage();
                // On a thread of its own: this one waits for the store already.
                let pruned = std::thread::spawn(move || {
                    let other = Client::new(storage, 72).open().expect("it is there");
                    prune_with(&other, &prune_options()).expect("nothing is damaged")
                });
                assert!(pruned.join().expect("it goes well").deleted_packs > 0);
            }
        });
        let report = prune_with(&Client::new(hooked, 73).open()?, &prune_options())?;
        assert!(report.damaged.is_empty(), "{moment}: {report:?}");
        prune_with(&Client::new(lab.storage(), 74).open()?, &prune_options())?;
        assert_eq!(lab.store.names_in("condemned/"), [""; 0], "{moment}");
    }
    Ok(())
}

#[test]
fn an_old_session_is_declared_dead_and_can_not_commit_any_more() -> Result<()> {
    let (lab, new) = lab(3)?;
    let client = Client::new(lab.storage(), 80);
    let writer = client.open()?;
    let session = start(&writer)?;
    let id = session.id();
    let pruner = Client::new(lab.storage(), 81);
    pruner.wait(4 * 24 * 3600);
    let report = prune_with(&pruner.open()?, &prune_options())?;
    assert_eq!(report.declared_dead, [id]);
    assert!(report.deleted_packs >= 2, "{report:?}");
    let record = new.report.snapshot.as_ref().context("a snapshot")?.record.clone();
    assert!(session.commit(record).is_err(), "it was declared dead");
    lab.check(new.root(), &lab.tree)
}

#[test]
fn by_explicit_wish_nobody_is_waited_for() -> Result<()> {
    let (lab, new) = lab(4)?;
    let writer = Client::new(lab.storage(), 90).open()?;
    let session = start(&writer)?;
    let options = PruneOptions { dead_after_ns: 0, ..prune_options() };
    let report = prune_with(&Client::new(lab.storage(), 91).open()?, &options)?;
    assert_eq!(report.declared_dead, [session.id()]);
    assert!(report.deleted_packs >= 2, "{report:?}");
    lab.check(new.root(), &lab.tree)
}

#[test]
fn two_prunes_at_once_wait_for_each_other_and_lose_nothing() -> Result<()> {
    let (lab, new) = lab(5)?;
    let first = Client::new(lab.storage(), 100);
    let second = Client::new(lab.storage(), 101).open()?;
    let ran = Arc::new(AtomicBool::new(false));
    let once = Arc::clone(&ran);
    let hooked = heirloom_kit::HookStorage::new(lab.storage(), move |call, object| {
        let condemns = call == "put" && object.starts_with("condemned/");
        if condemns && !once.swap(true, Relaxed) {
            prune_with(&second, &prune_options()).expect("nothing is damaged");
        }
    });
    prune_with(&first.on(hooked).open()?, &prune_options())?;
    assert!(ran.load(Relaxed));
    lab.check(new.root(), &lab.tree)?;
    prune_with(&Client::new(lab.storage(), 102).open()?, &prune_options())?;
    assert_eq!(lab.store.names_in("condemned/"), [""; 0]);
    assert_eq!(lab.store.names_in("packs/").len(), 2);
    lab.check(new.root(), &lab.tree)
}

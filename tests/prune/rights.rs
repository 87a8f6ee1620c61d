//! Clients that may not delete.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::backup::BackupError;
use heirloom_engine::error::ErrorKind;
use heirloom_engine::prune::PruneError;
use heirloom_engine::repository::{RepositoryError, Saying};
use heirloom_kit::{
    Client, Counted, FaultStorage, HookStorage, Lab, Random, back_up, prune_options, prune_with,
};

use crate::waiting::forget;

#[test]
fn without_the_right_to_delete_it_says_so_before_it_copies_anything() -> Result<()> {
    let lab = Lab::new(40)?;
    for number in 0..6 {
        fs::write(lab.tree.join(format!("file{number}")), Random::new(number).bytes(30_000))?;
    }
    let old = lab.back_up()?;
    for number in 0..3 {
        fs::remove_file(lab.tree.join(format!("file{number}")))?;
    }
    let new = back_up(&Client::new(lab.storage(), 41).open()?, &lab.tree)?;
    forget(&lab, &[&old])?;
    let before = lab.store.names();
    let store = FaultStorage::new(lab.storage(), Counted::All);
    store.deny(Some("delete"));
    let repository = Client::new(Arc::clone(&store) as _, 42).open()?;
    match prune_with(&repository, &prune_options()) {
        Err(PruneError::Repository(RepositoryError::Storage(error))) => {
            assert_eq!(error.kind, ErrorKind::PermissionDenied, "{error}");
        }
        other => panic!("{other:?}"),
    }
    let mut left = lab.store.names();
    left.retain(|name| !before.contains(name));
    // Its session, and the empty list that it could not take away.
    ensure!(left.len() == 2, "{left:?}");
    ensure!(left.iter().all(|name| !name.starts_with("packs/") && !name.starts_with("index/")));
    lab.check(new.root(), &lab.tree)?;
    store.deny(None);
    let client = Client::new(Arc::clone(&store) as _, 43);
    client.wait(4 * 24 * 3600);
    let report = prune_with(&client.open()?, &prune_options())?;
    ensure!(report.freed_bytes > 0, "{report:?}");
    for folder in ["sessions/", "condemned/"] {
        assert_eq!(lab.store.names_in(folder), [""; 0]);
    }
    lab.check(new.root(), &lab.tree)
}

/// What is left to delete after a commit is a courtesy to others.
#[test]
fn without_the_right_to_delete_snapshots_are_taken_forgotten_and_withdrawn() -> Result<()> {
    let lab = Lab::new(50)?;
    fs::write(lab.tree.join("file"), Random::new(1).bytes(30_000))?;
    let store = FaultStorage::new(lab.storage(), Counted::All);
    store.deny(Some("delete"));
    let client = Client::new(Arc::clone(&store) as _, 51);
    let mut taken = Vec::new();
    // So many that segments are merged.
    for number in 0..10 {
        fs::write(lab.tree.join("file"), Random::new(number).bytes(30_000))?;
        let done = back_up(&client.open()?, &lab.tree)?;
        assert_eq!(done.problems.len(), 1, "{:?}", done.problems);
        taken.push(done);
    }
    let last = taken.last().context("ten")?;
    lab.check(last.root(), &lab.tree)?;
    assert_eq!(client.open()?.snapshots()?.taken.len(), 10);
    assert_eq!(lab.store.names_in("sessions/").len(), 10);
    let older = taken[..9].iter().filter_map(|done| done.report.snapshot.as_ref());
    let older: Vec<_> = older.map(|one| one.snapshot).collect();
    let said = Saying { time_ns: 0, host: "h".into(), user: "u".into(), reason: "old".into() };
    client.open()?.forget(&older, &said)?;
    // Declared dead while it writes: that is the error, and not that it may not take back what it wrote.
    let fencing = Arc::clone(&lab.store);
    let hooked = HookStorage::new(Arc::clone(&store) as _, move |call, object| {
        if let Some(session) = object.strip_prefix("snapshots/").filter(|_| call == "put") {
            fencing.set(&format!("fences/{session}.{}", "0".repeat(32)), "");
        }
    });
    match back_up(&Client::new(hooked, 52).open()?, &lab.tree) {
        Err(BackupError::Repository(RepositoryError::Fenced { .. })) => {}
        other => panic!("{other:?}"),
    }
    let found = client.open()?.snapshots()?;
    assert_eq!((found.taken.len(), found.forgotten.len(), found.disputed.len()), (1, 10, 0));
    let owner = Client::new(lab.storage(), 53);
    owner.wait(4 * 24 * 3600);
    let report = prune_with(&owner.open()?, &prune_options())?;
    ensure!(report.freed_bytes > 0 && report.declared_dead.len() == 11, "{report:?}");
    for folder in ["sessions/", "condemned/"] {
        assert_eq!(lab.store.names_in(folder), [""; 0]);
    }
    assert_eq!(lab.store.names_in("snapshots/").len(), 1);
    lab.check(last.root(), &lab.tree)
}

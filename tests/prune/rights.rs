//! A prune that may not delete.

use std::fs;
use std::sync::Arc;

use anyhow::{Result, ensure};
use heirloom_engine::error::ErrorKind;
use heirloom_engine::prune::PruneError;
use heirloom_engine::repository::RepositoryError;
use heirloom_kit::{
    Client, Counted, FaultStorage, Lab, Random, back_up, prune_options, prune_with,
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

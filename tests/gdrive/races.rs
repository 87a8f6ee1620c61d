//! Clients that make folders and files at the same time lose nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use heirloom_engine::error::ErrorKind;
use heirloom_kit::{DriveEmulator, DriveFault, Late, Trouble, block_on};

use crate::{Store, failure, names, store};

#[test]
fn clients_that_begin_at_once_see_each_others_objects() -> Result<()> {
    // Once with listings that show folders at once, once with such as let everybody make his own.
    for late in [Late::Never, Late::Requests(40)] {
        let drive = DriveEmulator::start()?;
        drive.set_late(late);
        let stores = (0..6).map(|_| store(&drive)).collect::<Result<Vec<Store>>>()?;
        block_on(async {
            let puts = stores.iter().enumerate().map(async |(client, store)| {
                for folder in ["packs", "index", "snapshots"] {
                    store.put(&format!("{folder}/{client}"), Bytes::from_static(b"x")).await?;
                }
                Ok::<_, anyhow::Error>(())
            });
            try_join_all(puts).await?;
            drive.set_late(Late::Never);
            for store in &stores {
                for folder in ["packs", "index", "snapshots"] {
                    let expected: Vec<String> = (0..6).map(|c| format!("{folder}/{c}")).collect();
                    let found = names(store, &format!("{folder}/")).await?;
                    ensure!(found == expected, "{late:?}: {found:?}");
                    for name in &expected {
                        ensure!(store.read(name, None).await? == "x");
                    }
                }
            }
            Ok(())
        })?;
        if late != Late::Never {
            let roots = drive.ids("backups").len();
            ensure!(roots > 1, "the race was to make several folders, not {roots}");
        }
    }
    Ok(())
}

#[test]
fn duplicate_folders_of_others_are_read_written_and_emptied() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        // Another whole tree of the same names, and a second folder in the first one.
        let top = drive.add_folder(None, "backups");
        let root = drive.add_folder(Some(&top), "repository");
        let packs = drive.add_folder(Some(&root), "packs");
        drive.add_file(&packs, "b", "b");
        let first = drive.ids("backups/repository").into_iter().find(|id| *id != root);
        let second = drive.add_folder(first.as_deref(), "packs");
        drive.add_file(&second, "c", "c");
        drive.add_file(&second, "a", "a");
        ensure!(store.read("packs/b", None).await? == "b");
        ensure!(names(&store, "packs/").await? == ["packs/a", "packs/b", "packs/c"]);
        store.delete("packs/a").await?;
        store.delete("packs/b").await?;
        ensure!(names(&store, "packs/").await? == ["packs/c"]);
        failure(store.read("packs/a", None).await, ErrorKind::NotFound, false).map(drop)
    })
}

#[test]
fn a_folder_that_a_listing_leaves_out_is_still_used() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        ensure!(names(&store, "packs/").await? == ["packs/a"]);
        drive.set_late(Late::Time(Duration::from_hours(1)));
        ensure!(names(&store, "index/").await?.is_empty());
        store.put("packs/b", Bytes::from_static(b"b")).await?;
        ensure!(drive.ids("backups").len() == 1);
        ensure!(drive.ids("backups/repository/packs").len() == 1);
        Ok(())
    })
}

#[test]
fn a_new_folder_that_somebody_removes_at_once_is_made_again() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        drive.set_late(Late::Time(Duration::from_hours(1)));
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        drive.trash(&drive.ids("backups")[0])?;
        store.put("packs/b", Bytes::from_static(b"b")).await?;
        ensure!(drive.ids("backups/repository/packs/b").len() == 1, "{:?}", drive.files());
        Ok(())
    })
}

#[test]
fn everybody_writes_into_the_oldest_folder() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let oldest = drive.add_folder(None, "backups");
    drive.add_folder(None, "backups");
    drive.add_folder(None, "backups");
    let repository = drive.add_folder(Some(&oldest), "repository");
    block_on(async {
        for client in 0..3 {
            let store = store(&drive)?;
            store.put(&format!("packs/{client}"), Bytes::from_static(b"x")).await?;
        }
        let packs = drive.ids("backups/repository/packs");
        ensure!(packs.len() == 1, "{packs:?}");
        ensure!(drive.ids("backups/repository").concat() == repository);
        Ok(())
    })
}

#[test]
fn a_lost_answer_makes_no_second_folder() -> Result<()> {
    let drive = DriveEmulator::start()?;
    drive.inject(DriveFault::new("create", Trouble::LoseAnswer).times(2));
    drive.set_late(Late::Requests(30));
    let store = store(&drive)?;
    block_on(async {
        let mut failures = 0;
        while let Err(error) = store.put("packs/a", Bytes::from_static(b"a")).await {
            failures += 1;
            ensure!(error.temporary && failures < 5, "{error:?}");
        }
        ensure!(failures == 2, "{failures}");
        for path in ["backups", "backups/repository", "backups/repository/packs"] {
            ensure!(drive.ids(path).len() == 1, "{path}: {:?}", drive.files());
        }
        Ok(())
    })
}

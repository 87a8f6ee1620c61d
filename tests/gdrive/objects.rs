//! What calls cost, what is read, and what is left after a delete.

use anyhow::{Result, ensure};
use bytes::Bytes;
use heirloom_engine::error::ErrorKind;
use heirloom_kit::{DriveEmulator, block_on};

use crate::{failure, listing, names, store, store_at};

#[test]
fn a_put_is_one_request_once_the_folder_is_known() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        drive.forget_requests();
        for name in ["packs/b", "packs/c", "packs/d"] {
            store.put(name, Bytes::from_static(b"x")).await?;
        }
        ensure!(drive.count("upload") == 3 && drive.requests().len() == 3);
        drive.forget_requests();
        store.read("packs/b", None).await?;
        store.read("packs/b", Some(0..1)).await?;
        ensure!(drive.count("media") == 2 && drive.requests().len() == 2);
        drive.forget_requests();
        listing(&store, "packs/").await?;
        // The path has two folders; then come the folders below it and the folder itself.
        ensure!(drive.requests().len() == 4, "{:?}", drive.requests());
        Ok(())
    })
}

#[test]
fn a_repository_lies_where_its_address_says() -> Result<()> {
    let drive = DriveEmulator::start()?;
    block_on(async {
        let odd = store_at(&drive, "/it's%20a \\ 100%25/x")?;
        odd.put("packs/a", Bytes::from_static(b"a")).await?;
        odd.put("heirloom.json", Bytes::from_static(b"{}")).await?;
        let other = store_at(&drive, "/other")?;
        other.put("packs/b", Bytes::from_static(b"b")).await?;
        let paths: Vec<String> = drive.files().into_iter().map(|file| file.path).collect();
        let expected = [
            "it's a \\ 100%",
            "it's a \\ 100%/x",
            "it's a \\ 100%/x/heirloom.json",
            "it's a \\ 100%/x/packs",
            "it's a \\ 100%/x/packs/a",
            "other",
            "other/packs",
            "other/packs/b",
        ];
        ensure!(paths == expected, "{paths:?}");
        let again = store_at(&drive, "/it's a \\ 100%25/x/")?;
        ensure!(names(&again, "packs/").await? == ["packs/a"]);
        Ok(())
    })
}

#[test]
fn asking_makes_nothing() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        ensure!(names(&store, "packs/").await?.is_empty());
        store.delete("packs/a").await?;
        failure(store.read("heirloom.json", None).await, ErrorKind::NotFound, false)?;
        ensure!(drive.files().is_empty());
        Ok(())
    })
}

#[test]
fn a_delete_frees_the_space_unless_the_trash_is_wished_for() -> Result<()> {
    for (rest, left) in [("/r", 0), ("/r?delete=trash", 2)] {
        let drive = DriveEmulator::start()?;
        let store = store_at(&drive, rest)?;
        block_on(async {
            store.put("packs/a", Bytes::from_static(b"a")).await?;
            store.put("packs/a", Bytes::from_static(b"a")).await?;
            store.delete("packs/a").await?;
            let files = drive.files().into_iter().filter(|file| file.size.is_some());
            let files: Vec<_> = files.collect();
            ensure!(files.len() == left && files.iter().all(|file| file.trashed), "{files:?}");
            ensure!(names(&store, "packs/").await?.is_empty());
            failure(store.read("packs/a", None).await, ErrorKind::NotFound, false).map(drop)
        })?;
    }
    Ok(())
}

#[test]
fn what_lies_in_the_trash_is_missing() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let (one, other) = (store(&drive)?, store(&drive)?);
    block_on(async {
        one.put("sessions/a", Bytes::from_static(b"a")).await?;
        ensure!(other.read("sessions/a", None).await? == "a");
        drive.trash(&drive.ids("backups/repository/sessions/a")[0])?;
        // Both know the id, and Drive would still give them the bytes.
        for store in [&one, &other] {
            failure(store.read("sessions/a", None).await, ErrorKind::NotFound, false)?;
            ensure!(names(store, "sessions/").await?.is_empty());
        }
        Ok(())
    })
}

#[test]
fn a_removed_and_restored_object_is_found_again() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let (one, other) = (store(&drive)?, store(&drive)?);
    block_on(async {
        one.put("packs/a", Bytes::from_static(b"bytes")).await?;
        ensure!(other.read("packs/a", None).await? == "bytes");
        one.delete("packs/a").await?;
        failure(other.read("packs/a", Some(0..1)).await, ErrorKind::NotFound, false)?;
        one.put("packs/a", Bytes::from_static(b"bytes")).await?;
        ensure!(other.read("packs/a", Some(1..3)).await? == "yt");
        Ok(())
    })
}

#[test]
fn a_damaged_copy_is_noticed_and_another_one_is_read() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"some bytes")).await?;
        let first = drive.ids("backups/repository/packs/a").remove(0);
        drive.damage(&first)?;
        failure(store.read("packs/a", None).await, ErrorKind::Protocol, true)?;
        store.put("packs/a", Bytes::from_static(b"some bytes")).await?;
        ensure!(store.read("packs/a", None).await? == "some bytes");
        Ok(())
    })
}

#[test]
fn of_copies_that_differ_the_largest_is_the_object() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"whole object")).await?;
        let folder = drive.ids("backups/repository/packs").remove(0);
        drive.add_file(&folder, "a", "whole");
        ensure!(listing(&store, "packs/").await? == [("packs/a".to_owned(), 12)].into());
        ensure!(store.read("packs/a", None).await? == "whole object");
        ensure!(store.read("packs/a", Some(6..12)).await? == "object");
        Ok(())
    })
}

#[test]
fn what_is_no_object_is_not_listed() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        let folder = drive.ids("backups/repository/packs").remove(0);
        for name in ["Copy of a", "a/b", "..", "A", "desktop.ini "] {
            drive.add_file(&folder, name, "x");
        }
        drive.add_folder(Some(&folder), "b");
        ensure!(names(&store, "packs/").await? == ["packs/a"]);
        failure(store.read("packs/b", None).await, ErrorKind::NotFound, false).map(drop)
    })
}

#[test]
fn a_folder_that_is_gone_or_in_the_trash_is_made_again() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        drive.trash(&drive.ids("backups/repository/packs")[0])?;
        store.put("packs/b", Bytes::from_static(b"b")).await?;
        ensure!(names(&store, "packs/").await? == ["packs/b"]);
        drive.trash(&drive.ids("backups")[0])?;
        store.put("packs/c", Bytes::from_static(b"c")).await?;
        ensure!(names(&store, "packs/").await? == ["packs/c"]);
        ensure!(drive.ids("backups/repository/packs/c").len() == 1);
        Ok(())
    })
}

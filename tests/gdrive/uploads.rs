//! Uploads that are interrupted, repeated or damaged.

use anyhow::{Result, ensure};
use bytes::Bytes;
use heirloom_engine::error::ErrorKind;
use heirloom_kit::{DriveEmulator, DriveFault, Random, Trouble, block_on};

use crate::{failure, listing, names, store};

const LARGE: usize = 9 << 20;

fn large() -> Bytes {
    Random::new(9).bytes(LARGE).into()
}

#[test]
fn repeating_a_put_whose_answer_was_lost_makes_no_second_file() -> Result<()> {
    for (kind, bytes) in [("upload", Bytes::from_static(b"small")), ("send", large())] {
        let drive = DriveEmulator::start()?;
        drive.inject(DriveFault::new(kind, Trouble::LoseAnswer));
        drive.inject(DriveFault::new("progress", Trouble::LoseAnswer));
        let store = store(&drive)?;
        block_on(async {
            let name = "packs/a";
            failure(store.put(name, bytes.clone()).await, ErrorKind::Unreachable, true)?;
            store.put(name, bytes.clone()).await?;
            ensure!(drive.ids("backups/repository/packs/a").len() == 1, "{:?}", drive.files());
            ensure!(store.read(name, None).await? == bytes);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn an_interrupted_upload_goes_on_where_it_was_cut() -> Result<()> {
    let drive = DriveEmulator::start()?;
    drive.inject(DriveFault::new("send", Trouble::Cut(4 << 20)));
    drive.inject(DriveFault::new("send", Trouble::Cut(2 << 20)));
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", large()).await?;
        let counts = ["session", "send", "progress"].map(|kind| drive.count(kind));
        ensure!(counts == [1, 3, 2] && drive.all_struck(), "{counts:?}");
        ensure!(store.read("packs/a", None).await? == large());
        Ok(())
    })
}

#[test]
fn the_next_try_goes_on_with_the_session_of_the_last() -> Result<()> {
    let drive = DriveEmulator::start()?;
    drive.inject(DriveFault::new("send", Trouble::Cut(4 << 20)));
    drive.inject(DriveFault::new("progress", Trouble::Refuse(503, "backendError")));
    let store = store(&drive)?;
    block_on(async {
        failure(store.put("packs/a", large()).await, ErrorKind::Unreachable, true)?;
        store.put("packs/a", large()).await?;
        let counts = ["session", "send", "progress"].map(|kind| drive.count(kind));
        ensure!(counts == [1, 2, 2], "{counts:?}");
        ensure!(store.read("packs/a", None).await? == large());
        Ok(())
    })
}

#[test]
fn a_session_that_the_server_forgot_is_begun_anew() -> Result<()> {
    let drive = DriveEmulator::start()?;
    drive.inject(DriveFault::new("send", Trouble::ForgetSession));
    let store = store(&drive)?;
    block_on(async {
        failure(store.put("packs/a", large()).await, ErrorKind::Unreachable, true)?;
        store.put("packs/a", large()).await?;
        ensure!(drive.count("session") == 2);
        ensure!(listing(&store, "packs/").await? == [("packs/a".to_owned(), LARGE as u64)].into());
        Ok(())
    })
}

#[test]
fn an_upload_that_gets_nowhere_is_given_up() -> Result<()> {
    let drive = DriveEmulator::start()?;
    drive.inject(DriveFault::new("send", Trouble::Cut(1000)).times(100));
    let store = store(&drive)?;
    block_on(async {
        failure(store.put("packs/a", large()).await, ErrorKind::Unreachable, true)?;
        ensure!(drive.count("send") == 1, "nothing had arrived");
        ensure!(names(&store, "packs/").await?.is_empty());
        Ok(())
    })
}

#[test]
fn bytes_that_change_on_their_way_are_noticed_and_removed() -> Result<()> {
    for (kind, bytes) in [("upload", Bytes::from_static(b"small")), ("send", large())] {
        let drive = DriveEmulator::start()?;
        drive.inject(DriveFault::new(kind, Trouble::Damage));
        let store = store(&drive)?;
        block_on(async {
            failure(store.put("packs/a", bytes.clone()).await, ErrorKind::Protocol, true)?;
            ensure!(drive.ids("backups/repository/packs/a").is_empty());
            store.put("packs/a", bytes.clone()).await?;
            ensure!(store.read("packs/a", None).await? == bytes);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_delete_also_removes_what_a_failed_put_has_left() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        drive.inject(DriveFault::new("upload", Trouble::LoseAnswer));
        failure(
            store.put("packs/b", Bytes::from_static(b"b")).await,
            ErrorKind::Unreachable,
            true,
        )?;
        store.delete("packs/b").await?;
        ensure!(names(&store, "packs/").await? == ["packs/a"]);
        Ok(())
    })
}

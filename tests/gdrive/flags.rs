//! Listings that come late do not hide flags.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use heirloom_kit::{DriveEmulator, DriveFault, Late, Trouble, block_on};

use crate::{names, store, store_at};

#[test]
fn of_two_clients_at_least_one_sees_the_others_flag() -> Result<()> {
    for round in 0..8_u64 {
        let drive = DriveEmulator::start()?;
        drive.set_late(Late::Time(Duration::from_millis(50 + 60 * round)));
        let (writer, pruner) = (store(&drive)?, store(&drive)?);
        block_on(async {
            let write = async {
                writer.put("sessions/w", Bytes::from_static(b"w")).await?;
                names(&writer, "condemned/").await
            };
            let prune = async {
                tokio::time::sleep(Duration::from_millis(round * 7)).await;
                pruner.put("condemned/p", Bytes::from_static(b"p")).await?;
                names(&pruner, "sessions/").await
            };
            let (seen_by_writer, seen_by_pruner) = futures::future::try_join(write, prune).await?;
            ensure!(
                !seen_by_writer.is_empty() || !seen_by_pruner.is_empty(),
                "neither sees the other, round {round}"
            );
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_listing_of_flags_waits_for_the_own_flag_and_then_settles() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store_at(&drive, "/r?settle=2")?;
    block_on(async {
        drive.set_late(Late::Time(Duration::from_millis(300)));
        store.put("sessions/a", Bytes::from_static(b"a")).await?;
        let start = Instant::now();
        ensure!(names(&store, "fences/").await?.is_empty());
        let first = start.elapsed();
        ensure!(first >= Duration::from_millis(2250), "it settled after {first:?}");
        // Now that it has settled, nobody waits again.
        drive.set_late(Late::Never);
        let start = Instant::now();
        ensure!(names(&store, "sessions/").await? == ["sessions/a"]);
        ensure!(start.elapsed() < Duration::from_millis(1900));
        Ok(())
    })
}

#[test]
fn who_settles_waits_until_the_own_segments_are_seen_and_asks_nothing_otherwise() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store_at(&drive, "/r?settle=2")?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        ensure!(names(&store, "packs/").await? == ["packs/a"]);
        drive.forget_requests();
        store.settle().await?;
        ensure!(drive.requests().is_empty(), "nothing was put that others must see");
        drive.set_late(Late::Time(Duration::from_millis(300)));
        store.put("index/a.0", Bytes::from_static(b"a")).await?;
        let start = Instant::now();
        store.settle().await?;
        let first = start.elapsed();
        ensure!(first >= Duration::from_millis(2250), "it settled after {first:?}");
        let start = Instant::now();
        store.settle().await?;
        ensure!(start.elapsed() < Duration::from_millis(500), "it has settled");
        Ok(())
    })
}

#[test]
fn a_segment_whose_answer_was_lost_is_waited_for_and_one_that_never_came_is_not() -> Result<()> {
    for (trouble, waits) in
        [(Trouble::LoseAnswer, true), (Trouble::Refuse(403, "insufficientPermissions"), false)]
    {
        let drive = DriveEmulator::start()?;
        let store = store_at(&drive, "/r?settle=2")?;
        block_on(async {
            store.put("index/a.0", Bytes::from_static(b"a")).await?;
            store.settle().await?;
            drive.inject(DriveFault::new("upload", trouble));
            ensure!(store.put("index/a.1", Bytes::from_static(b"b")).await.is_err());
            let start = Instant::now();
            store.settle().await?;
            let waited = start.elapsed() >= Duration::from_secs(2);
            ensure!(waited == waits, "it is there: {waits}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn other_listings_do_not_wait() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store_at(&drive, "/r?settle=60")?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        ensure!(names(&store, "fences/").await?.is_empty());
        store.put("sessions/a", Bytes::from_static(b"a")).await?;
        ensure!(names(&store, "packs/").await? == ["packs/a"]);
        store.delete("sessions/a").await?;
        ensure!(names(&store, "sessions/").await?.is_empty());
        Ok(())
    })
}

#[test]
fn a_flag_that_somebody_else_removed_is_not_waited_for() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("sessions/a", Bytes::from_static(b"a")).await?;
        drive.trash(&drive.ids("backups/repository/sessions/a")[0])?;
        let start = Instant::now();
        ensure!(names(&store, "condemned/").await?.is_empty());
        ensure!(start.elapsed() < Duration::from_secs(5));
        Ok(())
    })
}

#[test]
fn a_removed_object_is_not_listed_and_a_late_one_is_read_by_who_put_it() -> Result<()> {
    let drive = DriveEmulator::start()?;
    let store = store(&drive)?;
    block_on(async {
        store.put("packs/a", Bytes::from_static(b"a")).await?;
        drive.set_late(Late::Time(Duration::from_hours(1)));
        store.put("packs/b", Bytes::from_static(b"b")).await?;
        ensure!(store.read("packs/b", None).await? == "b");
        store.delete("packs/b").await?;
        ensure!(drive.ids("backups/repository/packs/b").is_empty());
        Ok(())
    })
}

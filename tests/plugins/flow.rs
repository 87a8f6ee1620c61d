//! Back-pressure and cancellation: nobody sends more than the other side takes, and nothing is left of what was given up.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::stream::StreamExt as _;
use heirloom_engine::error::ErrorKind;
use heirloom_engine::repository::Storage as _;
use heirloom_kit::{Random, block_on, scratch_folder};
use heirloom_plugin_host::PluginStorage;
use tokio::time::{sleep, timeout};

use crate::places::{liar, python_folder, rust_folder, settings, text};

const MEBIBYTES_32: usize = 32 << 20;

fn plugins() -> Result<[PathBuf; 2]> {
    Ok([rust_folder()?, python_folder()])
}

#[test]
fn thirty_two_mebibytes_go_through_a_window_of_sixty_four_kibibytes() -> Result<()> {
    for program in plugins()? {
        let folder = scratch_folder()?;
        let mut settings = settings(program, text(folder.path()));
        settings.limits.window = 64 << 10;
        let storage = PluginStorage::new(settings);
        let bytes = Bytes::from(Random::new(3).bytes(MEBIBYTES_32));
        block_on(async {
            storage.put("packs/a", bytes.clone()).await?;
            ensure!(storage.read("packs/a", None).await? == bytes, "the bytes differ");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_plugin_with_a_window_of_sixty_four_kibibytes_gets_thirty_two_mebibytes() -> Result<()> {
    let storage = PluginStorage::new(settings(liar(), "sink"));
    Ok(block_on(storage.put("packs/a", vec![7; MEBIBYTES_32].into()))?)
}

#[test]
fn the_smallest_window_holds_listings_and_objects() -> Result<()> {
    for program in plugins()? {
        let folder = scratch_folder()?;
        let mut settings = settings(program, text(folder.path()));
        settings.limits.window = 1;
        let storage = PluginStorage::new(settings);
        let long = "x".repeat(120);
        block_on(async {
            for number in 0..60 {
                let name = format!("{long}/{long}{number}");
                storage.put(&name, vec![7; 300 * number].into()).await?;
            }
            let listed = storage.list(&format!("{long}/")).collect::<Vec<_>>().await;
            ensure!(listed.len() == 60 && listed.iter().all(Result::is_ok), "{listed:?}");
            ensure!(storage.read(&format!("{long}/{long}59"), None).await?.len() == 300 * 59);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn an_object_stops_at_the_window_of_a_plugin_that_gives_no_credit() -> Result<()> {
    let storage = PluginStorage::new(settings(liar(), "no-credit"));
    let error = block_on(storage.put("packs/a", vec![0; MEBIBYTES_32].into())).expect_err("full");
    ensure!(error.kind == ErrorKind::NoSpace, "{error:?}");
    let said = error.source.map(|source| source.to_string()).unwrap_or_default();
    ensure!(said == "the plugin liar says: 65536 bytes and 0 more", "{said}");
    Ok(())
}

#[test]
fn a_listing_that_nobody_reads_stops_and_is_cancelled() -> Result<()> {
    let heard = Arc::new(Mutex::new(String::new()));
    let mut settings = settings(liar(), "endless-list");
    let lines = Arc::clone(&heard);
    let hear = move |line: &str| lines.lock().expect("nobody panics").push_str(line);
    settings.watcher = Some(Arc::new(hear));
    settings.limits.window = 64 << 10;
    block_on(async {
        let storage = PluginStorage::start(settings).await?;
        let mut listing = storage.list("packs/");
        ensure!(listing.next().await.is_some_and(|first| first.is_ok()), "no entry");
        sleep(Duration::from_millis(300)).await;
        drop(listing);
        let begun = Instant::now();
        while heard.lock().expect("nobody panics").is_empty() {
            ensure!(begun.elapsed() < Duration::from_secs(10), "it was never cancelled");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    })?;
    let said = heard.lock().expect("nobody panics").clone();
    let bytes: u64 = said.split(' ').nth(3).unwrap_or_default().parse()?;
    ensure!(bytes <= 64 << 10, "{said}");
    Ok(())
}

#[test]
fn a_put_that_is_given_up_leaves_nothing() -> Result<()> {
    for program in plugins()? {
        let folder = scratch_folder()?;
        let storage = PluginStorage::new(settings(program, text(folder.path())));
        block_on(async {
            storage.put("packs/first", Bytes::from_static(b"1")).await?;
            let object = Bytes::from(vec![7; 64 << 20]);
            let given_up = timeout(Duration::from_millis(4), storage.put("packs/a", object)).await;
            ensure!(given_up.is_err(), "the machine is too fast for this test");
            let begun = Instant::now();
            while fs::read_dir(folder.path().join(".tmp"))?.next().is_some() {
                ensure!(begun.elapsed() < Duration::from_secs(10), "a leftover stays");
                sleep(Duration::from_millis(10)).await;
            }
            let error = storage.read("packs/a", None).await.expect_err("it was given up");
            ensure!(error.kind == ErrorKind::NotFound, "{error:?}");
            storage.put("packs/a", Bytes::from_static(b"2")).await?;
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_read_that_is_given_up_blocks_nobody() -> Result<()> {
    for program in plugins()? {
        let folder = scratch_folder()?;
        let storage = PluginStorage::new(settings(program, text(folder.path())));
        block_on(async {
            storage.put("packs/a", vec![7; MEBIBYTES_32].into()).await?;
            for _ in 0..40 {
                timeout(Duration::from_millis(1), storage.read("packs/a", None)).await.ok();
            }
            ensure!(storage.read("packs/a", Some(5..9)).await? == [7; 4][..]);
            Ok(())
        })?;
    }
    Ok(())
}

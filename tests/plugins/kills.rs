//! A plugin killed at any frame of the protocol never loses an acknowledged object, and the snapshot goes on.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::stream::TryStreamExt as _;
use heirloom_backends::LocalDisk;
use heirloom_engine::error::ErrorKind;
use heirloom_engine::repository::Storage as _;
use heirloom_kit::{
    Client, Random, assert_same_tree, back_up, block_on, is_thorough, restore_to, scratch_folder,
};
use heirloom_plugin_host::{PluginError, PluginSettings, PluginStorage};

use crate::patient::Patient;
use crate::places::{built, liar, python_folder, rust_folder, settings, text};

/// A plugin behind the cutter, which kills it before it passes the frame on.
fn cut(program: &Path, folder: &Path, frame: Option<u64>) -> Result<PluginSettings> {
    let state = folder.join("state");
    fs::create_dir_all(&state)?;
    let mut settings = settings(built("heirloom-cutter")?, text(&folder.join("repository")));
    settings.limits.backoff = Duration::from_millis(5);
    let options = [("cut-program", text(program)), ("cut-state", text(&state))];
    settings.options = options.map(|(key, value)| (key.to_owned(), value)).into();
    if let Some(frame) = frame {
        settings.options.insert("cut-frame".into(), frame.to_string());
    }
    Ok(settings)
}

/// A repository is made, a snapshot taken, and restored. Gives the number of frames, and whether there was a kill.
fn run(program: &Path, source: &Path, frame: Option<u64>) -> Result<(u64, bool)> {
    let folder = scratch_folder()?;
    let settings = cut(program, folder.path(), frame)?;
    let store = Patient::new(Arc::new(PluginStorage::new(settings)));
    let client = Client::new(Arc::<Patient>::clone(&store), 1);
    let repository = client.init().context("init")?;
    let saved = back_up(&repository, source).context("snapshot")?;
    let target = folder.path().join("target");
    restore_to(&repository, saved.root(), source, &target).context("restore")?;
    assert_same_tree(source, &target)?;
    drop(repository);
    let disk = LocalDisk::new(folder.path().join("repository"));
    for (name, bytes) in store.acknowledged() {
        let stored = block_on(disk.read(&name, None)).with_context(|| format!("{name} is lost"))?;
        ensure!(stored == bytes, "{name} has other bytes");
    }
    let frames = fs::metadata(folder.path().join("state/frames"))?.len();
    Ok((frames, folder.path().join("state/cut").exists()))
}

fn kill_at_every_frame(program: &Path, step: usize) -> Result<()> {
    let source = scratch_folder()?;
    let mut random = Random::new(11);
    for (name, bytes) in [("a", 600_000), ("b", 70_000), ("c", 5)] {
        fs::write(source.path().join(name), random.bytes(bytes))?;
    }
    let (frames, _) = run(program, source.path(), None)?;
    ensure!(frames > 40, "only {frames} frames");
    eprintln!("{frames} frames");
    let mut missed = 0;
    for frame in (1..=frames).step_by(step) {
        let ran = run(program, source.path(), Some(frame));
        let (sent, killed) = ran.with_context(|| format!("killed at {frame} of {frames}"))?;
        // What runs at the same time need not send as many frames every time.
        ensure!(killed || sent < frame, "the plugin was not killed at {frame}");
        missed += u64::from(!killed);
    }
    ensure!(missed * 10 <= frames, "{missed} of {frames} frames were never reached");
    Ok(())
}

#[test]
fn a_rust_plugin_killed_at_any_frame_loses_nothing_and_the_snapshot_goes_on() -> Result<()> {
    kill_at_every_frame(&rust_folder()?, 1)
}

#[test]
fn a_python_plugin_killed_at_any_frame_loses_nothing_and_the_snapshot_goes_on() -> Result<()> {
    // Python takes its time to start.
    kill_at_every_frame(&python_folder(), if is_thorough() { 1 } else { 5 })
}

#[test]
fn a_put_that_was_stored_but_not_acknowledged_is_looked_for_after_the_restart() -> Result<()> {
    let folder = scratch_folder()?;
    // HELLO, HELLO, REQUEST, DATA, END, CREDIT, RESPONSE: killed before the last one.
    let settings = cut(&rust_folder()?, folder.path(), Some(7))?;
    let storage = PluginStorage::new(settings);
    block_on(storage.put("packs/a", "hello".into())).context("it is there, so it succeeded")?;
    ensure!(folder.path().join("state/cut").exists(), "the plugin was not killed");
    ensure!(fs::read(folder.path().join("repository/packs/a"))? == b"hello");
    Ok(())
}

#[test]
fn a_put_that_was_cut_short_is_a_temporary_error_and_leaves_nothing() -> Result<()> {
    let folder = scratch_folder()?;
    // HELLO, HELLO, REQUEST, DATA: killed before END.
    let settings = cut(&rust_folder()?, folder.path(), Some(5))?;
    let storage = PluginStorage::new(settings);
    let error = block_on(storage.put("packs/a", "hello".into())).expect_err("killed");
    ensure!(error.temporary && error.kind == ErrorKind::Unreachable, "{error:?}");
    let listed: Vec<_> = block_on(storage.list("packs/").try_collect())?;
    ensure!(listed.is_empty(), "{listed:?}");
    Ok(())
}

#[test]
fn a_plugin_that_always_dies_is_given_up_and_its_last_words_are_told() -> Result<()> {
    let mut settings = settings(liar(), "dies");
    settings.limits.backoff = Duration::from_millis(1);
    block_on(async {
        let storage = PluginStorage::start(settings).await?;
        for attempt in 1..5 {
            let error = storage.delete("a").await.expect_err("it dies");
            ensure!(error.temporary, "attempt {attempt}: {error:?}");
            let text = error.source.expect("a reason").to_string();
            ensure!(text.contains("I must go now") && text.contains("signal: 9"), "{text}");
        }
        storage.delete("a").await.expect_err("it dies");
        let error = storage.delete("a").await.expect_err("it is not started again");
        ensure!(!error.temporary, "{error:?}");
        let source = error.source.as_ref().and_then(|source| source.downcast_ref());
        ensure!(matches!(source, Some(PluginError::GaveUp { failures: 5, .. })), "{error:?}");
        Ok(())
    })
}

//! Programs that are no plugins, and plugins that break a rule: a clear error each, in good time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::stream::TryStreamExt as _;
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::Storage as _;
use heirloom_kit::block_on;
use heirloom_plugin_host::{PluginError, PluginStorage};

use crate::places::{liar, settings};

fn start(program: &str, target: &str) -> PluginError {
    let mut settings = settings(program, target);
    if target == "hang" {
        settings.limits.handshake = Duration::from_secs(2);
    }
    block_on(PluginStorage::start(settings)).expect_err("it is no plugin")
}

fn lie(rule: &str) -> PluginStorage {
    let mut settings = settings(liar(), rule);
    settings.limits.window = 64 << 10;
    PluginStorage::new(settings)
}

fn words(error: &StorageError) -> String {
    error.source.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn programs_that_are_no_plugins_are_told_from_plugins() {
    let error = start("/bin/false", "").to_string();
    assert!(error.contains("the plugin false ended (exit status: 1)"), "{error}");
    let error = start("/bin/echo", "").to_string();
    assert!(error.contains("echo ended (exit status: 0) after printed \"\\n\""), "{error}");
    let error = start("/nowhere/at/all", "");
    assert!(matches!(error, PluginError::Start { .. }), "{error}");
    // Gives the host its own HELLO back.
    let error = start("/bin/cat", "").to_string();
    assert!(error.contains("neither a version nor an error"), "{error}");
}

#[test]
fn a_handshake_that_fails_says_why() {
    let liar = liar();
    let liar = liar.to_str().expect("UTF-8");
    for (rule, expected) in [
        ("hang", "the plugin liar said no HELLO within 2 seconds"),
        ("text", "printed \"Hello, I am\\x1b[2J a friendly program\\n\" where a frame must stand"),
        ("newer", "chose version 2 of the protocol"),
        ("only-newer", "the plugin liar says: this plugin needs version 2 of the protocol"),
        ("no-version", "neither a version nor an error"),
        ("window", "its window is out of bounds"),
        ("nonsense", "its HELLO makes no sense"),
        ("no-hello", "its first frame was no HELLO"),
        ("crash", "exit status: 1); it said: Traceback: this was not meant to happen"),
    ] {
        let error = start(liar, rule);
        assert!(error.to_string().contains(expected), "{rule}: {error}");
        assert!(!error.is_temporary(), "{rule}");
    }
}

#[test]
fn a_frame_that_breaks_a_rule_ends_the_plugin_with_its_name() -> Result<()> {
    for (rule, expected) in [
        ("late-text", "printed \"debug: a forgotten print\\n\" where a frame must stand"),
        ("stream", "a stream that was never opened"),
        ("host-frame", "a frame that only the host may send"),
        ("answer", "its answer makes no sense"),
        ("twice", "it answered twice"),
        ("data-first", "data or an end where an answer must stand"),
        ("overrun", "more than it had credit for"),
    ] {
        let error = block_on(lie(rule).read("packs/a", None)).expect_err("a lie");
        let text = words(&error);
        ensure!(text.contains(expected) && text.contains("liar"), "{rule}: {text}");
        ensure!(error.kind == ErrorKind::Protocol && !error.temporary, "{rule}: {error:?}");
    }
    for (rule, expected) in [
        ("early", "acknowledged an object before it had all of it"),
        ("credit", "credit for more than was sent"),
    ] {
        let object = vec![0; 1 << 20].into();
        let error = block_on(lie(rule).put("packs/a", object)).expect_err("a lie");
        ensure!(words(&error).contains(expected), "{rule}: {error:?}");
    }
    Ok(())
}

#[test]
fn answers_of_the_wrong_length_are_refused() -> Result<()> {
    for rule in ["huge", "short", "long", "no-size"] {
        let error = block_on(lie(rule).read("packs/a", None)).expect_err("a lie");
        ensure!(error.kind == ErrorKind::Protocol && !error.temporary, "{rule}: {error:?}");
    }
    let error = block_on(lie("after-end").read("packs/a", Some(0..2))).expect_err("a lie");
    ensure!(error.kind == ErrorKind::Protocol, "{error:?}");
    Ok(())
}

#[test]
fn names_that_cannot_be_are_not_listed_and_sizes_that_cannot_be_are_refused() -> Result<()> {
    let listed: Vec<_> = block_on(lie("names").list("packs/").try_collect())?;
    ensure!(listed.iter().map(|object| object.name.as_str()).eq(["packs/good"]), "{listed:?}");
    let listed: Result<Vec<_>, _> = block_on(lie("sizes").list("packs/").try_collect());
    let error = listed.expect_err("a negative size");
    ensure!(words(&error).contains("its listing makes no sense"), "{error:?}");
    Ok(())
}

#[test]
fn a_plugin_that_asks_for_a_pause_gets_it() -> Result<()> {
    let folder = heirloom_kit::scratch_folder()?;
    let marker = folder.path().join("asked");
    let storage = lie(&format!("limited:{}", marker.display()));
    block_on(async {
        let error = storage.delete("a").await.expect_err("too fast");
        ensure!(error.temporary && error.kind == ErrorKind::RateLimited, "{error:?}");
        let begun = Instant::now();
        storage.delete("a").await?;
        ensure!(begun.elapsed() > Duration::from_millis(250), "it waited {:?}", begun.elapsed());
        Ok(())
    })
}

#[test]
fn an_idle_plugin_without_a_sign_of_life_is_replaced() -> Result<()> {
    let mut settings = settings(liar(), "silent");
    settings.limits.idle = Duration::from_millis(300);
    block_on(async {
        let storage = PluginStorage::start(settings).await?;
        let stuck = tokio::time::timeout(Duration::from_millis(100), storage.delete("a")).await;
        ensure!(stuck.is_err(), "it answered");
        tokio::time::sleep(Duration::from_millis(200)).await;
        // Waits for an answer while the plugin is found out.
        let error = tokio::time::timeout(Duration::from_secs(8), storage.delete("a")).await;
        let error = error.context("nobody noticed")?.expect_err("it never answers");
        ensure!(words(&error) == "the plugin liar no longer answers", "{error:?}");
        Ok(())
    })
}

#[test]
fn a_flood_of_remarks_is_dammed() -> Result<()> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut settings = settings(liar(), "flood");
    let lines = Arc::clone(&heard);
    let hear = move |line: &str| lines.lock().expect("nobody panics").push(line.to_owned());
    settings.watcher = Some(Arc::new(hear));
    block_on(PluginStorage::new(settings).delete("a"))?;
    let heard = heard.lock().expect("nobody panics");
    ensure!(heard.first().is_some_and(|line| line.starts_with("liar: line 0 x")), "{heard:?}");
    ensure!(heard.len() < 20_000, "{} lines", heard.len());
    ensure!(heard.iter().all(|line| line.len() < 2100), "a line is too long");
    Ok(())
}

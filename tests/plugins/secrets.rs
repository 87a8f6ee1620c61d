//! What a plugin is told in confidence stays between the two pipes.

use std::fs;
use std::sync::{Arc, Mutex};

use anyhow::{Result, ensure};
use heirloom_engine::crypto::SecretString;
use heirloom_engine::error::ErrorKind;
use heirloom_engine::repository::Storage as _;
use heirloom_kit::{block_on, scratch_folder};
use heirloom_plugin_host::PluginStorage;
use rustix::io::{FdFlags, fcntl_setfd};

use crate::places::{liar, settings, text};

const SECRET: &str = "hunter2-and-then-some";

#[test]
fn a_secret_is_in_no_argument_variable_error_or_remark() -> Result<()> {
    let folder = scratch_folder()?;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&heard);
    let mut settings = settings(liar(), format!("secrets:{}", text(folder.path())));
    settings.secrets.insert("token".into(), SecretString::from(SECRET));
    settings.environment.push(("HEIRLOOM_STORE_TOKEN".into(), SECRET.into()));
    settings.environment.push(("HEIRLOOM_PASSWORD".into(), "of the repository".into()));
    settings.environment.push(("AWS_PROFILE".into(), "named".into()));
    settings.options.insert("env".into(), "AWS_PROFILE".into());
    settings.options.insert("region".into(), "north".into());
    let hear = move |line: &str| lines.lock().expect("nobody panics").push(line.to_owned());
    settings.watcher = Some(Arc::new(hear));
    // As if whoever started us had left a file open for his children.
    let left_open = fs::File::create(folder.path().join("left-open"))?;
    fcntl_setfd(&left_open, FdFlags::empty())?;
    let shown = format!("{settings:?}");
    let storage = block_on(PluginStorage::start(settings))?;
    drop(storage);
    let told = |name| fs::read_to_string(folder.path().join(name));
    for (place, words) in
        [("settings", shown), ("arguments", told("cmdline")?), ("variables", told("environ")?)]
    {
        ensure!(!words.contains(SECRET) && !words.contains("of the repository"), "{place}");
    }
    ensure!(told("environ")?.contains("AWS_PROFILE=named"), "a variable was named in vain");
    ensure!(told("config")? == r#"{"region": "north"}"#, "{}", told("config")?);
    ensure!(!told("files")?.contains("left-open"), "a file was inherited: {}", told("files")?);
    let group = told("group")?;
    let (process, its_group) = group.split_once(' ').unwrap_or_default();
    ensure!(process == its_group, "the plugin has no process group of its own");
    Ok(())
}

#[test]
fn a_plugin_that_repeats_its_secret_is_not_quoted() -> Result<()> {
    let folder = scratch_folder()?;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&heard);
    let mut settings = settings(liar(), format!("secrets:{}", text(folder.path())));
    settings.secrets.insert("token".into(), SecretString::from(SECRET));
    let hear = move |line: &str| lines.lock().expect("nobody panics").push(line.to_owned());
    settings.watcher = Some(Arc::new(hear));
    let error = block_on(async {
        let storage = PluginStorage::start(settings).await?;
        let error = storage.read("packs/a", None).await.expect_err("it refuses");
        anyhow::Ok(error)
    })?;
    ensure!(error.kind == ErrorKind::PermissionDenied, "{error:?}");
    let said = format!("{error} {error:?} {}", error.source.as_ref().expect("a reason"));
    ensure!(said.contains("the server does not like ***") && !said.contains(SECRET), "{said}");
    let heard = heard.lock().expect("nobody panics").join("\n");
    ensure!(heard.contains("my token is ***") && heard.contains("token=***"), "{heard}");
    ensure!(!heard.contains(SECRET), "{heard}");
    Ok(())
}

//! Every plugin passes the contract of all stores, and carries a snapshot there and back.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::repository::Storage;
use heirloom_kit::{
    Client, Random, assert_same_tree, back_up, restore_to, scratch_folder, storage_conformance,
};
use heirloom_plugin_host::{PluginSettings, PluginStorage};
use tempfile::TempDir;

use crate::patient::Patient;
use crate::places::{python_folder, rclone, rust_folder, settings, text};

type Make = fn(&Path) -> Result<PluginSettings>;

fn rust(folder: &Path) -> Result<PluginSettings> {
    Ok(settings(rust_folder()?, text(folder)))
}

#[expect(clippy::unnecessary_wraps, reason = "the others can fail")]
fn python(folder: &Path) -> Result<PluginSettings> {
    Ok(settings(python_folder(), text(folder)))
}

fn local_rclone(folder: &Path) -> Result<PluginSettings> {
    let mut settings = settings(rclone()?, format!(":local:{}", text(folder)));
    settings.options.insert("config".into(), "/dev/null".into());
    Ok(settings)
}

/// Makes stores in folders that do not exist yet.
fn stores(make: Make) -> impl Fn() -> Result<Arc<dyn Storage>> {
    let folders: RefCell<Vec<TempDir>> = RefCell::default();
    move || {
        let folder = scratch_folder()?;
        let settings = make(&folder.path().join("new/repository"))?;
        folders.borrow_mut().push(folder);
        Ok(Arc::new(PluginStorage::new(settings)))
    }
}

#[test]
fn the_rust_plugin_keeps_the_contract() -> Result<()> {
    storage_conformance(stores(rust))
}

#[test]
fn the_python_plugin_keeps_the_contract() -> Result<()> {
    storage_conformance(stores(python))
}

#[test]
fn the_rclone_plugin_keeps_the_contract() -> Result<()> {
    rclone()?;
    storage_conformance(stores(local_rclone))
}

fn there_and_back(make: Make) -> Result<()> {
    let folder = scratch_folder()?;
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    fs::create_dir_all(source.join("deep/er"))?;
    let mut random = Random::new(5);
    for (name, bytes) in [("a", 3_000_000), ("deep/b", 700_000), ("deep/er/c", 5), ("empty", 0)] {
        fs::write(source.join(name), random.bytes(bytes))?;
    }
    let storage = Arc::new(PluginStorage::new(make(&folder.path().join("repository"))?));
    let store = Patient::new(storage);
    let client = Client::new(Arc::<Patient>::clone(&store), 1);
    let repository = client.init()?;
    let saved = back_up(&repository, &source)?;
    fs::write(source.join("deep/new"), random.bytes(10_000))?;
    let second = back_up(&repository, &source)?;
    drop(repository);
    let repository = client.open().context("a second time")?;
    restore_to(&repository, second.root(), &source, &target)?;
    assert_same_tree(&source, &target)?;
    ensure!(saved.problems.is_empty(), "{:?}", saved.problems);
    ensure!(store.failures().is_empty(), "{:?}", store.failures());
    Ok(())
}

#[test]
fn a_snapshot_goes_through_the_rust_plugin_and_back() -> Result<()> {
    there_and_back(rust)
}

#[test]
fn a_snapshot_goes_through_the_python_plugin_and_back() -> Result<()> {
    there_and_back(python)
}

#[test]
fn a_snapshot_goes_through_the_rclone_plugin_and_back() -> Result<()> {
    there_and_back(local_rclone)
}

#[test]
fn plugins_in_python_share_the_same_protocol() -> Result<()> {
    let protocol = |path: &Path| -> Result<String> {
        let source = fs::read_to_string(path)?;
        let part = source.split("# ---- ").nth(1).context("a part for the protocol")?;
        Ok(part.to_owned())
    };
    ensure!(protocol(&python_folder())? == protocol(&rclone()?)?, "the protocols differ");
    Ok(())
}

//! Our own store on Google Drive, against an emulator that behaves like Drive where it hurts.

mod engine;
mod failures;
mod flags;
mod login;
mod objects;
mod races;
mod uploads;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use futures::stream::TryStreamExt as _;
use heirloom_backends::{StoreSettings, gdrive};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::Storage;
use heirloom_kit::{
    DRIVE_CLIENT_ID, DRIVE_CLIENT_SECRET, DRIVE_REFRESH_TOKEN, DriveEmulator, storage_conformance,
};

pub(crate) type Store = Arc<dyn Storage>;

/// Settings with a login in the environment.
pub(crate) fn settings(drive: &DriveEmulator) -> StoreSettings {
    let options = [("endpoint", drive.url()), ("client_id", DRIVE_CLIENT_ID.to_owned())];
    let secret = |name: &str| match name {
        "HEIRLOOM_STORE_CLIENT_SECRET" => Some(DRIVE_CLIENT_SECRET.to_owned()),
        "HEIRLOOM_STORE_REFRESH_TOKEN" => Some(DRIVE_REFRESH_TOKEN.to_owned()),
        _ => None,
    };
    StoreSettings {
        options: options.map(|(key, value)| (key.to_owned(), value)).into(),
        environment: Arc::new(secret),
        ..StoreSettings::default()
    }
}

/// What stands behind `gdrive:`, without waiting for listings to settle.
pub(crate) fn store_at(drive: &DriveEmulator, rest: &str) -> Result<Store> {
    let mut settings = settings(drive);
    settings.options.entry("settle".to_owned()).or_insert_with(|| "0".to_owned());
    Ok(gdrive::bare(rest, &settings)?)
}

pub(crate) fn store(drive: &DriveEmulator) -> Result<Store> {
    store_at(drive, "/backups/repository")
}

pub(crate) async fn listing(store: &Store, prefix: &str) -> Result<BTreeMap<String, u64>> {
    let listed: Vec<_> = store.list(prefix).try_collect().await?;
    let count = listed.len();
    let listed: BTreeMap<String, u64> = listed.into_iter().map(|o| (o.name, o.size)).collect();
    ensure!(listed.len() == count, "{prefix} lists a name twice");
    Ok(listed)
}

pub(crate) async fn names(store: &Store, prefix: &str) -> Result<Vec<String>> {
    Ok(listing(store, prefix).await?.into_keys().collect())
}

/// The failure, if it is of this kind.
pub(crate) fn failure<T>(
    result: Result<T, StorageError>,
    kind: ErrorKind,
    temporary: bool,
) -> Result<StorageError> {
    match result {
        Err(error) if error.kind == kind && error.temporary == temporary => Ok(error),
        Err(error) => bail!("expected {kind:?}, temporary: {temporary}; got {error:?}"),
        Ok(_) => bail!("expected {kind:?}, but it succeeded"),
    }
}

#[test]
fn drive_keeps_the_contract() -> Result<()> {
    let drives = RefCell::default();
    storage_conformance(|| {
        let drive = DriveEmulator::start()?;
        let store = store(&drive)?;
        drives.replace(Some(drive));
        Ok(store)
    })
}

#[test]
fn drive_with_a_trash_keeps_the_contract() -> Result<()> {
    let drives = RefCell::default();
    storage_conformance(|| {
        let drive = DriveEmulator::start()?;
        let store = store_at(&drive, "/My%20Drive's%20backups?delete=trash")?;
        drives.replace(Some(drive));
        Ok(store)
    })
}

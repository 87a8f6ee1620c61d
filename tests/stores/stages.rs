//! Every kind of store, each with what has to run behind it.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_engine::repository::Storage;
use heirloom_kit::servers::{
    Apache, Garage, Login, Moto, Nginx, RcloneDav, Sshd, Wsgidav, all_stores,
};
use heirloom_kit::{
    DRIVE_CLIENT_ID, DRIVE_CLIENT_SECRET, DRIVE_REFRESH_TOKEN, DavHabits, DriveEmulator,
    MemoryStorage, Place, TearingDav, block_on, scratch_folder,
};

/// A store for one test; what runs behind it ends with it.
pub(crate) struct Stage {
    /// Its address; none for one that only this process can reach.
    pub(crate) place: Option<Place>,
    storage: Arc<dyn Storage>,
    _behind: Box<dyn Any + Send + Sync>,
}

impl Stage {
    fn new(place: Place, behind: impl Any + Send + Sync) -> Result<Self> {
        // Clients of HTTP want to be made where they will be used: on a runtime.
        let storage = block_on(async { place.open() })?.storage;
        Ok(Self { place: Some(place), storage, _behind: Box::new(behind) })
    }

    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all stages are made alike")]
pub(crate) fn memory() -> Result<Option<Stage>> {
    Ok(Some(Stage { place: None, storage: MemoryStorage::new(), _behind: Box::new(()) }))
}

pub(crate) fn local() -> Result<Option<Stage>> {
    let folder = scratch_folder()?;
    let place = Place::new(folder.path().join("new/repository").display().to_string());
    Stage::new(place, folder).map(Some)
}

pub(crate) fn moto() -> Result<Option<Stage>> {
    let moto = Moto::start()?;
    Stage::new(moto.place("backups/laptop"), moto).map(Some)
}

pub(crate) fn apache() -> Result<Option<Stage>> {
    let apache = Apache::start(Login::Digest)?;
    Stage::new(apache.place("backups/laptop"), apache).map(Some)
}

pub(crate) fn nginx() -> Result<Option<Stage>> {
    let nginx = Nginx::start(Login::Basic)?;
    Stage::new(nginx.place("backups/laptop"), nginx).map(Some)
}

pub(crate) fn tearing() -> Result<Option<Stage>> {
    let habits = DavHabits { wants_password: true, ..DavHabits::default() };
    let server = TearingDav::start(habits)?;
    Stage::new(server.place("backups/laptop"), server).map(Some)
}

pub(crate) fn drive() -> Result<Option<Stage>> {
    let drive = DriveEmulator::start()?;
    let place = Place::new("gdrive:/backups/laptop")
        .option("endpoint", drive.url())
        .option("client_id", DRIVE_CLIENT_ID)
        .option("settle", "1")
        .variable("HEIRLOOM_STORE_CLIENT_SECRET", DRIVE_CLIENT_SECRET)
        .variable("HEIRLOOM_STORE_REFRESH_TOKEN", DRIVE_REFRESH_TOKEN);
    Stage::new(place, drive).map(Some)
}

pub(crate) fn rust_plugin() -> Result<Option<Stage>> {
    let here = std::env::current_exe()?;
    let programs = here.ancestors().nth(2).context("a target folder")?;
    plugin("folder", programs, "")
}

pub(crate) fn python_plugin() -> Result<Option<Stage>> {
    plugin("python-folder", &examples("python"), "")
}

pub(crate) fn rclone_plugin() -> Result<Option<Stage>> {
    plugin("rclone", &examples("rclone"), ":local:")
}

fn examples(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.with_file_name("plugins").join("examples").join(name)
}

/// A plugin that keeps its objects in a scratch folder.
fn plugin(name: &str, programs: &Path, prefix: &str) -> Result<Option<Stage>> {
    let folder = scratch_folder()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        [programs.to_owned()].into_iter().chain(std::env::split_paths(&path)),
    )?;
    let target = folder.path().join("new/repository");
    let mut place = Place::new(format!("plugin+{name}:{prefix}{}", target.display()))
        .variable("PATH", path.to_string_lossy());
    if name == "rclone" {
        place = place.option("config", "/dev/null");
    }
    Stage::new(place, folder).map(Some)
}

pub(crate) fn garage() -> Result<Option<Stage>> {
    if !all_stores() {
        return Ok(None);
    }
    let garage = Garage::start()?;
    Stage::new(garage.place("backups/laptop"), garage).map(Some)
}

pub(crate) fn wsgidav() -> Result<Option<Stage>> {
    if !all_stores() {
        return Ok(None);
    }
    let server = Wsgidav::start()?;
    Stage::new(server.place("backups/laptop"), server).map(Some)
}

pub(crate) fn rclone() -> Result<Option<Stage>> {
    if !all_stores() {
        return Ok(None);
    }
    let server = RcloneDav::start()?;
    Stage::new(server.place("backups/laptop"), server).map(Some)
}

pub(crate) fn sshd() -> Result<Option<Stage>> {
    if !all_stores() {
        return Ok(None);
    }
    let server = Sshd::start()?;
    Stage::new(server.place("backups/laptop")?, server).map(Some)
}

/// One test per store, named after it: `check` is given the stage. Stores behind the switch pass without it.
macro_rules! on_stores {
    ($check:ident: $($store:ident),* $(,)?) => {
        mod $check {
            $(
                #[test]
                fn $store() -> anyhow::Result<()> {
                    match crate::stages::$store()? {
                        Some(stage) => super::$check(&stage),
                        None => Ok(()),
                    }
                }
            )*
        }
    };
}

pub(crate) use on_stores;

//! A stand-in for Google Drive and Google's login on this machine, written from Google's reference of the interfaces.
//!
//! Faithful where a client can go wrong: names are not unique, ids come from the server, a file in the trash can still be
//! read, folders drag what is in them into the trash, listings have pages and may come late, sizes are strings, answers hold
//! only the fields that were asked for, uploads are multipart or in sessions, tokens expire. Not there: rights, shared drives,
//! revisions, Google's own documents.

mod accounts;
mod answer;
mod faults;
mod files;
mod question;
mod server;
mod upload;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;

use self::server::Server;
use self::world::{Node, World};

pub use self::faults::{DriveFault, DriveRequest, Trouble};
pub use self::world::Late;

/// The program that the emulator knows.
pub const DRIVE_CLIENT_ID: &str = "client-of-the-suite";

/// Its secret.
pub const DRIVE_CLIENT_SECRET: &str = "GOCSPX-secret-of-the-suite";

/// A refresh token that is good until it is revoked.
pub const DRIVE_REFRESH_TOKEN: &str = "1//refresh-token-of-the-suite";

/// A running emulator; it ends with this value.
#[derive(Debug)]
pub struct DriveEmulator {
    world: Arc<Mutex<World>>,
    server: Server,
}

/// A file or folder as it lies on the drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriveFile {
    /// Its id.
    pub id: String,
    /// Names from the top down, with slashes.
    pub path: String,
    /// Its size; `None` for a folder.
    pub size: Option<usize>,
    /// In the trash, itself or with a folder above it.
    pub trashed: bool,
}

impl DriveEmulator {
    /// Starts on a port that the system chooses.
    pub fn start() -> Result<Self> {
        let world = Arc::new(Mutex::new(World::new()));
        let server = Server::start(Arc::clone(&world))?;
        Ok(Self { world, server })
    }

    /// `http://127.0.0.1:PORT`, for the option `endpoint`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Adds a fault; the first one that fits a request strikes.
    pub fn inject(&self, fault: DriveFault) {
        self.world().faults.push(fault);
    }

    /// Whether every fault has struck as often as it should.
    pub fn all_struck(&self) -> bool {
        self.world().faults.iter().all(|fault| fault.times == 0)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<DriveRequest> {
        self.world().log.clone()
    }

    /// How many requests of a kind there were so far.
    pub fn count(&self, kind: &str) -> usize {
        self.world().log.iter().filter(|request| request.kind == kind).count()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.world().log.clear();
    }

    /// Everything on the drive, by path.
    pub fn files(&self) -> Vec<DriveFile> {
        let world = self.world();
        let mut files: Vec<DriveFile> = world
            .nodes()
            .map(|node| DriveFile {
                id: node.id.clone(),
                path: world.path(node),
                size: node.data.as_ref().map(Bytes::len),
                trashed: world.is_trashed(node),
            })
            .collect();
        files.sort_by(|a, b| (&a.path, &a.id).cmp(&(&b.path, &b.id)));
        files
    }

    /// Ids of the files or folders at a path that are not in the trash.
    pub fn ids(&self, path: &str) -> Vec<String> {
        let files = self.files().into_iter();
        files.filter(|file| file.path == path && !file.trashed).map(|file| file.id).collect()
    }

    /// Makes another folder, as a client would that does not see the ones that there are. `None` is the top.
    pub fn add_folder(&self, parent: Option<&str>, name: &str) -> String {
        let mut world = self.world();
        let parent = parent.map_or_else(|| world.root.clone(), str::to_owned);
        world.add(Node::folder(name, &parent))
    }

    /// Makes a file in a folder.
    pub fn add_file(&self, parent: &str, name: &str, bytes: impl Into<Bytes>) -> String {
        self.world().add(Node::file(name, parent, bytes.into()))
    }

    /// Puts a file or folder into the trash.
    pub fn trash(&self, id: &str) -> Result<()> {
        self.world().node_mut(id).context("no such file")?.trashed = true;
        Ok(())
    }

    /// Changes a byte of a file, and leaves its MD5 as it was.
    pub fn damage(&self, id: &str) -> Result<()> {
        let mut world = self.world();
        let Some(data) = world.node_mut(id).and_then(|node| node.data.as_mut()) else {
            bail!("no such file")
        };
        let mut bytes = data.to_vec();
        *bytes.last_mut().context("an empty file cannot be damaged")? ^= 1;
        *data = bytes.into();
        Ok(())
    }

    /// When new files and folders appear in listings.
    pub fn set_late(&self, late: Late) {
        self.world().late = late;
    }

    /// How many bytes fit, the trash included.
    pub fn set_quota(&self, bytes: Option<usize>) {
        self.world().quota = bytes;
    }

    /// How many requests for files a second are answered; others are told to slow down.
    pub fn set_rate(&self, requests: Option<u32>) {
        self.world().rate.limit = requests;
    }

    /// How long new tokens of access last.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.world().accounts.lifetime = lifetime;
    }

    /// No token of access that was given out so far is accepted any more.
    pub fn expire_tokens(&self) {
        self.world().accounts.access.clear();
    }

    /// No refresh token that was given out so far is accepted any more.
    pub fn revoke(&self) {
        let mut world = self.world();
        world.accounts.access.clear();
        world.accounts.refresh.clear();
    }

    /// Tokens and codes that were given out so far, which must never be seen in an error or address.
    pub fn secrets(&self) -> Vec<String> {
        self.world().accounts.secrets.clone()
    }

    /// What a person would do with the address of the consent page: says yes, and gives the address that the browser is sent to.
    pub fn consent(&self, url: &str) -> Result<String> {
        self.world().accounts.consent(url, true)
    }

    /// The same with a no.
    pub fn deny(&self, url: &str) -> Result<String> {
        self.world().accounts.consent(url, false)
    }

    /// Types the code of a device, and says yes.
    pub fn approve(&self, user_code: &str) -> Result<()> {
        self.world().accounts.approve(user_code)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

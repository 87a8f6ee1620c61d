//! What all pages share: the repository, the snapshots as last listed, the gate, and bounds on what goes on at once.

use std::sync::{Arc, Mutex, PoisonError};

use heirloom_engine::id::SessionId;
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{Entry, Kind, key_from_path};
use heirloom_engine::view::{Reader, View};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use super::listing::{Listing, Listings, listings};
use super::page::Fault;
use super::thumbnail::{Thumbnails, thumbnails};
use crate::failure::Failure;
use crate::output::Output;
use crate::web::gate::Gate;

/// Pages that are made at once; others wait.
const PAGES_MAX: usize = 8;

/// What all pages share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) reader: Reader,
    pub(super) gate: Gate,
    /// For what happens while nobody waits for a page.
    pub(super) output: Output,
    /// Where to go from the address with the token.
    pub(super) start: String,
    pub(super) pages: Semaphore,
    pub(super) decoders: Semaphore,
    pub(super) thumbnails: Thumbnails,
    snapshots: Mutex<Arc<[Snapshot]>>,
    listings: Listings,
}

impl App {
    pub(super) fn new(
        reader: Reader,
        gate: Gate,
        (snapshots, start): (Vec<Snapshot>, String),
        threads: usize,
        output: Output,
    ) -> Self {
        Self {
            reader,
            gate,
            output,
            start,
            pages: Semaphore::new(PAGES_MAX),
            decoders: Semaphore::new(threads.clamp(1, 4)),
            thumbnails: thumbnails(),
            snapshots: Mutex::new(snapshots.into()),
            listings: listings(),
        }
    }

    fn known(&self) -> Arc<[Snapshot]> {
        Arc::clone(&self.snapshots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The snapshots that there are now, oldest first.
    pub(super) fn snapshots(&self) -> Result<Arc<[Snapshot]>, Fault> {
        let taken = self.reader.repository().snapshots().map_err(Failure::from)?.taken;
        let taken: Arc<[Snapshot]> = taken.into();
        *self.snapshots.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&taken);
        Ok(taken)
    }

    /// The snapshot with this id; the store is asked only if it was not there before.
    pub(super) fn snapshot(&self, session: Option<SessionId>) -> Result<Snapshot, Fault> {
        let find = |snapshots: &[Snapshot]| {
            snapshots.iter().find(|one| Some(one.session) == session).cloned()
        };
        match find(&self.known()) {
            Some(snapshot) => Ok(snapshot),
            None => find(&self.snapshots()?).ok_or_else(Fault::absent),
        }
    }

    pub(super) fn view(&self, snapshot: &Snapshot) -> View<'_> {
        self.reader.view(snapshot.record.root)
    }

    /// What the snapshot has at a key.
    pub(super) fn entry(&self, snapshot: &Snapshot, key: &[u8]) -> Result<Entry, Fault> {
        match self.view(snapshot).entry(key)? {
            Some(entry) => Ok(entry),
            None if key.is_empty() => Ok(Entry::new(Kind::Folder)),
            None => Err(Fault::absent()),
        }
    }

    /// What is in a folder. The last few are remembered.
    pub(super) fn listing(&self, snapshot: &Snapshot, key: &[u8]) -> Arc<Listing> {
        let name = place_hash(snapshot, key);
        let make = || Ok::<_, Fault>(Arc::new(Listing::read(&self.view(snapshot), key)));
        let listing = self.listings.get_or_insert_with(&name, make);
        let listing = listing.unwrap_or_default();
        if !listing.problems.is_empty() {
            // It may be whole the next time, if the store was out of reach.
            self.listings.remove(&name);
        }
        listing
    }
}

/// Names a path of a snapshot in caches; two snapshots with the same tree share it.
pub(super) fn place_hash(snapshot: &Snapshot, key: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(snapshot.record.root.as_bytes()).update(key);
    *hasher.finalize().as_bytes()
}

/// Where the backup began: looking there is more useful than at the root of the machine.
pub(super) fn home(snapshot: &Snapshot) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    match snapshot.record.paths.as_slice() {
        [path] => key_from_path(std::ffi::OsStr::from_bytes(path).as_ref()),
        _ => Vec::new(),
    }
}

/// A cache that forgets what it was not asked for when it holds too much.
pub(super) type Bounded<T, W> = Cache<[u8; 32], T, W>;

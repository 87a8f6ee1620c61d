//! Making a repository, and getting into one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::runtime::Handle;

use super::catalogue::Catalogue;
use super::description::{DESCRIPTION, Description};
use super::reader::FrameCache;
use super::slots::{NewSlot, Slots};
use super::{Listed, RepositoryError, Storage};
use crate::cache::{Cache, KnownStore, Records};
use crate::clock::{Clock, random};
use crate::crypto::{Bundle, Credential, Keys, Prompt, Role, RootSecret};
use crate::error::{ErrorKind, FormatError, StorageError};
use crate::id::{RepositoryId, SlotId};
use crate::index::{SegmentName, SortedSegment};
use crate::transform::Undo;

/// Default target size of a packfile.
pub const PACK_BYTES: u32 = 32 << 20;

/// Longer than a small object is on its way.
const SECOND_LOOK: Duration = Duration::from_millis(250);

/// What a repository needs from its surroundings.
#[derive(Debug, Clone)]
pub struct Context {
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Runs the store's asynchronous calls. The repository's own calls block, and must not be made from its threads.
    pub runtime: Handle,
    /// Folder for local caches, if any.
    pub cache: Option<PathBuf>,
    /// A name for the store, the same in every run, under which the cache remembers the way into its repository. `None`
    /// to ask the store each time.
    pub store: Option<String>,
    /// How many threads CPU work may use.
    pub threads: usize,
    /// Whom locked key files and age plugins may ask, if anybody.
    pub prompt: Option<Arc<dyn Prompt>>,
}

/// An open repository. Its calls block the calling thread.
#[derive(Debug)]
pub struct Repository {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) context: Context,
    pub(crate) keys: Keys,
    pub(super) description: Description,
    pub(super) pack_bytes: u32,
    pub(super) opened_with: SlotId,
    pub(super) cache: Arc<Cache>,
    pub(super) catalogue: Mutex<Option<Arc<Catalogue>>>,
    pub(super) completed_ns: Mutex<Option<(i128, i128)>>,
    /// Segments of the index as they were read last.
    pub(super) segments: Mutex<HashMap<SegmentName, SortedSegment<Bytes>>>,
    pub(super) frames: FrameCache,
    pub(super) records: Mutex<Records>,
    /// Whether the way in came from the cache, and nothing has shown yet that the store still is that repository.
    unconfirmed: AtomicBool,
    undo: Option<Arc<dyn Undo>>,
}

impl Repository {
    /// Makes a repository with the given key slots and opens it.
    pub fn init(
        storage: Arc<dyn Storage>,
        slots: &[NewSlot],
        pack_bytes: u32,
        context: Context,
    ) -> Result<Self, RepositoryError> {
        clear_the_ground(&storage, &context)?;
        // What the cache knows about this place is about one that is gone.
        KnownStore::forget(context.cache.as_deref(), context.store.as_deref());
        let repository = RepositoryId(random(context.clock.as_ref()));
        let root = RootSecret::generate(context.clock.as_ref());
        let keys = Keys::derive(&root, repository);
        let bundle = Bundle { role: Role::Owner, repository, root, pack_bytes };
        let mut opened_with = None;
        for slot in slots {
            let id = Slots::write(&storage, &context, &keys, &bundle, slot)?;
            opened_with.get_or_insert(id);
        }
        let opened_with = opened_with.ok_or(RepositoryError::NoSlots)?;
        // Last: a repository exists once its description does, and then it has keys.
        let description = Description::new(repository);
        context.runtime.block_on(storage.put(DESCRIPTION, Bytes::from(description.encode())))?;
        Ok(Self::assemble(storage, context, description, (keys, pack_bytes, opened_with)))
    }

    /// Opens a repository with the first credential that fits a key slot. Writes nothing.
    pub fn open(
        storage: Arc<dyn Storage>,
        credentials: &[Credential],
        context: Context,
    ) -> Result<Self, RepositoryError> {
        if let Some(repository) = Self::reopen(&storage, credentials, &context) {
            return Ok(repository);
        }
        let bytes = match context.runtime.block_on(storage.read(DESCRIPTION, None)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind == ErrorKind::NotFound => return Err(RepositoryError::Absent),
            Err(error) => return Err(error.into()),
        };
        let description = Description::parse(&bytes)?;
        let (opened_with, bundle, slot_file) =
            Slots::unlock(&storage, &context, &description, credentials)?;
        let keys = Keys::derive(&bundle.root, bundle.repository);
        let unlocked = (keys, bundle.pack_bytes, opened_with);
        let known = KnownStore::new(&bytes, opened_with, &slot_file);
        known.keep(context.cache.as_deref(), context.store.as_deref());
        Ok(Self::assemble(storage, context, description, unlocked))
    }

    /// Opens what an earlier run opened under the same name, without a request.
    fn reopen(
        storage: &Arc<dyn Storage>,
        credentials: &[Credential],
        context: &Context,
    ) -> Option<Self> {
        let known = KnownStore::load(context.cache.as_deref(), context.store.as_deref())?;
        let description = Description::parse(&known.description).ok()?;
        let bundle = Slots::open(context, &description, credentials, &known.slot_file).ok()?;
        let keys = Keys::derive(&bundle.root, bundle.repository);
        let unlocked = (keys, bundle.pack_bytes, known.slot());
        let storage = Arc::clone(storage);
        let repository = Self::assemble(storage, context.clone(), description, unlocked);
        repository.unconfirmed.store(true, Ordering::Relaxed);
        Some(repository)
    }

    /// Makes sure that the store still holds this repository. A record that opens with its keys is proof enough;
    /// `in_doubt` says that there is none, and then the description is read.
    pub(crate) fn confirm(&self, in_doubt: bool) -> Result<(), RepositoryError> {
        if !self.unconfirmed.load(Ordering::Relaxed) {
            return Ok(());
        }
        if in_doubt {
            let found = match self.object(DESCRIPTION) {
                Ok(bytes) => Description::parse(&bytes).map(Some),
                Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
                Err(error) => return Err(error.into()),
            };
            if !matches!(&found, Ok(Some(found)) if found.repository == self.id()) {
                self.forget_store();
                return Err(found?.map_or(RepositoryError::Absent, |_| RepositoryError::Replaced));
            }
        }
        self.unconfirmed.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// The next run asks the store for the way in.
    pub(super) fn forget_store(&self) {
        KnownStore::forget(self.cache_root(), self.context.store.as_deref());
    }

    fn cache_root(&self) -> Option<&Path> {
        self.context.cache.as_deref()
    }

    fn assemble(
        storage: Arc<dyn Storage>,
        context: Context,
        description: Description,
        (keys, pack_bytes, opened_with): (Keys, u32, SlotId),
    ) -> Self {
        let cache = Arc::new(Cache::open(context.cache.as_deref(), description.repository));
        Self {
            storage,
            context,
            keys,
            description,
            pack_bytes,
            opened_with,
            cache,
            catalogue: Mutex::default(),
            completed_ns: Mutex::default(),
            segments: Mutex::default(),
            frames: FrameCache::default(),
            records: Mutex::default(),
            unconfirmed: AtomicBool::new(false),
            undo: None,
        }
    }

    /// The same repository, with somebody who makes transformed files again; without, each of them counts as damaged.
    #[must_use]
    pub fn with_undo(mut self, undo: Arc<dyn Undo>) -> Self {
        self.undo = Some(undo);
        self
    }

    /// Who makes transformed files again.
    pub fn undo(&self) -> Option<&Arc<dyn Undo>> {
        self.undo.as_ref()
    }

    /// Its name.
    pub fn id(&self) -> RepositoryId {
        self.description.repository
    }

    /// Its derived keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Time and randomness, as given by the caller.
    pub fn clock(&self) -> &dyn Clock {
        self.context.clock.as_ref()
    }

    /// How many threads CPU work may use.
    pub fn threads(&self) -> usize {
        self.context.threads.max(1)
    }

    /// How many calls of the store are worth having in flight at once.
    pub fn parallel_calls(&self) -> usize {
        self.storage.capabilities().parallel.max(1)
    }

    /// Target size of a packfile in bytes.
    pub fn pack_bytes(&self) -> u32 {
        self.pack_bytes
    }

    /// The key slot that let us in.
    pub fn opened_with(&self) -> SlotId {
        self.opened_with
    }

    /// A feature of the repository that forbids this program to write to it.
    pub fn read_only_because(&self) -> Option<&str> {
        self.description.read_only_because.as_deref()
    }

    /// A feature of the repository that forbids this program to delete from it.
    pub fn may_not_delete_because(&self) -> Option<&str> {
        self.description.may_not_delete_because.as_deref()
    }

    /// The bytes of an object as they lie in the store.
    pub fn object(&self, name: &str) -> Result<Bytes, StorageError> {
        self.context.runtime.block_on(self.storage.read(name, None))
    }

    /// A small object that makes sense, if it does.
    ///
    /// Where a put can be seen half done, one that makes none may still be on its way, and gets a second look.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        first: Option<Bytes>,
        parse: impl Fn(&Bytes) -> Result<T, FormatError>,
    ) -> Result<Result<T, FormatError>, StorageError> {
        let bytes = first.map_or_else(|| self.object(name), Ok)?;
        let parsed = parse(&bytes);
        if parsed.is_ok() || self.storage.capabilities().atomic_put {
            return Ok(parsed);
        }
        self.clock().sleep(SECOND_LOOK);
        Ok(parse(&self.object(name)?))
    }

    pub(super) fn object_range(
        &self,
        name: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Bytes, StorageError> {
        self.context.runtime.block_on(self.storage.read(name, Some(range)))
    }

    /// The objects of a folder (`"packs/"`), sorted by name.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>, StorageError> {
        list(&self.storage, &self.context, prefix)
    }

    pub(super) fn catalogue_slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Catalogue>>> {
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what a killed `init` left behind. Refuses wherever there is, or may be, a repository.
fn clear_the_ground(storage: &Arc<dyn Storage>, context: &Context) -> Result<(), RepositoryError> {
    match context.runtime.block_on(storage.read(DESCRIPTION, None)) {
        Ok(bytes) if Description::parse(&bytes).is_ok() => return Err(RepositoryError::Exists),
        // Half a description and nothing else: that `init` never said that it was done.
        Ok(_) => {}
        Err(error) if error.kind == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    for folder in ["snapshots/", "packs/", "index/", "sessions/"] {
        if !list(storage, context, folder)?.is_empty() {
            return Err(RepositoryError::Exists);
        }
    }
    for leftover in list(storage, context, "keys/")? {
        context.runtime.block_on(storage.delete(&leftover.name))?;
    }
    context.runtime.block_on(storage.delete(DESCRIPTION))?;
    Ok(())
}

/// The objects of a folder, sorted by name.
pub(super) fn list(
    storage: &Arc<dyn Storage>,
    context: &Context,
    prefix: &str,
) -> Result<Vec<Listed>, StorageError> {
    context.runtime.block_on(async {
        let mut objects = Vec::new();
        let mut listing = storage.list(prefix);
        while let Some(object) = listing.next().await {
            objects.push(object?);
        }
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    })
}

//! Repositories as they are after `init`: made once, and copied for every schedule.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use heirloom_engine::clock::Clock;
use heirloom_engine::crypto::{Credential, Keys, Recipient, SecretString, generate_identity};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{Capabilities, Context, Listed, NewSlot, Repository, Storage};
use tokio::runtime::Runtime;

use crate::random::Random;

/// Packs that hold one or two blobs of the universe.
const TINY_PACKS: u32 = 5 << 10;
/// Packs that hold everything that one session stores.
const WIDE_PACKS: u32 = 1 << 20;

/// An initialised repository without snapshots.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) objects: BTreeMap<String, Bytes>,
    pub(crate) keys: Keys,
}

/// The two repositories of a schedule, in the two sizes of packs; and what opens all of them.
#[derive(Debug)]
pub(crate) struct Images {
    pub(crate) tiny: [Image; 2],
    pub(crate) wide: [Image; 2],
    identity: SecretString,
    runtime: Runtime,
}

impl Images {
    pub(crate) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (identity, recipient) = generate_identity();
        let make = |seed, pack_bytes| -> Result<Image> {
            let store = Arc::new(Plain::default());
            let slot = NewSlot {
                recipient: Recipient::Age(recipient.clone()),
                label: "model".into(),
                recovery: false,
            };
            let clock = Arc::new(Still(Mutex::new(Random::new(seed))));
            let context = context(&runtime, clock);
            let repository =
                Repository::init(Arc::clone(&store) as _, &[slot], pack_bytes, context)?;
            let keys = repository.keys().clone();
            let objects = store.0.lock().expect("no holder of this lock panics").clone();
            Ok(Image { objects, keys })
        };
        Ok(Self {
            tiny: [make(1, TINY_PACKS)?, make(2, TINY_PACKS)?],
            wide: [make(3, WIDE_PACKS)?, make(4, WIDE_PACKS)?],
            identity,
            runtime,
        })
    }

    pub(crate) fn get(&self, tiny: bool) -> &[Image; 2] {
        if tiny { &self.tiny } else { &self.wide }
    }

    pub(crate) fn open(
        &self,
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
    ) -> Result<Repository> {
        let credential =
            Credential::IdentityFile { text: self.identity.clone(), name: "model".into() };
        Ok(Repository::open(storage, &[credential], context(&self.runtime, clock))?)
    }
}

/// No cache: what a client knows, it knows because its repository lives over several of its actions.
fn context(runtime: &Runtime, clock: Arc<dyn Clock>) -> Context {
    let runtime = runtime.handle().clone();
    Context { clock, runtime, cache: None, store: None, threads: 1, prompt: None }
}

/// Time stands still while a repository is made.
#[derive(Debug)]
struct Still(Mutex<Random>);

impl Clock for Still {
    fn now_ns(&self) -> i128 {
        1_800_000_000_000_000_000
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.0.lock().expect("no holder of this lock panics").fill(bytes);
    }

    fn sleep(&self, _: Duration) {}
}

/// A store for one client and without surprises.
#[derive(Debug, Default)]
struct Plain(Mutex<BTreeMap<String, Bytes>>);

impl Storage for Plain {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        self.0.lock().expect("no holder of this lock panics").insert(name.to_owned(), bytes);
        Box::pin(async { Ok(()) })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        _: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        let found = self.0.lock().expect("no holder of this lock panics").get(name).cloned();
        let missing = StorageError {
            kind: ErrorKind::NotFound,
            temporary: false,
            operation: "read",
            object: name.to_owned(),
            source: None,
        };
        Box::pin(async { found.ok_or(missing) })
    }

    fn list<'a>(&'a self, _: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        stream::empty().boxed()
    }

    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async { Ok(()) })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { parallel: 1, uploads: 0, atomic_put: true }
    }
}

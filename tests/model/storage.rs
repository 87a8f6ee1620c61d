//! The simulated store and clock as one client's engine sees them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use heirloom_engine::clock::Clock;
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{Capabilities, Listed, Storage};

use crate::random::Random;
use crate::state::{Call, OBSERVER};
use crate::world::World;

/// One client's way to one store.
#[derive(Debug)]
pub(crate) struct SimStorage {
    world: Arc<World>,
    client: usize,
    store: usize,
    /// Whether its calls are steps of the schedule; opening a repository is none.
    scheduled: AtomicBool,
}

impl SimStorage {
    pub(crate) fn new(world: &Arc<World>, client: usize, store: usize) -> Arc<Self> {
        let scheduled = AtomicBool::new(false);
        Arc::new(Self { world: Arc::clone(world), client, store, scheduled })
    }

    /// From now on each call is a step.
    pub(crate) fn schedule(&self) {
        self.scheduled.store(true, Ordering::Relaxed);
    }

    fn call<'a>(&self, verb: &'static str, name: &'a str) -> Call<'a> {
        let scheduled = self.scheduled.load(Ordering::Relaxed);
        let client = if scheduled { self.client } else { OBSERVER };
        Call { client, store: self.store, verb, name }
    }
}

impl Storage for SimStorage {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = self.call("put", name);
            let late = self.world.plan.late;
            self.world.step(call, |state, portion| {
                state.put(call, &bytes, portion, late);
                Ok(())
            })
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let call = self.call("read", name);
            let bytes = self.world.step(call, |state, _| state.read(call))?;
            let Some(range) = range else { return Ok(bytes) };
            if range.start > range.end || range.end > bytes.len() as u64 {
                return Err(call.error(ErrorKind::Protocol));
            }
            Ok(bytes.slice(range.start as usize..range.end as usize))
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let listing = async move {
            let call = self.call("list", prefix);
            let late = self.world.plan.late;
            match self.world.step(call, |state, _| Ok(state.list(call, late))) {
                Ok(objects) => {
                    let listed = |(name, size)| Ok(Listed { name, size });
                    stream::iter(objects.into_iter().map(listed)).boxed()
                }
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        };
        stream::once(listing).flatten().boxed()
    }

    fn folders(&self) -> BoxFuture<'_, Result<Option<BTreeSet<String>>, StorageError>> {
        Box::pin(async move {
            if !self.world.plan.folders {
                return Ok(None);
            }
            let call = self.call("list", "");
            let folders = self.world.step(call, |state, _| Ok(state.folders(self.store)))?;
            Ok(Some(folders.into_iter().collect()))
        })
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let call = self.call("settle", "");
            if self.world.plan.late && call.client != OBSERVER {
                self.world.await_sight(call);
            }
            Ok(())
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = self.call("delete", name);
            self.world.step(call, |state, _| {
                state.delete(call);
                Ok(())
            })
        })
    }

    fn capabilities(&self) -> Capabilities {
        // No thread and no second call at a time: the order of calls is the schedule's.
        Capabilities { parallel: 1, uploads: 0, atomic_put: self.world.plan.atomic }
    }
}

/// One client's time and randomness.
#[derive(Debug)]
pub(crate) struct SimClock {
    world: Arc<World>,
    client: usize,
    random: Mutex<Random>,
}

impl SimClock {
    pub(crate) fn new(world: &Arc<World>, client: usize) -> Arc<Self> {
        let seed = world.plan.clients.get(client).map_or(0, |client| client.seed);
        let random = Mutex::new(Random::new(seed));
        Arc::new(Self { world: Arc::clone(world), client, random })
    }
}

impl Clock for SimClock {
    fn now_ns(&self) -> i128 {
        self.world.now_ns(self.client)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.random.lock().expect("no holder of this lock panics").fill(bytes);
    }

    fn sleep(&self, duration: Duration) {
        self.world.sleep(self.client, duration);
    }
}

//! A store as far away as one in another country: every call takes a while, and all calls share one line.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use heirloom_engine::error::StorageError;
use heirloom_engine::repository::{Capabilities, Listed, Storage};
use tokio::time::sleep;

use crate::pipe::Pipe;

/// How far away a store is.
#[derive(Debug, Clone, Copy)]
pub struct Distance {
    /// What every call waits before anything happens.
    pub latency: Duration,
    /// Bytes a second, for all calls together, in each direction.
    pub bytes_per_second: f64,
    /// How many calls its users may have in flight.
    pub parallel: usize,
}

/// Passes everything on, as slowly as a store at some distance.
#[derive(Debug)]
pub struct SlowStorage {
    inner: Arc<dyn Storage>,
    distance: Distance,
    up: Pipe,
    down: Pipe,
}

impl SlowStorage {
    /// Moves a store away.
    pub fn new(inner: Arc<dyn Storage>, distance: Distance) -> Arc<Self> {
        let pipe = || Pipe::new(distance.bytes_per_second);
        Arc::new(Self { inner, distance, up: pipe(), down: pipe() })
    }
}

impl Storage for SlowStorage {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            sleep(self.distance.latency).await;
            self.up.pass(bytes.len()).await;
            self.inner.put(name, bytes).await
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            sleep(self.distance.latency).await;
            let bytes = self.inner.read(name, range).await?;
            self.down.pass(bytes.len()).await;
            Ok(bytes)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let late = async move {
            sleep(self.distance.latency).await;
            self.inner.list(prefix)
        };
        stream::once(late).flatten().boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            sleep(self.distance.latency).await;
            self.inner.delete(name).await
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { parallel: self.distance.parallel, uploads: 4, ..self.inner.capabilities() }
    }
}

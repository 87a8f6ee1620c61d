//! Counts what an operation asks of a store, so that "one listing per folder" can be a test.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use heirloom_engine::error::StorageError;
use heirloom_engine::repository::{Capabilities, Listed, Storage};

/// How often each call was made, and the bytes that went each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `put`.
    pub puts: u64,
    /// Bytes handed to `put`.
    pub put_bytes: u64,
    /// Calls of `read`.
    pub reads: u64,
    /// Bytes that `read` gave.
    pub read_bytes: u64,
    /// Calls of `list`.
    pub lists: u64,
    /// Calls of `delete`.
    pub deletes: u64,
}

/// Passes everything on and counts.
#[derive(Debug)]
pub struct CountingStorage {
    inner: Arc<dyn Storage>,
    seen: Mutex<(Counts, Vec<String>)>,
}

impl CountingStorage {
    /// Counts what goes to `inner`.
    pub fn new(inner: Arc<dyn Storage>) -> Arc<Self> {
        Arc::new(Self { inner, seen: Mutex::default() })
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.seen().0
    }

    /// Every call so far as `put packs/00ff`, in the order in which they were made.
    pub fn calls(&self) -> Vec<String> {
        self.seen().1.clone()
    }

    /// Starts over.
    pub fn reset(&self) {
        *self.seen() = Default::default();
    }

    fn seen(&self) -> MutexGuard<'_, (Counts, Vec<String>)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, call: &str, object: &str, count: impl FnOnce(&mut Counts)) {
        let mut seen = self.seen();
        count(&mut seen.0);
        seen.1.push(format!("{call} {object}"));
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).expect("a usize has at most 64 bits")
}

impl Storage for CountingStorage {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        self.note("put", name, |counts| {
            counts.puts += 1;
            counts.put_bytes += length(&bytes);
        });
        self.inner.put(name, bytes)
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        self.note("read", name, |counts| counts.reads += 1);
        Box::pin(async move {
            let bytes = self.inner.read(name, range).await?;
            self.seen().0.read_bytes += length(&bytes);
            Ok(bytes)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        self.note("list", prefix, |counts| counts.lists += 1);
        self.inner.list(prefix)
    }

    fn folders(&self) -> BoxFuture<'_, Result<Option<BTreeSet<String>>, StorageError>> {
        // A store that cannot tell is not asked.
        Box::pin(async move {
            let folders = self.inner.folders().await?;
            if folders.is_some() {
                self.note("list", "", |counts| counts.lists += 1);
            }
            Ok(folders)
        })
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        self.inner.settle()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        self.note("delete", name, |counts| counts.deletes += 1);
        self.inner.delete(name)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

//! A store that calls the test before each call that it passes on.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use heirloom_engine::error::StorageError;
use heirloom_engine::repository::{Capabilities, Listed, Storage};

type Hook = Box<dyn Fn(&str, &str) + Send + Sync>;

/// Passes everything on; what another client does meanwhile is up to the hook.
pub struct HookStorage {
    inner: Arc<dyn Storage>,
    hook: Hook,
}

impl HookStorage {
    /// `hook` is told operation and object before each call: `("put", "packs/00ff")`.
    pub fn new(
        inner: Arc<dyn Storage>,
        hook: impl Fn(&str, &str) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { inner, hook: Box::new(hook) })
    }
}

impl fmt::Debug for HookStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookStorage").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Storage for HookStorage {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        (self.hook)("put", name);
        self.inner.put(name, bytes)
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        (self.hook)("read", name);
        self.inner.read(name, range)
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        (self.hook)("list", prefix);
        self.inner.list(prefix)
    }

    fn folders(&self) -> BoxFuture<'_, Result<Option<BTreeSet<String>>, StorageError>> {
        (self.hook)("list", "");
        self.inner.folders()
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        self.inner.settle()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        (self.hook)("delete", name);
        self.inner.delete(name)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

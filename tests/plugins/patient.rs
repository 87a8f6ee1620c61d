//! A store that repeats what failed for a while, as every command does, and remembers what was acknowledged.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::StorageError;
use heirloom_engine::repository::{Capabilities, Listed, Storage};

const ATTEMPTS: u32 = 6;

/// Repeats and remembers.
#[derive(Debug)]
pub(crate) struct Patient {
    inner: Arc<dyn Storage>,
    acknowledged: Mutex<BTreeMap<String, Bytes>>,
    failures: Mutex<Vec<String>>,
}

impl Patient {
    pub(crate) fn new(inner: Arc<dyn Storage>) -> Arc<Self> {
        Arc::new(Self { inner, acknowledged: Mutex::default(), failures: Mutex::default() })
    }

    /// What must be there.
    pub(crate) fn acknowledged(&self) -> BTreeMap<String, Bytes> {
        self.acknowledged.lock().expect("nobody panics").clone()
    }

    /// What went wrong, and was repeated.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().expect("nobody panics").clone()
    }

    fn gives_up(&self, error: &StorageError, attempt: u32) -> bool {
        if error.temporary {
            self.failures.lock().expect("nobody panics").push(format!("{error:?}"));
        }
        !error.temporary || attempt == ATTEMPTS
    }

    async fn repeat<'a, T>(
        &'a self,
        call: impl Fn() -> BoxFuture<'a, Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match call().await {
                Err(error) if !self.gives_up(&error, attempt) => {}
                done => return done,
            }
        }
    }
}

impl Storage for Patient {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            self.repeat(|| self.inner.put(name, bytes.clone())).await?;
            self.acknowledged.lock().expect("nobody panics").insert(name.to_owned(), bytes);
            Ok(())
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move { self.repeat(|| self.inner.read(name, range.clone())).await })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let all = async move {
            let found = self.repeat(|| Box::pin(self.inner.list(prefix).try_collect::<Vec<_>>()));
            Ok::<_, StorageError>(stream::iter(found.await?.into_iter().map(Ok)))
        };
        stream::once(all).try_flatten().boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            self.acknowledged.lock().expect("nobody panics").remove(name);
            self.repeat(|| self.inner.delete(name)).await
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

//! Counts the calls of a store that is not asked over HTTP, where the client counts requests.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use heirloom_engine::error::StorageError;
use heirloom_engine::repository::{Capabilities, Listed, Storage};

use crate::traffic::{RequestKind, Traffic};

/// The same store, whose calls are counted.
pub fn metered(storage: Arc<dyn Storage>, traffic: Arc<Traffic>) -> Arc<dyn Storage> {
    Arc::new(Metered { storage, traffic })
}

#[derive(Debug)]
struct Metered {
    storage: Arc<dyn Storage>,
    traffic: Arc<Traffic>,
}

impl Storage for Metered {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        self.traffic.request(RequestKind::Put);
        self.traffic.sent(RequestKind::Put, length(&bytes));
        self.storage.put(name, bytes)
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        self.traffic.request(RequestKind::Read);
        Box::pin(async move {
            let bytes = self.storage.read(name, range).await?;
            self.traffic.received(RequestKind::Read, length(&bytes));
            Ok(bytes)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        self.traffic.request(RequestKind::List);
        self.storage.list(prefix)
    }

    fn folders(&self) -> BoxFuture<'_, Result<Option<BTreeSet<String>>, StorageError>> {
        Box::pin(async move {
            let folders = self.storage.folders().await?;
            // A store that cannot tell was not asked.
            if folders.is_some() {
                self.traffic.request(RequestKind::List);
            }
            Ok(folders)
        })
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        self.storage.settle()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        self.traffic.request(RequestKind::Delete);
        self.storage.delete(name)
    }

    fn capabilities(&self) -> Capabilities {
        self.storage.capabilities()
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

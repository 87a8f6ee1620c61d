//! The local disk as a store: an object that was acknowledged survives a power cut.
//!
//! A write goes to a fresh file in `.tmp`, which no object name can reach, and is synced; then it is renamed to its
//! place, and the folder is synced; a new folder is synced into its parent before anything is put into it. So a reader
//! sees an object whole or not at all, and an interrupted write leaves at most a file in `.tmp`, swept a day later.
//! The order of these calls is shown by `tests/durability`; the reasons are in `docs/decisions/0002-local-disk.md`.

mod disk;
mod listing;
mod sweep;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{Capabilities, Listed, Storage, check_prefix};

use self::disk::{Disk, Missed};
use self::listing::Listing;
use crate::failure::Call;

/// A folder of this machine as a [`Storage`]. The folder is made, with its parents, by the first `put`.
///
/// New folders belong to their owner alone; objects may be read by whoever may read the repository's folder.
#[derive(Debug, Clone)]
pub struct LocalDisk {
    disk: Arc<Disk>,
}

impl LocalDisk {
    /// A store in this folder. Touches nothing yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { disk: Arc::new(Disk::new(root.into())) }
    }

    /// Runs a file operation on the runtime's threads for blocking work.
    async fn blocking<T: Send + 'static>(
        &self,
        call: Call<'_>,
        work: impl FnOnce(&Disk) -> Result<T, Missed> + Send + 'static,
    ) -> Result<T, StorageError> {
        let disk = Arc::clone(&self.disk);
        match tokio::task::spawn_blocking(move || work(&disk)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Missed::Io(error))) => Err(call.io(error)),
            Ok(Err(Missed::Answer(what))) => Err(call.protocol(what)),
            Err(ended) => Err(call.error(ErrorKind::Unreachable, false, Some(ended.into()))),
        }
    }

    async fn open_listing(&self, call: Call<'_>) -> Result<Option<Listing>, StorageError> {
        check_prefix(call.object).map_err(|e| call.refused_name(e))?;
        let folder = call.object.trim_end_matches('/').to_owned();
        self.blocking(call, move |disk| Ok(disk.open_listing(&folder)?)).await
    }
}

impl Storage for LocalDisk {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call::put(name, &bytes)?;
            let name = name.to_owned();
            self.blocking(call, move |disk| Ok(disk.put(&name, &bytes)?)).await
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let call = Call::on("read", name)?;
            let name = name.to_owned();
            self.blocking(call, move |disk| disk.read(&name, range)).await.map(Bytes::from)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let call = Call { operation: "list", object: prefix };
        let batches = move |listing: Option<Listing>| {
            stream::try_unfold(listing, move |listing| async move {
                let Some(mut listing) = listing else { return Ok(None) };
                let next = move |_: &Disk| Ok(listing.next_batch()?.map(|batch| (batch, listing)));
                let next = self.blocking(call, next).await?;
                Ok(next.map(|(batch, rest)| (stream::iter(batch.into_iter().map(Ok)), Some(rest))))
            })
        };
        stream::once(self.open_listing(call)).map_ok(batches).try_flatten().try_flatten().boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call::on("delete", name)?;
            let name = name.to_owned();
            self.blocking(call, move |disk| Ok(disk.delete(&name)?)).await
        })
    }

    fn capabilities(&self) -> Capabilities {
        // A second pack on its way costs 36 MiB and, measured, saves no time.
        Capabilities { parallel: 8, uploads: 1, atomic_put: true }
    }
}

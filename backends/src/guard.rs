//! What stands between the engine and every store that can be slow, busy or away.
//!
//! From the inside out: a timeout that grows with the object, retries of temporary failures, a limit on calls in flight, a
//! throttle for stores that have none of their own, and tracing. A call may be repeated because names are never used again
//! for other bytes. Why this is not done by OpenDAL's layers: `docs/decisions/0006-guards-over-the-port.md`.

mod retry;
mod throttle;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::error::Error;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{Capabilities, Listed, OBJECT_BYTES_MAX, Storage};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use self::throttle::Throttle;
use crate::AddressError;
use crate::failure::Call;
use crate::options::StoreSettings;
use crate::tuning::Tuned;

/// The slowest line that an object may take.
const SLOWEST_LINE: u64 = 16 << 10;

/// How to guard a store.
#[derive(Debug, Clone)]
pub struct Guard {
    /// What kind of store it is, for errors and traces.
    pub kind: String,
    /// How long a call may take, beside the time for its bytes.
    pub timeout: Duration,
    /// How often a call is repeated after a temporary failure.
    pub retries: usize,
    /// How long to wait before the first repetition; twice as long before each further one, up to 30 seconds.
    pub first_delay: Duration,
    /// How many calls may be in flight at once; the store's own wish if `None`.
    pub connections: Option<usize>,
    /// Bytes per second that may be sent.
    pub upload_limit: Option<NonZeroU64>,
    /// Bytes per second that may be received.
    pub download_limit: Option<NonZeroU64>,
    /// Whether the limits are kept here. Stores over HTTP keep them themselves, more evenly; then they only make calls
    /// slower.
    pub throttle: bool,
    /// Finds in an error how long the store asks to wait. Asked for every error that a failure stands upon.
    pub retry_after: fn(&(dyn Error + 'static)) -> Option<Duration>,
}

impl Guard {
    /// The usual guard for a store of this kind, which neither limits nor counts.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            timeout: Duration::from_mins(1),
            retries: 5,
            first_delay: Duration::from_millis(500),
            connections: None,
            upload_limit: None,
            download_limit: None,
            throttle: false,
            retry_after: |_| None,
        }
    }

    /// The same with what the options say, which are taken out of the settings; and the limits of the settings, kept here.
    pub fn take_options(self, settings: &mut StoreSettings) -> Result<Self, AddressError> {
        let Tuned { tuning, settings: others, .. } = Tuned::split("", settings)?;
        *settings = others;
        Ok(Self {
            timeout: tuning.timeout,
            retries: tuning.retries.unwrap_or(self.retries),
            connections: tuning.connections,
            upload_limit: settings.upload_limit,
            download_limit: settings.download_limit,
            throttle: true,
            ..self
        })
    }
}

/// The same store, guarded.
pub fn guard(storage: Arc<dyn Storage>, guard: Guard) -> Arc<dyn Storage> {
    let mut capabilities = storage.capabilities();
    capabilities.parallel = guard.connections.unwrap_or(capabilities.parallel).max(1);
    let permits = Semaphore::new(capabilities.parallel.min(Semaphore::MAX_PERMITS));
    let limits =
        if guard.throttle { (guard.upload_limit, guard.download_limit) } else { (None, None) };
    Arc::new(Guarded {
        storage,
        capabilities,
        permits,
        upload: Throttle::new(limits.0),
        download: Throttle::new(limits.1),
        guard,
    })
}

#[derive(Debug)]
struct Guarded {
    storage: Arc<dyn Storage>,
    guard: Guard,
    capabilities: Capabilities,
    permits: Semaphore,
    upload: Throttle,
    download: Throttle,
}

impl Guarded {
    /// All of it, around one call. `expected` is how many bytes it may move at most.
    async fn call<T, F>(
        &self,
        call: Call<'_>,
        expected: u64,
        attempt: impl Fn() -> F,
    ) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>>,
    {
        let limit = self.time_for(call, expected);
        let started = Instant::now();
        let permit = self.permits.acquire().await;
        let (result, attempts) = retry::until_it_holds(&self.guard, call, || async {
            match timeout(limit, attempt()).await {
                Ok(result) => result,
                Err(_) => Err(self.too_slow(call, limit)),
            }
        })
        .await;
        drop(permit);
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Call { operation, object } = call;
        let store = self.guard.kind.as_str();
        match &result {
            Ok(_) => tracing::debug!(
                target: "heirloom::store", store, operation, object, attempts, millis, "done"
            ),
            Err(error) => tracing::debug!(
                target: "heirloom::store", store, operation, object, attempts, millis,
                kind = ?error.kind, "failed"
            ),
        }
        result
    }

    /// A limit is shared by all calls in flight.
    fn time_for(&self, call: Call<'_>, bytes: u64) -> Duration {
        let limit = match call.operation {
            "put" => self.guard.upload_limit,
            _ => self.guard.download_limit,
        };
        let sharing = u64::try_from(self.capabilities.parallel).unwrap_or(u64::MAX);
        let rate =
            limit.map_or(SLOWEST_LINE, |limit| (limit.get() / sharing / 2).min(SLOWEST_LINE));
        self.guard.timeout + Duration::from_secs(bytes / rate.max(1))
    }

    fn too_slow(&self, call: Call<'_>, limit: Duration) -> StorageError {
        let store = &self.guard.kind;
        let message = format!(
            "{store} did not {} {} within {} s",
            call.operation,
            call.object,
            limit.as_secs()
        );
        call.error(ErrorKind::Unreachable, true, Some(message.into()))
    }

    /// The whole listing, since one that failed half-way must not begin again behind what was given out already.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StorageError> {
        let call = Call { operation: "list", object: prefix };
        let patience = self.guard.timeout;
        self.call(call, u64::MAX, || async {
            let mut listing = self.storage.list(prefix);
            let mut listed = Vec::new();
            loop {
                let Ok(next) = timeout(patience, listing.try_next()).await else {
                    return Err(self.too_slow(call, patience));
                };
                match next? {
                    Some(object) => listed.push(object),
                    None => return Ok(listed),
                }
            }
        })
        .await
    }
}

impl Storage for Guarded {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "put", object: name };
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.upload.wait().await;
            let put = self.call(call, size, || self.storage.put(name, bytes.clone())).await;
            self.upload.charge(size);
            put
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "read", object: name };
            let wanted = range.as_ref().map(|range| range.end.saturating_sub(range.start));
            let size = wanted.unwrap_or(OBJECT_BYTES_MAX).min(OBJECT_BYTES_MAX);
            self.download.wait().await;
            let read = self.call(call, size, || self.storage.read(name, range.clone())).await;
            let received =
                read.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            self.download.charge(received);
            read
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        stream::once(self.list(prefix))
            .map_ok(|listed| stream::iter(listed.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn folders(&self) -> BoxFuture<'_, Result<Option<BTreeSet<String>>, StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "list", object: "" };
            self.call(call, 0, || self.storage.folders()).await
        })
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "settle", object: "index/" };
            self.call(call, 0, || self.storage.settle()).await
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "delete", object: name };
            self.call(call, 0, || self.storage.delete(name)).await
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }
}

//! The engine's [`Storage`] on a plugin that may die at any time.
//!
//! A call during which the plugin dies fails with a temporary error and is repeated by the caller; the next call starts
//! the plugin again. Only a `put` is different: its outcome is unknown, so the plugin is asked for the object first.

use std::ops::Range;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{
    Capabilities, Listed, NameError, OBJECT_BYTES_MAX, Storage, check_name, check_prefix,
};
use heirloom_plugin::message::{self, Ability, Request, decode};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use crate::call::Call;
use crate::link::Link;
use crate::{PluginError, PluginSettings};

/// Packs on their way to one plugin at once; each is held in memory.
const UPLOADS_MAX: usize = 3;

/// A plugin as a store. It is started by the first call, or by [`PluginStorage::start`].
#[derive(Debug)]
pub struct PluginStorage {
    settings: PluginSettings,
    slot: Mutex<Slot>,
    known: StdMutex<Known>,
}

/// What a plugin says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it can do.
    pub ability: Ability,
}

#[derive(Debug, Default)]
struct Slot {
    link: Option<Arc<Link>>,
    /// Failures since the last success.
    failures: u32,
    gave_up: Option<PluginError>,
}

#[derive(Debug, Default)]
struct Known {
    about: Option<About>,
    /// The plugin asked to be left alone until then.
    not_before: Option<Instant>,
}

type CallOf<'a> = (&'static str, &'a str);

impl PluginStorage {
    /// A plugin that is not started yet, and whose abilities are not known therefore.
    pub fn new(settings: PluginSettings) -> Self {
        Self { settings, slot: Mutex::default(), known: StdMutex::default() }
    }

    /// Starts the plugin.
    pub async fn start(settings: PluginSettings) -> Result<Self, PluginError> {
        let storage = Self::new(settings);
        storage.link().await?;
        Ok(storage)
    }

    /// What the plugin says about itself; `None` before it was started.
    pub fn about(&self) -> Option<About> {
        self.known().about.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The running plugin, started if need be.
    async fn link(&self) -> Result<Arc<Link>, PluginError> {
        let mut slot = self.slot.lock().await;
        loop {
            if let Some(error) = &slot.gave_up {
                return Err(error.clone());
            }
            if let Some(link) = &slot.link {
                let Some(death) = link.table.ended() else { return Ok(Arc::clone(link)) };
                let succeeded = link.has_succeeded();
                slot.link = None;
                self.note_failure(&mut slot, death, succeeded)?;
            }
            self.back_off(slot.failures).await;
            match Link::start(&self.settings).await {
                Ok(link) => {
                    let hello = &link.hello;
                    self.known().about = Some(About {
                        name: hello.name.clone(),
                        version: hello.plugin_version.clone(),
                        ability: hello.capabilities,
                    });
                    slot.link = Some(link);
                }
                Err(error @ PluginError::Died { killed: true, .. }) => {
                    self.note_failure(&mut slot, error, false)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn note_failure(
        &self,
        slot: &mut Slot,
        last: PluginError,
        succeeded: bool,
    ) -> Result<(), PluginError> {
        slot.failures = if succeeded { 1 } else { slot.failures + 1 };
        if slot.failures < self.settings.limits.failures_max {
            return Ok(());
        }
        let (plugin, failures) = (self.settings.name.clone(), slot.failures);
        let error = PluginError::GaveUp { plugin, failures, last: Box::new(last) };
        slot.gave_up = Some(error.clone());
        Err(error)
    }

    async fn back_off(&self, failures: u32) {
        if let Some(doublings) = failures.checked_sub(1) {
            let limits = &self.settings.limits;
            let wait = limits.backoff.saturating_mul(2_u32.saturating_pow(doublings));
            sleep(wait.min(limits.backoff_max)).await;
        }
    }

    /// Begins a call, on another process if the one at hand has just died.
    async fn open(&self, request: &Request) -> Result<Call, PluginError> {
        let not_before = self.known().not_before;
        if let Some(time) = not_before {
            sleep_until(time).await;
        }
        loop {
            let link = self.link().await?;
            if let Ok(call) = link.open(request).await {
                return Ok(call);
            }
        }
    }

    /// Notes how long the plugin wants to be left alone.
    fn failure(&self, error: PluginError, (operation, object): CallOf<'_>) -> StorageError {
        if let Some(wait) = error.retry_after() {
            self.known().not_before = Some(Instant::now() + wait);
        }
        error.into_storage_error(operation, object)
    }

    async fn put_object(&self, name: &str, object: Bytes) -> Result<(), StorageError> {
        let of = ("put", name);
        let size = u64::try_from(object.len()).unwrap_or(u64::MAX);
        let link = self.link().await.map_err(|e| self.failure(e, of))?;
        if size > link.hello.capabilities.max_object_bytes.min(OBJECT_BYTES_MAX) {
            return Err(refused(
                of,
                ErrorKind::Unsupported,
                "the object is too large for this store",
            ));
        }
        drop(link);
        let request = Request::Put { name: name.to_owned(), size };
        let mut call = self.open(&request).await.map_err(|e| self.failure(e, of))?;
        let answered = match call.send_object(object).await {
            Ok(Some(early)) => call.judge(early).map(drop),
            Ok(None) => match call.answer().await {
                Err(error) if error.is_temporary() && error.ended_the_process() => {
                    drop(call);
                    return self.look_for(name, size, error).await;
                }
                answered => answered.map(drop),
            },
            Err(error) => Err(error),
        };
        answered.map(|()| call.link().note_success()).map_err(|e| self.failure(e, of))
    }

    /// The plugin died when it had the whole object. Perhaps it is stored; else the caller repeats the call.
    async fn look_for(
        &self,
        name: &str,
        size: u64,
        death: PluginError,
    ) -> Result<(), StorageError> {
        let stored = self.stored_size(name).await;
        if stored.is_ok_and(|stored| stored == Some(size)) {
            return Ok(());
        }
        Err(self.failure(death, ("put", name)))
    }

    /// The size of an object if it is sure to be whole and durable.
    async fn stored_size(&self, name: &str) -> Result<Option<u64>, StorageError> {
        let link = self.link().await.map_err(|e| self.failure(e, ("size", name)))?;
        let Ability { atomic_put, durable, size, .. } = link.hello.capabilities;
        drop(link);
        if !atomic_put {
            return Ok(None);
        }
        if size {
            let answer =
                self.simple(Request::Size { name: name.to_owned() }, ("size", name)).await?;
            return Ok(answer.size);
        }
        if durable {
            // A listing does not say whether what it shows would survive the loss of power.
            return Ok(None);
        }
        let folder = name.split_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let mut found = self.list(&folder);
        while let Some(listed) = found.try_next().await? {
            if listed.name == name {
                return Ok(Some(listed.size));
            }
        }
        Ok(None)
    }

    /// A call whose answer is one RESPONSE.
    async fn simple(
        &self,
        request: Request,
        of: CallOf<'_>,
    ) -> Result<message::Response, StorageError> {
        let answered = match self.open(&request).await {
            Ok(mut call) => call.answer().await.inspect(|_| call.link().note_success()),
            Err(error) => Err(error),
        };
        answered.map_err(|error| self.failure(error, of))
    }

    async fn read_object(
        &self,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<Bytes, StorageError> {
        let of = ("read", name);
        let wanted = match &range {
            None => None,
            Some(range) => match range.end.checked_sub(range.start) {
                Some(length) if length <= OBJECT_BYTES_MAX => Some(length),
                _ => return Err(refused(of, ErrorKind::Protocol, "no object has this range")),
            },
        };
        let request = Request::Read {
            name: name.to_owned(),
            offset: range.map(|range| range.start),
            length: wanted,
        };
        let mut call = self.open(&request).await.map_err(|e| self.failure(e, of))?;
        let announced = call.answer().await.map_err(|e| self.failure(e, of))?.size;
        let size =
            announced.filter(|size| *size <= OBJECT_BYTES_MAX && wanted.is_none_or(|w| w == *size));
        let Some(size) = size else {
            return Err(refused(
                of,
                ErrorKind::Protocol,
                "the plugin announced a length that cannot be",
            ));
        };
        let mut missing = size;
        let mut parts = Vec::new();
        while let Some(part) = call.data().await.map_err(|e| self.failure(e, of))? {
            let left = u64::try_from(part.len()).ok().and_then(|bytes| missing.checked_sub(bytes));
            let Some(left) = left else {
                return Err(refused(
                    of,
                    ErrorKind::Protocol,
                    "the plugin sent more than it announced",
                ));
            };
            missing = left;
            parts.push(part);
        }
        if missing > 0 {
            return Err(refused(of, ErrorKind::Protocol, "the plugin sent less than it announced"));
        }
        call.link().note_success();
        Ok(join(parts))
    }

    /// The entries of one DATA frame of a listing.
    async fn next_batch(
        &self,
        call: &mut Call,
        prefix: &str,
    ) -> Result<Option<Vec<Listed>>, StorageError> {
        let of = ("list", prefix);
        let Some(bytes) = call.data().await.map_err(|e| self.failure(e, of))? else {
            call.link().note_success();
            return Ok(None);
        };
        let Some(entries) = decode::<Vec<message::Listed>>(&bytes) else {
            let error = call.link().broke("its listing makes no sense");
            return Err(self.failure(error, of));
        };
        let ours = |name: &str| {
            name.strip_prefix(prefix).is_some_and(|file| !file.contains('/'))
                && check_name(name).is_ok()
        };
        let entries = entries.into_iter().filter(|entry| ours(&entry.name));
        Ok(Some(entries.map(|entry| Listed { name: entry.name, size: entry.size }).collect()))
    }
}

fn refused((operation, object): CallOf<'_>, kind: ErrorKind, why: &'static str) -> StorageError {
    let object = object.to_owned();
    StorageError { kind, temporary: false, operation, object, source: Some(why.into()) }
}

fn refused_name((operation, object): CallOf<'_>, reason: NameError) -> StorageError {
    let (kind, object) = (ErrorKind::Configuration, object.to_owned());
    StorageError { kind, temporary: false, operation, object, source: Some(reason.into()) }
}

fn join(parts: Vec<Bytes>) -> Bytes {
    if let [only] = parts.as_slice() {
        return only.clone();
    }
    let mut whole = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    for part in parts {
        whole.extend_from_slice(&part);
    }
    whole.freeze()
}

impl Storage for PluginStorage {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            check_name(name).map_err(|reason| refused_name(("put", name), reason))?;
            self.put_object(name, bytes).await
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            check_name(name).map_err(|reason| refused_name(("read", name), reason))?;
            self.read_object(name, range).await
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let of = ("list", prefix);
        let begin = async move {
            check_prefix(prefix).map_err(|reason| refused_name(of, reason))?;
            let request = Request::List { prefix: prefix.to_owned() };
            let mut call = self.open(&request).await.map_err(|e| self.failure(e, of))?;
            call.answer().await.map_err(|e| self.failure(e, of))?;
            let batches = stream::try_unfold(call, move |mut call| async move {
                let batch = self.next_batch(&mut call, prefix).await?;
                Ok(batch.map(|batch| (stream::iter(batch.into_iter().map(Ok)), call)))
            });
            Ok::<_, StorageError>(batches.try_flatten())
        };
        stream::once(begin).try_flatten().boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let of = ("delete", name);
            check_name(name).map_err(|reason| refused_name(of, reason))?;
            match self.simple(Request::Delete { name: name.to_owned() }, of).await {
                Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
                done => done.map(drop),
            }
        })
    }

    /// Until the plugin was started, one call at a time and nothing promised.
    fn capabilities(&self) -> Capabilities {
        let ability =
            self.known().about.as_ref().map_or_else(Ability::default, |about| about.ability);
        let parallel = usize::try_from(ability.parallel).unwrap_or(1);
        Capabilities {
            parallel,
            uploads: parallel.clamp(1, UPLOADS_MAX),
            atomic_put: ability.atomic_put,
        }
    }
}

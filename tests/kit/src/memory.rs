//! A store in memory that a test can look into, copy and damage.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{
    Capabilities, Listed, OBJECT_BYTES_MAX, Storage, check_name, check_prefix,
};

/// Objects in a sorted map. Every call is done when it returns; nothing depends on time or order.
#[derive(Debug, Default)]
pub struct MemoryStorage(Mutex<BTreeMap<String, Bytes>>);

impl MemoryStorage {
    /// An empty store.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The names of all objects, sorted.
    pub fn names(&self) -> Vec<String> {
        self.objects().keys().cloned().collect()
    }

    /// The names of the objects in a folder (`"packs/"`), sorted.
    pub fn names_in(&self, prefix: &str) -> Vec<String> {
        self.objects().keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// The bytes of an object.
    pub fn get(&self, name: &str) -> Option<Bytes> {
        self.objects().get(name).cloned()
    }

    /// Places an object without asking whether its name is allowed: for damage and foreign objects.
    pub fn set(&self, name: &str, bytes: impl Into<Bytes>) {
        self.objects().insert(name.to_owned(), bytes.into());
    }

    /// Takes an object away; whether it was there.
    pub fn remove(&self, name: &str) -> bool {
        self.objects().remove(name).is_some()
    }

    /// Flips bits of one byte; whether there is such a byte.
    pub fn flip(&self, name: &str, position: usize, mask: u8) -> bool {
        let mut objects = self.objects();
        let Some(bytes) = objects.get_mut(name) else { return false };
        let mut changed = bytes.to_vec();
        let Some(byte) = changed.get_mut(position) else { return false };
        *byte ^= mask;
        *bytes = changed.into();
        true
    }

    /// All bytes of all objects.
    pub fn total_bytes(&self) -> u64 {
        self.objects().values().map(size_of_object).sum()
    }

    /// Another store with the same objects.
    pub fn copy(&self) -> Arc<Self> {
        Arc::new(Self(Mutex::new(self.objects().clone())))
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_now(&self, name: &str, bytes: Bytes) -> Result<(), StorageError> {
        let error = |kind| error(kind, "put", name);
        check_name(name).map_err(|_| error(ErrorKind::Configuration))?;
        if size_of_object(&bytes) > OBJECT_BYTES_MAX {
            return Err(error(ErrorKind::Unsupported));
        }
        self.objects().insert(name.to_owned(), bytes);
        Ok(())
    }

    fn read_now(&self, name: &str, range: Option<Range<u64>>) -> Result<Bytes, StorageError> {
        let error = |kind| error(kind, "read", name);
        check_name(name).map_err(|_| error(ErrorKind::Configuration))?;
        let bytes = self.get(name).ok_or_else(|| error(ErrorKind::NotFound))?;
        let range = range.unwrap_or(0..size_of_object(&bytes));
        let within = range.start <= range.end && range.end <= size_of_object(&bytes);
        let (true, Ok(start), Ok(end)) =
            (within, usize::try_from(range.start), usize::try_from(range.end))
        else {
            return Err(error(ErrorKind::Protocol));
        };
        Ok(bytes.slice(start..end))
    }

    fn list_now(&self, prefix: &str) -> Vec<Result<Listed, StorageError>> {
        if check_prefix(prefix).is_err() {
            return vec![Err(error(ErrorKind::Configuration, "list", prefix))];
        }
        let inside = |name: &str| name.strip_prefix(prefix).is_some_and(|file| !file.contains('/'));
        self.objects()
            .iter()
            .filter(|(name, _)| inside(name))
            .map(|(name, bytes)| Ok(Listed { name: name.clone(), size: size_of_object(bytes) }))
            .collect()
    }

    fn delete_now(&self, name: &str) -> Result<(), StorageError> {
        check_name(name).map_err(|_| error(ErrorKind::Configuration, "delete", name))?;
        self.objects().remove(name);
        Ok(())
    }
}

fn size_of_object(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).expect("a usize has at most 64 bits")
}

fn error(kind: ErrorKind, operation: &'static str, object: &str) -> StorageError {
    StorageError { kind, temporary: false, operation, object: object.to_owned(), source: None }
}

impl Storage for MemoryStorage {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { self.put_now(name, bytes) })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move { self.read_now(name, range) })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        // The listing is taken when the stream is first asked, like a request that is sent then.
        stream::once(async move { stream::iter(self.list_now(prefix)) }).flatten().boxed()
    }

    fn folders(&self) -> BoxFuture<'_, Result<Option<BTreeSet<String>>, StorageError>> {
        Box::pin(async move {
            let folder = |name: &String| name.split_once('/').map(|(folder, _)| folder.to_owned());
            Ok(Some(self.objects().keys().filter_map(folder).collect()))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { self.delete_now(name) })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { parallel: 4, uploads: 1, atomic_put: true }
    }
}

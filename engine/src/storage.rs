//! The port to whatever holds the objects: local disk, S3, WebDAV, a plugin.

mod names;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::Range;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::error::StorageError;

pub use self::names::{NameError, PART_BYTES_MAX, check_name, check_prefix};

/// Larger objects are refused by every store, in both directions: some stores hold a whole upload in memory.
pub const OBJECT_BYTES_MAX: u64 = 64 << 20;

/// A store of write-once objects. `tests/conformance` defines it; every implementation passes that suite.
///
/// Names are `[0-9a-z.-]` with at most one `/`; objects have at most 64 MiB. The engine never overwrites, renames or
/// appends, and relies on nothing but read-after-write and list-after-write.
pub trait Storage: Send + Sync + Debug {
    /// Stores an object. Complete or not at all where the store can; durable when it returns.
    ///
    /// A name is never used again for other bytes, so repeating a call is harmless.
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>>;

    /// The whole object, or exactly the given range of it.
    ///
    /// A range beyond the end is an error of kind [`Protocol`](crate::error::ErrorKind::Protocol).
    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>>;

    /// Names and sizes of the objects in a folder (`"packs/"`), or at the top (`""`), in no promised order.
    ///
    /// A folder that does not exist is empty. Leftovers of interrupted writes are not listed.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>>;

    /// Which folders have objects, if the store tells all of them with one request; a folder that it leaves out is empty.
    ///
    /// As fresh as [`list`](Self::list). `None` where a folder may be there without objects, or the answer costs more.
    fn folders(&self) -> BoxFuture<'_, Result<Option<BTreeSet<String>>, StorageError>> {
        Box::pin(async { Ok(None) })
    }

    /// Returns when the listings of every client show what this one has put. At once where listings are never late.
    fn settle(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async { Ok(()) })
    }

    /// Removes an object; a missing one is fine.
    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>>;

    /// What this store can do beyond the contract.
    fn capabilities(&self) -> Capabilities;
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its full name, folder included.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What a store can do beyond the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// How many calls are worth having in flight at once.
    pub parallel: usize,
    /// How many whole packs are worth having on their way at once; each of them is held in memory. 0: packs are put in
    /// place by the thread that stores, one after the other, without threads of their own.
    pub uploads: usize,
    /// Whether an interrupted `put` can never be seen half done.
    pub atomic_put: bool,
}

//! The contract of [`Storage`], as checks that any store can be put to: this suite is the definition of the port.
//!
//! [`run`] needs an empty store, which it leaves empty: every check begins with nothing and removes what it put, whether
//! it passed or failed. A store that holds anything is refused untouched, because it may be a repository. What a store
//! says that it cannot do ([`Capabilities::atomic_put`]) is not held against it.

mod checks;
mod large;
mod parallel;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::StorageError;
use heirloom_engine::repository::{Capabilities, Listed, Storage, check_name};
use tokio::time::Instant;

use self::words::Verdict;

type Store = Arc<dyn Storage>;
type Check = fn(Store) -> BoxFuture<'static, Verdict>;

/// Calls that are made at once where the order does not matter; more would be rude to a small server.
const PARALLEL_MAX: usize = 16;

/// Folders that are looked into before anything is put: those of a repository, and those of the checks.
const FOLDERS: [&str; 15] = [
    "",
    "keys/",
    "sessions/",
    "packs/",
    "index/",
    "snapshots/",
    "fences/",
    "tombstones/",
    "condemned/",
    "a/",
    "a-/",
    "b/",
    "bb/",
    "fresh/",
    "many/",
];

macro_rules! checks {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$((stringify!($name), {
            const CHECK: Check = |store| Box::pin($module::$name(store));
            CHECK
        })),*]
    };
}

/// The first ones find a store in which nothing was ever put.
const CHECKS: &[(&str, Check)] = checks![
    checks::a_missing_folder_is_empty,
    checks::deleting_a_missing_object_is_fine,
    checks::a_missing_object_is_not_found,
    checks::what_was_put_is_read_listed_and_deleted,
    checks::an_empty_object_is_an_object,
    checks::ranges_are_exact,
    checks::a_range_beyond_the_end_is_an_error,
    checks::an_object_may_be_put_again,
    checks::a_listing_is_one_level_deep,
    checks::names_at_the_limit_are_kept,
    checks::other_names_are_refused,
    parallel::many_calls_at_once_do_not_disturb_each_other,
    parallel::a_long_listing_is_complete_and_has_sizes,
    parallel::a_reader_never_sees_a_torn_object,
    large::an_object_of_9_mib_survives,
    large::an_object_above_the_limit_is_refused,
];

/// What came of one check.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// A sentence about the store, with underscores.
    pub name: &'static str,
    /// Nothing, or what the store did instead.
    pub result: Result<(), String>,
    /// How long the check took, its cleaning up included.
    pub took: Duration,
}

/// How many checks [`run`] makes.
pub fn check_count() -> usize {
    CHECKS.len()
}

/// Puts a store to every check, and tells each outcome as soon as it is known.
///
/// Ends early, with a failed outcome, if the store is not empty at the start or if a check cannot clean up after itself.
pub async fn run(store: Store, on: &mut (dyn FnMut(&Outcome) + Send)) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut tell = |outcome: Outcome| {
        on(&outcome);
        outcomes.push(outcome);
    };
    let started = Instant::now();
    if let Err(broken) = expect_nothing(&store).await {
        let result = Err(broken.to_string());
        tell(Outcome { name: "the_store_is_empty", result, took: started.elapsed() });
        return outcomes;
    }
    for (name, check) in CHECKS {
        let started = Instant::now();
        let tracked = Tracked::new(Arc::clone(&store));
        let found = check(Arc::<Tracked>::clone(&tracked)).await;
        let cleaned = tracked.remove_all().await;
        let is_clean = cleaned.is_ok();
        let result = found.and(cleaned).map_err(|broken| broken.to_string());
        tell(Outcome { name, result, took: started.elapsed() });
        if !is_clean {
            break;
        }
    }
    outcomes
}

/// Lists everything that can be listed, and asks for what marks a repository.
async fn expect_nothing(store: &Store) -> Verdict {
    for folder in FOLDERS {
        if let Some(object) = store.list(folder).try_next().await? {
            return Err(format!("it holds {}; only an empty store is tested", object.name).into());
        }
    }
    words::expect_missing(store.read("heirloom.json", None).await)
}

/// Passes everything on and remembers what there may be to remove.
#[derive(Debug)]
struct Tracked {
    inner: Store,
    put: Mutex<BTreeSet<String>>,
}

impl Tracked {
    fn new(inner: Store) -> Arc<Self> {
        Arc::new(Self { inner, put: Mutex::default() })
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.put.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deleting what is gone already is fine, so a name counts as put even if the put failed.
    async fn remove_all(&self) -> Verdict {
        let names: Vec<String> = self.names().iter().cloned().collect();
        let deletes = stream::iter(names).map(|name| async move {
            self.inner.delete(&name).await.map_err(|error| words::during("cleaning up", &error))
        });
        let parallel = self.capabilities().parallel.clamp(1, PARALLEL_MAX);
        deletes.buffer_unordered(parallel).try_collect().await
    }
}

impl Storage for Tracked {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        if check_name(name).is_ok() {
            self.names().insert(name.to_owned());
        }
        self.inner.put(name, bytes)
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        self.inner.read(name, range)
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        self.inner.list(prefix)
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        self.inner.delete(name)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

#[cfg(test)]
mod tests;

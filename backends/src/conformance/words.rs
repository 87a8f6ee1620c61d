//! What a check says about a store that fails it, and the comparisons that several checks make.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::{self, Debug};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::stream::TryStreamExt as _;
use heirloom_engine::error::{ErrorKind, StorageError};

use super::Store;

/// How a check ends.
pub(super) type Verdict<T = ()> = Result<T, Broken>;

/// What the store did instead of keeping its contract, in words for whoever wrote it.
#[derive(Debug)]
pub(super) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Broken {
    fn from(words: String) -> Self {
        Self(words)
    }
}

impl From<StorageError> for Broken {
    fn from(error: StorageError) -> Self {
        Self(with_sources(&error))
    }
}

/// An error in the course of something.
pub(super) fn during(what: &str, error: &StorageError) -> Broken {
    Broken(format!("{what}: {}", with_sources(error)))
}

fn with_sources(error: &StorageError) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        words = format!("{words}: {source}");
        next = source.source();
    }
    words
}

/// Fails with these words unless it holds.
pub(super) fn ensure(holds: bool, words: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Broken(words())) }
}

/// The store must refuse for good, and for this reason.
pub(super) fn expect_kind<T>(result: Result<T, StorageError>, kind: ErrorKind) -> Verdict {
    match result {
        Err(error) if error.kind == kind && !error.temporary => Ok(()),
        Err(error) => {
            let lasting = if error.temporary { "a temporary" } else { "a lasting" };
            let words = with_sources(&error);
            Err(Broken(format!("expected a lasting {kind:?}, got {lasting} one: {words}")))
        }
        Ok(_) => Err(Broken(format!("expected {kind:?}, but it succeeded"))),
    }
}

/// There must be no such object.
pub(super) fn expect_missing<T>(result: Result<T, StorageError>) -> Verdict {
    expect_kind(result, ErrorKind::NotFound)
}

/// The same, with what was tried.
pub(super) fn trying(what: impl Debug, verdict: Verdict) -> Verdict {
    verdict.map_err(|Broken(words)| Broken(format!("{what:?}: {words}")))
}

/// The whole object must be these bytes.
pub(super) async fn expect_bytes(store: &Store, name: &str, expected: &[u8]) -> Verdict {
    let read = store.read(name, None).await?;
    ensure(read == expected, || {
        format!("{name} has {} bytes or other ones, expected {}", read.len(), expected.len())
    })
}

/// A folder must hold these objects and no others.
pub(super) async fn expect_listing(
    store: &Store,
    prefix: &str,
    expected: &[(&str, u64)],
) -> Verdict {
    let listed: Vec<_> = store.list(prefix).try_collect().await?;
    let count = listed.len();
    let found: BTreeMap<String, u64> = listed.into_iter().map(|o| (o.name, o.size)).collect();
    ensure(found.len() == count, || format!("a name is listed twice in {prefix:?}"))?;
    let expected: BTreeMap<String, u64> =
        expected.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
    let lacks = |a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>| {
        let differing = a.iter().filter(|(name, size)| b.get(*name) != Some(size));
        differing.take(5).map(|(name, size)| format!("{name} {size}")).collect::<Vec<_>>()
    };
    ensure(found == expected, || {
        let (wrong, missing) = (lacks(&found, &expected), lacks(&expected, &found));
        format!("{prefix:?} lists {wrong:?}, expected {missing:?}")
    })
}

/// Bytes without a pattern, the same for the same seed; the generator is `SplitMix64`.
pub(super) fn noise(seed: u64, count: usize) -> Bytes {
    let mut bytes = BytesMut::with_capacity(count + 8);
    let mut state = seed;
    while bytes.len() < count {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.put_u64(mixed ^ (mixed >> 31));
    }
    bytes.truncate(count);
    bytes.freeze()
}

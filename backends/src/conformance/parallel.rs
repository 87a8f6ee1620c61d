//! Checks with many calls at once.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::ErrorKind;

use super::words::{Broken, Verdict, ensure, expect_bytes, expect_listing, noise};
use super::{PARALLEL_MAX, Store};

/// One more page than a listing of S3 or Google Drive has, which is 1,000 objects.
const LISTED: u64 = 1_100;

const TORN_BYTES: usize = 1 << 20;
const TORN_PUTS: usize = 12;

const CLIENTS: u64 = 16;
const OBJECTS_PER_CLIENT: u64 = 6;

pub(super) async fn a_long_listing_is_complete_and_has_sizes(store: Store) -> Verdict {
    let objects: Vec<(String, u64)> =
        (0..LISTED).map(|n| (format!("many/{n:04}"), n % 7)).collect();
    let puts = stream::iter(objects.clone()).map(|(name, size)| {
        let (store, bytes) = (&store, Bytes::from_static(b"xxxxxxx"));
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(bytes.len());
        async move { store.put(&name, bytes.slice(..size)).await }
    });
    let parallel = store.capabilities().parallel.clamp(1, PARALLEL_MAX);
    puts.buffer_unordered(parallel).try_collect::<()>().await?;
    let expected: Vec<_> = objects.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    expect_listing(&store, "many/", &expected).await
}

/// Reads and listings run while an object is put again and again: missing or whole, never in between. Where a put need
/// not be atomic, a reader may fail or see a beginning while it lasts; afterwards the object is whole.
pub(super) async fn a_reader_never_sees_a_torn_object(store: Store) -> Verdict {
    let bytes = noise(7, TORN_BYTES);
    let done = AtomicBool::new(false);
    let writer = async {
        let written = put_again_and_again(&store, &bytes).await;
        done.store(true, Ordering::Release);
        written
    };
    let reader = async {
        let strict = store.capabilities().atomic_put;
        let mut was_there = false;
        loop {
            // A store that never waits would let the writer wait for ever.
            tokio::task::yield_now().await;
            // Asked first, so that the last look comes after the last put.
            let at_rest = done.load(Ordering::Acquire);
            let view = look(&store, &bytes, strict || at_rest).await;
            match view {
                Ok(there) if there || !(was_there && strict) => was_there |= there,
                Ok(_) => return Err(Broken::from("an object that was put is missing".to_owned())),
                Err(_) if !strict && !at_rest => {}
                Err(broken) => return Err(broken),
            }
            if at_rest {
                return ensure(was_there, || "the object is missing".to_owned());
            }
        }
    };
    let (written, read) = futures::join!(writer, reader);
    written.and(read)
}

async fn put_again_and_again(store: &Store, bytes: &Bytes) -> Verdict {
    for _ in 0..TORN_PUTS {
        store.put("packs/a", bytes.clone()).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Whether the object is there; if so, it is whole, or only a beginning of it where that is permitted.
async fn look(store: &Store, bytes: &Bytes, strict: bool) -> Verdict<bool> {
    let there = match store.read("packs/a", None).await {
        Ok(read) => {
            let fits = if strict { read == bytes } else { bytes.starts_with(&read) };
            ensure(fits, || format!("a read gave {} bytes or the wrong ones", read.len()))?;
            true
        }
        Err(error) if error.kind == ErrorKind::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    for listed in store.list("packs/").try_collect::<Vec<_>>().await? {
        let whole = u64::try_from(TORN_BYTES) == Ok(listed.size);
        ensure(listed.name == "packs/a" && (whole || !strict), || format!("listed: {listed:?}"))?;
    }
    let leftovers = store.list("").try_collect::<Vec<_>>().await?;
    ensure(leftovers.is_empty(), || format!("a leftover is listed: {leftovers:?}"))?;
    Ok(there)
}

pub(super) async fn many_calls_at_once_do_not_disturb_each_other(store: Store) -> Verdict {
    try_join_all((0..CLIENTS).map(|client| work_as(&store, client))).await?;
    let left = store.list("packs/").try_collect::<Vec<_>>().await?.len();
    // Of each client's objects, every third is deleted again.
    let expected = CLIENTS * (OBJECTS_PER_CLIENT - OBJECTS_PER_CLIENT.div_ceil(3));
    ensure(u64::try_from(left) == Ok(expected), || {
        format!("{left} objects are listed instead of {expected}")
    })
}

async fn work_as(store: &Store, client: u64) -> Verdict {
    for object in 0..OBJECTS_PER_CLIENT {
        let name = format!("packs/{client:02}.{object:02}");
        let seed = client * OBJECTS_PER_CLIENT + object;
        let size = usize::try_from(seed * 7919 % (64 << 10)).unwrap_or_default();
        let bytes = noise(seed, size);
        store.put(&name, bytes.clone()).await?;
        expect_bytes(store, &name, &bytes).await?;
        if object % 3 == 0 {
            store.delete(&name).await?;
        }
    }
    Ok(())
}

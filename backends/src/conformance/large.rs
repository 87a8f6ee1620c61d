//! Checks with objects that are too large to be a habit.

use bytes::Bytes;
use heirloom_engine::error::ErrorKind;
use heirloom_engine::repository::OBJECT_BYTES_MAX;

use super::Store;
use super::checks::to_u64;
use super::words::{Broken, Verdict, ensure, expect_bytes, expect_kind, expect_listing, noise};

/// More than the parts of 5 or 8 MiB in which many stores take uploads.
pub(super) async fn an_object_of_9_mib_survives(store: Store) -> Verdict {
    let bytes = noise(9, 9 << 20);
    store.put("packs/9", bytes.clone()).await?;
    expect_bytes(&store, "packs/9", &bytes).await?;
    let tail = bytes.len() - 1000..bytes.len();
    let read = store.read("packs/9", Some(to_u64(&tail))).await?;
    ensure(read == bytes.slice(tail), || "the tail differs".to_owned())?;
    expect_listing(&store, "packs/", &[("packs/9", 9 << 20)]).await
}

pub(super) async fn an_object_above_the_limit_is_refused(store: Store) -> Verdict {
    let size = usize::try_from(OBJECT_BYTES_MAX)
        .map_err(|_too_large| Broken::from("this machine cannot hold such an object".to_owned()))?;
    // No two parts are alike, which shows those that changed places.
    let part = noise(64, 1 << 20);
    let mut bytes = Vec::with_capacity(size + 1);
    for turn in 0..64 {
        bytes.extend_from_slice(&part.slice(turn..));
        bytes.extend_from_slice(&part.slice(..turn));
    }
    bytes.truncate(size);
    bytes.push(0);
    let bytes = Bytes::from(bytes);
    store.put("packs/a", bytes.slice(..size)).await?;
    expect_bytes(&store, "packs/a", &bytes.slice(..size)).await?;
    expect_kind(store.put("packs/b", bytes).await, ErrorKind::Unsupported)?;
    expect_listing(&store, "packs/", &[("packs/a", OBJECT_BYTES_MAX)]).await
}

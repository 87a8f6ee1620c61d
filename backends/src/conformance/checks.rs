//! Checks of single calls: what goes in comes out, and what must fail fails in the right way.

use std::ops::Range;

use bytes::Bytes;
use futures::stream::TryStreamExt as _;
use heirloom_engine::error::ErrorKind;
use heirloom_engine::repository::PART_BYTES_MAX;

use super::Store;
use super::words::{
    Verdict, ensure, expect_bytes, expect_kind, expect_listing, expect_missing, noise, trying,
};

pub(super) async fn what_was_put_is_read_listed_and_deleted(store: Store) -> Verdict {
    for name in ["heirloom.json", "packs/00ff", "index/00ff.0"] {
        store.put(name, Bytes::copy_from_slice(name.as_bytes())).await?;
    }
    for name in ["heirloom.json", "packs/00ff", "index/00ff.0"] {
        expect_bytes(&store, name, name.as_bytes()).await?;
    }
    expect_listing(&store, "packs/", &[("packs/00ff", 10)]).await?;
    store.delete("packs/00ff").await?;
    expect_listing(&store, "packs/", &[]).await?;
    expect_missing(store.read("packs/00ff", None).await)?;
    expect_listing(&store, "index/", &[("index/00ff.0", 12)]).await
}

pub(super) async fn an_empty_object_is_an_object(store: Store) -> Verdict {
    store.put("fences/00", Bytes::new()).await?;
    expect_bytes(&store, "fences/00", b"").await?;
    expect_listing(&store, "fences/", &[("fences/00", 0)]).await
}

pub(super) async fn ranges_are_exact(store: Store) -> Verdict {
    let bytes = noise(1, 100_000);
    store.put("packs/a", bytes.clone()).await?;
    for range in [0..1, 0..100_000, 1..2, 4095..8193, 65_535..65_537, 99_999..100_000] {
        let read = store.read("packs/a", Some(to_u64(&range))).await?;
        ensure(read == bytes.slice(range.clone()), || {
            format!("{range:?} gave {} bytes or the wrong ones", read.len())
        })?;
    }
    for empty in [0..0, 50_000..50_000, 100_000..100_000] {
        let read = store.read("packs/a", Some(empty.clone())).await?;
        ensure(read.is_empty(), || format!("{empty:?} gave {} bytes", read.len()))?;
    }
    Ok(())
}

/// Positions in memory as positions in an object.
pub(super) fn to_u64(range: &Range<usize>) -> Range<u64> {
    let wide = |at| u64::try_from(at).unwrap_or(u64::MAX);
    wide(range.start)..wide(range.end)
}

pub(super) async fn a_range_beyond_the_end_is_an_error(store: Store) -> Verdict {
    store.put("packs/a", Bytes::from_static(b"0123456789")).await?;
    let backwards = Range { start: 5, end: 4 };
    for range in [0..11, 10..11, 11..11, 9..u64::MAX, 1000..1001, backwards] {
        let read = store.read("packs/a", Some(range.clone())).await;
        trying(range, expect_kind(read, ErrorKind::Protocol))?;
    }
    Ok(())
}

pub(super) async fn an_object_may_be_put_again(store: Store) -> Verdict {
    for _ in 0..3 {
        store.put("packs/a", Bytes::from_static(b"the same")).await?;
    }
    expect_bytes(&store, "packs/a", b"the same").await?;
    expect_listing(&store, "packs/", &[("packs/a", 8)]).await?;
    store.delete("packs/a").await?;
    expect_listing(&store, "packs/", &[]).await?;
    store.put("packs/a", Bytes::from_static(b"the same")).await?;
    expect_bytes(&store, "packs/a", b"the same").await?;
    expect_listing(&store, "packs/", &[("packs/a", 8)]).await
}

pub(super) async fn a_missing_object_is_not_found(store: Store) -> Verdict {
    for _ in 0..2 {
        for name in ["heirloom.json", "fresh/a", "fresh"] {
            for range in [None, Some(0..1), Some(0..0)] {
                trying((name, &range), expect_missing(store.read(name, range.clone()).await))?;
            }
        }
        // The second round asks a store, and a folder, that exist.
        store.put("fresh/b", Bytes::from_static(b"b")).await?;
    }
    Ok(())
}

pub(super) async fn deleting_a_missing_object_is_fine(store: Store) -> Verdict {
    trying("without its folder", store.delete("b/a").await.map_err(Into::into))?;
    store.put("b/b", Bytes::from_static(b"b")).await?;
    trying("with its folder", store.delete("b/a").await.map_err(Into::into))?;
    store.delete("b/b").await?;
    trying("a second time", store.delete("b/b").await.map_err(Into::into))
}

pub(super) async fn a_missing_folder_is_empty(store: Store) -> Verdict {
    expect_listing(&store, "", &[]).await?;
    expect_listing(&store, "packs/", &[]).await?;
    store.put("index/a", Bytes::new()).await?;
    expect_listing(&store, "", &[]).await?;
    expect_listing(&store, "packs/", &[]).await
}

pub(super) async fn a_listing_is_one_level_deep(store: Store) -> Verdict {
    // No name is a folder's in one check and an object's in another: stores keep empty folders.
    for name in ["x", "b/c", "b/d", "b.e", "bb/f"] {
        store.put(name, Bytes::from_static(b"12345")).await?;
    }
    expect_listing(&store, "", &[("x", 5), ("b.e", 5)]).await?;
    expect_listing(&store, "b/", &[("b/c", 5), ("b/d", 5)]).await?;
    for prefix in ["b", "/", "b/c", "../", "b//", ".tmp/"] {
        let listed = store.list(prefix).try_collect::<Vec<_>>().await;
        trying(prefix, expect_kind(listed, ErrorKind::Configuration))?;
    }
    Ok(())
}

pub(super) async fn names_at_the_limit_are_kept(store: Store) -> Verdict {
    let (long, other) = ("a".repeat(PART_BYTES_MAX), "b".repeat(PART_BYTES_MAX));
    let deep = format!("{long}/{long}");
    let names = [other.as_str(), &deep, "0", "a/b", "a-/-.-"];
    for name in names {
        let put = store.put(name, Bytes::copy_from_slice(name.as_bytes())).await;
        trying(name, put.map_err(Into::into))?;
    }
    for name in names {
        expect_bytes(&store, name, name.as_bytes()).await?;
    }
    expect_listing(&store, "", &[(other.as_str(), 128), ("0", 1)]).await?;
    expect_listing(&store, &format!("{long}/"), &[(deep.as_str(), 257)]).await
}

pub(super) async fn other_names_are_refused(store: Store) -> Verdict {
    let long = "a".repeat(PART_BYTES_MAX + 1);
    for name in [
        "", "/", "/a", "a/", "a//b", "a/b/c", ".", "..", "../a", "a/..", "./a", ".tmp/a", "A",
        "a b", " a", "a ", "a_b", "a\\b", "a\0", "a\n", "a%2f", "ä", &long,
    ] {
        let refused = |result| trying(name, expect_kind(result, ErrorKind::Configuration));
        refused(store.put(name, Bytes::new()).await)?;
        refused(store.read(name, None).await.map(drop))?;
        refused(store.delete(name).await)?;
    }
    expect_listing(&store, "", &[]).await
}

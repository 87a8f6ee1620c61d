//! The contract of [`Storage`], as checks that every store passes.
//!
//! Each check gets a fresh, empty store. A failing check is named; the others still run.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::Bytes;
use futures::future::{BoxFuture, try_join_all};
use futures::stream::TryStreamExt as _;
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{OBJECT_BYTES_MAX, PART_BYTES_MAX, Storage};

use crate::{Random, block_on};

type Store = Arc<dyn Storage>;
type Check = fn(Store) -> BoxFuture<'static, Result<()>>;

macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), (|store| Box::pin($name(store))) as Check)),*]
    };
}

const CHECKS: &[(&str, Check)] = checks![
    what_was_put_is_read_listed_and_deleted,
    an_empty_object_is_an_object,
    an_object_of_33_mib_survives,
    ranges_are_exact,
    a_range_beyond_the_end_is_an_error,
    an_object_may_be_put_again,
    a_missing_object_is_not_found,
    deleting_a_missing_object_is_fine,
    a_missing_folder_is_empty,
    a_listing_is_one_level_deep,
    a_long_listing_is_complete_and_has_sizes,
    names_at_the_limit_are_kept,
    other_names_are_refused,
    an_object_above_the_limit_is_refused,
    a_reader_never_sees_a_torn_object,
    many_calls_at_once_do_not_disturb_each_other,
];

/// Runs every check on a store of its own.
pub fn storage_conformance(make: impl Fn() -> Result<Store>) -> Result<()> {
    let mut failures = Vec::new();
    for (name, check) in CHECKS {
        if let Err(error) = make().and_then(|store| block_on(check(store))) {
            failures.push(format!("{name}: {error:#}"));
        }
    }
    ensure!(failures.is_empty(), "the store breaks its contract:\n{}", failures.join("\n"));
    Ok(())
}

async fn what_was_put_is_read_listed_and_deleted(store: Store) -> Result<()> {
    for name in ["heirloom.json", "packs/00ff", "index/00ff.0"] {
        store.put(name, Bytes::copy_from_slice(name.as_bytes())).await?;
    }
    for name in ["heirloom.json", "packs/00ff", "index/00ff.0"] {
        ensure!(store.read(name, None).await? == name.as_bytes(), "{name} has other bytes");
    }
    expect_listing(&store, "packs/", &[("packs/00ff", 10)]).await?;
    store.delete("packs/00ff").await?;
    expect_listing(&store, "packs/", &[]).await?;
    expect_kind(store.read("packs/00ff", None).await, ErrorKind::NotFound)?;
    expect_listing(&store, "index/", &[("index/00ff.0", 12)]).await
}

async fn an_empty_object_is_an_object(store: Store) -> Result<()> {
    store.put("fences/00", Bytes::new()).await?;
    ensure!(store.read("fences/00", None).await?.is_empty(), "bytes came from nowhere");
    expect_listing(&store, "fences/", &[("fences/00", 0)]).await
}

async fn an_object_of_33_mib_survives(store: Store) -> Result<()> {
    let bytes = Bytes::from(Random::new(33).bytes(33 << 20));
    store.put("packs/33", bytes.clone()).await?;
    ensure!(store.read("packs/33", None).await? == bytes, "the bytes differ");
    let tail = (33 << 20) - 1000..33 << 20;
    let expected = bytes.slice(bytes.len() - 1000..);
    ensure!(store.read("packs/33", Some(tail)).await? == expected, "the tail differs");
    expect_listing(&store, "packs/", &[("packs/33", 33 << 20)]).await
}

async fn ranges_are_exact(store: Store) -> Result<()> {
    let bytes = Random::new(1).bytes(100_000);
    store.put("packs/a", bytes.clone().into()).await?;
    for range in [0..1, 0..100_000, 1..2, 4095..8193, 65_535..65_537, 99_999..100_000] {
        let read = store.read("packs/a", Some(range.clone())).await?;
        let expected = &bytes[usize::try_from(range.start)?..usize::try_from(range.end)?];
        ensure!(read == expected, "{range:?} gave {} bytes or the wrong ones", read.len());
    }
    for empty in [0..0, 50_000..50_000, 100_000..100_000] {
        let read = store.read("packs/a", Some(empty.clone())).await?;
        ensure!(read.is_empty(), "{empty:?} gave {} bytes", read.len());
    }
    Ok(())
}

async fn a_range_beyond_the_end_is_an_error(store: Store) -> Result<()> {
    store.put("packs/a", Bytes::from_static(b"0123456789")).await?;
    let backwards = std::ops::Range { start: 5, end: 4 };
    for range in [0..11, 10..11, 11..11, 9..u64::MAX, 1000..1001, backwards] {
        expect_kind(store.read("packs/a", Some(range.clone())).await, ErrorKind::Protocol)
            .with_context(|| format!("{range:?} of 10 bytes"))?;
    }
    Ok(())
}

async fn an_object_may_be_put_again(store: Store) -> Result<()> {
    for _ in 0..3 {
        store.put("packs/a", Bytes::from_static(b"the same")).await?;
    }
    ensure!(store.read("packs/a", None).await? == "the same", "the bytes differ");
    expect_listing(&store, "packs/", &[("packs/a", 8)]).await
}

async fn a_missing_object_is_not_found(store: Store) -> Result<()> {
    for _ in 0..2 {
        for name in ["heirloom.json", "packs/a", "packs"] {
            expect_kind(store.read(name, None).await, ErrorKind::NotFound).context(name)?;
            expect_kind(store.read(name, Some(0..1)).await, ErrorKind::NotFound).context(name)?;
            expect_kind(store.read(name, Some(0..0)).await, ErrorKind::NotFound).context(name)?;
        }
        // The second round asks a store, and a folder, that exist.
        store.put("packs/b", Bytes::from_static(b"b")).await?;
    }
    Ok(())
}

async fn deleting_a_missing_object_is_fine(store: Store) -> Result<()> {
    store.delete("packs/a").await.context("without its folder")?;
    store.put("packs/b", Bytes::from_static(b"b")).await?;
    store.delete("packs/a").await.context("with its folder")?;
    store.delete("packs/b").await?;
    store.delete("packs/b").await.context("a second time")
}

async fn a_missing_folder_is_empty(store: Store) -> Result<()> {
    expect_listing(&store, "", &[]).await?;
    expect_listing(&store, "packs/", &[]).await?;
    store.put("index/a", Bytes::new()).await?;
    expect_listing(&store, "", &[]).await?;
    expect_listing(&store, "packs/", &[]).await
}

async fn a_listing_is_one_level_deep(store: Store) -> Result<()> {
    for name in ["a", "b/c", "b/d", "b.e", "bb/f"] {
        store.put(name, Bytes::from_static(b"12345")).await?;
    }
    expect_listing(&store, "", &[("a", 5), ("b.e", 5)]).await?;
    expect_listing(&store, "b/", &[("b/c", 5), ("b/d", 5)]).await?;
    for prefix in ["b", "/", "b/c", "../", "b//", ".tmp/"] {
        expect_kind(store.list(prefix).try_collect::<Vec<_>>().await, ErrorKind::Configuration)
            .with_context(|| format!("listing of {prefix:?}"))?;
    }
    Ok(())
}

async fn a_long_listing_is_complete_and_has_sizes(store: Store) -> Result<()> {
    let expected: Vec<(String, u64)> =
        (0..2500_u64).map(|n| (format!("index/{n:04}"), n % 7)).collect();
    for part in expected.chunks(50) {
        let puts = part.iter().map(|(name, size)| {
            let bytes = vec![b'x'; usize::try_from(*size).expect("smaller than 7")];
            store.put(name, bytes.into())
        });
        try_join_all(puts).await?;
    }
    let expected: Vec<_> = expected.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    expect_listing(&store, "index/", &expected).await
}

async fn names_at_the_limit_are_kept(store: Store) -> Result<()> {
    let long = "a".repeat(PART_BYTES_MAX);
    let other = "b".repeat(PART_BYTES_MAX);
    let names =
        [other.clone(), format!("{long}/{long}"), "0".into(), "a/b".into(), "a-/-.-".into()];
    for name in &names {
        store.put(name, Bytes::copy_from_slice(name.as_bytes())).await.context(name.clone())?;
    }
    for name in &names {
        ensure!(store.read(name, None).await? == name.as_bytes(), "{name} has other bytes");
    }
    expect_listing(&store, "", &[(other.as_str(), 128), ("0", 1)]).await?;
    expect_listing(&store, &format!("{long}/"), &[(names[1].as_str(), 257)]).await
}

async fn other_names_are_refused(store: Store) -> Result<()> {
    let long = "a".repeat(PART_BYTES_MAX + 1);
    for name in [
        "", "/", "/a", "a/", "a//b", "a/b/c", ".", "..", "../a", "a/..", "./a", ".tmp/a", "A",
        "a b", " a", "a ", "a_b", "a\\b", "a\0", "a\n", "a%2f", "ä", &long,
    ] {
        expect_kind(store.put(name, Bytes::new()).await, ErrorKind::Configuration)
            .with_context(|| format!("put {name:?}"))?;
        expect_kind(store.read(name, None).await, ErrorKind::Configuration)
            .with_context(|| format!("read {name:?}"))?;
        expect_kind(store.delete(name).await, ErrorKind::Configuration)
            .with_context(|| format!("delete {name:?}"))?;
    }
    expect_listing(&store, "", &[]).await
}

async fn an_object_above_the_limit_is_refused(store: Store) -> Result<()> {
    let size = usize::try_from(OBJECT_BYTES_MAX)?;
    let bytes = Bytes::from(vec![0; size + 1]);
    store.put("packs/a", bytes.slice(..size)).await.context("exactly at the limit")?;
    ensure!(store.read("packs/a", None).await?.len() == size, "some of it is lost");
    expect_kind(store.put("packs/b", bytes).await, ErrorKind::Unsupported)?;
    expect_listing(&store, "packs/", &[("packs/a", OBJECT_BYTES_MAX)]).await
}

/// Readers and listings run while an object is put again and again: missing or whole, never in between.
async fn a_reader_never_sees_a_torn_object(store: Store) -> Result<()> {
    let bytes = Bytes::from(Random::new(7).bytes(1 << 20));
    let writer = {
        let (store, bytes) = (Arc::clone(&store), bytes.clone());
        tokio::spawn(async move {
            for _ in 0..30 {
                store.put("packs/a", bytes.clone()).await?;
            }
            Ok::<_, StorageError>(())
        })
    };
    let mut seen = 0;
    while !writer.is_finished() || seen == 0 {
        match store.read("packs/a", None).await {
            Ok(read) => {
                ensure!(read == bytes, "a read gave {} bytes or the wrong ones", read.len());
                seen += 1;
            }
            Err(error) if error.kind == ErrorKind::NotFound && seen == 0 => {}
            Err(error) => return Err(error.into()),
        }
        for listed in store.list("packs/").try_collect::<Vec<_>>().await? {
            ensure!(listed.name == "packs/a" && listed.size == 1 << 20, "listed: {listed:?}");
        }
        let leftovers = store.list("").try_collect::<Vec<_>>().await?;
        ensure!(leftovers.is_empty(), "a leftover is listed: {leftovers:?}");
    }
    Ok(writer.await??)
}

async fn many_calls_at_once_do_not_disturb_each_other(store: Store) -> Result<()> {
    let clients = (0..16_u64).map(|client| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut random = Random::new(client);
            for object in 0..12 {
                let name = format!("packs/{client:02}.{object:02}");
                let size = random.index(64 << 10);
                let bytes = Bytes::from(random.bytes(size));
                store.put(&name, bytes.clone()).await?;
                ensure!(store.read(&name, None).await? == bytes, "{name} has other bytes");
                if object % 3 == 0 {
                    store.delete(&name).await?;
                }
            }
            Ok(())
        })
    });
    for client in try_join_all(clients).await? {
        client?;
    }
    let left = store.list("packs/").try_collect::<Vec<_>>().await?.len();
    ensure!(left == 16 * 8, "{left} objects instead of 128");
    Ok(())
}

async fn expect_listing(store: &Store, prefix: &str, expected: &[(&str, u64)]) -> Result<()> {
    let listed: Vec<_> = store.list(prefix).try_collect().await?;
    let count = listed.len();
    let found: BTreeMap<String, u64> = listed.into_iter().map(|o| (o.name, o.size)).collect();
    ensure!(found.len() == count, "a name is listed twice in {prefix:?}");
    let expected = expected.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
    if found == expected {
        return Ok(());
    }
    let differs = |a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>| {
        a.iter()
            .filter(|(k, v)| b.get(*k) != Some(v))
            .take(5)
            .map(|(k, v)| format!("{k} {v}"))
            .collect::<Vec<_>>()
    };
    Err(anyhow!(
        "{prefix:?} lists {:?}, expected {:?}",
        differs(&found, &expected),
        differs(&expected, &found)
    ))
}

fn expect_kind<T: Debug>(result: Result<T, StorageError>, kind: ErrorKind) -> Result<()> {
    match result {
        Err(error) if error.kind == kind && !error.temporary => Ok(()),
        Err(error) => bail!("expected a lasting {kind:?}, got {error:?}"),
        Ok(_) => bail!("expected {kind:?}, but it succeeded"),
    }
}

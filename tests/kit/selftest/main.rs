//! The kit itself: a generator that skips, or a comparer that overlooks, would make every other suite blind.

mod dav;
mod proxy;
mod servers;

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use futures::stream::TryStreamExt as _;
use heirloom_engine::clock::{Clock as _, random};
use heirloom_engine::error::Problem;
use heirloom_engine::progress::{Counter, Progress as _};
use heirloom_engine::repository::Storage;
use heirloom_kit::{
    CollectedProgress, Compared, Counted, CountingStorage, Fault, FaultStorage, MemoryStorage,
    NodeKind, TestClock, TreePlan, TreeShape, assert_same_tree, block_on, tree_differences,
};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, XattrFlags, lsetxattr, utimensat};

#[test]
fn the_same_seed_gives_the_same_tree_and_another_seed_another() -> Result<()> {
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?];
    for (folder, seed) in folders.iter().zip([5, 5, 6]) {
        TreePlan::random(seed, TreeShape::of(300)).create(folder.path())?;
    }
    assert_same_tree(folders[0].path(), folders[1].path())?;
    assert!(assert_same_tree(folders[0].path(), folders[2].path()).is_err());
    Ok(())
}

#[test]
fn a_smaller_tree_is_the_beginning_of_a_larger_one() {
    let shape = TreeShape::of(100);
    let large = TreePlan::random(9, shape);
    let small = TreePlan::random(9, TreeShape { entries: 40, ..shape });
    assert_eq!(format!("{:?}", small.nodes), format!("{:?}", &large.nodes[..40]));
}

#[test]
fn a_tree_of_some_size_has_one_of_everything() {
    let plan = TreePlan::random(1, TreeShape { owners: true, ..TreeShape::of(600) });
    let has = |what: &dyn Fn(&heirloom_kit::Node) -> bool| plan.nodes.iter().any(what);
    assert!(has(&|n| matches!(n.kind, NodeKind::Folder)));
    assert!(has(&|n| matches!(n.kind, NodeKind::Fifo)));
    assert!(has(&|n| matches!(n.kind, NodeKind::Link(_))));
    assert!(has(&|n| matches!(n.kind, NodeKind::HardLink(_))));
    assert!(has(&|n| matches!(&n.kind, NodeKind::File(runs) if runs.is_empty())));
    assert!(has(
        &|n| matches!(&n.kind, NodeKind::File(runs) if runs.iter().any(|r| r.1.is_none()))
    ));
    assert!(has(&|n| n.path.to_str().is_none()));
    assert!(has(&|n| n.modified.0 < 0));
    assert!(has(&|n| n.mode & 0o7000 != 0));
    assert!(has(&|n| n.owner.is_some()));
    assert!(has(&|n| n.attributes.iter().any(|a| a.0.starts_with(b"system."))));
}

/// Changes one thing about the tree and returns what the comparer says.
fn noticed(change: impl FnOnce(&Path) -> Result<()>) -> Result<String> {
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    for folder in &folders {
        let root = folder.path();
        fs::create_dir(root.join("d"))?;
        fs::write(root.join("d/f"), "0123456789")?;
        fs::write(root.join("g"), "same")?;
        fs::hard_link(root.join("g"), root.join("h"))?;
        symlink("there", root.join("l"))?;
        let sparse = File::create(root.join("s"))?;
        sparse.set_len(1 << 20)?;
        for path in ["d/f", "g", "l", "s", "d"] {
            set_time(&root.join(path), 1000)?;
        }
    }
    assert_same_tree(folders[0].path(), folders[1].path())?;
    change(folders[1].path())?;
    let differences = tree_differences(folders[0].path(), folders[1].path(), Compared::default())?;
    Ok(differences.join("; "))
}

fn set_time(path: &Path, nanoseconds: i64) -> Result<()> {
    let time = Timespec { tv_sec: 1_700_000_000, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn rewrite(path: &Path, text: &str) -> Result<()> {
    File::options().write(true).open(path)?.write_all(text.as_bytes())?;
    set_time(path, 1000)
}

#[test]
fn the_comparer_notices_every_kind_of_change() -> Result<()> {
    let said = noticed(|root| rewrite(&root.join("d/f"), "01234X6789"))?;
    assert_eq!(said, "d/f: first different byte, None, Some(5)");
    let said = noticed(|root| set_time(&root.join("l"), 1001))?;
    assert_eq!(said, "l: mtime, (1700000000, 1000), (1700000000, 1001)");
    let said =
        noticed(|root| Ok(fs::set_permissions(root.join("d"), Permissions::from_mode(0o751))?))?;
    assert!(said.starts_with("d: mode,") && !said.contains(';'), "{said}");
    let said = noticed(|root| {
        fs::remove_file(root.join("h"))?;
        fs::copy(root.join("g"), root.join("h"))?;
        set_time(&root.join("h"), 1000)
    })?;
    assert_eq!(said, r#"h: hard link of, Some("g"), Some("h")"#);
    let said = noticed(|root| rewrite(&root.join("s"), "\0\0\0\0"))?;
    assert!(said.starts_with("s: holes,"), "{said}");
    let said = noticed(|root| {
        fs::remove_file(root.join("l"))?;
        symlink("elsewhere", root.join("l"))?;
        set_time(&root.join("l"), 1000)
    })?;
    assert_eq!(said, r#"l: target, "there", "elsewhere""#);
    let said = noticed(|root| Ok(fs::write(root.join("new"), "")?))?;
    assert_eq!(said, "new: only right");
    let said =
        noticed(|root| Ok(lsetxattr(root.join("d"), "user.test", b"1", XattrFlags::empty())?))?;
    assert!(said.starts_with("d: attributes,"), "{said}");
    let said = noticed(|root| {
        fs::remove_file(root.join("l"))?;
        Ok(fs::create_dir(root.join("l"))?)
    })?;
    assert_eq!(said, r#"l: kind, "link", "folder""#);
    Ok(())
}

async fn three_puts(store: &dyn Storage) -> usize {
    let mut succeeded = 0;
    for name in ["packs/a", "packs/b", "packs/c"] {
        succeeded += usize::from(store.put(name, Bytes::from_static(b"0123456789")).await.is_ok());
    }
    succeeded
}

#[test]
fn faults_strike_the_chosen_operation_in_the_chosen_way() {
    for (fault, succeeded, left) in [
        (Fault::Before { temporary: true }, 2, "packs/a packs/c"),
        (Fault::After { temporary: false }, 2, "packs/a packs/b packs/c"),
        (Fault::Torn { keep: 3 }, 2, "packs/a packs/b packs/c"),
        (Fault::KillBefore, 1, "packs/a"),
        (Fault::KillAfter, 1, "packs/a packs/b"),
        (Fault::KillTorn { keep: 3 }, 1, "packs/a packs/b"),
    ] {
        let memory = MemoryStorage::new();
        let store = FaultStorage::new(Arc::clone(&memory) as Arc<dyn Storage>, Counted::All);
        store.at(2, fault);
        assert_eq!(block_on(three_puts(&*store)), succeeded, "{fault:?}");
        assert_eq!(memory.names().join(" "), left, "{fault:?}");
        let torn = matches!(fault, Fault::Torn { .. } | Fault::KillTorn { .. });
        let bytes = memory.get("packs/b").map(|bytes| bytes.len());
        assert!(bytes.is_none_or(|bytes| bytes == if torn { 3 } else { 10 }), "{fault:?}");
        assert_eq!(store.is_dead(), format!("{fault:?}").starts_with("Kill"));
        assert_eq!(store.struck(), [format!("put packs/b: {fault:?}")]);
    }
}

#[test]
fn a_dead_client_can_do_nothing_and_reads_are_counted_only_when_asked() {
    let memory = MemoryStorage::new();
    let store = FaultStorage::new(memory, Counted::Changes);
    block_on(async {
        assert!(store.read("packs/a", None).await.is_err());
        assert_eq!(store.operations(), 0);
        store.at(1, Fault::KillAfter);
        assert!(store.delete("packs/a").await.is_err());
        assert!(store.read("packs/a", None).await.is_err_and(|error| !error.temporary));
        assert!(store.list("packs/").try_collect::<Vec<_>>().await.is_err());
        assert_eq!(store.operations(), 1);
    });
}

#[test]
fn calls_and_bytes_are_counted() {
    let store = CountingStorage::new(MemoryStorage::new());
    block_on(async {
        three_puts(&*store).await;
        store.read("packs/a", Some(2..5)).await.expect("it was put");
        store.delete("packs/a").await.expect("it is there");
    });
    let counts = store.counts();
    assert_eq!(
        (counts.puts, counts.put_bytes, counts.reads, counts.read_bytes, counts.deletes),
        (3, 30, 1, 3, 1)
    );
    assert_eq!(store.calls()[3..], ["read packs/a", "delete packs/a"]);
}

#[test]
fn two_seeds_give_two_series_of_ids_and_time_ticks_as_told() {
    let series = |seed| {
        let clock = TestClock::fixed(seed);
        (0..100).map(|_| random::<16>(&clock)).collect::<Vec<_>>()
    };
    assert_eq!(series(1), series(1));
    let all: BTreeSet<_> = series(1).into_iter().chain(series(2)).collect();
    assert_eq!(all.len(), 200);
    let clock = TestClock::ticking(10, 5, 0);
    clock.advance(100);
    assert_eq!([clock.now_ns(), clock.now_ns()], [110, 115]);
}

#[test]
fn problems_are_kept_with_their_causes() {
    let progress = CollectedProgress::cancelling_after(1);
    progress.add(Counter::Entries, 2);
    progress.add(Counter::Entries, 3);
    let source = std::io::Error::other("bad sector");
    progress.problem(&Problem::Unreadable { path: "a".into(), source });
    assert_eq!(progress.total(Counter::Entries), 5);
    assert_eq!(progress.total(Counter::StoredBytes), 0);
    assert_eq!(progress.problems(), ["cannot read a: bad sector"]);
    assert_eq!([progress.cancelled(), progress.cancelled()], [false, true]);
}

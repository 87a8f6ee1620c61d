//! Order, roots, and the limits of the walk.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use proptest::prelude::*;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

use super::*;
use crate::tree::Kind;

fn keys(walked: &Walked) -> Vec<Vec<u8>> {
    walked.found.iter().map(|found| found.key.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn keys_ascend_strictly_and_nothing_is_missing(
        paths in proptest::collection::btree_set("[ab\\-.\u{1}/]{1,7}", 1..24)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let top = key_from_path(folder.path());
        let mut expected: BTreeSet<Vec<u8>> = BTreeSet::new();
        for path in &paths {
            let path = folder.path().join(path.trim_start_matches('/'));
            // The system does not make `x/.` for a missing `x`.
            let path: PathBuf = path.components().collect();
            let key = key_from_path(&path);
            let dots = |name: &[u8]| name == b"..";
            if key.split(|byte| *byte == 0).any(dots) || fs::create_dir_all(&path).is_err() {
                continue;
            }
            // All ends of the key that are keys themselves.
            for (end, byte) in key.iter().enumerate() {
                if *byte == 0 && end > top.len() {
                    expected.insert(key[..end].to_vec());
                }
            }
            expected.insert(key);
        }
        let walked = walk_all(&[folder.path()]);
        let found = keys(&walked);
        prop_assert!(found.is_sorted_by(|a, b| a < b));
        expected.extend((0..=top.len()).filter(|end| *end == top.len() || top[*end] == 0)
            .map(|end| top[..end].to_vec()));
        prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

#[test]
fn folders_above_a_root_are_entries_without_their_other_content() {
    let folder = tree(&["a/b/file", "a/b/other", "a/x", "c"]);
    let at = |path: &str| folder.path().join(path);
    let walked = walk_all(&[&at("a/b/file")]);
    assert_eq!(walked.below(folder.path()), ["a", "a/b", "a/b/file"]);
    assert_eq!(
        walked.found[0].key,
        key_from_path(folder.path()).split(|b| *b == 0).next().unwrap()
    );
    assert!(walked.found.iter().rev().skip(1).all(|found| found.entry.kind == Kind::Folder));
    assert!(walked.found[0].entry.mtime_ns > 0);
}

#[test]
fn overlapping_roots_merge() {
    let folder = tree(&["a/b/file", "a/x", "c", "d/e"]);
    let at = |path: &str| folder.path().join(path);
    let walked =
        walk_all(&[&at("a/b"), &at("c"), &at("a"), &at("a/b/file"), &at("d/../c"), &at("./c")]);
    assert_eq!(walked.below(folder.path()), ["a", "a/b", "a/b/file", "a/x", "c"]);
}

#[test]
fn a_root_that_is_a_link_is_followed_only_with_a_slash() {
    let folder = tree(&["real/file"]);
    let link = folder.path().join("link");
    symlink("real", &link).unwrap();
    let walked = walk_all(&[&link]);
    assert_eq!(walked.below(folder.path()), ["link"]);
    assert_eq!(walked.take(&link).entry.kind, Kind::Symlink);

    let mut with_slash = link.clone().into_os_string();
    with_slash.push("/");
    let walked = walk_all(&[Path::new(&with_slash)]);
    assert_eq!(walked.below(folder.path()), ["link", "link/file"]);
    assert_eq!(walked.take(&link).entry.kind, Kind::Folder);
    // Also if the folder with the link is a root itself.
    let walked = walk_all(&[folder.path(), Path::new(&with_slash)]);
    assert_eq!(walked.below(folder.path()), ["link", "link/file", "real", "real/file"]);
}

#[test]
fn a_root_behind_a_link_makes_the_link_a_folder_with_only_that_root() {
    let folder = tree(&["real/file", "real/other"]);
    let link = folder.path().join("link");
    symlink("real", &link).unwrap();
    let expected = ["link", "link/file"];
    assert_eq!(walk_all(&[&link.join("file")]).below(folder.path()), expected);
    let walked = walk_all(&[folder.path(), &link.join("file")]);
    assert_eq!(
        walked.below(folder.path()),
        ["link", "link/file", "real", "real/file", "real/other"]
    );
}

#[test]
fn a_root_that_does_not_exist_is_a_problem_and_nothing_else() {
    let folder = tree(&["a"]);
    let missing = folder.path().join("b/c");
    let walked = walk(&[&missing, Path::new("relative")], Excludes::default());
    assert!(walked.found.is_empty());
    assert_eq!(walked.problems.len(), 2);
    assert!(matches!(&walked.problems[0], Problem::Unreadable { path, .. } if *path == missing));

    let walked = walk(&[&missing, folder.path()], Excludes::default());
    assert_eq!((walked.problems.len(), walked.below(folder.path())), (1, vec!["a".to_owned()]));
}

#[test]
fn no_roots_give_no_entries() {
    let walked = walk_all(&[]);
    assert!(walked.found.is_empty());
}

#[test]
fn a_tree_deeper_than_paths_and_descriptors_allow_is_walked_and_read() {
    const DEPTH: usize = 600;
    let folder = tree(&[]);
    let mode = Mode::from_raw_mode(0o700);
    let mut at = openat(CWD, folder.path(), OFlags::DIRECTORY, mode).unwrap();
    for _ in 0..DEPTH {
        mkdirat(&at, "a folder with a name", mode).unwrap();
        at = openat(&at, "a folder with a name", OFlags::DIRECTORY, mode).unwrap();
        let file = openat(&at, "z", OFlags::CREATE | OFlags::WRONLY, mode).unwrap();
        rustix::io::write(&file, b"deep").unwrap();
    }
    let mut walked = walk_all(&[folder.path()]);
    assert_eq!(walked.below(folder.path()).len(), 2 * DEPTH);
    // All descriptors but the last ones are closed by now.
    let mut read = 0;
    for found in &mut walked.found {
        if let Some(mut content) = open(found) {
            assert_eq!(read_all(&mut *content), b"deep");
            read += 1;
        }
    }
    assert_eq!(read, DEPTH);
}

#[test]
fn a_tree_too_deep_for_keys_is_a_problem_where_the_limit_is() {
    let folder = tree(&[]);
    let name = "x".repeat(250);
    let mode = Mode::from_raw_mode(0o700);
    let mut at = openat(CWD, folder.path(), OFlags::DIRECTORY, mode).unwrap();
    for _ in 0..80 {
        mkdirat(&at, &*name, mode).unwrap();
        at = openat(&at, &*name, OFlags::DIRECTORY, mode).unwrap();
    }
    let walked = walk(&[folder.path()], Excludes::default());
    assert_eq!(walked.problems.len(), 1);
    let longest = walked.found.last().unwrap().key.len();
    assert!((KEY_BYTES_MAX - 251..=KEY_BYTES_MAX).contains(&longest));
}

#[test]
fn a_folder_of_100_000_entries_is_walked_quickly() {
    // Making the entries takes longer than anything else, least in memory.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let at = openat(CWD, folder.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for number in 0..100_000 {
        rustix::fs::symlinkat("x", &at, number.to_string()).unwrap();
    }
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    };
    let start = cpu();
    let mut source = LocalSource::new(&[folder.path().to_path_buf()], Excludes::default());
    let mut entries = 0;
    while let Some(found) = source.next() {
        found.unwrap();
        entries += 1;
    }
    let milliseconds = cpu() - start;
    assert!(entries > 100_000);
    assert!(milliseconds < 10_000, "{milliseconds} ms");
}

//! What is left out.

use std::os::unix::fs::MetadataExt as _;

use std::sync::{Arc, Mutex};

use super::*;
use crate::backup::exclude::ByContent;
use crate::backup::exclude::{CacheFolders, MountPoints, Tag};

const SIGNATURE: &str = "Signature: 8a477f597d28d172789f06886806bc55";

fn with(change: impl FnOnce(&mut Excludes)) -> Excludes {
    let mut excludes = Excludes::default();
    change(&mut excludes);
    excludes
}

fn patterns(patterns: &[&str]) -> Excludes {
    with(|excludes| {
        for pattern in patterns {
            excludes.add_pattern(pattern.as_bytes()).unwrap();
        }
    })
}

#[test]
fn patterns_leave_out_entries_and_what_is_below_them() {
    let folder = tree(&["a/x.o", "a/x.c", "build/deep/file", "keep/build.txt"]);
    let walked = walk(&[folder.path()], patterns(&["*.o", "build"]));
    assert_eq!(walked.below(folder.path()), ["a", "a/x.c", "keep", "keep/build.txt"]);
    assert_eq!(walked.excluded, 2);
}

#[test]
fn patterns_with_a_slash_in_front_begin_at_the_root_of_the_file_system() {
    let folder = tree(&["a/x", "b/a/x"]);
    let anchored = format!("{}/a", folder.path().display());
    let walked = walk(&[folder.path()], patterns(&[&anchored, "/b"]));
    assert_eq!(walked.below(folder.path()), ["b", "b/a", "b/a/x"]);
}

#[test]
fn negated_patterns_keep_what_earlier_ones_leave_out() {
    let folder = tree(&["a/x", "a/y", "b/x"]);
    let all = format!("{}/*", folder.path().display());
    let keep = format!("!{}/a", folder.path().display());
    let walked = walk(&[folder.path()], patterns(&[&all, &keep, "y"]));
    assert_eq!(walked.below(folder.path()), ["a", "a/x"]);
}

#[test]
fn patterns_apply_to_roots_and_to_the_folders_above_them() {
    let folder = tree(&["a/b/x", "c"]);
    let roots = [&*folder.path().join("a/b"), &*folder.path().join("c")];
    assert_eq!(walk(&roots, patterns(&["b"])).below(folder.path()), ["a", "c"]);
    assert_eq!(walk(&roots, patterns(&["a"])).below(folder.path()), ["a", "c"]);
    assert_eq!(walk(&roots, patterns(&["a", "!x"])).below(folder.path()), ["a", "c"]);
}

#[test]
fn large_files_are_left_out_but_not_folders() {
    let folder = tree(&["a/"]);
    fs::write(folder.path().join("a/small"), [0; 100]).unwrap();
    fs::write(folder.path().join("a/large"), [0; 101]).unwrap();
    let walked = walk(&[folder.path()], with(|excludes| excludes.larger_than = Some(100)));
    assert_eq!(walked.below(folder.path()), ["a", "a/small"]);
    assert_eq!(walked.excluded, 1);
}

/// Leaves out what begins with `film`, and remembers what it was shown.
#[derive(Debug, Default)]
struct Films(Mutex<Vec<(Vec<u8>, usize, u64)>>);

impl ByContent for Films {
    fn head_bytes(&self) -> u64 {
        16
    }

    fn rejects(&self, name: &[u8], head: &[u8], bytes: u64) -> bool {
        self.0.lock().unwrap().push((name.to_vec(), head.len(), bytes));
        head.starts_with(b"film")
    }
}

#[test]
fn a_rule_by_content_sees_the_beginning_of_what_no_other_rule_leaves_out() {
    let folder = tree(&["a/", "empty"]);
    let film = [&b"film"[..], &[0; 500]].concat();
    for name in ["a/holiday", "a/holiday.txt", "large", "named.no"] {
        fs::write(folder.path().join(name), &film).unwrap();
    }
    fs::write(folder.path().join("empty"), "").unwrap();
    fs::write(folder.path().join("large"), [0; 2000]).unwrap();
    fs::write(folder.path().join("letter"), "short").unwrap();
    std::os::unix::fs::symlink("a/holiday", folder.path().join("link")).unwrap();
    let films = Arc::new(Films::default());
    let mut excludes = patterns(&["*.no"]);
    excludes.larger_than = Some(1000);
    excludes.by_content = Some(Arc::<Films>::clone(&films));
    // A file that was asked for by name is no exception.
    let roots = [folder.path(), &*folder.path().join("a/holiday")];
    let walked = walk(&roots, excludes);
    assert!(walked.problems.is_empty(), "{:?}", walked.problems);
    assert_eq!(walked.below(folder.path()), ["a", "empty", "letter", "link"]);
    assert_eq!(walked.excluded, 4);
    let seen = films.0.lock().unwrap().clone();
    let expected = [("holiday", 16, 504), ("holiday.txt", 16, 504), ("letter", 5, 5)];
    assert_eq!(seen, expected.map(|(name, head, bytes)| (name.as_bytes().to_vec(), head, bytes)));
}

#[test]
fn a_tagged_cache_folder_is_kept_without_its_content() {
    let folder = tree(&["cache/data/x", "cache/A", "fake/CACHEDIR.TAG", "fake/x"]);
    let tag = folder.path().join("cache/CACHEDIR.TAG");
    fs::write(&tag, format!("{SIGNATURE}\n# more")).unwrap();
    let walked = walk(&[folder.path()], Excludes::default());
    let fake = ["fake", "fake/CACHEDIR.TAG", "fake/x"];
    assert_eq!(walked.below(folder.path()), [&["cache", "cache/CACHEDIR.TAG"], &fake[..]].concat());

    let walked = walk(&[folder.path()], Excludes::new(CacheFolders::Keep));
    assert_eq!(walked.below(folder.path()).len(), 8);
    // Somebody who asks for what is in a cache gets it.
    let walked = walk(&[folder.path(), &folder.path().join("cache/data")], Excludes::default());
    assert_eq!(
        walked.below(folder.path())[..4],
        ["cache", "cache/CACHEDIR.TAG", "cache/data", "cache/data/x"]
    );
}

#[test]
fn a_file_beside_it_can_keep_an_entry_out() {
    let folder = tree(&["a/.nobackup", "a/x", "b/TAG", "b/x", "c/TAG", "c/x"]);
    fs::write(folder.path().join("c/TAG"), "secret: yes").unwrap();
    let excludes = with(|excludes| {
        excludes.add_tag(Tag::parse(b".nobackup").unwrap());
        excludes.add_tag(Tag::parse(b"TAG:secret:").unwrap());
    });
    let walked = walk(&[folder.path()], excludes);
    let expected = ["a", "a/.nobackup", "b", "b/TAG", "b/x", "c", "c/TAG"];
    assert_eq!(walked.below(folder.path()), expected);
}

#[test]
fn ignore_files_are_obeyed_below_their_folder() {
    let folder = tree(&["src/a.o", "src/a.c", "src/sub/keep.o", "src/sub/b.o", "b.o", "log"]);
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    write("src/.heirloomignore", "# objects\n*.o\n");
    write("src/sub/.heirloomignore", "!keep.o\n");
    write(".gitignore", "/log\n");
    let all = [".gitignore", "b.o", "log", "src"];
    let source = ["src/.heirloomignore", "src/a.c", "src/sub", "src/sub/.heirloomignore"];
    let expected = [&all[..], &source, &["src/sub/keep.o"]].concat();
    assert_eq!(walk(&[folder.path()], Excludes::default()).below(folder.path()), expected);

    let excludes = with(|excludes| excludes.add_ignore_file(b".gitignore"));
    let below = walk(&[folder.path()], excludes).below(folder.path());
    assert!(!below.contains(&"log".to_owned()) && below.contains(&"b.o".to_owned()));

    let excludes = with(|excludes| excludes.ignore_files.clear());
    assert_eq!(walk(&[folder.path()], excludes).below(folder.path()).len(), 11);
}

#[test]
fn ignore_rules_that_cannot_be_read_are_a_problem_and_ignore_nothing() {
    let folder = tree(&["a/.heirloomignore/", "b/x"]);
    fs::write(folder.path().join("b/.heirloomignore"), "{x\nx\n").unwrap();
    let walked = walk(&[folder.path()], Excludes::default());
    assert_eq!(walked.below(folder.path()), ["a", "a/.heirloomignore", "b", "b/.heirloomignore"]);
    assert_eq!(walked.problems.len(), 2);
    for problem in &walked.problems {
        assert!(matches!(problem, Problem::AttributeUnreadable { .. }), "{problem}");
    }
}

#[test]
fn files_that_only_icloud_has_are_a_problem() {
    let folder = tree(&["a/.photo.jpg.icloud", "a/.note.icloud", "a/b"]);
    fs::write(folder.path().join("a/.photo.jpg.icloud"), b"bplist00\xd2").unwrap();
    let walked = walk(&[folder.path()], Excludes::default());
    assert_eq!(walked.problems.len(), 1);
    let missing = folder.path().join("a/photo.jpg");
    assert!(
        matches!(&walked.problems[0], Problem::NotOnThisMachine { path } if *path == missing),
        "{:?}",
        walked.problems
    );
    assert_eq!(walked.below(folder.path()).len(), 4);
}

#[test]
fn mount_points_are_kept_as_empty_folders_if_other_file_systems_are_skipped() {
    let dev = Path::new("/dev");
    let inner = dev.join("pts");
    let (Ok(outside), Ok(inside)) = (fs::metadata(dev), fs::metadata(&inner)) else { return };
    if outside.dev() == inside.dev() {
        return;
    }
    let skip = || with(|excludes| excludes.mount_points = MountPoints::Skip);
    let in_inner = |walked: &Walked| walked.below(&inner).len();
    let mut walked = walk(&[dev], skip());
    assert_eq!(in_inner(&walked), 0);
    let key = key_from_path(&inner);
    let mount_point = walked.found.iter_mut().find(|found| found.key == key).unwrap();
    assert!(open(mount_point).is_none());
    assert!(walked.below(dev).contains(&"null".to_owned()));
    assert!(in_inner(&walk(&[dev], Excludes::default())) > 0);
    // A mounted file system that was asked for is entered.
    assert!(in_inner(&walk(&[dev, &inner], skip())) > 0);
}

//! Files that change, vanish or cannot be read.

use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::backup::source::KindChanged;

fn error_of(found: &mut Found) -> io::Error {
    found.handle.open(&mut found.entry, &mut |_| {}).expect_err("opened")
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    let folder = tree(&["file"]);
    let path = folder.path().join("file");
    let mut found = walk_all(&[&path]).take(&path);
    let mut content = open(&mut found).unwrap();
    assert_eq!(read_all(&mut *content), b"file");
    let before = found.entry.clone();
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b" grows").unwrap();
    assert!(!content.unchanged_or_rewind(&mut found.entry).unwrap());
    assert_eq!(found.entry.size, 10);
    assert_ne!(found.entry.ctime_ns, before.ctime_ns);
    assert_eq!(read_all(&mut *content), b"file grows");
    assert!(content.unchanged_or_rewind(&mut found.entry).unwrap());
}

#[test]
fn a_file_that_grows_is_read_up_to_the_size_that_was_seen() {
    let folder = tree(&["file"]);
    let path = folder.path().join("file");
    let mut found = walk_all(&[&path]).take(&path);
    let mut content = open(&mut found).unwrap();
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b" grows").unwrap();
    assert_eq!(read_all(&mut *content), b"file");
    assert!(!content.unchanged(&mut found.entry).unwrap());
    assert_eq!(found.entry.size, 4);
}

#[test]
fn a_file_that_shrinks_is_as_long_as_what_was_read() {
    let folder = tree(&[]);
    let path = folder.path().join("file");
    fs::write(&path, vec![9; 50_000]).unwrap();
    let mut found = walk_all(&[&path]).take(&path);
    let mut content = open(&mut found).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(20_000).unwrap();
    assert_eq!(read_all(&mut *content).len(), 20_000);
    assert!(!content.unchanged(&mut found.entry).unwrap());
    assert_eq!(found.entry.size, 20_000);
    content.rewind(&mut found.entry).unwrap();
    assert_eq!(read_all(&mut *content).len(), 20_000);
    assert!(content.unchanged(&mut found.entry).unwrap());
}

#[test]
fn a_sparse_file_that_shrinks_has_only_the_holes_that_were_passed() {
    let folder = tree(&[]);
    let path = folder.path().join("file");
    let file = fs::File::create(&path).unwrap();
    let write = |at| std::os::unix::fs::FileExt::write_all_at(&file, &vec![1; 65536], at).unwrap();
    [1 << 20, 3 << 20, 5 << 20].into_iter().for_each(write);
    let mut found = walk_all(&[&path]).take(&path);
    let mut content = open(&mut found).unwrap();
    file.set_len(2 << 20).unwrap();
    let data = u64::try_from(read_all(&mut *content).len()).unwrap();
    assert!(!content.unchanged(&mut found.entry).unwrap());
    let holes: u64 = found.entry.holes.iter().map(|(_, hole)| hole).sum();
    assert_eq!(found.entry.size, data + holes);
    let ahead: u64 = found.entry.holes.iter().map(|(before, _)| before).sum();
    assert!(ahead <= data, "holes lie within the file");
}

#[test]
fn the_entry_describes_the_file_that_was_opened() {
    let folder = tree(&["file"]);
    let path = folder.path().join("file");
    let mut found = walk_all(&[&path]).take(&path);
    fs::write(folder.path().join("new"), "something longer").unwrap();
    fs::rename(folder.path().join("new"), &path).unwrap();
    let mut content = open(&mut found).unwrap();
    assert_eq!(found.entry.size, 16);
    assert_eq!(read_all(&mut *content), b"something longer");
    // Replacing the name does not change the open file; what was read is one state of it.
    fs::write(folder.path().join("newer"), "x").unwrap();
    fs::rename(folder.path().join("newer"), &path).unwrap();
    content.unchanged_or_rewind(&mut found.entry).unwrap();
    assert_eq!(found.entry.size, 16);
}

#[test]
fn entries_that_vanish_during_the_walk_are_left_out_silently() {
    let folder = tree(&["a", "b/x", "c", "d/y"]);
    let at = |path: &str| folder.path().join(path);
    let mut source = LocalSource::new(&[folder.path().to_path_buf()], Excludes::default());
    let mut names = Vec::new();
    while let Some(found) = source.next() {
        let found = found.unwrap();
        let name = found.handle.path().strip_prefix(folder.path());
        names.extend(name.ok().map(|name| name.display().to_string()));
        if found.handle.path() == at("a") {
            fs::remove_dir_all(at("b")).unwrap();
            fs::remove_file(at("c")).unwrap();
        }
        if found.handle.path() == at("d") {
            fs::remove_dir_all(at("d")).unwrap();
        }
    }
    assert_eq!(names, ["", "a", "d"]);
}

#[test]
fn a_file_that_vanishes_before_it_is_opened_is_not_found() {
    let folder = tree(&["file"]);
    let path = folder.path().join("file");
    let mut found = walk_all(&[&path]).take(&path);
    fs::remove_file(&path).unwrap();
    assert_eq!(error_of(&mut found).kind(), io::ErrorKind::NotFound);
}

#[test]
fn an_entry_that_becomes_another_kind_is_an_error_of_its_own() {
    let folder = tree(&["file", "target", "folder/"]);
    let (file, sub) = (folder.path().join("file"), folder.path().join("folder"));
    let link = folder.path().join("link");
    symlink("x", &link).unwrap();
    let take = |path: &Path| walk_all(&[path]).take(path);
    let (mut first, mut second, mut third) = (take(&file), take(&file), take(&link));
    let expect = |found: &mut Found| {
        let error = error_of(found);
        assert!(
            error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<KindChanged>),
            "{error:?}"
        );
    };
    fs::remove_file(&file).unwrap();
    symlink("target", &file).unwrap();
    expect(&mut first);
    fs::remove_file(&file).unwrap();
    fs::rename(&sub, &file).unwrap();
    expect(&mut second);
    fs::remove_file(&link).unwrap();
    fs::write(&link, "").unwrap();
    expect(&mut third);
}

#[test]
fn a_folder_may_be_renamed_between_finding_and_opening() {
    let folder = tree(&["a/file"]);
    let path = folder.path().join("a/file");
    let mut found = walk_all(&[&path]).take(&path);
    fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
    assert_eq!(read_all(&mut *open(&mut found).unwrap()), b"a/file");
}

#[test]
fn files_that_say_nothing_about_their_size_are_read() {
    let path = Path::new("/proc/self/status");
    if !path.exists() {
        return;
    }
    let mut found = walk(&[path], Excludes::default()).take(path);
    let mut content = found.handle.open(&mut found.entry, &mut |_| {}).unwrap().unwrap();
    assert_eq!(found.entry.size, 0);
    let bytes = read_all(&mut *content).len();
    content.unchanged(&mut found.entry).unwrap();
    assert!(bytes > 0);
    assert_eq!(found.entry.size, u64::try_from(bytes).unwrap());
}

/// Runs on a thread that has given up root, if it ever had it.
fn as_nobody(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if is_root() {
                let nobody = rustix::thread::Uid::from_raw(65534);
                rustix::thread::set_thread_uid(nobody).unwrap();
            }
            test();
        });
    });
}

#[test]
fn what_cannot_be_read_is_a_problem_and_the_walk_goes_on() {
    let folder = tree(&["locked/x", "open/y", "secret", "through/z"]);
    let set = |path: &str, mode| {
        fs::set_permissions(folder.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    set(".", 0o755);
    set("locked", 0o000);
    set("secret", 0o000);
    set("through", 0o111);
    as_nobody(|| {
        let mut walked = walk(&[folder.path()], Excludes::default());
        assert_eq!(walked.below(folder.path()), ["locked", "open", "open/y", "secret", "through"]);
        let unreadable: Vec<_> = walked.problems.iter().map(ToString::to_string).collect();
        let expected = ["locked", "through"]
            .map(|name| format!("cannot read {}", folder.path().join(name).display()));
        assert_eq!(unreadable, expected);
        for found in &mut walked.found {
            if found.handle.path() == folder.path().join("secret") {
                assert_eq!(error_of(found).kind(), io::ErrorKind::PermissionDenied);
            } else {
                drop(open(found));
            }
        }
        // A folder that can only be passed through does not stand in the way of a root in it.
        let inner = folder.path().join("through/z");
        let mut walked = walk_all(&[&inner]);
        walked.found.iter_mut().for_each(|found| drop(open(found)));
        assert_eq!(walked.below(folder.path()), ["through", "through/z"]);
    });
    set("locked", 0o755);
    set("through", 0o755);
}

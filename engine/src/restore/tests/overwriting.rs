use super::*;

fn set_mtime(path: &Path, ns: i128) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(ns as u64);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Equal, older, and newer files of other content, and things of another kind.
fn occupied() -> World {
    let mut world = World::new();
    world.file("equal", b"new");
    world.file("folder", b"new");
    world.file("full", b"new");
    world.file("link", b"new");
    world.file("newer", b"new");
    world.file("older", &noise(1, 3000));
    world.add("symlink", Kind::Symlink).target = Some(b"new".to_vec());
    world.folder("tree");
    world.file("tree/file", b"new");
    fs::create_dir_all(world.at("full/sub")).unwrap();
    fs::create_dir_all(world.at("folder")).unwrap();
    for (name, ns) in [("equal", TIME), ("newer", TIME + 1), ("older", TIME - 1), ("tree", TIME)] {
        fs::write(world.at(name), "old").unwrap();
        set_mtime(&world.at(name), ns);
    }
    std::os::unix::fs::symlink("newer", world.at("link")).unwrap();
    std::os::unix::fs::symlink("old", world.at("symlink")).unwrap();
    world
}

fn read(world: &World, name: &str) -> Option<Vec<u8>> {
    let path = world.at(name);
    if path.is_symlink() {
        return Some(fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec());
    }
    fs::read(path).ok()
}

#[test]
fn if_changed_leaves_what_differs_and_says_so() {
    let mut world = occupied();
    let (report, seen) = world.restore(&world.options());
    assert_eq!((report.unchanged, report.differing, report.overwritten), (1, 7, 0));
    assert_eq!(seen.count("Exists"), 7);
    assert_eq!((report.files, report.failed), (0, 1));
    for name in ["equal", "newer", "older", "tree"] {
        assert_eq!(read(&world, name).unwrap(), b"old", "{name}");
    }
    assert_eq!(read(&world, "symlink").unwrap(), b"old");
    assert!(world.at("full/sub").is_dir());
}

#[test]
fn if_newer_replaces_what_is_older_and_of_the_same_kind() {
    let mut world = occupied();
    let options = RestoreOptions { overwrite: Overwrite::IfNewer, ..world.options() };
    let (report, seen) = world.restore(&options);
    assert_eq!(read(&world, "older").unwrap(), noise(1, 3000));
    assert_eq!(mtime(&world.at("older")), TIME);
    assert_eq!(read(&world, "newer").unwrap(), b"old");
    assert_eq!((report.files, report.overwritten, report.differing), (1, 1, 4));
    assert_eq!(seen.count("Exists"), 4);
}

#[test]
fn never_leaves_everything_without_a_word() {
    let mut world = occupied();
    let options = RestoreOptions { overwrite: Overwrite::Never, ..world.options() };
    let report = world.restore_quietly(&options);
    assert_eq!((report.unchanged, report.differing, report.files), (8, 0, 0));
    assert_eq!(read(&world, "older").unwrap(), b"old");
}

#[test]
fn always_replaces_everything_but_folders_that_are_not_empty() {
    let mut world = occupied();
    let options = RestoreOptions { overwrite: Overwrite::Always, ..world.options() };
    let (report, seen) = world.restore(&options);
    assert_eq!(seen.count("Exists"), 1);
    assert_eq!((report.overwritten, report.differing, report.failed), (7, 1, 0));
    for name in ["equal", "folder", "link", "newer", "tree/file", "symlink"] {
        assert_eq!(read(&world, name).unwrap(), b"new", "{name}");
    }
    assert!(!world.at("link").is_symlink());
    assert!(world.at("full/sub").is_dir());
    assert!(!names(&world.target()).iter().any(|name| name.starts_with('.')));

    let delete_below = vec![b"full".to_vec()];
    let options = RestoreOptions { delete_below, ..options };
    world.restore_quietly(&options);
    assert_eq!(read(&world, "full").unwrap(), b"new");
}

#[test]
fn replacing_a_file_does_not_touch_its_other_names() {
    let mut world = World::new();
    world.file("a", b"new");
    fs::create_dir(world.target()).unwrap();
    fs::write(world.folder.path().join("outside"), "old").unwrap();
    fs::hard_link(world.folder.path().join("outside"), world.at("a")).unwrap();
    let options = RestoreOptions { overwrite: Overwrite::Always, ..world.options() };
    world.restore_quietly(&options);
    assert_eq!(fs::read(world.at("a")).unwrap(), b"new");
    assert_eq!(fs::read(world.folder.path().join("outside")).unwrap(), b"old");
}

#[test]
fn a_second_restore_changes_nothing() {
    let mut world = World::new();
    world.folder("a");
    world.file("a/b", &noise(1, 5000));
    world.add("a/l", Kind::Symlink).target = Some(b"b".to_vec());
    world.add("a/p", Kind::Fifo);
    world.restore_quietly(&world.options());
    let before = fs::metadata(world.at("a/b")).unwrap().ino();
    let report = world.restore_quietly(&world.options());
    assert_eq!((report.unchanged, report.files, report.folders), (3, 0, 0));
    assert_eq!(fs::metadata(world.at("a/b")).unwrap().ino(), before);
    assert_eq!(mtime(&world.at("a")), TIME);
}

/// A target with more in it than the snapshot.
fn crowded() -> World {
    let mut world = World::new();
    world.folder("home");
    world.folder("home/me");
    world.file("home/me/file", b"x");
    world.folder("home/me/sub");
    world.file("home/me/sub/file", b"x");
    fs::create_dir_all(world.at("home/me/extra/deep")).unwrap();
    fs::create_dir_all(world.at("home/me/sub")).unwrap();
    fs::create_dir_all(world.at("home/you")).unwrap();
    for path in ["home/me/extra/deep/x", "home/me/sub/y", "home/me/zzz", "home/you/z", "top"] {
        fs::write(world.at(path), "extra").unwrap();
    }
    fs::write(world.folder.path().join("outside"), "stays").unwrap();
    std::os::unix::fs::symlink("../../..", world.at("home/me/extra/up")).unwrap();
    world
}

#[test]
fn delete_removes_what_the_snapshot_lacks_below_the_given_folders_only() {
    let mut world = crowded();
    let delete_below = vec![b"home\0me".to_vec()];
    let dry = RestoreOptions { delete_below, dry_run: true, ..world.options() };
    let planned = world.restore_quietly(&dry);
    assert!(world.at("home/me/extra/deep/x").exists());
    let options = RestoreOptions { dry_run: false, ..dry };
    let report = world.restore_quietly(&options);
    assert_eq!(report.deleted, 6);
    assert_eq!(report, planned);
    assert_eq!(names(&world.at("home/me")), ["file", "sub"]);
    assert_eq!(names(&world.at("home/me/sub")), ["file"]);
    assert_eq!(names(&world.at("home")), ["me", "you"]);
    assert_eq!(names(&world.target()), ["home", "top"]);
    assert!(world.folder.path().join("outside").exists());
    assert_eq!(mtime(&world.at("home/me")), TIME);
}

#[test]
fn delete_spares_what_the_selection_leaves() {
    let mut world = crowded();
    let mut options =
        RestoreOptions { delete_below: vec![b"home\0me".to_vec()], ..world.options() };
    options.select = Some(Box::new(|key: &[u8], _: Kind| match key {
        key if key.ends_with(b"x") => Selection::Leave,
        _ => Selection::Take,
    }));
    let report = world.restore_quietly(&options);
    assert_eq!(report.deleted, 3);
    assert_eq!(names(&world.at("home/me")), ["extra", "file", "sub"]);
    assert_eq!(names(&world.at("home/me/extra/deep")), ["x"]);
}

#[test]
fn an_empty_snapshot_empties_nothing() {
    let mut world = crowded();
    world.entries.clear();
    let options = RestoreOptions { delete_below: vec![Vec::new()], ..world.options() };
    let report = world.restore_quietly(&options);
    assert_eq!(report.deleted, 0);
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let mut world = occupied();
    world.file("h1", &noise(3, 400)).links = 2;
    let linked = world.get("h1").clone();
    world.put("h2", linked);
    world.folder("newdir");
    world.file("newdir/a", &noise(2, 500));
    let options = RestoreOptions { overwrite: Overwrite::Always, dry_run: true, ..world.options() };
    let (planned, seen) = world.restore(&options);
    assert_eq!(seen.count("Exists"), 0);
    assert_eq!((planned.folders, planned.hard_links, planned.overwritten), (2, 1, 8));
    assert_eq!(read(&world, "older").unwrap(), b"old");
    assert!(!world.at("newdir").exists());

    let target = world.at("missing");
    let options = RestoreOptions { target, ..options };
    let report = world.restore_quietly(&options);
    assert_eq!((report.files, report.hard_links, report.folders, report.specials), (9, 1, 2, 1));
    assert!(!world.at("missing").exists());
}

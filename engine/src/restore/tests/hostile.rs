use super::*;

/// Restores into a folder beside which nothing may appear.
fn restore_hostile(world: &mut World, options: &RestoreOptions) -> (RestoreReport, Seen) {
    fs::write(world.folder.path().join("victim"), "safe").unwrap();
    let result = world.restore(options);
    assert_eq!(names(world.folder.path()), ["target", "victim"]);
    assert_eq!(fs::read(world.folder.path().join("victim")).unwrap(), b"safe");
    result
}

fn restore_default(world: &mut World) -> (RestoreReport, Seen) {
    let options = world.options();
    restore_hostile(world, &options)
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let mut world = World::new();
    let bad: [&[u8]; 9] = [
        b"..",
        b"..\0victim",
        b".",
        b".\0x",
        b"a/../../victim",
        b"/tmp/victim",
        b"b\0..\0..\0victim",
        b"\0victim",
        b"c\0",
    ];
    for key in bad {
        let kind = if key == b".." { Kind::Folder } else { Kind::File };
        world.entries.insert(key.to_vec(), World::entry(kind));
    }
    world.file("good", b"x");
    let options = RestoreOptions { overwrite: Overwrite::Always, ..world.options() };
    let (report, seen) = restore_hostile(&mut world, &options);
    assert_eq!((report.files, seen.count("Unsafe")), (1, 9), "{:?}", seen.problems);
    assert!(!Path::new("/tmp/victim").exists());
}

#[test]
fn nothing_is_written_below_a_link_or_a_file_of_the_snapshot() {
    let mut world = World::new();
    world.add("link", Kind::Symlink).target = Some(b"..".to_vec());
    world.file("link/victim", b"hacked");
    world.file("link/deep/victim", b"hacked");
    world.file("file", b"x");
    world.file("file/below", b"x");
    let options = RestoreOptions { overwrite: Overwrite::Always, ..world.options() };
    let (report, seen) = restore_hostile(&mut world, &options);
    assert_eq!((report.files, report.specials, seen.count("Unsafe")), (1, 1, 3));
}

#[test]
fn links_that_stand_in_the_target_are_never_followed() {
    let mut world = World::new();
    world.folder("dir");
    world.file("dir/victim", b"hacked");
    world.file("file", b"hacked");
    world.file("implied/victim", b"hacked");
    fs::create_dir(world.target()).unwrap();
    for (target, name) in [("..", "dir"), ("../victim", "file"), ("..", "implied")] {
        std::os::unix::fs::symlink(target, world.at(name)).unwrap();
    }
    let (report, seen) = restore_default(&mut world);
    assert_eq!((report.files, seen.count("Exists"), report.failed), (0, 3, 2));

    let options = RestoreOptions { overwrite: Overwrite::Always, ..world.options() };
    let report = restore_hostile(&mut world, &options).0;
    assert_eq!((report.files, report.folders), (3, 2));
    assert_eq!(fs::read(world.at("dir/victim")).unwrap(), b"hacked");
    assert!(!world.at("file").is_symlink());
}

#[test]
fn a_link_under_the_temporary_name_is_not_followed() {
    let mut world = World::new();
    world.file("file", &noise(1, 3000));
    fs::create_dir(world.target()).unwrap();
    fs::write(world.at("file"), "old").unwrap();
    let digits = world.packs.content_id(b"file").to_string();
    let temporary = format!(".heirloom-restore-{}", &digits[..24]);
    std::os::unix::fs::symlink("../victim", world.at(&temporary)).unwrap();
    let options = RestoreOptions { overwrite: Overwrite::Always, ..world.options() };
    let (report, _) = restore_hostile(&mut world, &options);
    assert_eq!(report.files, 1);
    assert_eq!(fs::read(world.at("file")).unwrap(), noise(1, 3000));
}

#[test]
fn hard_links_reach_nothing_outside() {
    let mut world = World::new();
    world.add("a", Kind::Symlink).target = Some(b"../victim".to_vec());
    for path in ["a", "b"] {
        let mut entry =
            if path == "a" { world.get("a").clone() } else { world.file(path, b"x").clone() };
        (entry.inode, entry.device, entry.links) = (1, 1, 2);
        world.put(path, entry);
    }
    let (report, _) = restore_default(&mut world);
    assert_eq!((report.files, report.specials, report.hard_links), (1, 1, 0));
    assert_eq!(fs::metadata(world.folder.path().join("victim")).unwrap().nlink(), 1);
}

#[test]
fn sizes_that_no_file_can_have_are_refused() {
    let mut world = World::new();
    let entry = world.add("hole", Kind::File);
    (entry.size, entry.holes) = (u64::MAX, vec![(0, u64::MAX)]);
    let entry = world.add("large", Kind::File);
    (entry.size, entry.holes) = (1 << 62, vec![(0, 1 << 62)]);
    let mut blob = world.packs.put(b"x", 1);
    blob.bytes = u64::MAX;
    let entry = world.add("blob", Kind::File);
    (entry.size, entry.content) = (u64::MAX, FileContent::List(vec![blob, blob]));
    world.file("good", b"x");
    let (report, _) = restore_default(&mut world);
    assert_eq!(report.failed + report.damaged + report.files, 4);
    assert!(report.files <= 2);
    assert!(world.at("good").exists() && !world.at("blob").exists());
}

#[test]
fn trees_deeper_than_any_path_are_refused_without_harm() {
    let mut world = World::new();
    let key = vec![b"d".as_slice(); 5000].join(&0);
    world.entries.insert(key, World::entry(Kind::File));
    let long = vec![b'n'; 300];
    world.entries.insert(long, World::entry(Kind::File));
    let deep = vec![b"e".as_slice(); 600].join(&0);
    world.entries.insert(deep, World::entry(Kind::File));
    let (report, seen) = restore_default(&mut world);
    assert_eq!((report.files, report.folders, report.failed), (1, 599, 2));
    assert_eq!((seen.count("Unsafe"), seen.count("NotRestored")), (1, 1));
}

#[test]
fn links_without_target_and_kinds_with_content_do_no_harm() {
    let mut world = World::new();
    world.add("link", Kind::Symlink);
    world.add("pipe", Kind::Fifo).content = FileContent::Inline(b"x".to_vec());
    world.add("socket", Kind::Socket).size = u64::MAX;
    let (report, _) = restore_default(&mut world);
    assert_eq!((report.specials, report.failed), (2, 1));
}

#[test]
fn a_pipe_in_the_way_does_not_block() {
    let mut world = World::new();
    world.file("file", &noise(1, 2_000_000));
    fs::create_dir(world.target()).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::from_raw_mode(0o1600);
    rustix::fs::mknodat(rustix::fs::CWD, world.at("file"), fifo, mode, 0).unwrap();
    let (report, _) = restore_default(&mut world);
    assert_eq!((report.files, report.differing), (0, 1));
}

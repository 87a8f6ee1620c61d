use super::*;
use crate::tree::{Xattr, XattrValue};

#[test]
fn every_size_of_content_comes_back() {
    let mut world = World::new();
    world.folder("a");
    let sizes = [0, 1, 100, 101, 999, 1000, 1001, 15_999, 16_000, 16_001, 200_123];
    for (seed, bytes) in sizes.into_iter().enumerate() {
        world.file(&format!("a/{bytes}"), &noise(seed as u64, bytes));
    }
    let report = world.restore_quietly(&world.options());
    assert_eq!((report.files, report.folders), (11, 1));
    assert_eq!(report.bytes, sizes.iter().sum::<usize>() as u64);
    for (seed, bytes) in sizes.into_iter().enumerate() {
        let path = world.at(&format!("a/{bytes}"));
        assert_eq!(fs::read(&path).unwrap(), noise(seed as u64, bytes), "{bytes}");
        assert_eq!((mtime(&path), mode(&path)), (TIME, 0o644));
    }
    assert_eq!((mtime(&world.at("a")), mode(&world.at("a"))), (TIME, 0o755));
}

#[test]
fn kinds_modes_and_names_come_back() {
    let mut world = World::new();
    world.folder("closed").mode = 0o500;
    world.file("closed/secret", b"x").mode = 0o000;
    world.folder("open").mode = 0o1777;
    world.add("open/link", Kind::Symlink).target = Some(b"../no\xffwhere".to_vec());
    world.add("open/pipe", Kind::Fifo).mode = 0o666;
    world.add("open/socket", Kind::Socket).mode = 0o755;
    let odd = [b"open\0".as_slice(), b"n\xff\n\x01"].concat();
    world.entries.insert(odd, World::entry(Kind::File));
    let report = world.restore_quietly(&world.options());
    assert_eq!((report.files, report.folders, report.specials), (2, 2, 3));
    assert_eq!(mode(&world.at("closed")), 0o500);
    assert_eq!(mode(&world.at("closed/secret")), 0);
    assert_eq!(mode(&world.at("open")), 0o1777);
    assert_eq!(mode(&world.at("open/pipe")), 0o666);
    assert_eq!(mode(&world.at("open/socket")), 0o755);
    let link = world.at("open/link");
    assert_eq!(fs::read_link(&link).unwrap().as_os_str().as_bytes(), b"../no\xffwhere");
    assert_eq!(mtime(&link), TIME);
    assert_eq!(mtime(&world.at("open/pipe")), TIME);
    assert!(names(&world.at("open")).iter().any(|name| name.ends_with("\n\x01")));
}

#[test]
fn times_before_1970_come_back() {
    let mut world = World::new();
    world.file("old", b"x").mtime_ns = -1_500_000_000_000_000_001;
    world.restore_quietly(&world.options());
    assert_eq!(mtime(&world.at("old")), -1_500_000_000_000_000_001);
}

#[test]
fn extended_attributes_come_back_from_the_entry_and_from_blobs() {
    let mut world = World::new();
    let long = noise(9, 5000);
    let blob = world.packs.put(&long, 1);
    let entry = world.file("file", b"x");
    entry.mode = 0o444;
    entry.xattrs = vec![
        Xattr { name: b"user.long".to_vec(), value: XattrValue::Blob(blob) },
        Xattr { name: b"user.short".to_vec(), value: XattrValue::Inline(b"value".to_vec()) },
    ];
    world.folder("folder").xattrs = world.get("file").xattrs[1..].to_vec();
    let (_, seen) = world.restore(&world.options());
    if seen.count("AttributeNotRestored") > 0 {
        return; // This file system has none, or none that long.
    }
    let get = |path: &str, name: &str| {
        let mut value = vec![0; 6000];
        let bytes = rustix::fs::getxattr(world.at(path), name, &mut value).unwrap();
        value.truncate(bytes);
        value
    };
    assert_eq!(get("file", "user.short"), b"value");
    assert_eq!(get("file", "user.long"), long);
    assert_eq!(get("folder", "user.short"), b"value");
}

#[test]
fn owners_devices_and_set_id_bits_come_back_for_root() {
    if !is_root() {
        return;
    }
    let mut world = World::new();
    for (path, kind) in [("file", Kind::File), ("folder", Kind::Folder), ("link", Kind::Symlink)] {
        let entry = world.add(path, kind);
        (entry.uid, entry.gid, entry.target) = (1234, 5678, Some(b"file".to_vec()));
    }
    world.get("file").mode = 0o6755;
    world.add("null", Kind::CharDevice).rdev = Some((1, 3));
    let (_, seen) = world.restore(&world.options());
    assert_eq!(seen.count("AttributeNotRestored"), 0);
    for path in ["file", "folder", "link"] {
        let found = fs::symlink_metadata(world.at(path)).unwrap();
        assert_eq!((found.uid(), found.gid()), (1234, 5678), "{path}");
    }
    assert_eq!(mode(&world.at("file")), 0o6755);
    if let Ok(found) = fs::symlink_metadata(world.at("null")) {
        assert_eq!(found.rdev(), rustix::fs::makedev(1, 3));
    }
}

#[test]
fn without_the_owner_set_id_bits_are_dropped_and_reported() {
    let mut world = World::new();
    let uid = rustix::process::geteuid().as_raw();
    let entry = world.file("foreign", b"x");
    (entry.mode, entry.uid) = (0o6755, uid + 1);
    world.file("own", b"x").mode = 0o6755;
    let options = RestoreOptions { owner: Owner::Skip, ..world.options() };
    let (report, seen) = world.restore(&options);
    assert_eq!((report.files, seen.count("AttributeNotRestored")), (2, 1));
    assert_eq!(mode(&world.at("foreign")), 0o2755);
    assert_eq!(mode(&world.at("own")), 0o6755);
    assert_eq!(fs::metadata(world.at("foreign")).unwrap().uid(), uid);
}

#[test]
fn holes_are_holes_again_and_zero_runs_become_some_on_request() {
    let mut world = World::new();
    let data = noise(1, 300_000);
    let entry = world.file("holes", &data);
    entry.holes = vec![(0, 1 << 20), (100_500, 4 << 20), (199_500, 64 << 20)];
    entry.size = 300_000 + (69 << 20);
    let entry = world.add("nothing", Kind::File);
    (entry.holes, entry.size) = (vec![(0, 1 << 30)], 1 << 30);
    let zeros = [vec![7; 4096], vec![0; 1 << 20], vec![7; 10]].concat();
    world.blob_bytes = 40_000;
    world.file("zeros", &zeros);
    let options = RestoreOptions { verify: true, ..world.options() };
    let report = world.restore_quietly(&options);
    assert_eq!(report.verified_bytes, 300_000 + zeros.len() as u64);
    let read = fs::read(world.at("holes")).unwrap();
    let mut want = vec![0; 1 << 20];
    want.extend_from_slice(&data[..100_500]);
    want.resize(want.len() + (4 << 20), 0);
    want.extend_from_slice(&data[100_500..]);
    want.resize(want.len() + (64 << 20), 0);
    assert!(read == want);
    assert!(fs::metadata(world.at("holes")).unwrap().blocks() * 512 < 1 << 20);
    assert_eq!(fs::metadata(world.at("nothing")).unwrap().len(), 1 << 30);
    assert!(fs::metadata(world.at("zeros")).unwrap().blocks() * 512 >= 1 << 20);

    let target = world.at("sparse");
    let options = RestoreOptions { sparse: true, verify: true, target, ..world.options() };
    world.restore_quietly(&options);
    assert_eq!(fs::read(world.at("sparse/zeros")).unwrap(), zeros);
    assert!(fs::metadata(world.at("sparse/zeros")).unwrap().blocks() * 512 < 64 << 10);
}

#[test]
fn each_frame_is_read_once_and_frames_that_nobody_needs_never() {
    let mut world = World::new();
    for number in 0..40 {
        world.file(&format!("{number:03}"), &noise(number % 10, 1500));
    }
    let unneeded = world.packs.frames.len() as u32;
    world.packs.put(&noise(99, 500), 1);
    let report = world.restore_quietly(&world.options());
    assert_eq!(report.files, 40);
    let mut reads = world.packs.reads.lock().unwrap().clone();
    reads.sort_unstable();
    assert_eq!(reads, (0..unneeded).collect::<Vec<_>>());
}

#[test]
fn only_what_is_selected_is_restored_with_the_folders_on_the_way() {
    let mut world = World::new();
    world.folder("a").mode = 0o711;
    world.folder("a/empty");
    world.file("a/keep.txt", b"x");
    world.file("a/other.jpg", b"x");
    world.folder("b");
    world.file("b/other.jpg", b"x");
    world.folder("cache");
    world.file("cache/never.txt", b"x");
    let mut options = world.options();
    options.select = Some(Box::new(|key: &[u8], _: Kind| match key {
        b"cache" => Selection::LeaveAll,
        key if key.ends_with(b".txt") => Selection::Take,
        _ => Selection::Leave,
    }));
    let report = world.restore_quietly(&options);
    assert_eq!((report.files, report.folders, report.left_out), (1, 1, 6));
    assert_eq!(names(&world.target()), ["a"]);
    assert_eq!(names(&world.at("a")), ["keep.txt"]);
    assert_eq!((mode(&world.at("a")), mtime(&world.at("a"))), (0o711, TIME));
}

#[test]
fn a_subpath_goes_directly_into_the_target() {
    let mut world = World::new();
    world.folder("home");
    world.folder("home/me").mode = 0o750;
    world.folder("home/me/docs");
    world.file("home/me/docs/a", b"x");
    world.file("home/me2", b"x");
    let subpath = b"home\0me".to_vec();
    let options = RestoreOptions { subpath, ..world.options() };
    world.restore_quietly(&options);
    assert_eq!(names(&world.target()), ["docs"]);
    assert_eq!((mode(&world.target()), mtime(&world.target())), (0o750, TIME));
    assert_eq!(fs::read(world.at("docs/a")).unwrap(), b"x");

    let subpath = b"home\0me\0docs\0a".to_vec();
    let target = world.at("single");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("other"), "stays").unwrap();
    let delete_below = vec![Vec::new()];
    let options = RestoreOptions { target, subpath, delete_below, ..world.options() };
    world.restore_quietly(&options);
    assert_eq!(names(&world.at("single")), ["a", "other"]);

    let options = RestoreOptions { subpath: b"home\0m".to_vec(), ..world.options() };
    let (report, _) = world.try_restore(&options);
    assert!(matches!(report, Err(RestoreError::NotFound { .. })));
}

#[test]
fn runs_that_take_turns_restore_together_what_one_would() {
    let mut world = World::new();
    world.folder("home").mode = 0o555;
    for name in ["home/large", "home/small", "small"] {
        let bytes = if name.ends_with("large") { 3000 } else { 3 };
        world.file(name, &noise(7, bytes));
    }
    world.add("link", Kind::Symlink).target = Some(b"small".to_vec());
    let turn = |is_small: bool, options| {
        let turn = move |_: &[u8], entry: &Entry| (entry.size < 10) == is_small;
        RestoreOptions { turn: Some(Box::new(turn)), ..options }
    };
    let options = turn(true, world.options());
    let first = world.restore_quietly(&options);
    assert_eq!((first.files, first.folders, first.specials, first.left_out), (2, 1, 1, 0));
    assert!(!world.at("home/large").exists() && world.at("home/small").exists());
    let options = turn(false, world.options());
    let both = first.and(&world.restore_quietly(&options));
    assert_eq!((both.files, both.folders, both.specials, both.unchanged), (3, 1, 1, 0));
    assert_eq!(fs::read(world.at("home/large")).unwrap(), noise(7, 3000));
    assert_eq!((mode(&world.at("home")), mtime(&world.at("home"))), (0o555, TIME));
}

#[test]
fn folders_that_the_snapshot_does_not_describe_are_made() {
    let mut world = World::new();
    world.file("deep/down/file", b"x");
    world.restore_quietly(&world.options());
    assert_eq!(fs::read(world.at("deep/down/file")).unwrap(), b"x");
}

#[test]
fn thousands_of_folders_need_few_descriptors() {
    let mut world = World::new();
    for number in 0..1500 {
        world.folder(&format!("{number:04}"));
        world.file(&format!("{number:04}/small"), &noise(number, 150));
        world.file(&format!("{number:04}/scattered"), &noise(number % 7, 8000));
    }
    let report = world.restore_quietly(&RestoreOptions { verify: true, ..world.options() });
    assert_eq!((report.files, report.folders), (3000, 1500));
    for number in 0..1500 {
        let folder = world.at(&format!("{number:04}"));
        assert_eq!(mtime(&folder), TIME);
        assert_eq!(fs::read(folder.join("small")).unwrap(), noise(number, 150));
        assert_eq!(fs::read(folder.join("scattered")).unwrap(), noise(number % 7, 8000));
    }
}

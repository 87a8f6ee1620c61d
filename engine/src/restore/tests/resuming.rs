use super::*;

fn unfinish(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o1600)).unwrap();
}

#[test]
fn a_restore_that_lost_its_store_is_continued() {
    let mut world = World::new();
    world.folder("d").mode = 0o555;
    for number in 0..50 {
        world.file(&format!("d/{number:02}"), &noise(number, 5_500));
    }
    world.file("d/large", &noise(99, 2_000_000));
    world.packs.frames_left = Some(AtomicUsize::new(200));
    let (report, _) = world.try_restore(&world.options());
    assert!(matches!(report, Err(RestoreError::Repository(ReadError::Storage(_)))));
    world.packs.frames_left = None;
    world.packs.reads.lock().unwrap().clear();
    let report = world.restore_quietly(&world.options());
    assert_eq!(report.files + report.unchanged, 51);
    assert!(report.unchanged > 0 && report.resumed_bytes > 100_000, "{report:?}");
    assert!(world.packs.reads.lock().unwrap().len() < world.packs.frames.len());
    for number in 0..50 {
        let path = world.at(&format!("d/{number:02}"));
        assert_eq!(fs::read(&path).unwrap(), noise(number, 5_500));
        assert_eq!(mtime(&path), TIME);
    }
    assert!(fs::read(world.at("d/large")).unwrap() == noise(99, 2_000_000));
    assert_eq!((mode(&world.at("d")), mtime(&world.at("d"))), (0o555, TIME));
}

#[test]
fn leftovers_are_completed_whatever_they_hold() {
    let mut world = World::new();
    world.file("empty", &noise(1, 3000));
    world.file("large", &noise(2, 1_500_000));
    world.file("small", &noise(3, 300));
    fs::create_dir(world.target()).unwrap();
    unfinish(&world.at("empty"), b"");
    unfinish(&world.at("small"), &noise(4, 900));
    let mut garbled = noise(2, 1_500_000);
    garbled[70_000] ^= 1;
    garbled.extend_from_slice(b"too long");
    unfinish(&world.at("large"), &garbled);
    let report = world.restore_quietly(&world.options());
    assert_eq!((report.files, report.differing, report.overwritten), (3, 0, 0));
    assert_eq!(report.resumed_bytes, 1_499_000);
    assert_eq!(fs::read(world.at("empty")).unwrap(), noise(1, 3000));
    assert!(fs::read(world.at("large")).unwrap() == noise(2, 1_500_000));
    assert_eq!(fs::read(world.at("small")).unwrap(), noise(3, 300));
    assert_eq!(mode(&world.at("large")), 0o644);
}

#[test]
fn leftovers_of_replacements_are_cleaned_up_but_nothing_of_that_name_that_is_finished() {
    let mut world = World::new();
    world.folder("d");
    world.file("d/a", b"new");
    fs::create_dir_all(world.at("d")).unwrap();
    let leftover = format!(".heirloom-restore-{}", "0".repeat(24));
    let own = format!(".heirloom-restore-{}", "1".repeat(24));
    unfinish(&world.at("d").join(&leftover), b"part");
    fs::write(world.at("d").join(&own), "own").unwrap();
    world.restore_quietly(&world.options());
    assert_eq!(names(&world.at("d")), [own.as_str(), "a"]);
}

#[test]
fn a_killed_replacement_is_replaced_again() {
    let mut world = World::new();
    world.file("a", &noise(1, 3000));
    fs::create_dir(world.target()).unwrap();
    fs::write(world.at("a"), "old").unwrap();
    let digits = world.packs.content_id(b"a").to_string();
    unfinish(&world.at(&format!(".heirloom-restore-{}", &digits[..24])), b"part");
    let options = RestoreOptions { overwrite: Overwrite::Always, ..world.options() };
    world.restore_quietly(&options);
    assert_eq!(names(&world.target()), ["a"]);
    assert_eq!(fs::read(world.at("a")).unwrap(), noise(1, 3000));
}

#[test]
fn a_cancelled_restore_says_so() {
    let mut world = World::new();
    world.file("a", &noise(1, 3000));
    let seen = Seen::default();
    seen.cancelled.store(true, Ordering::SeqCst);
    let (root, options) = (world.root(), world.options());
    let report = run(&world.packs, &mut world.nodes, root, &options, &seen);
    assert!(matches!(report, Err(RestoreError::Cancelled)));
    assert!(names(&world.target()).is_empty());
}

use super::*;

fn linked(world: &mut World, paths: &[&str], bytes: &[u8], inode: u64) {
    for path in paths {
        let entry = world.file(path, bytes);
        (entry.inode, entry.device, entry.links) = (inode, 7, paths.len() as u64);
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn names_of_one_file_become_names_of_one_file() {
    let mut world = World::new();
    for folder in ["a", "b", "b/c"] {
        world.folder(folder).mode = 0o555;
    }
    linked(&mut world, &["a/1", "b/2", "b/c/3"], &noise(1, 40_000), 1);
    linked(&mut world, &["a/4", "b/5"], b"small", 2);
    world.file("b/6", b"small");
    let report = world.restore_quietly(&world.options());
    assert_eq!((report.files, report.hard_links), (3, 3));
    assert_eq!(fs::read(world.at("b/c/3")).unwrap(), noise(1, 40_000));
    assert_eq!(inode(&world.at("a/1")), inode(&world.at("b/c/3")));
    assert_eq!(inode(&world.at("a/1")), inode(&world.at("b/2")));
    assert_eq!(inode(&world.at("a/4")), inode(&world.at("b/5")));
    assert_ne!(inode(&world.at("a/4")), inode(&world.at("b/6")));
    assert_eq!((mode(&world.at("b/c")), mtime(&world.at("b/c"))), (0o555, TIME));

    let report = world.restore_quietly(&world.options());
    assert_eq!((report.unchanged, report.hard_links), (6, 0));
    let options = RestoreOptions { overwrite: Overwrite::Always, ..world.options() };
    let report = world.restore_quietly(&options);
    assert_eq!((report.files, report.hard_links, report.overwritten), (3, 3, 6));
    assert_eq!(inode(&world.at("a/1")), inode(&world.at("b/c/3")));
    assert_eq!(names(&world.at("b")), ["2", "5", "6", "c"]);
}

#[test]
fn a_missing_name_is_linked_to_one_that_is_there() {
    let mut world = World::new();
    linked(&mut world, &["a", "b", "c"], &noise(1, 400), 1);
    world.restore_quietly(&world.options());
    fs::remove_file(world.at("b")).unwrap();
    let report = world.restore_quietly(&world.options());
    assert_eq!((report.unchanged, report.hard_links), (2, 1));
    assert_eq!(inode(&world.at("a")), inode(&world.at("b")));
}

#[test]
fn names_are_not_linked_to_a_differing_file_of_the_user() {
    let mut world = World::new();
    linked(&mut world, &["a", "b", "c"], &noise(1, 400), 1);
    fs::create_dir(world.target()).unwrap();
    fs::write(world.at("a"), "own").unwrap();
    let (report, _) = world.restore(&world.options());
    assert_eq!((report.differing, report.files, report.hard_links), (1, 1, 1));
    assert_eq!(fs::read(world.at("a")).unwrap(), b"own");
    assert_eq!(fs::read(world.at("b")).unwrap(), noise(1, 400));
    assert_eq!(inode(&world.at("b")), inode(&world.at("c")));
}

#[test]
fn every_name_of_a_damaged_file_is_reported() {
    let mut world = World::new();
    linked(&mut world, &["a", "b", "c"], &noise(1, 400), 1);
    world.packs.damaged.insert(0);
    let (report, seen) = world.restore(&world.options());
    assert_eq!((report.files, report.damaged, seen.count("ContentDamaged")), (0, 3, 3));
    assert!(names(&world.target()).is_empty());
}

#[test]
fn a_name_that_cannot_be_linked_gets_a_copy() {
    let mut world = World::new();
    linked(&mut world, &["a", "z"], &noise(1, 400), 1);
    // Says that it is the same file, and comes after the first name was taken away.
    world.file("m", &noise(2, 400));
    world.restore_quietly(&world.options());
    let first = world.at("a");
    let mut links = crate::restore::links::Links::default();
    let entry = world.get("a").clone();
    links.found(&entry, || b"gone".to_vec());
    let options = world.options();
    let seen = Seen::default();
    let context = Context::new(&world.packs, &options, &seen);
    *context::lock(&context.links) = links;
    let root = open_target(&options.target).unwrap();
    let folder = Folder::root(&options.target, Some(open_target(&options.target).unwrap()), false);
    folder.hold();
    let pending = crate::restore::links::PendingLink {
        folder,
        name: b"copy".as_slice().into(),
        entry: entry.clone(),
        place: file::Place::Fresh,
    };
    context::lock(&context.links).role(&entry, Vec::new);
    let rest = crate::restore::links::make(&context, &root, vec![pending]);
    assert_eq!((rest.files.len(), seen.count("AttributeNotRestored")), (1, 1));
    assert!(first.exists());
}

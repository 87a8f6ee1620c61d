use super::*;

#[test]
fn files_with_damaged_blobs_are_left_out_and_the_rest_is_restored() {
    let mut world = World::new();
    world.per_frame = 1;
    world.file("bad frame", &[noise(1, 1000), noise(2, 1000)].concat());
    world.file("good", &[noise(3, 1000), noise(4, 1000)].concat());
    world.file("lost", &[noise(5, 1000), noise(6, 1000)].concat());
    world.file("shared", &noise(1, 1000));
    world.file("wrong", &noise(7, 1000));
    world.packs.damaged.insert(world.packs.frame_of(&noise(1, 1000)));
    let lost = world.packs.content_id(&noise(6, 1000));
    world.packs.places.remove(&lost);
    let wrong = world.packs.frame_of(&noise(7, 1000)) as usize;
    world.packs.frames[wrong].0[0][500] ^= 1;
    let (report, seen) = world.restore(&world.options());
    assert_eq!((report.files, report.damaged), (1, 4));
    assert_eq!(seen.count("ContentDamaged"), 4);
    assert_eq!(names(&world.target()), ["good"]);
}

#[test]
fn damaged_blobs_that_stand_elsewhere_too_are_taken_from_there() {
    let mut world = World::new();
    world.file("bad frame", &noise(1, 4000));
    world.file("wrong", &noise(2, 4000));
    world.packs.damaged.insert(world.packs.frame_of(&noise(1, 4000)[..1000]));
    let wrong = world.packs.frame_of(&noise(2, 4000)[..1000]) as usize;
    world.packs.frames[wrong].0[2][500] ^= 1;
    for content in [noise(1, 4000), noise(2, 4000)] {
        for blob in content.chunks(1000) {
            world.packs.copies.insert(world.packs.content_id(blob), blob.to_vec());
        }
    }
    let report = world.restore_quietly(&world.options());
    assert_eq!(report.files, 2);
    assert_eq!(fs::read(world.at("bad frame")).unwrap(), noise(1, 4000));
    assert_eq!(fs::read(world.at("wrong")).unwrap(), noise(2, 4000));
}

#[test]
fn a_damaged_replacement_leaves_the_existing_file() {
    let mut world = World::new();
    world.per_frame = 1;
    world.file("file", &[noise(1, 1000), noise(2, 1000)].concat());
    fs::create_dir(world.target()).unwrap();
    fs::write(world.at("file"), "old").unwrap();
    world.packs.damaged.insert(world.packs.frame_of(&noise(2, 1000)));
    let options = RestoreOptions { overwrite: Overwrite::Always, ..world.options() };
    let (report, _) = world.restore(&options);
    assert_eq!(report.damaged, 1);
    assert_eq!(names(&world.target()), ["file"]);
    assert_eq!(fs::read(world.at("file")).unwrap(), b"old");
}

#[test]
fn a_blob_of_another_length_than_announced_is_damage() {
    let mut world = World::new();
    let mut blob = world.packs.put(b"blob", 1);
    blob.bytes = 5;
    let entry = world.add("file", Kind::File);
    (entry.size, entry.content) = (5, FileContent::List(vec![blob]));
    let (report, _) = world.restore(&world.options());
    assert_eq!((report.files, report.damaged), (0, 1));
}

#[test]
fn content_that_does_not_fill_the_size_is_restored_and_reported() {
    let mut world = World::new();
    world.file("long", b"longer").size = 3;
    world.file("short", b"short").size = 300;
    let (report, seen) = world.restore(&world.options());
    assert_eq!((report.files, seen.count("Differs")), (2, 2));
    assert_eq!(fs::read(world.at("long")).unwrap(), b"longer");
    assert_eq!(fs::read(world.at("short")).unwrap(), b"short");
}

#[test]
fn a_lost_part_of_the_tree_costs_only_its_entries_and_deletes_nothing() {
    let mut world = World::new();
    world.folder("d");
    for number in 0..3000 {
        world.file(&format!("d/{number:05}"), format!("content {number}").as_bytes());
    }
    world.restore_quietly(&world.options());
    let before = names(&world.at("d")).len();
    fs::write(world.at("d/aaa"), "extra").unwrap();
    let root = world.root();
    let lost = *world.nodes.nodes.keys().filter(|id| **id != root).max().unwrap();
    world.nodes.lost.insert(lost);
    let options = RestoreOptions { delete_below: vec![b"d".to_vec()], ..world.options() };
    let (report, seen) = world.restore(&options);
    assert_eq!((seen.count("TreeDamaged"), report.deleted), (1, 0));
    assert_eq!(names(&world.at("d")).len(), before + 1);

    let options = RestoreOptions { target: world.at("second"), ..world.options() };
    let (report, _) = world.restore(&options);
    assert!(report.files > 1000 && report.files < 3000, "{}", report.files);
}

#[test]
fn a_lost_root_is_an_error() {
    let mut world = World::new();
    world.file("a", b"x");
    let root = world.root();
    world.nodes.lost.insert(root);
    let (report, _) = world.try_restore(&world.options());
    assert!(matches!(report, Err(RestoreError::Repository(_))));
}

#[test]
fn a_lost_content_list_costs_its_file() {
    let mut world = World::new();
    world.file("a", &noise(1, 50_000));
    world.file("b", b"x");
    let FileContent::Tree(list) = world.get("a").content else { panic!("long files have a list") };
    world.nodes.lost.insert(list);
    let (report, seen) = world.restore(&world.options());
    assert_eq!((report.files, report.damaged, seen.count("ContentDamaged")), (1, 1, 1));
    assert_eq!(names(&world.target()), ["b"]);
}

#[test]
fn verifying_finds_what_was_written_right() {
    let mut world = World::new();
    world.file("a", &noise(1, 50_000));
    world.file("b", b"x");
    world.file("c", &noise(2, 2500));
    let options = RestoreOptions { verify: true, ..world.options() };
    let report = world.restore_quietly(&options);
    assert_eq!(report.verified_bytes, 52_501);
}

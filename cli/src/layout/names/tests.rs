use heirloom_engine::snapshot::Record;

use super::*;

const NOON: i64 = 1_793_534_400_000_000_000;
const SECOND: i64 = 1_000_000_000;

fn snapshot(id: u8, time: i64, change: impl FnOnce(&mut Record)) -> Snapshot {
    let mut record = Record { time, host: "desk".to_owned(), ..Record::default() };
    change(&mut record);
    Snapshot { session: SessionId([id; 16]), record, record_bytes: Vec::new() }
}

fn names(snapshots: &[Snapshot]) -> Names {
    Names::new(snapshots, &TimeZone::UTC)
}

/// Everything in a folder, links with their targets.
fn listed(names: &Names, folder: &str) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let shown = |(name, item): (&[u8], &Item)| match item {
        Item::Folder => format!("{}/", text(name)),
        Item::Link(target) => format!("{} -> {}", text(name), text(target)),
        Item::Snapshot(taken) => format!("{} = {}", text(name), taken.session),
    };
    names.list(folder.replace('/', "\0").as_bytes()).map(shown).collect()
}

#[test]
fn an_empty_repository_has_its_folders_and_no_latest() {
    let names = names(&[]);
    assert_eq!(listed(&names, ""), ["by-host/", "by-label/", "by-path/", "by-tag/", "snapshots/"]);
    assert!(names.find(b"latest").is_none());
    assert!(names.newest().is_none());
}

#[test]
fn snapshots_are_called_by_their_time_and_by_their_id_only_where_two_would_be_one() {
    let names = names(&[
        snapshot(1, NOON, |_| {}),
        snapshot(2, NOON + SECOND, |_| {}),
        snapshot(3, NOON + SECOND + 1, |_| {}),
    ]);
    let id = |digit: &str| digit.repeat(16);
    assert_eq!(
        listed(&names, "snapshots"),
        [
            format!("2026-11-01_12-00-00 = {}", id("01")),
            format!("2026-11-01_12-00-01_02020202 = {}", id("02")),
            format!("2026-11-01_12-00-01_03030303 = {}", id("03")),
        ]
    );
    assert!(matches!(names.find(b"latest"), Some(Item::Link(target))
        if *target == *b"snapshots/2026-11-01_12-00-01_03030303"));
}

#[test]
fn times_are_those_of_the_zone() {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule");
    let names = Names::new(&[snapshot(1, NOON, |_| {})], &zone);
    assert!(names.find(b"snapshots\x002026-11-01_13-00-00").is_some());
}

#[test]
fn an_id_leads_to_its_snapshot_while_it_is_the_only_one() {
    let mut snapshots = vec![snapshot(0x1a, NOON, |_| {}), snapshot(0x2b, NOON + SECOND, |_| {})];
    let one = names(&snapshots);
    assert!(matches!(one.find(b"snapshots\x001a1a"), Some(Item::Link(target))
        if *target == *b"2026-11-01_12-00-00"));
    assert!(one.find(b"snapshots\x001a1").is_none(), "too short");
    assert!(one.find(b"snapshots\x003c3c").is_none());
    snapshots.push(snapshot(0x1a, NOON + 2 * SECOND, |_| {}));
    assert!(names(&snapshots).find(b"snapshots\x001a1a").is_none(), "two fit");
}

#[test]
fn hosts_tags_labels_and_paths_lead_to_their_snapshots() {
    let names = names(&[snapshot(1, NOON, |record| {
        record.tags = vec!["fine".to_owned()];
        record.label = Some("photos".to_owned());
        record.paths = vec![b"/home/me".to_vec().into(), b"/".to_vec().into()];
    })]);
    let links = |up: &str| {
        ["2026-11-01_12-00-00", "latest"]
            .map(|name| format!("{name} -> {up}snapshots/2026-11-01_12-00-00"))
    };
    for folder in ["by-host/desk", "by-tag/fine", "by-label/photos"] {
        assert_eq!(listed(&names, folder), links("../../"), "{folder}");
    }
    assert_eq!(listed(&names, "by-path/home/me"), links("../../../"));
    assert_eq!(listed(&names, "by-path/home"), ["me/"]);
    assert_eq!(
        listed(&names, "by-path").last(),
        Some(&"latest -> ../snapshots/2026-11-01_12-00-00".into())
    );
}

#[test]
fn names_of_hostile_records_are_harmless() {
    for (text, name) in [
        (&b""[..], &b"_"[..]),
        (b".", b"_"),
        (b"..", b"__"),
        (b"../../etc", b".._.._etc"),
        (b"a\0b\x1b[31m\n", b"a_b_[31m_"),
        (b"\xff\xfe", b"\xff\xfe"),
        ("Grüße".as_bytes(), "Grüße".as_bytes()),
    ] {
        assert_eq!(&*safe_name(text), name, "{text:?}");
    }
    let long = safe_name("ü".repeat(300).as_bytes());
    assert!(long.len() <= NAME_BYTES_MAX && std::str::from_utf8(&long).is_ok());
}

#[test]
fn a_hostile_path_stays_in_its_folder() {
    let deep = b"/x".repeat(1000);
    let names = names(&[snapshot(1, NOON, |record| {
        record.host = "../..".to_owned();
        record.paths = vec![b"/../../etc/..".to_vec().into(), deep.into()];
    })]);
    assert_eq!(listed(&names, "by-host"), [".._../"]);
    assert_eq!(listed(&names, "by-path"), ["__/", "x/"]);
    assert_eq!(listed(&names, "by-path/__/__/etc"), ["__/"]);
    assert!(
        names.folders.keys().all(|path| path.split(|byte| *byte == 0).count() <= DEPTH_MAX + 1)
    );
}

#[test]
fn a_folder_that_is_called_like_a_snapshot_stays_a_folder() {
    let names = names(&[snapshot(1, NOON, |record| {
        record.paths = vec![b"/".to_vec().into(), b"/2026-11-01_12-00-00/latest".to_vec().into()];
    })]);
    assert_eq!(listed(&names, "by-path").first().map(String::as_str), Some("2026-11-01_12-00-00/"));
    assert_eq!(listed(&names, "by-path/2026-11-01_12-00-00"), ["latest/"]);
}

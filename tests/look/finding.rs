//! `find` and `history` over many snapshots.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::id::NodeId;
use heirloom_engine::tree::{Entry, key_from_path};
use heirloom_engine::view::{Reader, View, find, is_same_version};
use heirloom_kit::{Lab, Random};
use serde_json::Value;

use crate::desk::{Desk, text};

/// The versions that a plain look into every snapshot finds: key, entry, positions.
fn one_by_one(reader: &Reader, roots: &[NodeId]) -> Vec<(Vec<u8>, Entry, Vec<usize>)> {
    let mut versions: Vec<(Vec<u8>, Entry, Vec<usize>)> = Vec::new();
    for (position, root) in roots.iter().enumerate() {
        let view: View<'_> = reader.view(*root);
        view.list(
            b"",
            heirloom_engine::view::Depth::All,
            &mut |key, entry| {
                let known = versions
                    .iter_mut()
                    .find(|(other, version, _)| other == key && is_same_version(version, entry));
                match known {
                    Some((_, _, holders)) => holders.push(position),
                    None => versions.push((key.to_vec(), entry.clone(), vec![position])),
                }
                true
            },
            &mut |problem| panic!("{problem}"),
        );
    }
    versions.sort_by(|one, other| (&one.0, &one.2).cmp(&(&other.0, &other.2)));
    versions
}

#[test]
fn one_walk_finds_what_a_look_into_every_snapshot_finds() -> Result<()> {
    let lab = Lab::new(11)?;
    let mut random = Random::new(5);
    let mut roots = Vec::new();
    for round in 0..12 {
        for _ in 0..40 {
            let folder = lab.tree.join(format!("folder{}", random.below(6)));
            fs::create_dir_all(&folder)?;
            let file = folder.join(format!("file{}", random.below(400)));
            if random.one_in(4) {
                fs::remove_file(file).ok();
            } else {
                fs::write(file, format!("{} {}", round, random.below(3)))?;
            }
        }
        roots.push(lab.back_up()?.root());
    }
    // The same one twice, and an old one once more.
    roots.extend([roots[11], roots[2]]);
    let expected = one_by_one_of(lab, &roots)?;
    ensure!(expected.0 == expected.1, "{} and {}", expected.0.len(), expected.1.len());
    Ok(())
}

type Versions = Vec<(Vec<u8>, Vec<usize>)>;

/// As found one by one, and together.
fn one_by_one_of(lab: Lab, roots: &[NodeId]) -> Result<(Versions, Versions)> {
    let reader = Reader::new(Arc::new(lab.client.open()?), 1 << 20);
    let plain = one_by_one(&reader, roots);
    let mut together = Vec::new();
    find(
        &reader,
        (roots, b""),
        &|_, _| true,
        &mut |found| {
            together.push((found.key, found.holders.positions().collect()));
            true
        },
        &mut |problem| panic!("{problem}"),
    );
    drop(lab);
    Ok((plain.into_iter().map(|(key, _, holders)| (key, holders)).collect(), together))
}

#[test]
fn nodes_that_snapshots_share_are_read_once() -> Result<()> {
    let lab = Lab::new(12)?;
    for number in 0..3000 {
        fs::write(lab.tree.join(format!("file{number:05}")), format!("{number}"))?;
    }
    let mut roots = Vec::new();
    for round in 0..20 {
        fs::write(lab.tree.join("file01500"), format!("round {round}"))?;
        roots.push(lab.back_up()?.root());
    }
    let looked = std::cell::Cell::new(0);
    let reader = Reader::new(Arc::new(lab.client.open()?), 1 << 20);
    let mut versions = 0;
    let wanted = |key: &[u8], _: &_| {
        looked.set(looked.get() + 1);
        key.ends_with(b"file01500")
    };
    find(
        &reader,
        (&roots, b""),
        &wanted,
        &mut |_| {
            versions += 1;
            true
        },
        &mut |problem| panic!("{problem}"),
    );
    ensure!(versions == 20, "{versions}");
    // Each version of a leaf is looked at, not each leaf of each version.
    ensure!(looked.get() < 3000 + 20 * 20, "{} looks", looked.get());
    Ok(())
}

fn paths(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|object| object["path"].as_str()).collect()
}

#[test]
fn names_sizes_kinds_times_and_content_are_asked_for() -> Result<()> {
    let desk = Desk::new()?;
    let source = desk.source();
    fs::create_dir(source.join("sub"))?;
    let long = Random::new(3).bytes(3_000_000);
    for (name, bytes) in [
        ("Small.TXT", &b"small"[..]),
        ("sub/middle.txt", &[b'm'; 3000]),
        ("sub/long.bin", &long),
        ("copy of long", &long),
    ] {
        fs::write(source.join(name), bytes)?;
    }
    let old = fs::File::options().write(true).open(source.join("sub/middle.txt"))?;
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000))?;
    desk.snapshot()?;
    let find = |arguments: &[&str]| -> Result<Vec<String>> {
        let found = desk.objects(&[&["find"], arguments].concat(), "file")?;
        let top = text(&source)?.to_owned();
        let names = paths(&found).into_iter().map(|path| path.replace(&format!("{top}/"), ""));
        Ok(names.collect())
    };
    assert_eq!(find(&["*.txt"])?, ["sub/middle.txt"]);
    assert_eq!(find(&["--ignore-case", "*.txt"])?, ["Small.TXT", "sub/middle.txt"]);
    assert_eq!(find(&["sub/*"])?, ["sub/long.bin", "sub/middle.txt"]);
    assert_eq!(find(&["--size", "1M"])?, ["copy of long", "sub/long.bin"]);
    assert_eq!(find(&["--size", "-1K"])?, ["Small.TXT"]);
    assert_eq!(find(&["--older", "2002-01-01"])?, ["sub/middle.txt"]);
    assert_eq!(find(&["--type", "folder", "sub"])?, ["sub"]);
    for (bytes, names) in [
        (&long[..], &["copy of long", "sub/long.bin"][..]),
        (&[b'm'; 3000], &["sub/middle.txt"]),
        (b"small", &["Small.TXT"]),
    ] {
        assert_eq!(find(&["--hash", &blake3::hash(bytes).to_hex()])?, names);
    }
    ensure!(desk.run(&["find", "--hash", &"0".repeat(64)])?.is_empty());
    Ok(())
}

#[test]
fn a_version_names_all_snapshots_that_have_it_and_history_tells_when_it_was_gone() -> Result<()> {
    let desk = Desk::new()?;
    let notes = desk.source().join("notes");
    for content in [Some("one"), Some("one"), Some("two"), None, Some("one")] {
        match content {
            Some(content) => {
                fs::write(&notes, content)?;
                let file = fs::File::options().write(true).open(&notes)?;
                let seconds = 1_000_000_000 + u64::try_from(content.len())?;
                file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))?;
            }
            None => fs::remove_file(&notes)?,
        }
        desk.snapshot()?;
    }
    let found = desk.objects(&["find", "notes"], "file")?;
    let holders: Vec<usize> =
        found.iter().filter_map(|object| object["snapshots"].as_array().map(Vec::len)).collect();
    assert_eq!(holders, [3, 1]);
    let history = desk.objects(&["history", text(&notes)?], "file")?;
    let told: Vec<_> = history
        .iter()
        .map(|run| (run["id"].as_str(), run["content"].as_u64(), run["snapshots"].as_array()))
        .map(|(id, content, all)| (id.unwrap_or_default(), content, all.map_or(0, Vec::len)))
        .collect();
    assert_eq!(
        told,
        [
            ("entry.state", Some(1), 2),
            ("entry.state", Some(2), 1),
            ("entry.absent", None, 1),
            ("entry.state", Some(1), 1),
        ]
    );
    let nowhere = desk.attempt(&["history", text(&desk.source().join("never"))?])?;
    ensure!(nowhere.status.code() == Some(1), "{nowhere:?}");
    Ok(())
}

#[test]
fn names_that_a_terminal_would_obey_come_as_they_are_to_programs() -> Result<()> {
    let desk = Desk::new()?;
    let name = OsStr::from_bytes(b"\x1b[2Jevil\xff\nname");
    fs::write(desk.source().join(name), "x")?;
    desk.snapshot()?;
    let found = desk.objects(&["find", "*evil*"], "file")?;
    let hex = found.first().context("found")?["path_hex"].as_str().context("no text")?.to_owned();
    let key = key_from_path(&desk.source().join(name));
    let path: String = key
        .iter()
        .map(|byte| if *byte == 0 { b'/' } else { *byte })
        .fold("2f".to_owned(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!(hex, path);
    let lines = desk.attempt(&["find", "*evil*"])?.stdout;
    ensure!(lines.ends_with(b"/\x1b[2Jevil\xff\nname\n"), "{lines:?}");
    Ok(())
}

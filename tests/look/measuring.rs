//! `du`, `ls --sizes` and `stats --growth`.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::desk::{Desk, text};

fn desk() -> Result<Desk> {
    let desk = Desk::new()?;
    for (folder, files, size) in [("big/inner", 3, 100_000), ("big", 1, 5), ("small", 2, 1000)] {
        let folder = desk.source().join(folder);
        fs::create_dir_all(&folder)?;
        for number in 0..files {
            fs::write(folder.join(format!("file{number}")), vec![b'x'; size])?;
        }
    }
    desk.snapshot()?;
    Ok(desk)
}

fn measured(desk: &Desk, arguments: &[&str]) -> Result<Vec<(String, u64, u64)>> {
    let top = format!("{}/", text(&desk.source())?);
    let start = desk.latest()?;
    let objects = desk.objects(&[&["du", &start], arguments].concat(), "file")?;
    let fact = |object: &Value| {
        let path = object["path"].as_str().unwrap_or_default().replace(&top, "");
        let number = |name: &str| object[name].as_u64().unwrap_or_default();
        (path, number("bytes"), number("entries"))
    };
    Ok(objects.iter().map(fact).collect())
}

#[test]
fn the_biggest_folders_come_first_with_everything_in_them() -> Result<()> {
    let desk = desk()?;
    let fact = |path: &str, bytes, entries| (path.to_owned(), bytes, entries);
    let (big, inner, small) =
        (fact("big", 300_005, 5), fact("big/inner", 300_000, 3), fact("small", 2000, 2));
    assert_eq!(measured(&desk, &[])?, [big.clone(), inner.clone(), small.clone()]);
    assert_eq!(measured(&desk, &["--depth", "1"])?, [big.clone(), small]);
    assert_eq!(measured(&desk, &["-n", "2"])?, [big, inner]);
    let files = measured(&desk, &["--all", "-n", "3"])?;
    assert_eq!(files.last(), Some(&fact("big/inner/file0", 100_000, 1)));
    Ok(())
}

#[test]
fn a_listing_with_sizes_tells_what_is_in_folders() -> Result<()> {
    let desk = desk()?;
    let objects = desk.objects(&["ls", &desk.latest()?, "--sizes"], "file")?;
    let sizes: Vec<_> = objects.iter().map(|object| object["tree_bytes"].as_u64()).collect();
    assert_eq!(sizes, [Some(300_005), Some(2000)]);
    let text = desk.run(&["ls", "--long", "--sizes", &desk.latest()?])?;
    ensure!(text.contains(" 300005 "), "{text}");
    Ok(())
}

#[test]
fn growth_is_told_for_each_snapshot() -> Result<()> {
    let desk = desk()?;
    fs::write(desk.source().join("more"), vec![b'y'; 50_000])?;
    desk.snapshot()?;
    let grown = desk.objects(&["stats", "--growth"], "snapshot")?;
    let sizes: Vec<_> = grown.iter().map(|one| one["content_bytes"].as_u64()).collect();
    assert_eq!(sizes, [Some(302_005), Some(352_005)]);
    let text = desk.run(&["stats", "--growth"])?;
    ensure!(text.contains("Stored"), "{text}");
    Ok(())
}

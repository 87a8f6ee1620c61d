//! Damage in parts of what is looked at: the rest is shown, and the exit code tells.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::Random;

use crate::desk::{Desk, text};

fn packs(desk: &Desk, kind: &str) -> Result<BTreeSet<String>> {
    let mut packs = BTreeSet::new();
    for pack in fs::read_dir(desk.path("repository/packs"))? {
        let name = pack?.file_name().into_string().ok().context("hexadecimal")?;
        let table = desk.run(&["cat", "pack", &name])?;
        let table: serde_json::Value =
            serde_json::from_str(table.lines().next().context("a line")?)?;
        if table["kind"] == kind {
            packs.insert(name);
        }
    }
    Ok(packs)
}

/// A file whose content is lost, and a few whose content is not.
fn with_a_lost_file() -> Result<Desk> {
    let desk = Desk::new()?;
    fs::write(desk.source().join("b lost"), Random::new(1).bytes(300_000))?;
    desk.snapshot()?;
    let lost = packs(&desk, "content")?;
    fs::write(desk.source().join("a good"), Random::new(2).bytes(300_000))?;
    fs::write(desk.source().join("c good"), "here")?;
    desk.snapshot()?;
    for pack in lost {
        fs::remove_file(desk.path("repository/packs").join(pack))?;
    }
    Ok(desk)
}

#[test]
fn a_lost_file_is_left_out_of_archives_and_said() -> Result<()> {
    let desk = with_a_lost_file()?;
    for format in ["tar", "zip"] {
        let archive = desk.path(format);
        let flags = ["--format", format, "--target", text(&archive)?];
        let output = desk.attempt(&[&["dump", &desk.latest()?][..], &flags].concat())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(3), "{output:?}");
        ensure!(said.contains("b lost") && !said.contains("good"), "{said}");
        let list = match format {
            "tar" => Command::new("tar").arg("-tf").arg(&archive).output()?,
            _ => Command::new("python3").args(["-m", "zipfile", "-l"]).arg(&archive).output()?,
        };
        let listed = String::from_utf8_lossy(&list.stdout).into_owned();
        ensure!(list.status.success(), "{list:?}");
        ensure!(listed.contains("a good") && listed.contains("c good"), "{listed}");
        ensure!(!listed.contains("b lost"), "{listed}");
    }
    let raw = desk.attempt(&["dump", &format!("{}/b lost", desk.latest()?)])?;
    ensure!(raw.status.code() == Some(3) && raw.stdout.is_empty(), "{raw:?}");
    Ok(())
}

#[test]
fn content_that_cannot_be_compared_is_said_and_the_rest_is_compared() -> Result<()> {
    let desk = with_a_lost_file()?;
    let hash = blake3::hash(&fs::read(desk.source().join("a good"))?).to_hex();
    let output = desk.attempt(&["find", "--hash", &hash])?;
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(found.contains("a good"), "{output:?}");
    // Longer files have their hash in the snapshot, and the lost one may be of one blob.
    ensure!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    Ok(())
}

#[test]
fn an_archive_that_ends_in_the_middle_of_a_file_does_not_look_whole() -> Result<()> {
    let desk = Desk::new()?;
    fs::write(desk.source().join("large"), Random::new(7).bytes(12 << 20))?;
    desk.snapshot()?;
    let mut content: Vec<_> = packs(&desk, "content")?
        .into_iter()
        .map(|name| desk.path("repository/packs").join(name))
        .map(|path| Ok((fs::metadata(&path)?.modified()?, path)))
        .collect::<Result<_>>()?;
    content.sort();
    let (_, last) = content.last().context("packs")?;
    fs::remove_file(last)?;
    for (format, test) in [("tar.zst", &["zstd", "-tq"][..]), ("zip", &["unzip", "-tq"])] {
        let archive = desk.path(format);
        let flags = ["--format", format, "--target", text(&archive)?];
        let output = desk.attempt(&[&["dump", &desk.latest()?][..], &flags].concat())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(3), "{output:?}");
        ensure!(said.contains("not complete") && said.contains("large"), "{said}");
        ensure!(fs::metadata(&archive)?.len() > 4 << 20, "half of it is there");
        if let Ok(tested) = Command::new(test[0]).args(&test[1..]).arg(&archive).output() {
            ensure!(!tested.status.success(), "{format} looks whole");
        }
    }
    Ok(())
}

#[test]
fn a_lost_tree_is_said_by_every_look() -> Result<()> {
    let desk = Desk::new()?;
    for number in 0..3000 {
        fs::write(desk.source().join(format!("file{number}")), "")?;
    }
    desk.snapshot()?;
    let latest = desk.latest()?;
    let trees = packs(&desk, "tree")?;
    let target = desk.path("archive");
    fs::remove_dir_all(desk.path("cache")).ok();
    for pack in trees {
        let path = desk.path("repository/packs").join(pack);
        let mut bytes = fs::read(&path)?;
        let middle = bytes.len() / 3;
        bytes[middle..middle + 64].fill(0);
        fs::write(&path, bytes)?;
    }
    for arguments in [
        &["find", "file1*"][..],
        &["du"],
        &["history", text(&desk.source().join("file1"))?],
        &["diff", &latest, text(&desk.source())?],
        &["dump", &latest, "--format", "tar", "--target", text(&target)?],
    ] {
        let output = desk.attempt(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success(), "{arguments:?}: {output:?}");
        ensure!(said.contains("damaged") || said.contains("pack"), "{arguments:?}: {said}");
    }
    Ok(())
}

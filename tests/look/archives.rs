//! Archives against what they were made of, unpacked by other programs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::{Compared, TreePlan, TreeShape, tree_differences};

use crate::desk::{Desk, text};

/// Holes are written as zeros.
const WITHOUT_HOLES: Compared = Compared { owners: true, holes: false, roots: false };

fn random_tree(desk: &Desk, seed: u64) -> Result<()> {
    TreePlan::random(seed, TreeShape::of(150)).create(&desk.source())?;
    desk.snapshot()
}

/// Lets another program read what `dump` writes.
fn through(desk: &Desk, format: &str, program: &str, arguments: &[&str]) -> Result<()> {
    let mut dump = desk.command(&["dump", &desk.latest()?, "--format", format])?;
    let mut dump = dump.stdout(Stdio::piped()).spawn()?;
    let archive = dump.stdout.take().context("a pipe")?;
    let unpacked = Command::new(program).args(arguments).stdin(archive).output()?;
    let errors = String::from_utf8_lossy(&unpacked.stderr);
    ensure!(unpacked.status.success(), "{program}: {errors}");
    ensure!(dump.wait()?.success(), "dump");
    Ok(())
}

fn same(desk: &Desk, target: &Path) -> Result<()> {
    let differences = tree_differences(&desk.source(), target, WITHOUT_HOLES)?;
    ensure!(differences.is_empty(), "{differences:#?}");
    Ok(())
}

#[test]
fn tar_unpacks_to_the_same_tree() -> Result<()> {
    for seed in 1..4 {
        let desk = Desk::new()?;
        random_tree(&desk, seed)?;
        for (format, filter) in [("tar", None), ("tar.zst", Some("--zstd"))] {
            let target = desk.path(format);
            fs::create_dir(&target)?;
            let place = text(&target)?;
            let flags = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-p"];
            let place = ["-C", place, "-x", "-f", "-"];
            through(&desk, format, "tar", &[&flags[..], filter.as_slice(), &place].concat())?;
            same(&desk, &target).with_context(|| format!("seed {seed}, {format}"))?;
        }
    }
    Ok(())
}

#[test]
fn zip_holds_the_same_files_folders_and_links() -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/look/zip_equals.py");
    for seed in 1..4 {
        let desk = Desk::new()?;
        random_tree(&desk, seed)?;
        let archive = desk.path("archive.zip");
        let target = text(&archive)?;
        desk.run(&["dump", "-q", &desk.latest()?, "--format", "zip", "--target", target])?;
        let source = desk.source();
        let compared = Command::new("python3").args([script, target, text(&source)?]).output()?;
        let said = String::from_utf8_lossy(&compared.stdout);
        ensure!(compared.status.success(), "seed {seed}: {said}{:?}", compared.stderr);
    }
    Ok(())
}

#[test]
fn a_file_alone_has_its_own_name_and_raw_is_its_bytes() -> Result<()> {
    let desk = Desk::new()?;
    fs::create_dir(desk.source().join("sub"))?;
    fs::write(desk.source().join("sub/notes.txt"), "notes")?;
    desk.snapshot()?;
    let file = format!("{}/sub/notes.txt", desk.latest()?);
    ensure!(desk.run(&["dump", &file])? == "notes");
    let archive = desk.path("one.tar");
    desk.run(&["dump", &file, "--format", "tar", "--target", text(&archive)?])?;
    let listed = Command::new("tar").args(["-tf", text(&archive)?]).output()?;
    ensure!(listed.stdout == b"notes.txt\n", "{listed:?}");
    let folder = desk.attempt(&["dump", &desk.latest()?, "--format", "raw"])?;
    ensure!(folder.status.code() == Some(2), "{folder:?}");
    Ok(())
}

#[test]
fn whoever_stops_reading_is_no_reason_to_complain() -> Result<()> {
    let desk = Desk::new()?;
    fs::write(desk.source().join("large"), vec![7; 20 << 20])?;
    desk.snapshot()?;
    let mut dump = desk.command(&["dump", &desk.latest()?])?;
    let mut dump = dump.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(dump.stdout.take());
    let ended = dump.wait_with_output()?;
    ensure!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    Ok(())
}

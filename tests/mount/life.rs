//! How a mount begins, changes and ends. No end leaves a mount behind.

use std::fs::{self, File};
use std::io::Read as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use crate::stage::{Stage, eventually, is_mounted, run};

fn stage() -> Result<Stage> {
    let stage = Stage::new()?;
    stage.fill(3, 10_000)?;
    stage.back_up()?;
    Ok(stage)
}

#[test]
fn new_snapshots_appear_and_forgotten_ones_that_are_open_stay() -> Result<()> {
    let stage = stage()?;
    let _program = stage.mount(&[])?;
    let snapshots = stage.folder().join("snapshots");
    let first = fs::read_dir(&snapshots)?.next().context("a snapshot")??.path();
    let source = fs::canonicalize(stage.source())?;
    let mut open = File::open(first.join(source.strip_prefix("/")?).join("file0"))?;
    stage.fill(4, 12_000)?;
    stage.back_up()?;
    eventually("a second snapshot", || Ok(fs::read_dir(&snapshots)?.count() == 2))?;
    let fresh = stage.mounted_source()?.join("file3");
    eventually("it is the latest", || {
        Ok(fs::read(&fresh).is_ok_and(|bytes| bytes.len() == 12_000))
    })?;
    stage.run(&["forget", "latest~1"])?;
    eventually("the first is gone", || Ok(fs::read_dir(&snapshots)?.count() == 1))?;
    let mut content = Vec::new();
    open.read_to_end(&mut content)?;
    ensure!(content.len() == 10_000);
    Ok(())
}

#[test]
fn interrupts_unmount_though_files_are_open() -> Result<()> {
    for signal in [Signal::TERM, Signal::INT] {
        let stage = stage()?;
        let mut program = stage.mount(&[])?;
        let _open = File::open(stage.mounted_source()?.join("file0"))?;
        program.signal(signal)?;
        let end = program.end()?;
        ensure!(end.success() && !is_mounted(&stage.folder())?, "{signal:?}: {end}");
    }
    Ok(())
}

#[test]
fn a_killed_program_leaves_no_mount() -> Result<()> {
    let stage = stage()?;
    let mut program = stage.mount(&[])?;
    let _open = File::open(stage.mounted_source()?.join("file0"))?;
    program.signal(Signal::KILL)?;
    program.end()?;
    eventually("the mount is gone", || Ok(!is_mounted(&stage.folder())?))?;
    ensure!(fs::read_dir(stage.folder())?.next().is_none());
    Ok(())
}

#[test]
fn an_unmount_from_outside_ends_the_program() -> Result<()> {
    let stage = stage()?;
    let mut program = stage.mount(&[])?;
    run(Command::new("fusermount3").arg("-u").arg(stage.folder()))?;
    let end = program.end()?;
    ensure!(end.success(), "{end}: {}", program.log()?);
    Ok(())
}

#[test]
fn in_the_background_it_returns_when_the_snapshots_are_there() -> Result<()> {
    let stage = stage()?;
    let folder = stage.folder();
    stage.run(&["mount", "--background", folder.to_str().context("text")?])?;
    ensure!(fs::read(stage.mounted_source()?.join("file1"))?.len() == 10_000);
    run(Command::new("fusermount3").arg("-u").arg(&folder))?;
    ensure!(!is_mounted(&folder)?);
    Ok(())
}

#[test]
fn folders_that_cannot_be_used_are_explained() -> Result<()> {
    let stage = stage()?;
    let path = |name: &str| stage.path(name).to_string_lossy().into_owned();
    let absent = stage.fails(1, &["mount", &path("absent")])?;
    ensure!(absent.contains("there is no folder") && absent.contains("mkdir"), "{absent}");
    let file = stage.fails(1, &["mount", &path("identity")])?;
    ensure!(file.contains("is not a folder"), "{file}");
    let full = stage.fails(1, &["mount", &path("source")])?;
    ensure!(full.contains("is not empty"), "{full}");
    let folder = path("mount point");
    let inside = format!("latest:{}/file0", fs::canonicalize(stage.source())?.display());
    let no_folder = stage.fails(2, &["mount", &folder, "--snapshot", &inside])?;
    ensure!(no_folder.contains("is not a folder of the snapshot"), "{no_folder}");
    let nowhere = stage.fails(1, &["mount", "--background", &folder, "--snapshot", "latest~9"])?;
    ensure!(nowhere.contains("latest~9") && !is_mounted(&stage.folder())?, "{nowhere}");
    Ok(())
}

#[test]
fn groups_of_snapshots_lead_to_them() -> Result<()> {
    let stage = Stage::new()?;
    stage.fill(1, 100)?;
    let source = stage.source();
    let source_text = source.to_str().context("text")?;
    stage.run(&[
        "snapshot",
        "-q",
        source_text,
        "--tag",
        "a/b",
        "--label",
        "..",
        "--host",
        "desk",
    ])?;
    let _program = stage.mount(&[])?;
    let below = fs::canonicalize(&source)?;
    let below = below.strip_prefix("/")?;
    let by_path = stage.folder().join("by-path").join(below);
    for group in ["by-tag/a_b", "by-label/__", "by-host/desk"] {
        let file = stage.folder().join(group).join("latest").join(below).join("file0");
        ensure!(fs::read(&file)?.len() == 100, "{}", file.display());
    }
    ensure!(fs::read(by_path.join("latest").join(below).join("file0"))?.len() == 100);
    Ok(())
}

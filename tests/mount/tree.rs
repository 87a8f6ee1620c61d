//! A mounted snapshot is what was backed up, to every program that looks.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::{Random, TreePlan, TreeShape, assert_same_tree};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, lgetxattr, lsetxattr, mknodat};

use crate::stage::{Stage, run};

/// Everything that a folder can hold, made on purpose.
fn fill(tree: &Path) -> Result<()> {
    fs::create_dir_all(tree.join("many"))?;
    for number in 0..1500 {
        fs::write(tree.join(format!("many/entry {number}")), format!("needle {number}"))?;
    }
    fs::write(tree.join("noise"), Random::new(1).bytes(2_500_000))?;
    fs::hard_link(tree.join("noise"), tree.join("many/same noise"))?;
    symlink("noise", tree.join("link"))?;
    symlink("/nowhere", tree.join("broken link"))?;
    mknodat(CWD, tree.join("fifo"), FileType::Fifo, Mode::RUSR, 0)?;
    let sparse = File::create(tree.join("sparse"))?;
    sparse.set_len(8_000_000)?;
    sparse.write_all_at(&Random::new(2).bytes(20_000), 3_000_000)?;
    for (name, bytes) in [("user.small", 10), ("user.large", 6000)] {
        let value = Random::new(3).bytes(bytes);
        // Not every file system takes it; then there is less to compare.
        lsetxattr(tree.join("noise"), name, &value, XattrFlags::empty()).ok();
    }
    Command::new("setfacl").args(["-m", "u:12345:r"]).arg(tree.join("many/entry 7")).output()?;
    Ok(())
}

/// What rsync would do to the snapshot to make it the source again.
fn rsync_says(source: &Path, mounted: &Path) -> Result<String> {
    let trailing = |path: &Path| format!("{}/", path.display());
    run(Command::new("rsync")
        .args(["-aHAXn", "--delete", "--itemize-changes"])
        .args([trailing(source), trailing(mounted)]))
}

#[test]
fn every_program_finds_the_source() -> Result<()> {
    let stage = Stage::new()?;
    fill(&stage.source())?;
    stage.back_up()?;
    let _program = stage.mount(&[])?;
    let (source, mounted) = (stage.source(), stage.mounted_source()?);
    assert_same_tree(&source, &mounted)?;
    ensure!(rsync_says(&source, &mounted)?.is_empty());
    // A diff would wait for somebody to write into the pipe.
    run(Command::new("diff")
        .args(["-r", "--no-dereference", "-x", "fifo"])
        .args([&source, &mounted]))?;
    let found = run(Command::new("grep").args(["-rl", "-D", "skip", "needle 77$"]).arg(&mounted))?;
    ensure!(found.trim_end().ends_with("many/entry 77") && found.lines().count() == 1, "{found}");
    let copy = stage.path("copy");
    run(Command::new("cp").arg("-a").arg(&mounted).arg(&copy))?;
    assert_same_tree(&source, &copy)?;
    let used = |path: &Path| -> Result<u64> {
        let text = run(Command::new("du").arg("-sk").arg(path.join("sparse")))?;
        Ok(text.split('\t').next().context("a number")?.parse()?)
    };
    ensure!(used(&mounted)? <= used(&source)?.max(24), "{}", used(&mounted)?);
    Ok(())
}

#[test]
fn names_of_one_file_have_one_inode_and_others_do_not() -> Result<()> {
    let stage = Stage::new()?;
    fill(&stage.source())?;
    stage.back_up()?;
    stage.back_up()?;
    let _program = stage.mount(&[])?;
    let mounted = stage.mounted_source()?;
    let (one, other) = (mounted.join("noise"), mounted.join("many/same noise"));
    let (one, other) = (fs::metadata(one)?, fs::metadata(other)?);
    ensure!(one.ino() == other.ino() && one.nlink() == 2);
    let mut inodes = Vec::new();
    for snapshot in fs::read_dir(stage.folder().join("snapshots"))? {
        let below = fs::canonicalize(stage.source())?;
        let tree = snapshot?.path().join(below.strip_prefix("/")?);
        for entry in fs::read_dir(tree.join("many"))? {
            inodes.push(entry?.metadata()?.ino());
        }
    }
    let seen = inodes.len();
    inodes.sort_unstable();
    inodes.dedup();
    ensure!(seen == 2 * 1501 && inodes.len() == seen, "{} of {seen}", inodes.len());
    Ok(())
}

#[test]
fn random_trees_are_mounted_as_they_were() -> Result<()> {
    for seed in 0..3 {
        let stage = Stage::new()?;
        TreePlan::random(seed, TreeShape::of(120)).create(&stage.source())?;
        stage.back_up()?;
        let _program = stage.mount(&[])?;
        let mounted = stage.mounted_source()?;
        assert_same_tree(&stage.source(), &mounted).with_context(|| format!("seed {seed}"))?;
        ensure!(rsync_says(&stage.source(), &mounted)?.is_empty(), "seed {seed}");
    }
    Ok(())
}

#[test]
fn extended_attributes_have_their_sizes() -> Result<()> {
    let stage = Stage::new()?;
    fill(&stage.source())?;
    stage.back_up()?;
    let _program = stage.mount(&[])?;
    let noise = stage.mounted_source()?.join("noise");
    let mut value = vec![0; 10_000];
    let has_xattrs = lgetxattr(stage.source().join("noise"), "user.large", &mut value[..]).is_ok();
    if has_xattrs {
        ensure!(lgetxattr(&noise, "user.large", &mut value[..])? == 6000);
        let short = lgetxattr(&noise, "user.large", &mut value[..5999]);
        ensure!(short == Err(rustix::io::Errno::RANGE), "{short:?}");
    }
    let absent = lgetxattr(&noise, "user.absent", &mut value[..]);
    ensure!(absent == Err(rustix::io::Errno::NODATA), "{absent:?}");
    Ok(())
}

#[test]
fn one_folder_of_one_snapshot_can_be_mounted_and_belong_to_me() -> Result<()> {
    let stage = Stage::new()?;
    fill(&stage.source())?;
    stage.back_up()?;
    let source = fs::canonicalize(stage.source())?;
    let wanted = format!("latest:{}", source.join("many").display());
    let _program = stage.mount(&["--snapshot", &wanted, "--owner", "me"])?;
    let entry = stage.folder().join("entry 7");
    ensure!(fs::read_to_string(&entry)? == "needle 7");
    ensure!(fs::metadata(&entry)?.uid() == rustix::process::getuid().as_raw());
    ensure!(fs::read_dir(stage.folder())?.count() == 1501);
    Ok(())
}

#[test]
fn nothing_can_be_written() -> Result<()> {
    let stage = Stage::new()?;
    stage.fill(1, 1000)?;
    stage.back_up()?;
    let _program = stage.mount(&[])?;
    let mounted = stage.mounted_source()?;
    let kinds = [
        fs::write(mounted.join("new"), b"x").map_err(|error| error.kind()),
        fs::write(mounted.join("file0"), b"x").map_err(|error| error.kind()),
        fs::remove_file(mounted.join("file0")).map_err(|error| error.kind()),
        fs::create_dir(mounted.join("new")).map_err(|error| error.kind()),
    ];
    ensure!(kinds == [Err(std::io::ErrorKind::ReadOnlyFilesystem); 4], "{kinds:?}");
    Ok(())
}

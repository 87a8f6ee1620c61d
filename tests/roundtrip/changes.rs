//! A folder that changes between snapshots: each snapshot stays exactly what the folder was.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};
use heirloom_engine::id::NodeId;
use heirloom_kit::{Client, Lab, Random, TreeShape, assert_same_tree, restore_all};

use crate::trees::plan;

/// Longer than a tick of the file system's clock, so that every change can be seen in the times.
const TICK: Duration = Duration::from_millis(12);

#[expect(clippy::disallowed_methods, reason = "only time makes the file system's clock go on")]
fn wait_for_a_tick() {
    sleep(TICK);
}

/// All paths below a folder, parents first; links are not followed.
fn paths_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.symlink_metadata()?.is_dir() {
                waiting.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn remove(path: &Path) -> Result<()> {
    let is_folder = path.symlink_metadata()?.is_dir();
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    Ok(removed?)
}

/// Makes one random change.
fn change(tree: &Path, random: &mut Random) -> Result<()> {
    let paths = paths_below(tree)?;
    let mut folders: Vec<_> =
        paths.iter().filter(|path| path.symlink_metadata().is_ok_and(|m| m.is_dir())).collect();
    let top = tree.to_owned();
    folders.push(&top);
    let parent = *random.pick(&folders);
    let new = parent.join(format!("new{}", random.below(1000)));
    let picked = if paths.is_empty() { &new } else { random.pick(&paths) };
    let is_file = picked.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    let size = random.index(30_000);
    match random.below(8) {
        0 if !new.exists() => fs::create_dir(new)?,
        1 | 2 if !new.exists() => fs::write(new, random.bytes(size))?,
        3 if is_file => {
            let mut file = OpenOptions::new().append(true).open(picked)?;
            file.write_all(&random.bytes(size / 10))?;
        }
        4 if is_file => fs::write(picked, random.bytes(size))?,
        5 if picked.exists() && paths.len() > 5 => remove(picked)?,
        6 if !parent.starts_with(picked)
            && new.symlink_metadata().is_err()
            && picked.symlink_metadata().is_ok() =>
        {
            fs::rename(picked, &new)?;
        }
        7 if is_file => {
            let mode = *random.pick(&[0o600, 0o644, 0o755, 0o400]);
            fs::set_permissions(picked, Permissions::from_mode(mode))?;
        }
        _ => {}
    }
    Ok(())
}

fn change_and_check(seed: u64, rounds: u64) -> Result<()> {
    let lab = Lab::new(seed)?;
    let shape = TreeShape { file_bytes_max: 40_000, ..TreeShape::of(25) };
    plan(seed, shape).create(&lab.tree)?;
    let mut random = Random::new(seed);
    let mut taken: Vec<(NodeId, PathBuf)> = Vec::new();
    for round in 0..rounds {
        let root = lab.back_up()?.root();
        let copy = lab.restore(root)?;
        assert_same_tree(&lab.tree, &copy).with_context(|| format!("round {round}"))?;
        taken.push((root, copy));
        for _ in 0..=random.below(6) {
            change(&lab.tree, &mut random)?;
        }
        wait_for_a_tick();
    }
    // Another installation, which has seen nothing of all that.
    let other = Client::new(lab.storage(), seed + 1_000_000).open()?;
    let listed = other.snapshots()?;
    assert!(listed.problems.is_empty(), "{:?}", listed.problems);
    let roots: Vec<_> = listed.taken.iter().map(|snapshot| snapshot.record.root).collect();
    assert_eq!(roots, taken.iter().map(|(root, _)| *root).collect::<Vec<_>>());
    for (root, copy) in taken {
        let restored = restore_all(&other, root, &lab.tree, &lab.fresh_path())?;
        assert_same_tree(&copy, &restored)?;
    }
    Ok(())
}

#[test]
fn every_snapshot_of_a_changing_folder_restores_what_the_folder_was() -> Result<()> {
    for seed in 0..6 {
        change_and_check(seed, 10).with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

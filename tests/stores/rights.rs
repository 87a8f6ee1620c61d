//! A local repository in which an ordinary user may not delete.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::{Place, Random, scratch_folder};
use rustix::process::geteuid;

use crate::machine::{Machine, text};

/// Nobody's number on every system that has one.
const NOBODY: &str = "65534";

/// Gives every folder below these rights.
fn set_folders(root: &Path, mode: u32) -> Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            set_folders(&entry.path(), mode)?;
        }
    }
    Ok(fs::set_permissions(root, Permissions::from_mode(mode))?)
}

/// Runs a command of a machine as somebody who is not root.
fn as_ordinary_user(machine: &Machine, folder: &Path, arguments: &[&str]) -> Result<Output> {
    let ordinary = machine.command(arguments)?;
    if !geteuid().is_root() {
        return Ok({ ordinary }.output()?);
    }
    // Where the program was built nobody else may look.
    let program = folder.join("heirloom");
    fs::copy(ordinary.get_program(), &program)?;
    for file in [&program, &machine.path("identity")] {
        fs::set_permissions(file, Permissions::from_mode(0o755))?;
    }
    let above = machine.path("identity");
    let above = above.parent().context("a folder")?;
    fs::set_permissions(above, Permissions::from_mode(0o755))?;
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={NOBODY}")).arg(format!("--regid={NOBODY}"));
    command.arg("--clear-groups").arg("--").arg(&program).args(ordinary.get_args()).env_clear();
    for (name, value) in ordinary.get_envs() {
        command.envs(value.map(|value| (name, value)));
    }
    command.env("HEIRLOOM_CACHE_DIR", folder.join("no cache"));
    Ok(command.output()?)
}

#[test]
fn a_prune_that_may_not_delete_says_so_and_loses_nothing() -> Result<()> {
    let folder = scratch_folder()?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    let repository = folder.path().join("repository");
    let machine = Machine::with_repository(&Place::new(text(&repository)?))?;
    let source = machine.path("source");
    for number in 0..4 {
        fs::write(source.join(format!("file{number}")), Random::new(number).bytes(50_000))?;
    }
    machine.snapshot()?;
    let old = machine.snapshots()?.pop().context("a snapshot")?;
    fs::remove_file(source.join("file0"))?;
    machine.snapshot()?;
    machine.run(&["forget", "-q", &old])?;
    let packs = machine.pack_bytes()?;
    // Nothing may be changed; and, for root alone to arrange, anything be added but only what is one's own be deleted.
    let sticky = geteuid().is_root().then_some(0o1777);
    for mode in [Some(0o555), sticky].into_iter().flatten() {
        readable(&repository)?;
        set_folders(&repository, mode)?;
        let output = as_ordinary_user(&machine, folder.path(), &["prune"])?;
        set_folders(&repository, 0o755)?;
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(15), "{mode:o}: {}: {words}", output.status);
        ensure!(machine.pack_bytes()? >= packs, "packs are gone");
        machine.check_restore_of(&machine, "latest")?;
    }
    machine.run(&["prune", "-q", "--dead-after", "0s"])?;
    ensure!(machine.pack_bytes()? < packs, "nothing was freed");
    machine.check_restore_of(&machine, "latest")
}

/// Lets everybody read.
fn readable(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            readable(&path)?;
        } else {
            fs::set_permissions(path, Permissions::from_mode(0o644))?;
        }
    }
    Ok(())
}

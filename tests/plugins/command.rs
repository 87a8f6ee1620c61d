//! `heirloom plugin` as people use it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use heirloom_kit::scratch_folder;
use tempfile::TempDir;

use crate::places::{built, rust_folder, text};

struct Machine {
    folder: TempDir,
}

impl Machine {
    /// With one plugin of this user.
    fn new() -> Result<Self> {
        let machine = Self { folder: scratch_folder()? };
        let plugins = machine.plugins();
        fs::create_dir_all(&plugins)?;
        fs::copy(rust_folder()?, plugins.join("heirloom-store-folder"))?;
        set_mode(&plugins, 0o755)?;
        set_mode(&plugins.join("heirloom-store-folder"), 0o755)?;
        Ok(machine)
    }

    fn plugins(&self) -> PathBuf {
        self.folder.path().join("heirloom/plugins")
    }

    fn run(&self, arguments: &[&str]) -> Result<(Output, String)> {
        let output = Command::new(built("heirloom")?)
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path())
            .env("PATH", "/nowhere/at/all")
            .output()?;
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        Ok((output, String::from_utf8(said)?))
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

#[test]
fn installed_plugins_are_listed_and_tested() -> Result<()> {
    let machine = Machine::new()?;
    let (output, said) = machine.run(&["plugin", "list"])?;
    ensure!(output.status.success() && said.contains("plugin+folder:"), "{said}");
    let target = text(&machine.folder.path().join("empty"));
    let (output, said) = machine.run(&["plugin", "test", "folder", &target])?;
    ensure!(output.status.success(), "{said}");
    ensure!(said.contains("plugin+folder: folder 0.1.0") && said.contains("passed"), "{said}");
    let (output, said) = machine.run(&["plugin", "test", "folder", &target, "--json"])?;
    ensure!(output.status.success() && said.contains(r#""id":"plugin.tested""#), "{said}");
    Ok(())
}

#[test]
fn a_plugin_that_is_not_there_is_a_setting_that_makes_no_sense() -> Result<()> {
    let machine = Machine::new()?;
    let (output, said) = machine.run(&["plugin", "test", "nobody"])?;
    ensure!(output.status.code() == Some(18), "{said}");
    let places = format!("{}, /nowhere/at/all", machine.plugins().display());
    ensure!(said.contains(&places), "{said}");
    Ok(())
}

#[test]
fn a_plugin_that_others_can_change_is_refused() -> Result<()> {
    let machine = Machine::new()?;
    set_mode(&machine.plugins().join("heirloom-store-folder"), 0o775)?;
    let (output, said) = machine.run(&["plugin", "test", "folder", "/x"])?;
    ensure!(output.status.code() == Some(18) && said.contains("chmod g-w"), "{said}");
    let (_, said) = machine.run(&["plugin", "list"])?;
    ensure!(said.contains("refused") && said.contains("chmod g-w"), "{said}");
    Ok(())
}

#[test]
fn a_target_that_the_plugin_does_not_understand_is_explained() -> Result<()> {
    let machine = Machine::new()?;
    let (output, said) = machine.run(&["plugin", "test", "folder", "relative"])?;
    ensure!(output.status.code() == Some(18), "{said}");
    ensure!(said.contains("the plugin folder says: write plugin+folder:/absolute"), "{said}");
    Ok(())
}

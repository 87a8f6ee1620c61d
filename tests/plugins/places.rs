//! Where the plugins are that the suite uses, and how they are started.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use heirloom_plugin_host::PluginSettings;

/// A program of the workspace, beside the folder that this test lies in.
pub(crate) fn built(name: &str) -> Result<PathBuf> {
    let here = env::current_exe()?;
    let program = here.ancestors().nth(2).context("a target folder")?.join(name);
    ensure!(program.exists(), "{} is missing: build the workspace", program.display());
    Ok(program)
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the suites lie one level below the top")
}

pub(crate) fn rust_folder() -> Result<PathBuf> {
    built("heirloom-store-folder")
}

pub(crate) fn python_folder() -> PathBuf {
    top().join("plugins/examples/python/heirloom-store-python-folder")
}

/// The adapter, if the program that it adapts is there.
pub(crate) fn rclone() -> Result<PathBuf> {
    let mut command = Command::new("rclone");
    command.arg("version").stdout(Stdio::null()).stderr(Stdio::null());
    let runs = command.status().is_ok_and(|status| status.success());
    ensure!(runs, "rclone is missing: install the package rclone (tests/run.sh does)");
    Ok(top().join("plugins/examples/rclone/heirloom-store-rclone"))
}

pub(crate) fn liar() -> PathBuf {
    top().join("tests/plugins/heirloom-store-liar")
}

/// A plugin with the environment of this test.
pub(crate) fn settings(program: impl Into<PathBuf>, target: impl Into<String>) -> PluginSettings {
    let program = program.into();
    let file = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = file.strip_prefix("heirloom-store-").unwrap_or(&file).to_owned();
    let mut settings = PluginSettings::new(name, program);
    settings.target = target.into();
    settings.environment = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    settings
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("scratch folders have plain names").to_owned()
}

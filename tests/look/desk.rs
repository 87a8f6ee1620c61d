//! The real program with a repository on disk and a folder to back up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::crypto::{ExposeSecret as _, generate_identity};
use heirloom_kit::scratch_folder;
use serde_json::Value;
use tempfile::TempDir;

/// A scratch folder with `source` and `repository`.
pub(crate) struct Desk(TempDir);

impl Desk {
    /// With an empty repository of small packs.
    pub(crate) fn new() -> Result<Self> {
        let desk = Self(scratch_folder()?);
        let (secret, recipient) = generate_identity();
        fs::write(desk.path("identity"), secret.expose_secret())?;
        fs::create_dir(desk.path("source"))?;
        let slot = ["init", "-q", "--pack-size", "1M", "--recovery-key", "none"];
        desk.run(&[&slot[..], &["--recipient", &recipient]].concat())?;
        Ok(desk)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.path("source")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Command> {
        let here = std::env::current_exe()?;
        let program = here.ancestors().nth(2).context("a target folder")?.join("heirloom");
        ensure!(program.exists(), "{} is missing: build the workspace", program.display());
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TZ", "UTC");
        command.env("HEIRLOOM_REPOSITORY", self.path("repository"));
        command.env("HEIRLOOM_CACHE_DIR", self.path("cache"));
        command.env("HEIRLOOM_IDENTITY_FILE", self.path("identity"));
        Ok(command)
    }

    /// Runs a command, whatever comes of it.
    pub(crate) fn attempt(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    /// Runs a command that must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.attempt(arguments)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {}\n{text}{errors}", output.status);
        Ok(text)
    }

    /// The objects of one type that a command prints.
    pub(crate) fn objects(&self, arguments: &[&str], kind: &str) -> Result<Vec<Value>> {
        let text = self.run(&[arguments, &["--json"]].concat())?;
        let objects = text.lines().map(serde_json::from_str);
        let objects = objects.collect::<Result<Vec<Value>, _>>()?;
        Ok(objects.into_iter().filter(|object| object["type"] == kind).collect())
    }

    /// Takes a snapshot of the folder.
    pub(crate) fn snapshot(&self) -> Result<()> {
        self.run(&["snapshot", "-q", text(&self.source())?]).map(drop)
    }

    /// What the folder is called in the latest snapshot.
    pub(crate) fn latest(&self) -> Result<String> {
        Ok(format!("latest:{}", text(&self.source())?))
    }
}

pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("UTF-8")
}

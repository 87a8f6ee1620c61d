//! The real program with a repository on disk, and a phone that changes from day to day.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::crypto::{ExposeSecret as _, generate_identity};
use heirloom_kit::scratch_folder;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

/// A scratch folder with `phone`, which is backed up.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Result<Self> {
        let desk = Self(scratch_folder()?);
        let (secret, recipient) = generate_identity();
        fs::write(desk.path("identity"), secret.expose_secret())?;
        fs::create_dir(desk.path("phone"))?;
        let slot = ["init", "-q", "--recovery-key", "none", "--recipient", &recipient];
        desk.run(&slot)?;
        Ok(desk)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command, whatever comes of it.
    pub(crate) fn attempt(&self, arguments: &[&str]) -> Result<Output> {
        let here = std::env::current_exe()?;
        let program = here.ancestors().nth(2).context("a target folder")?.join("heirloom");
        ensure!(program.exists(), "{} is missing: build the workspace", program.display());
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null()).current_dir(self.0.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TZ", "UTC");
        command.env("HEIRLOOM_REPOSITORY", self.path("repository"));
        command.env("HEIRLOOM_CACHE_DIR", self.path("cache"));
        command.env("HEIRLOOM_IDENTITY_FILE", self.path("identity"));
        Ok(command.output()?)
    }

    /// Runs a command that must end with this code.
    pub(crate) fn ends(&self, arguments: &[&str], code: i32) -> Result<String> {
        let output = self.attempt(arguments)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        let is = output.status.code();
        ensure!(is == Some(code), "{arguments:?}: {is:?} is not {code}\n{text}{errors}");
        Ok(text)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        self.ends(arguments, 0)
    }

    /// The objects that a command prints.
    pub(crate) fn objects(&self, arguments: &[&str], code: i32) -> Result<Vec<Value>> {
        let text = self.ends(&[arguments, &["--json"]].concat(), code)?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// One more day is over.
    pub(crate) fn snapshot(&self) -> Result<()> {
        self.run(&["snapshot", "-q", "phone"]).map(drop)
    }

    /// Changes a database of the phone, or makes it.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> Result<()> {
        let path = self.path("phone").join(database);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        Ok(Connection::open(&path)?.execute_batch(sql)?)
    }

    pub(crate) fn write(&self, file: &str, content: &str) -> Result<()> {
        let path = self.path("phone").join(file);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        Ok(fs::write(path, content)?)
    }

    pub(crate) fn remove(&self, file: &str) -> Result<()> {
        Ok(fs::remove_file(self.path("phone").join(file))?)
    }
}

/// Every file below a folder that has this ending, read.
pub(crate) fn read_all(folder: &Path, ending: &str) -> Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            text.push_str(&read_all(&path, ending)?);
        } else if path.extension().is_some_and(|end| end == ending) {
            text.push_str(&fs::read_to_string(path)?);
        }
    }
    Ok(text)
}

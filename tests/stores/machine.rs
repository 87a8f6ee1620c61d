//! The real program on a machine of its own: its own cache, its own folders, a store at some place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use futures::stream::TryStreamExt as _;
use heirloom_engine::crypto::{ExposeSecret as _, generate_identity};
use heirloom_kit::{Place, assert_same_tree, block_on, scratch_folder};
use tempfile::TempDir;

/// A machine with an identity file and a folder to back up.
pub(crate) struct Machine {
    place: Place,
    folder: TempDir,
}

impl Machine {
    /// One without a repository so far.
    pub(crate) fn new(place: &Place) -> Result<(Self, String)> {
        let machine = Self { place: place.clone(), folder: scratch_folder()? };
        let (secret, recipient) = generate_identity();
        fs::write(machine.path("identity"), secret.expose_secret())?;
        fs::create_dir(machine.path("source"))?;
        Ok((machine, recipient))
    }

    /// One that made a repository with small packs.
    pub(crate) fn with_repository(place: &Place) -> Result<Self> {
        let (machine, recipient) = Self::new(place)?;
        machine.run(&Self::init(&recipient))?;
        Ok(machine)
    }

    /// The arguments that make a repository.
    pub(crate) fn init(recipient: &str) -> [&str; 7] {
        ["init", "--pack-size", "1M", "--recovery-key", "none", "--recipient", recipient]
    }

    /// Another machine of the same owner.
    pub(crate) fn twin(&self) -> Result<Self> {
        let (twin, _) = Self::new(&self.place)?;
        fs::copy(self.path("identity"), twin.path("identity"))?;
        Ok(twin)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Command> {
        // The test lies in `deps`, beside what the workspace's programs are built into.
        let here = std::env::current_exe()?;
        let program = here.ancestors().nth(2).context("a target folder")?.join("heirloom");
        ensure!(program.exists(), "{} is missing: build the workspace", program.display());
        let mut command = Command::new(program);
        command.args(arguments);
        command
            .env_clear()
            // For ssh, which sftp needs.
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HEIRLOOM_REPOSITORY", &self.place.address)
            .env("HEIRLOOM_CACHE_DIR", self.path("cache"))
            .env("HEIRLOOM_IDENTITY_FILE", self.path("identity"))
            .envs(&self.place.variables)
            .stdin(Stdio::null());
        for (key, value) in &self.place.options {
            command.env(format!("HEIRLOOM_STORE_{}", key.to_ascii_uppercase()), value);
        }
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

    /// Starts a snapshot of the folder.
    pub(crate) fn start_snapshot(&self) -> Result<Child> {
        self.start_snapshot_with(&[])
    }

    /// The same, with further flags.
    pub(crate) fn start_snapshot_with(&self, flags: &[&str]) -> Result<Child> {
        let source = self.path("source");
        let mut command = self.command(&["snapshot", "-q", text(&source)?])?;
        command.args(flags);
        Ok(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?)
    }

    /// Takes a snapshot of the folder.
    pub(crate) fn snapshot(&self) -> Result<()> {
        let source = self.path("source");
        self.run(&["snapshot", "-q", text(&source)?]).map(drop)
    }

    /// Restores what `owner` backed up last, and compares.
    pub(crate) fn check_restore_of(&self, owner: &Self, snapshot: &str) -> Result<()> {
        let (source, target) = (owner.path("source"), self.path("target"));
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        let snapshot = format!("{snapshot}:{}", source.display());
        self.run(&["restore", "-q", &snapshot, "--target", text(&target)?])?;
        assert_same_tree(&source, &target)?;
        Ok(fs::remove_dir_all(target)?)
    }

    /// The ids of all snapshots, in the order of the list.
    pub(crate) fn snapshots(&self) -> Result<Vec<String>> {
        let listing = self.run(&["snapshots", "--json"])?;
        let ids = listing.lines().filter(|line| line.contains("snapshot.found")).map(|line| {
            let found: serde_json::Value = serde_json::from_str(line)?;
            let id = found["snapshot"].as_str().with_context(|| format!("a snapshot in {line}"))?;
            Ok(id.to_owned())
        });
        ids.collect()
    }

    /// Bytes of packs that lie in the store, which may not be there yet.
    pub(crate) fn pack_bytes(&self) -> Result<u64> {
        let place = self.place.clone();
        block_on(async move {
            let storage = place.open()?.storage;
            let packs: Vec<_> = storage.list("packs/").try_collect().await?;
            Ok(packs.iter().map(|pack| pack.size).sum())
        })
    }
}

pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("UTF-8")
}

//! A repository on disk, and the program that shows it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use heirloom_engine::crypto::{ExposeSecret as _, generate_identity};
use heirloom_kit::{Random, scratch_folder};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// For what happens at once, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Stage {
    folder: TempDir,
}

impl Stage {
    /// A repository with small packs and an empty source.
    pub(crate) fn new() -> Result<Self> {
        let stage = Self { folder: scratch_folder()? };
        let (secret, recipient) = generate_identity();
        fs::write(stage.path("identity"), secret.expose_secret())?;
        fs::create_dir(stage.source())?;
        fs::create_dir(stage.folder())?;
        let options = ["--pack-size", "1M", "--recovery-key", "none", "--recipient", &recipient];
        stage.run(&[&["init"][..], &options].concat())?;
        Ok(stage)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is backed up.
    pub(crate) fn source(&self) -> PathBuf {
        self.path("source")
    }

    /// Where it is mounted.
    pub(crate) fn folder(&self) -> PathBuf {
        self.path("mount point")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Command> {
        // The test lies in `deps`, beside what the workspace's programs are built into.
        let here = std::env::current_exe()?;
        let program = here.ancestors().nth(2).context("a target folder")?.join("heirloom");
        ensure!(program.exists(), "{} is missing: build the workspace", program.display());
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("HEIRLOOM_REPOSITORY", self.path("repository"))
            .env("HEIRLOOM_CACHE_DIR", self.path("cache"))
            .env("HEIRLOOM_IDENTITY_FILE", self.path("identity"))
            .stdin(Stdio::null());
        Ok(command)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        run(&mut self.command(arguments)?)
    }

    /// What it says on standard error when it fails with this code.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments)?.output()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(code), "{arguments:?}: {}\n{errors}", output.status);
        Ok(errors)
    }

    /// Backs the source up.
    pub(crate) fn back_up(&self) -> Result<()> {
        let source = self.source();
        self.run(&["snapshot", "-q", source.to_str().context("text")?]).map(drop)
    }

    /// Files of noise, so that a pack holds one or two.
    pub(crate) fn fill(&self, files: u64, bytes: usize) -> Result<()> {
        for number in 0..files {
            let noise = Random::new(number + 1).bytes(bytes);
            fs::write(self.source().join(format!("file{number}")), noise)?;
        }
        Ok(())
    }

    pub(crate) fn mount(&self, flags: &[&str]) -> Result<Program> {
        self.mount_at(&self.folder(), flags)
    }

    pub(crate) fn mount_at(&self, folder: &Path, flags: &[&str]) -> Result<Program> {
        let folder_text = folder.to_str().context("text")?;
        let program = self.start(&[&["mount", folder_text], flags].concat())?;
        ensure!(program.said.contains(folder_text), "{}", program.said);
        ensure!(is_mounted(folder)?, "nothing is mounted");
        Ok(program)
    }

    /// Starts a program, and waits for the first line that it prints.
    pub(crate) fn start(&self, arguments: &[&str]) -> Result<Program> {
        let log = self.path("log");
        let mut command = self.command(arguments)?;
        command.stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command.spawn()?;
        let mut said = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut said)?;
        let mut program = Program { child, said, log };
        if program.said.is_empty() {
            let end = program.child.wait()?;
            bail!("{arguments:?} ended with {end}: {}", program.log()?);
        }
        Ok(program)
    }

    /// Where the source is in the mount.
    pub(crate) fn mounted_source(&self) -> Result<PathBuf> {
        let source = fs::canonicalize(self.source())?;
        Ok(self.folder().join("latest").join(source.strip_prefix("/")?))
    }
}

/// The program that shows the snapshots.
pub(crate) struct Program {
    child: Child,
    /// Its first line.
    pub(crate) said: String,
    log: PathBuf,
}

impl Program {
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// What it said on standard error.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    pub(crate) fn end(&mut self) -> Result<ExitStatus> {
        eventually("the program ends", || Ok(self.child.try_wait()?.is_some()))?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.signal(Signal::TERM).ok();
        self.end().ok();
    }
}

pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{text}{errors}", output.status);
    Ok(text)
}

/// Whether anything is mounted at this folder.
pub(crate) fn is_mounted(folder: &Path) -> Result<bool> {
    let wanted = folder.to_str().context("text")?.replace(' ', "\\040");
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(mounts.lines().any(|line| line.split(' ').nth(4) == Some(&wanted)))
}

pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !is_so()? {
        ensure!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

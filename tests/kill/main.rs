//! Kills `heirloom snapshot` with SIGKILL at random moments. Whatever the moment: the repository opens, every snapshot that
//! was reported restores, the next run just works, and it stores only what was missing.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::crypto::{ExposeSecret as _, generate_identity};
use heirloom_kit::{Random, assert_same_tree, scratch_folder};

const KILLS: u64 = 200;

/// Packs that were being filled, sealed or written when the kill came; packs have 1 MiB here. What was indexed before
/// the kill is never stored again.
const LOST_BYTES_MAX: u64 = 8 << 20;

struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Result<Self> {
        let machine = Self { folder: scratch_folder()? };
        let (secret, recipient) = generate_identity();
        fs::write(machine.path("identity"), secret.expose_secret())?;
        fs::create_dir(machine.path("source"))?;
        let options = ["--pack-size", "1M", "--recovery-key", "none", "--recipient", &recipient];
        machine.run(&[&["init"][..], &options].concat())?;
        Ok(machine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        // The test lies in `deps`, beside what the workspace's programs are built into.
        let here = std::env::current_exe()?;
        let program = here.ancestors().nth(2).context("a target folder")?.join("heirloom");
        ensure!(program.exists(), "{} is missing: build the workspace", program.display());
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HEIRLOOM_REPOSITORY", self.path("repository"))
            .env("HEIRLOOM_CACHE_DIR", self.path("cache"))
            .env("HEIRLOOM_IDENTITY_FILE", self.path("identity"))
            .stdin(Stdio::null());
        Ok(command)
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments)?.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {}\n{text}{errors}", output.status);
        Ok(text)
    }

    /// Changes some files, adds some.
    fn change_source(&self, random: &mut Random, round: u64) -> Result<()> {
        let source = self.path("source");
        for number in 0..6 {
            let bytes = usize::try_from(random.below(900_000))?;
            fs::write(source.join(format!("file{}", random.below(40))), random.bytes(bytes))?;
            fs::write(source.join(format!("small{round}.{number}")), random.bytes(300))?;
        }
        Ok(())
    }

    fn pack_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        let Ok(packs) = fs::read_dir(self.path("repository/packs")) else { return Ok(0) };
        for pack in packs {
            // A killed run's temporary file may be swept while we look.
            bytes += pack?.metadata().map_or(0, |data| data.len());
        }
        Ok(bytes)
    }

    /// Kills a snapshot after some time. Returns whether it had been reported by then.
    fn kill_after(&self, delay: Duration) -> Result<bool> {
        let mut child = self
            .command(&["snapshot", "--json", self.path("source").to_str().context("UTF-8")?])?
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        thread::sleep(delay);
        child.kill()?;
        let output = child.wait_with_output()?;
        Ok(String::from_utf8_lossy(&output.stdout).contains("snapshot.saved"))
    }

    fn count_snapshots(&self) -> Result<usize> {
        let listing = self.run(&["snapshots", "--json"])?;
        Ok(listing.lines().filter(|line| line.contains("snapshot.found")).count())
    }

    fn check_restore(&self) -> Result<()> {
        let target = self.path("target");
        let source = self.path("source");
        let latest = format!("latest:{}", source.display());
        self.run(&["restore", "-q", &latest, "--target", target.to_str().context("UTF-8")?])?;
        assert_same_tree(&source, &target)?;
        Ok(fs::remove_dir_all(target)?)
    }
}

#[test]
fn two_hundred_kills_lose_no_reported_snapshot_and_block_nobody() -> Result<()> {
    let machine = Machine::new()?;
    let source = machine.path("source");
    let source = source.to_str().context("UTF-8")?;
    let mut random = Random::new(2026);
    machine.change_source(&mut random, 0)?;
    let started = Instant::now();
    machine.run(&["snapshot", "-q", source])?;
    let usual = started.elapsed();
    let (mut reported, mut completed) = (1, 0);
    for round in 1..=KILLS {
        machine.change_source(&mut random, round)?;
        let percent = u32::try_from(random.below(130))?;
        if machine.kill_after(usual * percent / 100)? {
            reported += 1;
            completed += 1;
        }
        let listed = machine.count_snapshots()?;
        // A kill between the commit and its report leaves one that nobody was told of.
        ensure!(listed >= reported, "{listed} snapshots are left of {reported}");
        reported = listed;
        if round % 8 != 0 {
            continue;
        }
        let interrupted = machine.pack_bytes()?;
        machine.run(&["snapshot", "-q", source])?;
        reported += 1;
        let stored = machine.pack_bytes()? - interrupted;
        // Each round changes at most 6 files of 0.9 MB; what the killed rounds of the last eight indexed is not stored again.
        ensure!(stored <= 8 * 6 * 900_000 + LOST_BYTES_MAX, "the next run stored {stored} bytes");
        machine.check_restore()?;
    }
    ensure!(completed < KILLS, "no kill came in time");
    Ok(())
}

#[test]
fn a_run_after_a_kill_stores_only_what_was_missing() -> Result<()> {
    let machine = Machine::new()?;
    let source = machine.path("source");
    let mut random = Random::new(7);
    for number in 0..48 {
        fs::write(source.join(format!("file{number:02}")), random.bytes(1 << 20))?;
    }
    let source = source.to_str().context("UTF-8")?;
    let started = Instant::now();
    let mut child = machine.command(&["snapshot", "-q", source])?.spawn()?;
    // In the middle, whatever the speed of the machine: as soon as half of it lies there.
    while machine.pack_bytes()? < 24 << 20 && started.elapsed() < Duration::from_mins(1) {
        thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()?;
    let interrupted = machine.pack_bytes()?;
    machine.run(&["snapshot", "-q", source])?;
    let total = machine.pack_bytes()?;
    ensure!(interrupted < 48 << 20, "the kill came too late: {interrupted} bytes");
    ensure!(
        total <= (48 << 20) + LOST_BYTES_MAX,
        "{total} bytes for 48 MiB, {interrupted} at the kill"
    );
    machine.check_restore()
}

//! The real program on every store: two at once, and one that is killed in the middle.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::Random;

use crate::machine::Machine;
use crate::stages::{Stage, on_stores};

/// Incompressible megabytes of the folder that is backed up when the kill comes.
const MEGABYTES: u64 = 24;

/// Packs that were being filled, sealed or sent when the kill came; packs have 1 MiB here. More calls are in flight to a
/// store over the network than to a disk.
const LOST_BYTES_MAX: u64 = 12 << 20;

on_stores! {
    a_killed_snapshot_is_taken_up_by_the_next:
    local, moto, apache, nginx, tearing, drive, rust_plugin, python_plugin, rclone_plugin, garage, wsgidav, rclone, sshd
}

on_stores! {
    two_programs_at_once_are_both_restored:
    local, moto, apache, nginx, tearing, drive, rust_plugin, python_plugin, rclone_plugin, garage, wsgidav, rclone, sshd
}

fn fill(machine: &Machine, name: &str, seed: u64, megabytes: u64) -> Result<()> {
    let mut random = Random::new(seed);
    for number in 0..megabytes {
        let file = machine.path("source").join(format!("{name}{number:02}"));
        fs::write(file, random.bytes(1 << 20))?;
    }
    Ok(())
}

fn a_killed_snapshot_is_taken_up_by_the_next(stage: &Stage) -> Result<()> {
    let place = stage.place.as_ref().context("a place")?;
    let machine = Machine::with_repository(place)?;
    fill(&machine, "file", 7, MEGABYTES)?;
    let started = Instant::now();
    // Slow enough to be met in the middle, also by who looks seldom.
    let mut child = machine.start_snapshot_with(&["--limit-upload", "6M"])?;
    // In the middle, whatever the speed of the machine: as soon as a third of it lies there.
    while machine.pack_bytes()? < (MEGABYTES << 20) / 3
        && child.try_wait()?.is_none()
        && started.elapsed() < Duration::from_mins(1)
    {
        thread::sleep(Duration::from_millis(2));
    }
    child.kill()?;
    let ended = child.wait_with_output()?;
    ensure!(!ended.status.success(), "the kill came too late");
    let interrupted = machine.pack_bytes()?;
    // Nobody unlocks anything.
    machine.snapshot()?;
    let total = machine.pack_bytes()?;
    ensure!(interrupted >= 4 << 20, "the kill came too early: {interrupted} bytes");
    ensure!(
        total <= (MEGABYTES << 20) + LOST_BYTES_MAX,
        "{total} bytes for {MEGABYTES} MiB, {interrupted} at the kill"
    );
    machine.check_restore_of(&machine, "latest")?;
    machine.twin()?.check_restore_of(&machine, "latest")
}

fn two_programs_at_once_are_both_restored(stage: &Stage) -> Result<()> {
    let place = stage.place.as_ref().context("a place")?;
    let left = Machine::with_repository(place)?;
    let right = left.twin()?;
    for (machine, seed) in [(&left, 31), (&right, 32)] {
        fill(machine, "shared", 30, 4)?;
        fill(machine, "own", seed, 4)?;
    }
    for child in [left.start_snapshot()?, right.start_snapshot()?] {
        let ended = child.wait_with_output()?;
        let words = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "{}: {words}", ended.status);
    }
    let other = left.twin()?;
    let snapshots = other.snapshots()?;
    ensure!(snapshots.len() == 2, "{snapshots:?}");
    // Which of them came first is not known, but each has the folder of one machine only.
    for machine in [&left, &right] {
        let is_whole = |id: &&String| other.check_restore_of(machine, id).is_ok();
        let restored = snapshots.iter().filter(is_whole).count();
        ensure!(restored == 1, "restored {restored} times from {snapshots:?}");
    }
    Ok(())
}

//! Snapshots, prunes and forgetting at the same time, by real programs, some of which are killed. `HEIRLOOM_THOROUGH`
//! runs 500 rounds.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::{Random, assert_same_tree, is_thorough};
use serde_json::Value;

use crate::machine::{Machine, text};
use crate::stages::{Stage, on_stores};

on_stores! {
    snapshots_and_prunes_at_once_lose_nothing: local, moto
}

on_stores! {
    a_snapshot_that_is_declared_dead_says_so: local, moto
}

/// Pieces of content that come, go and come back.
const CONTENTS: u64 = 24;

/// Snapshots that stay in the repository, about.
const KEPT: usize = 5;

/// Nobody waits longer than this for the next program to start.
const LONGEST_DELAY: Duration = Duration::from_millis(300);

fn rounds(few: u64) -> u64 {
    if is_thorough() { 500 } else { few }
}

/// A snapshot that was reported, whose it is, and what it must hold.
struct Taken {
    id: String,
    machine: usize,
    copy: PathBuf,
}

#[derive(Debug, Default)]
struct Tally {
    snapshots: u64,
    killed: u64,
    prunes: u64,
    freed: u64,
    forgotten: u64,
    fenced: u64,
    restored: u64,
}

struct Race {
    machines: Vec<Machine>,
    pruner: Machine,
    taken: Vec<Taken>,
    random: Random,
    tally: Tally,
    /// How long a snapshot takes when it is alone.
    usual: Duration,
}

/// A program that was started, and when it is to be killed.
struct Started {
    child: Child,
    kill_at: Option<Instant>,
}

impl Started {
    fn new(mut command: Command, kill_after: Option<Duration>) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        Ok(Self { child, kill_at: kill_after.map(|after| Instant::now() + after) })
    }

    /// Its output; `None` if it was killed.
    fn end(mut self) -> Result<Option<Output>> {
        if let Some(at) = self.kill_at {
            while Instant::now() < at && self.child.try_wait()?.is_none() {
                thread::sleep(Duration::from_millis(2));
            }
            self.child.kill()?;
        }
        let output = self.child.wait_with_output()?;
        Ok(output.status.code().is_some().then_some(output))
    }
}

/// The field of the last line of `--json`.
fn said(output: &Output, field: &str) -> Option<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let last: Value = serde_json::from_str(text.lines().last()?).ok()?;
    last.get(field).cloned()
}

fn words(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

impl Race {
    fn new(stage: &Stage, seed: u64) -> Result<Self> {
        let pruner = Machine::with_repository(stage.place.as_ref().context("a place")?)?;
        let machines = vec![pruner.twin()?, pruner.twin()?, pruner.twin()?];
        let (random, tally) = (Random::new(seed), Tally::default());
        let usual = Duration::ZERO;
        let mut race = Self { machines, pruner, taken: Vec::new(), random, tally, usual };
        for machine in 0..race.machines.len() {
            race.change(machine)?;
        }
        let began = Instant::now();
        let snapshot = race.start_snapshot(0, &[], None)?;
        race.end_snapshot(0, snapshot)?;
        race.usual = began.elapsed();
        Ok(race)
    }

    /// Before the next program starts.
    fn delay(&mut self) -> Duration {
        self.usual.min(LONGEST_DELAY) * self.percent() / 100
    }

    /// Until a program is killed, which has mostly not ended by then.
    fn patience(&mut self) -> Duration {
        self.usual * self.percent() / 120
    }

    fn percent(&mut self) -> u32 {
        u32::try_from(self.random.below(100)).expect("less than 100")
    }

    /// Writes some files anew. What they hold was there before, more often than not, and may have been pruned.
    fn change(&mut self, machine: usize) -> Result<()> {
        let source = self.machines[machine].path("source");
        for _ in 0..3 {
            let content = self.random.below(CONTENTS);
            let bytes = Random::new(content).bytes(2000 + usize::try_from(content * content)? * 90);
            fs::write(source.join(format!("file{}", self.random.below(6))), bytes)?;
        }
        Ok(())
    }

    fn start_snapshot(
        &self,
        machine: usize,
        flags: &[&str],
        kill_after: Option<Duration>,
    ) -> Result<Started> {
        let machine = &self.machines[machine];
        let source = machine.path("source");
        let mut command = machine.command(&["snapshot", "--json", text(&source)?])?;
        command.args(flags);
        Started::new(command, kill_after)
    }

    /// A snapshot that was reported is noted; one that was killed may be there or not.
    fn end_snapshot(&mut self, machine: usize, started: Started) -> Result<()> {
        let Some(output) = started.end()? else {
            self.tally.killed += 1;
            return Ok(());
        };
        // Torn objects cannot come about here; whoever is killed leaves a session, and nobody minds.
        ensure!(output.status.success(), "snapshot: {}", words(&output));
        self.note(machine, &output)
    }

    fn note(&mut self, machine: usize, output: &Output) -> Result<()> {
        let id = said(output, "snapshot").with_context(|| words(output))?;
        let id = id.as_str().context("an id")?.to_owned();
        let copy = self.pruner.path(&format!("copy of {id}"));
        let source = self.machines[machine].path("source");
        let copied = Command::new("cp").arg("-a").arg(source).arg(&copy).status()?;
        ensure!(copied.success(), "cp: {copied}");
        self.taken.push(Taken { id, machine, copy });
        self.tally.snapshots += 1;
        Ok(())
    }

    fn end_prune(&mut self, started: Started) -> Result<()> {
        let Some(output) = started.end()? else {
            self.tally.killed += 1;
            return Ok(());
        };
        let code = output.status.code();
        ensure!(matches!(code, Some(0 | 4)), "prune: {}", words(&output));
        self.tally.prunes += 1;
        let freed = said(&output, "freed_bytes").and_then(|bytes| bytes.as_u64());
        self.tally.freed += u64::from(freed.unwrap_or(0) > 0);
        Ok(())
    }

    fn start_prune(&self, flags: &[&str], kill_after: Option<Duration>) -> Result<Started> {
        let mut command = self.pruner.command(&["prune", "--json"])?;
        command.args(flags);
        Started::new(command, kill_after)
    }

    /// For when nobody else is there.
    fn clean_up(&mut self) -> Result<()> {
        let started = self.start_prune(&["--dead-after", "0s"], None)?;
        self.end_prune(started)
    }

    /// Forgets one of those that are not the newest.
    fn forget(&mut self) -> Result<()> {
        if self.taken.len() <= KEPT {
            return Ok(());
        }
        let which = usize::try_from(self.random.below(u64::try_from(self.taken.len() - 2)?))?;
        let Taken { id, copy, .. } = self.taken.remove(which);
        self.pruner.run(&["forget", "-q", &id])?;
        self.tally.forgotten += 1;
        Ok(fs::remove_dir_all(copy)?)
    }

    fn check(&mut self, which: usize) -> Result<()> {
        let Taken { id, machine, copy } = &self.taken[which];
        let target = self.pruner.path("target");
        let source = self.machines[*machine].path("source");
        let snapshot = format!("{id}:{}", source.display());
        self.pruner.run(&["restore", "-q", &snapshot, "--target", text(&target)?])?;
        assert_same_tree(copy, &target).with_context(|| format!("snapshot {id}"))?;
        self.tally.restored += 1;
        Ok(fs::remove_dir_all(target)?)
    }

    /// One or two snapshots and one or two prunes; in half of the rounds one of them is killed.
    fn round(&mut self, number: u64) -> Result<()> {
        let writers = 1 + usize::try_from(self.random.below(2))?;
        let prunes = 1 + self.random.below(4) / 3;
        let killed = if number % 2 == 1 { self.random.below(3) } else { u64::MAX };
        let mut snapshots = Vec::new();
        let mut started = Vec::new();
        let first = usize::try_from(number)? % self.machines.len();
        let prune_first = self.random.below(2) == 0;
        for turn in [prune_first, !prune_first] {
            if turn {
                for prune in 0..prunes {
                    let kill = (killed == prune + 1).then(|| self.patience());
                    started.push(self.start_prune(&[], kill)?);
                    thread::sleep(self.delay());
                }
            } else {
                for writer in 0..writers {
                    let machine = (first + writer) % self.machines.len();
                    self.change(machine)?;
                    let kill = (killed == 0 && writer == 0).then(|| self.patience());
                    snapshots.push((machine, self.start_snapshot(machine, &[], kill)?));
                    thread::sleep(self.delay());
                }
            }
            if self.random.below(3) == 0 {
                self.forget()?;
            }
        }
        for (machine, snapshot) in snapshots {
            self.end_snapshot(machine, snapshot)?;
        }
        started.into_iter().try_for_each(|prune| self.end_prune(prune))?;
        self.forget()?;
        // Nobody is there now; what was killed is in the way of freeing anything.
        if killed != u64::MAX && self.random.below(2) == 0 {
            self.clean_up()?;
        }
        if number.is_multiple_of(8) && !self.taken.is_empty() {
            let which = self.random.below(u64::try_from(self.taken.len())?);
            self.check(usize::try_from(which)?)?;
        }
        Ok(())
    }

    /// Everything that was reported restores, and everything else is gone.
    fn finish(&mut self, stage: &Stage) -> Result<()> {
        self.clean_up()?;
        for which in 0..self.taken.len() {
            self.check(which)?;
        }
        let output = self.pruner.attempt(&["prune", "--dry-run", "--json"])?;
        let planned = |field| said(&output, field).and_then(|value| value.as_u64());
        ensure!(planned("delete_packs") == Some(0), "{}", words(&output));
        ensure!(planned("condemned_packs") == Some(0), "{}", words(&output));
        for folder in ["sessions/", "condemned/"] {
            let left = list(stage, folder)?;
            ensure!(left.is_empty(), "left: {left:?}");
        }
        println!("{:?}", self.tally);
        Ok(())
    }
}

fn list(stage: &Stage, folder: &str) -> Result<Vec<String>> {
    use futures::TryStreamExt as _;
    let storage = stage.storage();
    heirloom_kit::block_on(async {
        let listed: Vec<_> = storage.list(folder).try_collect().await?;
        Ok(listed.into_iter().map(|object| object.name).collect())
    })
}

fn snapshots_and_prunes_at_once_lose_nothing(stage: &Stage) -> Result<()> {
    let mut race = Race::new(stage, 77)?;
    for number in 0..rounds(20) {
        race.round(number).with_context(|| format!("round {number}"))?;
    }
    race.finish(stage)
}

/// While snapshots are taken, somebody says that nobody is there.
fn a_snapshot_that_is_declared_dead_says_so(stage: &Stage) -> Result<()> {
    let mut race = Race::new(stage, 78)?;
    for number in 0..rounds(12) / 2 {
        let machine = usize::try_from(number)? % race.machines.len();
        race.change(machine)?;
        // Something that nobody stored before, and slowly, or it would have ended.
        let new = race.random.bytes(300_000);
        fs::write(race.machines[machine].path("source").join("new"), new)?;
        let snapshot = race.start_snapshot(machine, &["--limit-upload", "400K"], None)?;
        thread::sleep(race.delay() * 2);
        let prune = race.start_prune(&["--dead-after", "0s"], None)?;
        race.end_prune(prune)?;
        let output = snapshot.end()?.context("nobody killed it")?;
        if output.status.success() {
            race.note(machine, &output)?;
        } else {
            let words = words(&output);
            ensure!(words.contains("was declared dead by a prune"), "{words}");
            ensure!(output.status.code() == Some(1), "{words}");
            race.tally.fenced += 1;
        }
        race.forget()?;
    }
    ensure!(race.tally.fenced > 0, "nobody was declared dead: {:?}", race.tally);
    race.finish(stage)
}

//! Simulated clients on a simulated store, around the real engine (`docs/simulation.md`).

mod client;
mod image;
mod oracle;
mod plan;
#[path = "../kit/src/random.rs"]
mod random;
mod run;
mod source;
mod storage;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use heirloom_engine::looks::{Look, leave_out};

use crate::image::Images;
use crate::plan::Plan;
use crate::run::Runner;

/// What was asked for.
#[derive(Debug)]
struct Settings {
    schedules: u64,
    first: u64,
    threads: usize,
    replay: bool,
    left_out: Option<Look>,
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut settings =
            Self { schedules: 1000, first: 0, threads: 2, replay: false, left_out: None };
        for argument in arguments {
            let (name, value) = argument.split_once('=').context("arguments are NAME=VALUE")?;
            match name {
                "schedules" => settings.schedules = value.parse()?,
                "first" => settings.first = value.parse()?,
                "threads" => settings.threads = value.parse()?,
                "without" => settings.left_out = Some(look(value)?),
                "replay" => {
                    settings.first = value.parse()?;
                    settings.replay = true;
                }
                _ => bail!("no argument is called {name}"),
            }
        }
        Ok(settings)
    }
}

/// Every precaution, by name.
const LOOKS: [Look; 16] = [
    Look::FencesOfSegments,
    Look::CondemnedAtStart,
    Look::CondemnedAtMerge,
    Look::FencesAtMerge,
    Look::FencesAtCommit,
    Look::PrunerAnnounced,
    Look::WaitsAfterCondemned,
    Look::Waits,
    Look::OwnFence,
    Look::CopiesFromCondemned,
    Look::RemembersCondemned,
    Look::NothingCondemnedForParent,
    Look::ParentAfterAnnouncement,
    Look::SnapshotsBeforeReclaim,
    Look::FencesAtReclaim,
    Look::SnapshotAfterFence,
];

fn look(name: &str) -> Result<Look> {
    let found = LOOKS.into_iter().find(|look| format!("{look:?}") == name);
    found.with_context(|| format!("{name} is none of {LOOKS:?}"))
}

fn main() -> ExitCode {
    match Settings::parse(std::env::args().skip(1)).and_then(|settings| perform(&settings)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(settings: &Settings) -> Result<bool> {
    let images = Arc::new(Images::new()?);
    leave_out(settings.left_out);
    if settings.replay {
        return Ok(replay(&images, settings.first));
    }
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let next = AtomicU64::new(settings.first);
    let end = settings.first + settings.schedules;
    let (failed, steps) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..settings.threads {
            scope.spawn(|| {
                let mut runner = Runner::new(&images);
                while !failed.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let (summary, _) = runner.run(&Arc::new(Plan::draw(seed)), false);
                    steps.fetch_add(summary.steps, Ordering::Relaxed);
                    if let Some(violation) = summary.violation {
                        failed.store(true, Ordering::Relaxed);
                        println!("seed {seed}: {violation}");
                    }
                }
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let schedules = next.load(Ordering::Relaxed).min(end) - settings.first;
    println!(
        "{schedules} schedules from seed {}, {} steps, {seconds:.1} s",
        settings.first,
        steps.load(Ordering::Relaxed)
    );
    Ok(!failed.load(Ordering::Relaxed))
}

/// Runs one schedule and tells its steps.
fn replay(images: &Arc<Images>, seed: u64) -> bool {
    let plan = Arc::new(Plan::draw(seed));
    print!("{plan}");
    let (summary, log) = Runner::new(images).run(&plan, true);
    let mut names = BTreeMap::new();
    for step in log {
        let name = shorten(&mut names, &step.name);
        println!("{} {} {name} {}", step.client, step.verb, step.note);
    }
    println!("{summary:?}");
    summary.violation.is_none()
}

/// Numbers instead of long names, in the order of their appearance.
fn shorten(names: &mut BTreeMap<String, usize>, name: &str) -> String {
    let parts = name.split_inclusive(['/', '.']);
    let short = parts.map(|part| {
        let id = part.trim_end_matches(['/', '.']);
        if id.len() < 32 {
            return part.to_owned();
        }
        let count = names.len();
        let number = *names.entry(id.to_owned()).or_insert(count);
        part.replace(id, &format!("#{number}"))
    });
    short.collect()
}

//! Simulated clients on a simulated store, around the real engine (`docs/simulation.md`).

mod client;
mod image;
mod oracle;
mod plan;
#[path = "../kit/src/random.rs"]
mod random;
mod run;
mod shrink;
mod source;
mod state;
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
use crate::shrink::shrink;
use crate::world::Search;

/// What was asked for.
#[derive(Debug)]
struct Settings {
    schedules: u64,
    first: u64,
    threads: usize,
    replay: bool,
    shrink: bool,
    twice: bool,
    kind: Kind,
    left_out: Option<Look>,
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A few clients who do something now and then.
    Usual,
    /// Many at once; only losses count.
    Crowded,
    /// The same on a store that lists late.
    Late,
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut settings = Self {
            schedules: 1000,
            first: 0,
            threads: 2,
            replay: false,
            shrink: false,
            twice: false,
            kind: Kind::Usual,
            left_out: None,
        };
        for argument in arguments {
            let (name, value) = argument.split_once('=').context("arguments are NAME=VALUE")?;
            match name {
                "schedules" => settings.schedules = value.parse()?,
                "first" => settings.first = value.parse()?,
                "threads" => settings.threads = value.parse()?,
                "twice" => settings.twice = value.parse()?,
                "shrink" => {
                    settings.first = value.parse()?;
                    (settings.replay, settings.shrink) = (true, true);
                }
                "crowded" if value.parse()? => settings.kind = Kind::Crowded,
                "late" if value.parse()? => settings.kind = Kind::Late,
                "crowded" | "late" => {}
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

impl Settings {
    /// What leaves a precaution out needs a crowd to be noticed.
    fn kind(&self) -> Kind {
        match (self.kind, self.left_out) {
            // Only where listings are late segments are waited for.
            (_, Some(Look::SegmentsBeforeEnd)) => Kind::Late,
            (Kind::Usual, Some(_)) => Kind::Crowded,
            (kind, _) => kind,
        }
    }

    fn plan(&self, seed: u64) -> Plan {
        match self.kind() {
            Kind::Usual => Plan::draw(seed),
            Kind::Crowded => Plan::draw_crowded(seed),
            Kind::Late => Plan::draw_late(seed),
        }
    }

    fn search(&self) -> Search {
        // What these prevent is a doubt, or an index that is wrong before anybody relies on it.
        let not_lost = [Look::SnapshotAfterFence, Look::SegmentsBeforeEnd];
        let for_losses = self.kind() != Kind::Usual
            && !self.left_out.is_some_and(|look| not_lost.contains(&look));
        Search { for_losses, with_log: self.replay }
    }
}

/// Every precaution, by name.
const LOOKS: [Look; 17] = [
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
    Look::SegmentsBeforeEnd,
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
        return Ok(replay(&images, settings));
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
                    let plan = Arc::new(settings.plan(seed));
                    let (summary, _) = runner.run(&plan, settings.search());
                    steps.fetch_add(summary.steps, Ordering::Relaxed);
                    if settings.twice && runner.run(&plan, settings.search()).0 != summary {
                        failed.store(true, Ordering::Relaxed);
                        println!("seed {seed}: not the same when it is replayed");
                    }
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

/// Runs one schedule and tells its steps; takes it apart first, if it goes wrong and that was asked for.
fn replay(images: &Arc<Images>, settings: &Settings) -> bool {
    let mut runner = Runner::new(images);
    let mut plan = settings.plan(settings.first);
    let search = settings.search();
    let once = |runner: &mut Runner, plan: &Plan| runner.run(&Arc::new(plan.clone()), search);
    let (mut summary, mut log) = once(&mut runner, &plan);
    let (again, other_log) = once(&mut runner, &plan);
    if again != summary {
        let same = log.iter().zip(&other_log).take_while(|(one, other)| one == other).count();
        println!(
            "not the same from step {same} on: {:?}, {:?}",
            log.get(same),
            other_log.get(same)
        );
    }
    if summary.violation.is_some() && settings.shrink {
        plan = shrink(&mut runner, plan, Search { with_log: false, ..search });
        (summary, log) = once(&mut runner, &plan);
    }
    print!("{plan}");
    let mut names = BTreeMap::new();
    for step in log {
        let name = shorten(&mut names, &step.name);
        let store = if step.store == 0 { "" } else { " other" };
        println!("{}{store} {} {name} {}", step.client, step.verb, step.note);
    }
    println!("{summary:?}");
    summary.violation.is_none() && again == summary
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

//! `heirloom prune`.

use std::sync::Arc;

use heirloom_engine::clock::Clock as _;
use heirloom_engine::id::SessionId;
use heirloom_engine::progress::Progress;
use heirloom_engine::prune::{self, PruneOptions};
use heirloom_engine::repository::{Repository, SessionNote};

use super::prune_words as words;
use crate::args::prune::{HowArgs, PruneArgs};
use crate::args::values;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{Failure, Usage};
use crate::keeping;
use crate::output::Event;
use crate::progress::Meter;
use crate::settings::Settings;
use crate::store::Store;
use crate::system::{SystemClock, host_name, return_large_memory, watch_interrupts};

pub(crate) fn run(settings: &Settings, arguments: &PruneArgs) -> Result<Exit, Failure> {
    return_large_memory();
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let dropped = keeping::apply(settings, &repository, &arguments.keep)?;
    if !arguments.dry_run && !dropped.is_empty() {
        repository
            .forget(&dropped, &keeping::saying("not kept by the rules of a prune".to_owned()))?;
    }
    let without = if arguments.dry_run { dropped } else { Vec::new() };
    let how = (&arguments.how, arguments.dry_run);
    self::without(settings, (&store, &repository), how, without)
}

/// Prunes, or shows what a prune would do if some snapshots were forgotten.
pub(crate) fn without(
    settings: &Settings,
    (store, repository): (&Store, &Repository),
    (how, dry_run): (&HowArgs, bool),
    without: Vec<SessionId>,
) -> Result<Exit, Failure> {
    let options = PruneOptions { without: without.into_iter().collect(), ..options(how)? };
    if dry_run {
        return show(settings, store, repository, &options);
    }
    free(settings, store, repository, &options)
}

fn options(arguments: &HowArgs) -> Result<PruneOptions, Failure> {
    let now_ns = SystemClock.now_ns();
    let nanoseconds =
        |span| values::nanoseconds(span, now_ns).ok_or(Failure::Usage(Usage::Duration));
    let note = SessionNote {
        started: i64::try_from(now_ns).unwrap_or(i64::MAX),
        host: host_name(),
        program: concat!("heirloom ", env!("CARGO_PKG_VERSION")).to_owned(),
        command: "prune".to_owned(),
    };
    Ok(PruneOptions {
        max_unused: arguments.max_unused,
        max_repack: arguments.max_repack,
        time_budget_ns: arguments.time_budget.map(nanoseconds).transpose()?,
        dead_after_ns: nanoseconds(arguments.dead_after)?,
        ..PruneOptions::new(note)
    })
}

/// The plan, and nothing else.
fn show(
    settings: &Settings,
    store: &Store,
    repository: &Repository,
    options: &PruneOptions,
) -> Result<Exit, Failure> {
    let output = settings.output;
    let cancelled = watch_interrupts().map_err(Failure::System)?;
    let meter = Meter::start(output, cancelled);
    let planned = prune::plan(repository, options, &meter);
    let taken = meter.finish();
    let plan = planned?;
    let exit = choose::report(&plan.problems, output);
    output.text(&words::plan(&plan, output.verbose))?;
    words::events(&plan, output)?;
    store.tell_traffic(output)?;
    let fields = words::plan_fields(&plan, taken);
    output.event(Event::Summary, "prune.planned", store.with_traffic(fields))?;
    Ok(exit)
}

fn free(
    settings: &Settings,
    store: &Store,
    repository: &Repository,
    options: &PruneOptions,
) -> Result<Exit, Failure> {
    let output = settings.output;
    let cancelled = watch_interrupts().map_err(Failure::System)?;
    let meter = Arc::new(Meter::start(output, cancelled));
    let shared = Arc::clone(&meter);
    let progress: Arc<dyn Progress> = shared;
    let mut told = Ok(Exit::Success);
    let result = prune::run(repository, options, &progress, &mut |plan| {
        let exit = choose::report(&plan.problems, output);
        let text = words::plan(plan, output.verbose);
        told = output.done(&text).and_then(|()| words::events(plan, output)).map(|()| exit);
    });
    let taken = meter.finish();
    let report = result?;
    let mut exit = choose::worse(told?, choose::report(&report.problems, output));
    words::warnings(&report, output);
    output.done(&words::report(&report, taken))?;
    store.tell_traffic(output)?;
    let fields = words::report_fields(&report, taken);
    output.event(Event::Summary, "prune.done", store.with_traffic(fields))?;
    if !report.damaged.is_empty() {
        exit = Exit::Damage;
    }
    Ok(exit)
}

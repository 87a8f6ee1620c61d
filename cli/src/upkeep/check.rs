//! `heirloom check`.

use heirloom_engine::check::{self, CheckOptions, CheckReport, Choice, Weight};
use heirloom_engine::clock::Clock as _;

use super::check_words as words;
use crate::args::check::{CheckArgs, Subset};
use crate::args::values;
use crate::exit::Exit;
use crate::failure::{Failure, Usage};
use crate::output::Event;
use crate::progress::Meter;
use crate::settings::Settings;
use crate::store::Store;
use crate::system::{SystemClock, watch_interrupts};

pub(crate) fn run(settings: &Settings, arguments: &CheckArgs) -> Result<Exit, Failure> {
    let options = options(arguments)?;
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let output = settings.output;
    let cancelled = watch_interrupts().map_err(Failure::System)?;
    let meter = Meter::start(output, cancelled);
    let result = check::run(&repository, &options, &meter);
    let taken = meter.finish();
    let report = result?;
    for finding in &report.findings {
        words::finding(finding, output)?;
    }
    words::affected(&report, output)?;
    words::not_restored(&report, output)?;
    output.text(&words::summary(&report, taken))?;
    store.tell_traffic(output)?;
    let fields = words::fields(&report, taken);
    output.event(Event::Summary, "repository.checked", store.with_traffic(fields))?;
    Ok(exit(&report))
}

fn options(arguments: &CheckArgs) -> Result<CheckOptions, Failure> {
    let now_ns = SystemClock.now_ns();
    let nanoseconds = |span| {
        let duration = values::nanoseconds(span, now_ns).ok_or(Failure::Usage(Usage::Duration));
        duration.map(i128::from)
    };
    let read = match arguments.subset {
        Some(Subset::Choice(choice)) => Some(choice),
        Some(Subset::Stale(age)) => Some(Choice::Stale { age_ns: nanoseconds(age)? }),
        None => arguments.read_data.then_some(Choice::All),
    };
    let time_budget_ns = arguments.time_budget.map(nanoseconds).transpose()?;
    Ok(CheckOptions { read, time_budget_ns, restore_test: arguments.restore_test })
}

/// A store that went back in time is worse than damage: nobody knows what else it keeps back.
fn exit(report: &CheckReport) -> Exit {
    if report.is_rolled_back() {
        return Exit::Rollback;
    }
    match report.weight() {
        None | Some(Weight::Remark) => Exit::Success,
        Some(Weight::Warning) => Exit::Warnings,
        Some(Weight::Damage) => Exit::Damage,
    }
}

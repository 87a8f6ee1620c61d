//! `heirloom repair`.

use std::sync::Arc;

use heirloom_engine::clock::Clock as _;
use heirloom_engine::progress::Progress;
use heirloom_engine::repair::{self, Part, Repairer};
use heirloom_engine::repository::SessionNote;

use super::repair_words as words;
use crate::args::repair::{PartArgs, RepairArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::progress::Meter;
use crate::settings::{Settings, user_name};
use crate::store::Store;
use crate::system::{SystemClock, host_name, watch_interrupts};

pub(crate) fn run(settings: &Settings, arguments: &RepairArgs) -> Result<Exit, Failure> {
    let (part, name, apply) = match &arguments.part {
        PartArgs::Index(apply) => (Part::Index, "index", apply),
        PartArgs::Packs { packs, apply } => (Part::Packs(packs.clone()), "packs", apply),
        PartArgs::Snapshots { read_data, forget_lost, apply } => {
            let part = Part::Snapshots { read_data: *read_data, forget_lost: *forget_lost };
            (part, "snapshots", apply)
        }
    };
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let output = settings.output;
    let cancelled = watch_interrupts().map_err(Failure::System)?;
    let meter = Arc::new(Meter::start(output, Arc::clone(&cancelled)));
    let planned = repair::plan(&repository, &part, meter.as_ref());
    let taken = meter.finish();
    let plan = planned?;
    words::events(&plan, output)?;
    output.text(&words::plan(&plan, name, apply.apply))?;
    if !apply.apply || plan.steps.is_empty() {
        store.tell_traffic(output)?;
        let fields = words::plan_fields(&plan, taken);
        output.event(Event::Summary, "repair.planned", store.with_traffic(fields))?;
        return Ok(match (plan.steps.is_empty(), plan.left.is_empty() && plan.lost.is_empty()) {
            (true, true) => Exit::NothingToDo,
            (true, false) => Exit::Damage,
            (false, _) => Exit::Success,
        });
    }
    let who = Repairer {
        note: SessionNote {
            started: i64::try_from(SystemClock.now_ns()).unwrap_or(i64::MAX),
            host: host_name(),
            program: concat!("heirloom ", env!("CARGO_PKG_VERSION")).to_owned(),
            command: format!("repair {name}"),
        },
        user: user_name(),
    };
    let meter = Arc::new(Meter::start(output, cancelled));
    let shared = Arc::clone(&meter);
    let progress: Arc<dyn Progress> = shared;
    let repaired = repair::apply(&repository, (&part, &plan), &who, &progress);
    let taken = meter.finish();
    let report = repaired?;
    output.done(&words::report(&report, taken))?;
    store.tell_traffic(output)?;
    let fields = words::report_fields(&report, taken);
    output.event(Event::Summary, "repair.done", store.with_traffic(fields))?;
    Ok(if report.skipped.is_empty() { Exit::Success } else { Exit::Warnings })
}

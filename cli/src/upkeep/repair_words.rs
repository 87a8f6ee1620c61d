//! What a repair says.

use std::fmt::Write as _;
use std::time::Duration;

use heirloom_engine::repair::{RepairPlan, RepairReport, Step};
use serde_json::{Value, json};

use super::check_words;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::render::key::short;
use crate::render::names;
use crate::render::numbers::{count, counted, took};

const fn id(step: &Step) -> &'static str {
    match step {
        Step::PutDescription => "put-description",
        Step::Delete { .. } => "delete",
        Step::DropCondemned { .. } => "drop-condemned",
        Step::DeclareDead { .. } => "declare-dead",
        Step::DropSegment { .. } => "drop-segment",
        Step::DropPack { .. } => "drop-pack",
        Step::AddPack { .. } => "add-pack",
        Step::Salvage { .. } => "salvage",
        Step::Rebuild { .. } => "rebuild",
        Step::Adopt { .. } => "adopt",
        Step::ForgetLost { .. } => "forget-lost",
        Step::Restate { .. } => "restate",
        _ => "other",
    }
}

fn object(step: &Step) -> String {
    match step {
        Step::PutDescription => "heirloom.json".to_owned(),
        Step::Delete { object } | Step::DropCondemned { object } | Step::DropSegment { object } => {
            object.clone()
        }
        Step::DeclareDead { session } => format!("sessions/{session}"),
        Step::DropPack { pack } | Step::AddPack { pack } | Step::Salvage { pack, .. } => {
            format!("packs/{pack}")
        }
        Step::Rebuild { affected } => format!("snapshots/{}", affected.snapshot),
        Step::Adopt { snapshot } | Step::ForgetLost { snapshot, .. } => {
            format!("snapshots/{snapshot}")
        }
        Step::Restate { snapshot } => format!("tombstones/{snapshot}"),
        _ => String::new(),
    }
}

fn words(step: &Step) -> String {
    let object = names::shown(object(step).as_bytes());
    match step {
        Step::PutDescription | Step::Restate { .. } => format!("write {object} again"),
        Step::Delete { .. } => format!("delete {object}, which makes no sense"),
        Step::DropCondemned { .. } => {
            format!("delete {object}, which makes no sense, if nobody else is writing")
        }
        Step::DeclareDead { .. } => {
            format!("declare {object} dead; if it is running after all, it has to run again")
        }
        Step::DropSegment { .. } => {
            format!("delete {object}; its packs are listed again from their own tables")
        }
        Step::DropPack { .. } => format!("drop {object} from the index: it is gone"),
        Step::AddPack { .. } => format!("add {object} to the index"),
        Step::Salvage { intact, unreadable, .. } => format!(
            "save {} of {object}, condemn it; {} lost",
            counted(*intact, "piece", "pieces"),
            count(*unreadable)
        ),
        Step::Rebuild { .. } => format!("replace {object} by one without what is lost:"),
        Step::Adopt { .. } => format!("adopt {object}: it is whole"),
        Step::ForgetLost { .. } => format!("forget {object}: nothing of it can be listed"),
        _ => object,
    }
}

/// The plan for people: every step, and for each snapshot every path that is given up.
pub(super) fn plan(plan: &RepairPlan, part: &str, applies: bool) -> String {
    let mut text = String::new();
    let mut say = |line: String| writeln!(text, "{line}").expect("a String takes it");
    for step in &plan.steps {
        say(format!("- {}", words(step)));
        if let Step::Rebuild { affected } = step {
            for touched in &affected.touched {
                say(format!("    {}", check_words::place(touched)));
            }
            if affected.more > 0 {
                say(format!("    and {} more", count(affected.more)));
            }
        }
    }
    for lost in &plan.lost {
        let id = short(&lost.to_string());
        say(format!("Nothing of snapshot {id} can be listed; `--forget-lost` forgets it"));
    }
    if plan.steps.is_empty() {
        say("Nothing to repair here".to_owned());
    } else if !applies {
        say(format!("Nothing was done. To do this: heirloom repair {part} --apply"));
    }
    if !plan.left.is_empty() {
        let left = u64::try_from(plan.left.len()).unwrap_or(u64::MAX);
        let objects = counted(left, "object is", "objects are");
        say(format!("{objects} damaged in a way that this does not mend; see `heirloom check`"));
    }
    text
}

/// One event for each step, and one for each path that is given up.
pub(super) fn events(plan: &RepairPlan, output: Output) -> Result<(), Failure> {
    for step in &plan.steps {
        let fields = json!({ "step": id(step), "object": object(step) });
        output.event(Event::Finding, "repair.step", fields)?;
        if let Step::Rebuild { affected } = step {
            for touched in &affected.touched {
                let fields = check_words::place_fields(affected, touched);
                output.event(Event::File, "file.affected", fields)?;
            }
        }
    }
    Ok(())
}

/// The plan as the fields of a summary.
pub(super) fn plan_fields(plan: &RepairPlan, taken: Duration) -> Value {
    json!({
        "steps": plan.steps.len(),
        "lost": plan.lost.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "left": plan.left.iter().map(|finding| finding.object.clone()).collect::<Vec<_>>(),
        "seconds": taken.as_secs_f64(),
    })
}

/// The end for people.
pub(super) fn report(report: &RepairReport, taken: Duration) -> String {
    let done = u64::try_from(report.done.len()).unwrap_or(u64::MAX);
    let mut text = format!("Did {} in {}\n", counted(done, "step", "steps"), took(taken));
    let mut say = |line: String| writeln!(text, "{line}").expect("a String takes it");
    if report.salvaged > 0 {
        say(format!("  saved {}", counted(report.salvaged, "piece of data", "pieces of data")));
    }
    for (old, new) in &report.replaced {
        let (old, new) = (old.to_string(), new.to_string());
        say(format!("  snapshot {} stands for {} now", short(&new), short(&old)));
    }
    for step in &report.skipped {
        say(format!("  not done, something else is going on: {}", words(step)));
    }
    let salvaged = report.done.iter().any(|step| matches!(step, Step::Salvage { .. }));
    if salvaged {
        say("  next: heirloom repair snapshots, then heirloom prune".to_owned());
    }
    text
}

/// The end as the fields of a summary.
pub(super) fn report_fields(report: &RepairReport, taken: Duration) -> Value {
    let replaced = report.replaced.iter();
    let replaced =
        replaced.map(|(old, new)| json!({ "old": old.to_string(), "new": new.to_string() }));
    json!({
        "done": report.done.len(),
        "skipped": report.skipped.len(),
        "salvaged": report.salvaged,
        "replaced": replaced.collect::<Vec<_>>(),
        "seconds": taken.as_secs_f64(),
    })
}

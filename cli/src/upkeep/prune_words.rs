//! What a prune says.

use std::fmt::Write as _;
use std::time::Duration;

use heirloom_engine::deletion::Running;
use heirloom_engine::prune::{Action, PrunePlan, PruneReport};
use serde_json::{Value, json};

use crate::explain;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::render::key::short;
use crate::render::numbers::{bytes, count, counted, took};
use crate::render::{names, time};

const fn word(action: Action) -> &'static str {
    match action {
        Action::Delete => "delete",
        Action::DeleteUnindexed => "delete-unindexed",
        Action::Repack => "repack",
        Action::Merge => "merge",
    }
}

const fn reason(action: Action) -> &'static str {
    match action {
        Action::Delete => "nothing in it is needed",
        Action::DeleteUnindexed => "left behind by a program that did not end",
        Action::Repack => "partly unneeded: the rest is copied",
        Action::Merge => "small: put together with others",
    }
}

/// The plan for people; single packs with `-v`.
pub(super) fn plan(plan: &PrunePlan, verbose: u8) -> String {
    let mut text = format!(
        "{} {} {} in {} of {}\n",
        counted(plan.snapshots.try_into().unwrap_or(u64::MAX), "snapshot", "snapshots"),
        if plan.snapshots == 1 { "needs" } else { "need" },
        counted(plan.blobs, "blob", "blobs"),
        counted(plan.packs, "pack", "packs"),
        bytes(plan.bytes),
    );
    let mut say = |line: String| writeln!(text, "{line}").expect("a String takes it");
    if verbose > 0 {
        for change in &plan.changes {
            let unused = bytes(change.unused);
            let (size, pack) = (bytes(change.size), change.pack.to_string());
            say(format!("  {} {size}, {unused} unneeded: {}", short(&pack), reason(change.action)));
        }
    }
    for (actions, what) in [
        (&[Action::Delete, Action::DeleteUnindexed][..], "delete"),
        (&[Action::Repack], "copy what is needed of"),
        (&[Action::Merge], "put together"),
    ] {
        let (mut packs, mut size) = (0, 0);
        for change in plan.with(actions) {
            packs += 1;
            size += change.size;
        }
        if packs > 0 {
            say(format!("  {what} {}, {}", counted(packs, "pack", "packs"), bytes(size)));
        }
    }
    if plan.reindex {
        say("  write the index anew from the packs".to_owned());
    }
    if plan.condemned > 0 {
        let packs = counted(plan.condemned, "pack", "packs");
        say(format!("  go on with {packs} that an earlier prune condemned"));
    }
    if !plan.forgotten.is_empty() {
        let number = plan.forgotten.len().try_into().unwrap_or(u64::MAX);
        let snapshots = counted(number, "forgotten snapshot", "forgotten snapshots");
        say(format!("  drop {snapshots} for good"));
    }
    if plan.is_empty() {
        say("Nothing to free".to_owned());
    } else {
        say(format!(
            "This frees {}; {} of unneeded data stay",
            bytes(plan.freed),
            bytes(plan.unused_after)
        ));
    }
    for session in &plan.running {
        say(format!("Waits for {}", running(session)));
    }
    text
}

fn running(session: &Running) -> String {
    let id = short(&session.id.to_string());
    match &session.note {
        Some(note) => format!(
            "session {id}: {} on {} since {}",
            names::shown(note.command.as_bytes()),
            names::shown(note.host.as_bytes()),
            time::local(note.started.into())
        ),
        None => format!("session {id}"),
    }
}

/// One event for each pack that does not stay as it is.
pub(super) fn events(plan: &PrunePlan, output: Output) -> Result<(), Failure> {
    for change in &plan.changes {
        let fields = json!({
            "pack": change.pack.to_string(),
            "action": word(change.action),
            "size": change.size,
            "unused": change.unused,
        });
        output.event(Event::Pack, "pack.planned", fields)?;
    }
    Ok(())
}

fn running_fields(sessions: &[Running]) -> Vec<Value> {
    let fields = |session: &Running| {
        let note = session.note.as_ref();
        json!({
            "session": session.id.to_string(),
            "host": note.map(|note| note.host.clone()),
            "command": note.map(|note| note.command.clone()),
            "started": note.map(|note| time::rfc3339(note.started.into())),
        })
    };
    sessions.iter().map(fields).collect()
}

/// The plan as the fields of a summary.
pub(super) fn plan_fields(plan: &PrunePlan, taken: Duration) -> Value {
    let ids = plan.forgotten.iter().map(ToString::to_string);
    json!({
        "snapshots": plan.snapshots,
        "forgotten": ids.collect::<Vec<_>>(),
        "blobs": plan.blobs,
        "packs": plan.packs,
        "bytes": plan.bytes,
        "delete_packs": plan.with(&[Action::Delete, Action::DeleteUnindexed]).count(),
        "repack_packs": plan.with(&[Action::Repack, Action::Merge]).count(),
        "freed_bytes": plan.freed,
        "copied_bytes": plan.copied,
        "unused_after": plan.unused_after,
        "condemned_packs": plan.condemned,
        "in_flight_packs": plan.in_flight,
        "reindex": plan.reindex,
        "running": running_fields(&plan.running),
        "seconds": taken.as_secs_f64(),
    })
}

/// What was left undone, and why.
pub(super) fn warnings(report: &PruneReport, output: Output) {
    for (pack, error) in &report.damaged {
        let why = explain::read(error).what;
        let text = format!(
            "pack {} was left as it is: {why}; see `heirloom check`",
            short(&pack.to_string())
        );
        output.warning("prune.pack-damaged", &text, json!({ "pack": pack.to_string() }));
    }
    for session in &report.declared_dead {
        let text = format!(
            "session {} was declared dead; if that program is still running, it will ask to be run again",
            short(&session.to_string())
        );
        output.warning("prune.declared-dead", &text, json!({ "session": session.to_string() }));
    }
}

/// The end for people.
pub(super) fn report(report: &PruneReport, taken: Duration) -> String {
    let mut text = String::new();
    let mut say = |line: String| writeln!(text, "{line}").expect("a String takes it");
    if report.deleted_packs > 0 {
        say(format!("Freed {} in {}", bytes(report.freed_bytes), took(taken)));
    }
    if report.stored_bytes > 0 {
        say(format!("Stored {} anew", bytes(report.stored_bytes)));
    }
    if report.postponed_packs > 0 {
        say(format!("{} packs are left for the next prune", count(report.postponed_packs)));
    }
    if !report.waiting_for.is_empty() {
        say(if report.waiting_packs > 0 {
            let packs = counted(report.waiting_packs, "pack is", "packs are");
            format!("{packs} condemned, and deleted by a later prune, when these have ended:")
        } else {
            "What an earlier prune condemned cannot be read; nothing is deleted before these have ended:".to_owned()
        });
        for session in &report.waiting_for {
            say(format!("  {}", running(session)));
        }
        say("If you know that they are not running any more: heirloom prune --dead-after 0s"
            .to_owned());
    }
    text
}

/// The end as the fields of a summary.
pub(super) fn report_fields(report: &PruneReport, taken: Duration) -> Value {
    json!({
        "deleted_packs": report.deleted_packs,
        "freed_bytes": report.freed_bytes,
        "repacked_packs": report.repacked_packs,
        "stored_bytes": report.stored_bytes,
        "postponed_packs": report.postponed_packs,
        "waiting_packs": report.waiting_packs,
        "waiting_for": running_fields(&report.waiting_for),
        "declared_dead": report.declared_dead.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "damaged_packs": report.damaged.iter().map(|(pack, _)| pack.to_string()).collect::<Vec<_>>(),
        "seconds": taken.as_secs_f64(),
    })
}

//! `heirloom stats`.

use std::collections::HashSet;
use std::sync::Arc;

use heirloom_engine::id::{NodeId, SessionId};
use heirloom_engine::repository::Snapshots;
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::stats;
use serde_json::json;

use super::{growth, picked, words};
use crate::args::stats::StatsArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::progress::Meter;
use crate::settings::Settings;
use crate::store::Store;
use crate::system::watch_interrupts;

pub(crate) fn run(settings: &Settings, arguments: &StatsArgs) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let picked = picked(&snapshots.taken, &arguments.snapshots, &arguments.pick)?;
    if arguments.growth {
        return grown(settings, &store, &picked).map(|()| exit);
    }
    let others = others(&snapshots, &picked);
    let cancelled = watch_interrupts().map_err(Failure::System)?;
    let output = settings.output;
    let meter = Arc::new(Meter::start(output, cancelled));
    let others = arguments.if_forgotten.then_some(others.as_slice());
    let figures = stats::run(&repository, &picked, others, meter.as_ref());
    let in_store = stats::store(&repository);
    meter.finish();
    let (figures, in_store) = (figures?, in_store?);
    output.text(&words::figures(&figures, &in_store, arguments.if_forgotten))?;
    store.tell_traffic(output)?;
    let fields = store.with_traffic(words::figures_fields(&figures, &in_store));
    output.event(Event::Summary, "stats.done", fields)?;
    let is_damaged = figures.lost + figures.unreadable > 0;
    Ok(choose::worse(exit, if is_damaged { Exit::Damage } else { Exit::Success }))
}

/// Each snapshot tells it; nothing is read.
fn grown(settings: &Settings, store: &Store, picked: &[&Snapshot]) -> Result<(), Failure> {
    let output = settings.output;
    output.text(&growth::text(picked))?;
    for snapshot in picked {
        output.event(Event::Snapshot, "snapshot.growth", growth::fields(snapshot))?;
    }
    store.tell_traffic(output)?;
    let fields = json!({ "snapshots": picked.len() });
    output.event(Event::Summary, "growth.done", store.with_traffic(fields))
}

/// The trees of everything that counts and was not picked.
fn others(snapshots: &Snapshots, picked: &[&Snapshot]) -> Vec<NodeId> {
    let picked: HashSet<SessionId> = picked.iter().map(|snapshot| snapshot.session).collect();
    let all = snapshots.taken.iter().chain(&snapshots.disputed);
    let others = all.filter(|snapshot| !picked.contains(&snapshot.session));
    others.map(|snapshot| snapshot.record.root).collect()
}

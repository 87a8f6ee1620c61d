//! `heirloom snapshots`.

use heirloom_engine::repository::Snapshots;
use heirloom_engine::snapshot::{Snapshot, Tombstone};

use serde_json::json;

use super::choose;
use crate::args::snapshots::SnapshotsArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keeping::{filter, forgotten_fields, forgotten_table};
use crate::output::{Event, Output};
use crate::render::snapshot as words;
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &SnapshotsArgs) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    // Nine listings, which cost time and money where the store is far away.
    if store.address.local_path().is_some() {
        choose::mention(&repository.foreign_objects()?, settings.output);
    }
    let filter = filter(&arguments.pick)?;
    let all = if arguments.forgotten { &snapshots.forgotten } else { &snapshots.taken };
    let mut shown: Vec<&Snapshot> = if arguments.snapshots.is_empty() {
        all.iter().collect()
    } else {
        let named = arguments.snapshots.iter();
        named.map(|name| choose::one(all, name)).collect::<Result<_, _>>()?
    };
    shown.retain(|snapshot| filter.accepts(snapshot));
    if arguments.forgotten {
        show_forgotten(settings.output, &shown, &snapshots)?;
    } else {
        settings.output.text(&words::table(&shown))?;
        for snapshot in &shown {
            settings.output.event(Event::Snapshot, "snapshot.found", words::fields(snapshot))?;
        }
    }
    store.tell_traffic(settings.output)?;
    let fields = json!({ "snapshots": shown.len() });
    settings.output.event(Event::Summary, "snapshots.listed", store.with_traffic(fields))?;
    Ok(exit)
}

/// With who forgot them, when and why.
fn show_forgotten(output: Output, shown: &[&Snapshot], all: &Snapshots) -> Result<(), Failure> {
    let stone = |one: &Snapshot| all.tombstones.iter().find(|stone| stone.snapshot == one.session);
    let rows: Vec<(&Snapshot, Option<&Tombstone>)> =
        shown.iter().map(|snapshot| (*snapshot, stone(snapshot))).collect();
    output.text(&forgotten_table(&rows))?;
    for (snapshot, stone) in rows {
        output.event(Event::Snapshot, "snapshot.forgotten", forgotten_fields(snapshot, stone))?;
    }
    Ok(())
}

//! `heirloom snapshots`.

use std::os::unix::ffi::OsStrExt as _;

use heirloom_engine::snapshot::{Filter, Snapshot};

use serde_json::json;

use super::choose;
use crate::args::snapshots::SnapshotsArgs;
use crate::exit::Exit;
use crate::failure::{Failure, InputFailure};
use crate::output::Event;
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
    let filter = filter(arguments)?;
    let mut shown: Vec<&Snapshot> = if arguments.snapshots.is_empty() {
        snapshots.taken.iter().collect()
    } else {
        let named = arguments.snapshots.iter();
        named.map(|name| choose::one(&snapshots.taken, name)).collect::<Result<_, _>>()?
    };
    shown.retain(|snapshot| filter.accepts(snapshot));
    settings.output.text(&words::table(&shown))?;
    let count = shown.len();
    for snapshot in shown {
        settings.output.event(Event::Snapshot, "snapshot.found", words::fields(snapshot))?;
    }
    store.tell_traffic(settings.output)?;
    let fields = json!({ "snapshots": count });
    settings.output.event(Event::Summary, "snapshots.listed", store.with_traffic(fields))?;
    Ok(exit)
}

fn filter(arguments: &SnapshotsArgs) -> Result<Filter, Failure> {
    let mut paths = Vec::new();
    for path in &arguments.path {
        let absolute = std::path::absolute(path)
            .map_err(|source| Failure::Input(InputFailure::File { path: path.clone(), source }))?;
        let plain: std::path::PathBuf = absolute.components().collect();
        paths.push(plain.as_os_str().as_bytes().to_vec());
    }
    Ok(Filter {
        hosts: arguments.host.clone(),
        labels: arguments.label.clone(),
        tags: arguments.tag.clone(),
        paths,
    })
}

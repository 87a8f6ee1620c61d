//! `heirloom rewrite`.

use heirloom_engine::id::SessionId;
use heirloom_engine::restore::{Select as _, Selection};
use heirloom_engine::rewrite::{Doomed, Edit, Finder};
use heirloom_engine::tree::Kind;
use serde_json::{Value, json};

use super::change::Changer;
use super::words::{self, Verb};
use super::{HistoryFailure, picked};
use crate::args::history::RewriteArgs;
use crate::commands::choose;
use crate::commands::restore::select::Patterns;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &RewriteArgs) -> Result<Exit, Failure> {
    let selects = !arguments.snapshots.is_empty() || !arguments.pick.is_empty();
    if !selects && !arguments.all {
        return Err(HistoryFailure::NothingSelected.into());
    }
    let patterns = Patterns::new(&[], &arguments.drop)?;
    let leaves = |key: &[u8]| {
        let selected = patterns.as_ref().map(|patterns| patterns.select(key, Kind::File));
        selected == Some(Selection::LeaveAll)
    };
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let picked = picked(&snapshots.taken, &arguments.snapshots, &arguments.pick)?;
    let verb = if arguments.dry_run { Verb::RewriteDryRun } else { Verb::Rewrite };
    let mut changer = Changer::new(settings, (&store, &repository), verb, exit)?;
    let mut finder = Finder::new(&repository, &leaves);
    for snapshot in picked {
        let named = (snapshot.session, snapshot.record.root);
        match finder.find(named, changer.meter.as_ref()) {
            Ok(doomed) if doomed.entries == 0 => changer.leave(snapshot.session)?,
            Ok(doomed) if arguments.dry_run => would(&mut changer, snapshot.session, doomed)?,
            Ok(doomed) => {
                changer.change(snapshot.session, Edit::Leave(&leaves), &about(doomed))?;
            }
            Err(error) => changer.refuse(error)?,
        }
    }
    changer.finish()
}

fn about(doomed: Doomed) -> Value {
    json!({ "dropped_entries": doomed.entries, "dropped_bytes": doomed.bytes })
}

fn would(changer: &mut Changer<'_>, snapshot: SessionId, doomed: Doomed) -> Result<(), Failure> {
    let mut fields = about(doomed);
    words::put(&mut fields, "source", json!(snapshot.to_string()));
    changer.would_change(&words::would_drop(snapshot, doomed), fields)
}

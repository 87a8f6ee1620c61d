//! `heirloom unforget`.

use heirloom_engine::rewrite::{Change, Edit};
use heirloom_engine::snapshot::{Selector, Snapshot};
use serde_json::json;

use super::change::Changer;
use super::whole;
use super::words::Verb;
use crate::args::history::UnforgetArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure};
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &UnforgetArgs) -> Result<Exit, Failure> {
    whole(&arguments.snapshots)?;
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let away: Vec<Snapshot> =
        snapshots.forgotten.iter().chain(&snapshots.disputed).cloned().collect();
    let found = arguments.snapshots.iter().map(|name| find(&away, &snapshots.taken, name));
    let found = found.collect::<Result<Vec<_>, _>>()?;
    let mut changer = Changer::new(settings, (&store, &repository), Verb::Unforget, exit)?;
    let nothing = Change::default();
    for (snapshot, is_away) in found {
        if is_away {
            changer.change(snapshot.session, Edit::Record(&nothing), &json!({}))?;
        } else {
            changer.leave(snapshot.session)?;
        }
    }
    changer.finish()
}

/// A snapshot that does not count, or else one that does and need not come back.
fn find<'a>(
    away: &'a [Snapshot],
    taken: &'a [Snapshot],
    name: &Selector,
) -> Result<(&'a Snapshot, bool), Failure> {
    match choose::one(away, name) {
        Ok(snapshot) => Ok((snapshot, true)),
        Err(Failure::Choice(ChoiceFailure::NoSnapshot { .. } | ChoiceFailure::NoSnapshots)) => {
            choose::one(taken, name).map(|snapshot| (snapshot, false))
        }
        Err(failure) => Err(failure),
    }
}

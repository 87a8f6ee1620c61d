//! `heirloom pin`.

use heirloom_engine::clock::Clock as _;
use heirloom_engine::rewrite::{Change, Edit, Update};
use serde_json::json;

use super::change::Changer;
use super::named;
use super::words::Verb;
use crate::args::history::PinArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{Failure, Usage};
use crate::settings::Settings;
use crate::store::Store;
use crate::system::SystemClock;

pub(crate) fn run(settings: &Settings, arguments: &PinArgs) -> Result<Exit, Failure> {
    super::whole(&arguments.snapshots)?;
    let change = change(arguments)?;
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let named = named(&snapshots.taken, &arguments.snapshots)?;
    let verb = if arguments.remove { Verb::Unpin } else { Verb::Pin };
    let mut changer = Changer::new(settings, (&store, &repository), verb, exit)?;
    for snapshot in named {
        if change.changes_nothing(&snapshot.record) {
            changer.leave(snapshot.session)?;
        } else {
            changer.change(snapshot.session, Edit::Record(&change), &json!({}))?;
        }
    }
    changer.finish()
}

fn change(arguments: &PinArgs) -> Result<Change, Failure> {
    if arguments.remove {
        let keep_until = Update::Clear;
        return Ok(Change { pinned: Some(false), keep_until, ..Change::default() });
    }
    let Some(until) = &arguments.until else {
        return Ok(Change { pinned: Some(true), ..Change::default() });
    };
    let until = until.resolve(SystemClock.now_ns()).and_then(|ns| i64::try_from(ns).ok());
    let keep_until = Update::Set(until.ok_or(Failure::Usage(Usage::Date))?);
    Ok(Change { keep_until, ..Change::default() })
}

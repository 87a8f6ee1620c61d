//! `heirloom tag`.

use heirloom_engine::rewrite::{Change, Edit, Update};
use serde_json::json;

use super::change::Changer;
use super::named;
use super::words::Verb;
use crate::args::history::{TagArgs, TagChanges};
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &TagArgs) -> Result<Exit, Failure> {
    super::whole(&arguments.snapshots)?;
    let change = change(&arguments.changes);
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let named = named(&snapshots.taken, &arguments.snapshots)?;
    let mut changer = Changer::new(settings, (&store, &repository), Verb::Tag, exit)?;
    for snapshot in named {
        if change.changes_nothing(&snapshot.record) {
            changer.leave(snapshot.session)?;
        } else {
            changer.change(snapshot.session, Edit::Record(&change), &json!({}))?;
        }
    }
    changer.finish()
}

fn change(arguments: &TagChanges) -> Change {
    let words = |tags: &[String]| tags.iter().filter(|tag| !tag.is_empty()).cloned().collect();
    Change {
        set_tags: arguments.set.as_deref().map(words),
        add_tags: words(&arguments.add),
        remove_tags: words(&arguments.remove),
        label: match &arguments.label {
            Some(label) => Update::Set(label.clone()),
            None if arguments.no_label => Update::Clear,
            None => Update::Keep,
        },
        ..Change::default()
    }
}

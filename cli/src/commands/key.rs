//! `heirloom key`.

use heirloom_engine::crypto::Recipient;
use heirloom_engine::repository::{NewSlot, Repository, RepositoryError, SlotInfo};
use serde_json::json;

use super::init::recipient;
use crate::args::key::{KeyAction, KeyAddArgs, KeyArgs, KeyRemoveArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::render::key::{self, short};
use crate::render::{names, time};
use crate::secrets;
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &KeyArgs) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    match &arguments.action {
        KeyAction::Add(arguments) => add(&store, settings, arguments),
        KeyAction::List => list(&store, settings),
        KeyAction::Remove(arguments) => remove(&store, settings, arguments),
    }
}

fn add(store: &Store, settings: &Settings, arguments: &KeyAddArgs) -> Result<Exit, Failure> {
    let (repository, credentials) = store.unlock(&settings.credentials)?;
    let mut label = arguments.label.clone();
    let recipient = if let Some(text) = &arguments.kind.recipient {
        if label.is_empty() {
            label = key::label_of(text);
        }
        recipient(text)
    } else {
        let source = settings.new_passphrase.as_ref();
        Recipient::Passphrase(secrets::new_passphrase(source, "another way in")?)
    };
    let slot = NewSlot { recipient, label, recovery: false };
    let id = repository.add_slot(&credentials, &slot)?.to_string();
    settings.output.done(&format!("Added key {}\n", short(&id)))?;
    settings.output.event(Event::Summary, "key.added", json!({ "key": id }))?;
    Ok(Exit::Success)
}

fn list(store: &Store, settings: &Settings) -> Result<Exit, Failure> {
    let repository = store.open(settings)?;
    let slots = repository.slots()?;
    settings.output.text(&key::slots(&slots, repository.opened_with()))?;
    for slot in &slots {
        let fields = json!({
            "key": slot.id.to_string(),
            "kind": slot.kind,
            "label": slot.label,
            "created": slot.created_ns.map(|ns| time::rfc3339(ns.into())),
            "opened": slot.id == repository.opened_with(),
        });
        settings.output.event(Event::Key, "key.found", fields)?;
    }
    Ok(Exit::Success)
}

fn remove(store: &Store, settings: &Settings, arguments: &KeyRemoveArgs) -> Result<Exit, Failure> {
    let repository = store.open(settings)?;
    let slot = find(&repository, &arguments.id)?;
    let id = slot.id.to_string();
    if !arguments.yes && !secrets::confirm(&question(&repository, &slot))? {
        settings.output.note("Nothing was removed.");
        return Ok(Exit::NothingToDo);
    }
    repository.remove_slot(&id)?;
    settings.output.done(&format!("Removed key {}\n", short(&id)))?;
    settings.output.event(Event::Summary, "key.removed", json!({ "key": id }))?;
    Ok(Exit::Success)
}

fn question(repository: &Repository, slot: &SlotInfo) -> String {
    let used = if slot.id == repository.opened_with() { ", which is in use now" } else { "" };
    let label = names::shown(slot.label.as_bytes());
    let label = if label.is_empty() { label } else { format!(" \"{label}\"") };
    format!("Remove the {} key {}{label}{used}?", slot.kind, short(&slot.id.to_string()))
}

/// The one key that begins so; a shorter beginning must not pick one by chance.
fn find(repository: &Repository, beginning: &str) -> Result<SlotInfo, Failure> {
    let beginning = beginning.to_ascii_lowercase();
    let mut slots = repository.slots()?;
    slots.retain(|slot| !beginning.is_empty() && slot.id.to_string().starts_with(&beginning));
    match (slots.pop(), slots.is_empty()) {
        (Some(slot), true) => Ok(slot),
        _ => Err(RepositoryError::UnknownSlot { name: beginning }.into()),
    }
}

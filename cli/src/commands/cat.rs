//! `heirloom cat`: the repository's objects as they are, opened. One JSON value a line; blobs as bytes.

use heirloom_engine::crypto::{ObjectKind, parse_padded_map};
use heirloom_engine::error::FormatError;
use heirloom_engine::id::{ContentId, NodeId, PackId, SessionId};
use heirloom_engine::index::SegmentName;
use heirloom_engine::repository::{Repository, RepositoryError, SessionNote};
use heirloom_engine::snapshot::Selector;
use heirloom_engine::tree::{ContentListCursor, NodeSource as _, Step, TreeCursor};
use serde_json::{Value, json};

use super::choose;
use crate::args::cat::{CatArgs, CatObject};
use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure, Usage};
use crate::output;
use crate::render::{entry, objects, snapshot as words, time};
use crate::settings::Settings;
use crate::store::Store;

/// The lowest first byte of a node of a content list; nodes of trees begin with their level, at most 15.
const CONTENT_LIST: u8 = 16;

pub(crate) fn run(settings: &Settings, arguments: &CatArgs) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    match &arguments.object {
        CatObject::Config => {
            let object = repository.object("heirloom.json").map_err(RepositoryError::from)?;
            output::write_bytes(&object)?;
        }
        CatObject::Slots => {
            for slot in repository.slots()? {
                print(&objects::slot(&slot))?;
            }
        }
        CatObject::Tombstones => {
            let (snapshots, _) = choose::all(&repository, settings.output)?;
            for stone in &snapshots.tombstones {
                print(&objects::tombstone(stone))?;
            }
        }
        CatObject::Raw { name } => {
            output::write_bytes(&repository.object(name).map_err(RepositoryError::from)?)?;
        }
        CatObject::Session => sessions(&repository)?,
        CatObject::Snapshot { snapshot } => record(settings, &repository, snapshot)?,
        CatObject::Index { name } => index(&repository, name)?,
        CatObject::Pack { id } => pack(&repository, id)?,
        CatObject::Tree { id } => node(&repository, parse_id(id, NodeId::from_hex)?)?,
        CatObject::Blob { id } => {
            output::write_bytes(&repository.content(&parse_id(id, ContentId::from_hex)?)?)?;
        }
    }
    Ok(Exit::Success)
}

fn print(value: &Value) -> Result<(), Failure> {
    output::write_text(&format!("{value}\n"))
}

fn parse_id<T>(text: &str, parse: fn(&str) -> Option<T>) -> Result<T, Failure> {
    parse(text).ok_or(Failure::Usage(Usage::Id))
}

fn sessions(repository: &Repository) -> Result<(), Failure> {
    for object in repository.list("sessions/").map_err(RepositoryError::from)? {
        let name = object.name;
        let bytes = repository.object(&name).map_err(RepositoryError::from)?;
        let keys = repository.keys();
        let note: SessionNote = keys
            .open_object(ObjectKind::Session, &name, &bytes)
            .and_then(|body| parse_padded_map(&body))
            .map_err(|source| damaged(&name, source))?;
        print(&json!({
            "session": name.trim_start_matches("sessions/"),
            "started": time::rfc3339(note.started.into()),
            "host": note.host,
            "program": note.program,
            "command": note.command,
        }))?;
    }
    Ok(())
}

fn damaged(object: &str, source: FormatError) -> Failure {
    Failure::Repository(RepositoryError::Damaged { object: object.to_owned(), source })
}

/// By its whole id also one that was forgotten or disputed.
fn record(
    settings: &Settings,
    repository: &Repository,
    selector: &Selector,
) -> Result<(), Failure> {
    if let heirloom_engine::snapshot::Pick::Prefix(digits) = &selector.pick
        && let Some(session) = SessionId::from_hex(digits)
        && let Some(snapshot) = repository.snapshot(session)?
    {
        return print(&words::fields(&snapshot));
    }
    let (snapshots, _) = choose::all(repository, settings.output)?;
    print(&words::fields(choose::one(&snapshots.taken, selector)?))
}

fn index(repository: &Repository, name: &str) -> Result<(), Failure> {
    let object = if name.starts_with("index/") { name.to_owned() } else { format!("index/{name}") };
    let name = SegmentName::parse(&object).ok_or(Failure::Usage(Usage::Id))?;
    let segment = repository.stored_segment(name)?;
    let replaces: Vec<String> = segment.replaces.iter().map(ToString::to_string).collect();
    print(&json!({ "segment": name.to_string(), "replaces": replaces }))?;
    for record in &segment.packs {
        print(&objects::pack(record))?;
    }
    Ok(())
}

fn pack(repository: &Repository, id: &str) -> Result<(), Failure> {
    let id = parse_id(id, PackId::from_hex)?;
    let name = format!("packs/{id}");
    let objects = repository.list("packs/").map_err(RepositoryError::from)?;
    let size = objects.iter().find(|object| object.name == name).map(|object| object.size);
    let size = size.ok_or(Failure::Choice(ChoiceFailure::NoObject { object: name }))?;
    let record = repository.pack_record(id, size)?;
    print(&objects::pack(&record))?;
    for frame in objects::frames(&record) {
        print(&frame)?;
    }
    Ok(())
}

/// One level of a tree: the nodes below an inner node, or the entries of a leaf.
fn node(repository: &Repository, id: NodeId) -> Result<(), Failure> {
    let mut nodes = repository;
    let bytes = nodes.node(&id)?;
    if bytes.first().is_some_and(|first| *first >= CONTENT_LIST) {
        return content_list(repository, id);
    }
    let mut cursor = TreeCursor::new(id);
    cursor.enter(&mut nodes)?;
    loop {
        match cursor.step()? {
            Step::Node(child) => {
                print(&json!({ "node": child.to_string() }))?;
                cursor.skip_node();
            }
            Step::Entry => {
                let found = cursor.entry().map_err(heirloom_engine::error::ReadError::from)?;
                print(&entry::all_fields(cursor.key(), &found))?;
            }
            Step::End => return Ok(()),
        }
    }
}

fn content_list(repository: &Repository, id: NodeId) -> Result<(), Failure> {
    let mut nodes = repository;
    let mut cursor = ContentListCursor::new(id);
    while let Some((_, blob)) = cursor.next(&mut nodes)? {
        print(&json!({ "blob": blob.id.to_string(), "bytes": blob.bytes }))?;
    }
    Ok(())
}

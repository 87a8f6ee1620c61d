//! `heirloom du`: the biggest folders, from the sums that the nodes of a tree state.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use heirloom_engine::error::{Problem, ReadError};
use heirloom_engine::snapshot::{Selector, Snapshot};
use heirloom_engine::tree::{Entry, Kind, TreeTotals, components, key_from_path, path_from_key};
use heirloom_engine::view::{Depth, View};
use serde_json::json;

use super::{reader, words};
use crate::args::du::DuArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure};
use crate::output::{self, Event};
use crate::render::names;
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &DuArgs) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let selector = arguments.snapshot();
    let snapshot = choose::one(&snapshots.taken, &selector)?;
    let reader = reader(repository);
    let view = reader.view(snapshot.record.root);
    let key = start(&selector, snapshot);
    let start = match view.entry(&key)? {
        None if !key.is_empty() => {
            let path = path_from_key(&key);
            return Err(Failure::Choice(ChoiceFailure::NotInSnapshot { path }));
        }
        start => start,
    };
    let total = below(&view, &key)?;
    let mut problems = Vec::new();
    let is_folder = start.is_none_or(|entry| entry.kind == Kind::Folder);
    let biggest = if is_folder {
        biggest(&view, &key, arguments, &mut |problem| problems.push(problem))?
    } else {
        Vec::new()
    };
    let output = settings.output;
    output.text(&words::biggest(&biggest, (&key, total), output::stdout_is_terminal()))?;
    for place in &biggest {
        let path = path_from_key(&place.key);
        let mut fields = names::path_fields(path.as_os_str().as_encoded_bytes());
        fields.insert("bytes".to_owned(), json!(place.totals.bytes));
        fields.insert("entries".to_owned(), json!(place.totals.entries));
        output.event(Event::File, "entry.measured", fields.into())?;
    }
    let damage = choose::report(&problems, output);
    store.tell_traffic(output)?;
    let fields = json!({
        "snapshot": snapshot.session.to_string(),
        "bytes": total.bytes,
        "entries": total.entries,
    });
    output.event(Event::Summary, "du.done", store.with_traffic(fields))?;
    Ok(choose::worse(exit, damage))
}

/// Without a path it begins where the backup began, if that is one place.
fn start(selector: &Selector, snapshot: &Snapshot) -> Vec<u8> {
    match (&selector.path, snapshot.record.paths.as_slice()) {
        (None, [path]) => key_from_path(OsStr::from_bytes(path).as_ref()),
        _ => selector.key(),
    }
}

/// A folder or a file, and what is in it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) totals: Size,
    /// The earlier of two that are equal comes first.
    order: Reverse<Vec<u8>>,
    pub(super) key: Vec<u8>,
    is_folder: bool,
}

/// Bytes decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

impl Place {
    fn new(view: &View<'_>, key: &[u8], entry: &Entry) -> Result<Self, ReadError> {
        let is_folder = entry.kind == Kind::Folder;
        let totals =
            if is_folder { below(view, key)? } else { Size { bytes: entry.size, entries: 1 } };
        Ok(Self { totals, order: Reverse(key.to_vec()), key: key.to_vec(), is_folder })
    }
}

/// What is below a folder, itself not counted.
fn below(view: &View<'_>, key: &[u8]) -> Result<Size, ReadError> {
    let TreeTotals { entries, bytes } = view.totals(key)?;
    Ok(Size { bytes, entries: entries.saturating_sub(u64::from(!key.is_empty())) })
}

/// Looks only into folders that are among the biggest so far: nothing in a folder is bigger than the folder.
fn biggest(
    view: &View<'_>,
    key: &[u8],
    arguments: &DuArgs,
    report: &mut dyn FnMut(Problem),
) -> Result<Vec<Place>, Failure> {
    let start = components(key).count();
    let mut waiting = BinaryHeap::new();
    let mut biggest = Vec::new();
    let mut next = Some(key.to_vec());
    while let Some(folder) = next.take() {
        let level = components(&folder).count() - start;
        if arguments.depth.is_none_or(|depth| level < depth) {
            let mut failed = None;
            view.list(
                &folder,
                Depth::Children,
                &mut |key, entry| {
                    if entry.kind == Kind::Folder || arguments.all {
                        match Place::new(view, key, entry) {
                            Ok(place) => waiting.push(place),
                            Err(error) if error.is_local() => {
                                failed = Some(error);
                            }
                            Err(error) => {
                                failed = Some(error);
                                return false;
                            }
                        }
                    }
                    true
                },
                report,
            );
            if let Some(error) = failed {
                if !error.is_local() {
                    return Err(error.into());
                }
                let after = path_from_key(&folder);
                report(Problem::TreeDamaged { after, source: Box::new(error) });
            }
        }
        while biggest.len() < arguments.top
            && next.is_none()
            && let Some(place) = waiting.pop()
        {
            next = place.is_folder.then(|| place.key.clone());
            biggest.push(place);
        }
    }
    Ok(biggest)
}

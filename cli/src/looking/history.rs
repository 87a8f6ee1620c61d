//! `heirloom history`: what became of one file or folder.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use heirloom_engine::error::{Problem, ReadError};
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{Entry, FileContent, Kind, TreeTotals, key_from_path};
use heirloom_engine::view::{Reader, has_same_content, is_same_version};
use serde_json::json;

use super::{LookingFailure, picked, reader, words};
use crate::args::versions::HistoryArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{Failure, InputFailure};
use crate::output::{Event, Output};
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &HistoryArgs) -> Result<Exit, Failure> {
    let path = std::path::absolute(&arguments.file).map_err(|source| {
        Failure::Input(InputFailure::File { path: arguments.file.clone(), source })
    })?;
    let key = key_from_path(&path);
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let picked = picked(&snapshots.taken, &[], &arguments.pick)?;
    let reader = reader(repository);
    let mut series: BTreeMap<&str, Vec<Run<'_>>> = BTreeMap::new();
    let mut problems = Vec::new();
    for snapshot in picked.into_iter().filter(|snapshot| is_about(snapshot, &path)) {
        let state = match State::read(&reader, snapshot, &key) {
            Ok(state) => state,
            Err(error) if error.is_local() => {
                let source = Box::new(error);
                problems.push(Problem::TreeDamaged { after: path.clone(), source });
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let runs = series.entry(&snapshot.record.host).or_default();
        match runs.last_mut().filter(|run| run.state.is_same(&state)) {
            Some(run) => run.snapshots.push(snapshot),
            None => runs.push(Run::new(state, snapshot, runs)),
        }
    }
    // Before the first version there was nothing to tell about.
    for runs in series.values_mut() {
        let first = runs.iter().position(|run| run.state.entry.is_some()).unwrap_or(runs.len());
        runs.drain(..first);
    }
    series.retain(|_, runs| !runs.is_empty());
    let damage = choose::report(&problems, settings.output);
    if series.is_empty() {
        return Err(LookingFailure::Nowhere { path }.into());
    }
    tell(settings.output, &path, &series)?;
    store.tell_traffic(settings.output)?;
    let versions = series.values().flatten().filter(|run| run.state.entry.is_some()).count();
    let fields = json!({ "versions": versions });
    settings.output.event(Event::Summary, "history.done", store.with_traffic(fields))?;
    Ok(choose::worse(exit, damage))
}

fn tell(output: Output, path: &Path, series: &BTreeMap<&str, Vec<Run<'_>>>) -> Result<(), Failure> {
    for (host, runs) in series {
        if series.len() > 1 {
            output.text(&words::of_host(host))?;
        }
        output.text(&words::runs(runs))?;
        for run in runs {
            let id = if run.state.entry.is_some() { "entry.state" } else { "entry.absent" };
            output.event(Event::File, id, words::run_fields(run, path))?;
        }
    }
    let last = series.values().flatten().rfind(|run| run.state.entry.is_some());
    if let Some(snapshot) = last.and_then(|run| run.snapshots.last()) {
        output.done(&words::how_to_restore(snapshot, path))?;
    }
    Ok(())
}

/// Whether the snapshot would have the path if it had been there.
fn is_about(snapshot: &Snapshot, path: &Path) -> bool {
    snapshot.record.paths.iter().any(|recorded| {
        let recorded = PathBuf::from(std::ffi::OsStr::from_bytes(recorded));
        path.starts_with(&recorded) || recorded.starts_with(path)
    })
}

/// What one snapshot says about the path.
pub(super) struct State {
    pub(super) entry: Option<Entry>,
    /// What a folder holds.
    pub(super) totals: TreeTotals,
}

impl State {
    fn read(reader: &Reader, snapshot: &Snapshot, key: &[u8]) -> Result<Self, ReadError> {
        let view = reader.view(snapshot.record.root);
        let entry = view.entry(key)?;
        let is_folder = entry.as_ref().is_some_and(|entry| entry.kind == Kind::Folder);
        let totals = if is_folder { view.totals(key)? } else { TreeTotals::default() };
        Ok(Self { entry, totals })
    }

    fn is_same(&self, other: &Self) -> bool {
        match (&self.entry, &other.entry) {
            (Some(one), Some(other_entry)) => {
                is_same_version(one, other_entry) && self.totals == other.totals
            }
            (None, None) => true,
            _ => false,
        }
    }

    /// BLAKE3 of the content, where the snapshot tells it.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        let entry = self.entry.as_ref().filter(|entry| entry.holes.is_empty())?;
        if entry.hash.is_some() || entry.transform.is_some() {
            return entry.hash;
        }
        match &entry.content {
            FileContent::Empty if entry.kind == Kind::File => Some(blake3::hash(&[]).into()),
            FileContent::Inline(bytes) => Some(blake3::hash(bytes).into()),
            FileContent::Empty | FileContent::List(_) | FileContent::Tree(_) => None,
        }
    }
}

/// Snapshots one after the other that say the same.
pub(super) struct Run<'a> {
    pub(super) state: State,
    pub(super) snapshots: Vec<&'a Snapshot>,
    /// Versions with one number have the same content.
    pub(super) content: Option<usize>,
}

impl<'a> Run<'a> {
    fn new(state: State, snapshot: &'a Snapshot, earlier: &[Self]) -> Self {
        let content =
            state.entry.as_ref().filter(|entry| entry.kind != Kind::Folder).map(|entry| {
                let same = earlier.iter().find(|run| {
                    run.state.entry.as_ref().is_some_and(|other| {
                        other.kind == entry.kind && has_same_content(other, entry)
                    })
                });
                let highest = earlier.iter().filter_map(|run| run.content).max().unwrap_or(0);
                same.and_then(|run| run.content).unwrap_or(highest + 1)
            });
        Self { state, snapshots: vec![snapshot], content }
    }
}

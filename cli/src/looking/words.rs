//! Words about what was found in snapshots.

use std::path::Path;

use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{Kind, key_from_path, path_from_key};
use heirloom_engine::view::Found;
use serde_json::{Value, json};

use super::archive::Written;
use super::du::{Place, Size};
use super::history::Run;
use crate::render::numbers::{self, bytes, counted};
use crate::render::table::{Side, Table};
use crate::render::{entry, key, names, time};

/// Where a version was found, and what it is.
pub(super) struct Version<'a> {
    pub(super) found: &'a Found,
    /// All snapshots that were searched.
    pub(super) searched: &'a [&'a Snapshot],
}

impl Version<'_> {
    fn holders(&self) -> impl Iterator<Item = &Snapshot> {
        self.found.holders.positions().filter_map(|position| self.searched.get(position).copied())
    }

    /// One line, ended, or with `long` one more for every snapshot.
    pub(super) fn lines(&self, form: entry::Form) -> Vec<u8> {
        let Found { key, entry, .. } = self.found;
        let (first, last) = (self.holders().next(), self.holders().last());
        let short = |snapshot: Option<&Snapshot>| {
            snapshot.map_or_else(String::new, |it| key::short(&it.session.to_string()))
        };
        let mut lines = Vec::new();
        if !form.long {
            let count = self.found.holders.count();
            let facts = format!(
                "{:>10}  {}  {}..{} {:>5}  ",
                bytes(entry.size),
                time::local(entry.mtime_ns),
                short(first),
                short(last),
                numbers::count(u64::try_from(count).unwrap_or(u64::MAX)),
            );
            lines.extend_from_slice(facts.as_bytes());
        }
        lines.extend(entry::line(key, entry, form));
        if form.long {
            for snapshot in self.holders() {
                let host = names::shown(snapshot.record.host.as_bytes());
                let time = time::local(snapshot.record.time.into());
                let line = format!("    {} {time} {host}\n", short(Some(snapshot)));
                lines.extend_from_slice(line.as_bytes());
            }
        }
        lines
    }

    pub(super) fn fields(&self) -> Value {
        let mut fields = entry::fields(&self.found.key, &self.found.entry);
        let holders: Vec<String> = self.holders().map(|it| it.session.to_string()).collect();
        if let Value::Object(map) = &mut fields {
            map.insert("snapshots".to_owned(), json!(holders));
        }
        fields
    }
}

/// What went into a file.
pub(super) fn dumped(written: &Written, target: &Path) -> String {
    let mut text = format!(
        "Wrote {} ({}) to {}\n",
        counted(written.entries, "entry", "entries"),
        bytes(written.content_bytes),
        names::path(target)
    );
    if written.left_out > 0 {
        let left_out = counted(written.left_out, "entry", "entries");
        text.extend(["Left out ", &left_out, " that the format has no place for\n"]);
    }
    text
}

pub(super) fn dumped_fields(written: &Written, target: &Path) -> Value {
    let mut fields = names::path_fields(target.as_os_str().as_encoded_bytes());
    if let Value::Object(more) = json!({
        "entries": written.entries,
        "files": written.files,
        "content_bytes": written.content_bytes,
        "left_out": written.left_out,
        "missing": written.missing,
    }) {
        fields.extend(more);
    }
    Value::Object(fields)
}

/// Folders by size, and what all of it takes.
pub(super) fn biggest(places: &[Place], (key, total): (&[u8], Size), on_screen: bool) -> String {
    const BAR_CELLS: u64 = 20;
    let name = |key: &[u8]| {
        let path = path_from_key(key);
        if on_screen { names::path(&path) } else { path.to_string_lossy().into_owned() }
    };
    let columns = [
        ("Size", Side::Right),
        ("Share", Side::Left),
        ("Entries", Side::Right),
        ("Path", Side::Left),
    ];
    let mut table = Table::new(&columns);
    let mut row = |key: &[u8], size: Size| {
        let share = |whole: u64| {
            let share = u128::from(size.bytes) * u128::from(whole) / u128::from(total.bytes.max(1));
            u64::try_from(share).unwrap_or(whole)
        };
        let bar = format!("{} {:>3} %", bar(share(BAR_CELLS * 8), BAR_CELLS), share(100));
        table.row(&[bytes(size.bytes), bar, numbers::count(size.entries), name(key)]);
    };
    row(key, total);
    for place in places {
        row(&place.key, place.totals);
    }
    table.render()
}

/// A bar of so many eighths of a cell, in a field of so many cells.
fn bar(eighths: u64, cells: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let full = usize::try_from(eighths / 8).unwrap_or(0);
    let part = usize::try_from(eighths % 8).ok().and_then(|part| PARTS.get(part));
    let mut bar = "█".repeat(full);
    bar.push_str(part.copied().unwrap_or_default());
    let width = usize::try_from(cells).unwrap_or(0);
    format!("{bar:<width$}")
}

/// A heading for the snapshots of one machine.
pub(super) fn of_host(host: &str) -> String {
    format!("{}:\n", names::shown(host.as_bytes()))
}

/// What became of a path: a row for each version, in the order of time.
pub(super) fn runs(runs: &[Run<'_>]) -> String {
    let columns = [
        ("Size", Side::Right),
        ("Modified", Side::Left),
        ("Content", Side::Left),
        ("Since", Side::Left),
        ("First", Side::Left),
        ("Last", Side::Left),
        ("Snapshots", Side::Right),
    ];
    let mut table = Table::new(&columns);
    let mut earlier = Vec::new();
    for run in runs {
        let short = |snapshot: Option<&&Snapshot>| {
            snapshot.map_or_else(String::new, |it| key::short(&it.session.to_string()))
        };
        let content = match run.content {
            Some(number) if earlier.contains(&number) => format!("as {number}"),
            Some(number) => number.to_string(),
            None => String::new(),
        };
        earlier.extend(run.content);
        let (size, modified) = match &run.state.entry {
            Some(entry) if entry.kind == Kind::Folder => {
                (bytes(run.state.totals.bytes), time::local(entry.mtime_ns))
            }
            Some(entry) => (bytes(entry.size), time::local(entry.mtime_ns)),
            None => ("gone".to_owned(), String::new()),
        };
        let since = run.snapshots.first().map(|it| time::local(it.record.time.into()));
        table.row(&[
            size,
            modified,
            content,
            since.unwrap_or_default(),
            short(run.snapshots.first()),
            short(run.snapshots.last()),
            numbers::count(u64::try_from(run.snapshots.len()).unwrap_or(u64::MAX)),
        ]);
    }
    table.render()
}

pub(super) fn run_fields(run: &Run<'_>, path: &Path) -> Value {
    let state = &run.state;
    let mut fields = match &state.entry {
        Some(entry) => entry::fields(&key_from_path(path), entry),
        None => Value::Object(names::path_fields(path.as_os_str().as_encoded_bytes())),
    };
    let ids: Vec<String> = run.snapshots.iter().map(|it| it.session.to_string()).collect();
    let is_folder = state.entry.as_ref().is_some_and(|entry| entry.kind == Kind::Folder);
    let more = json!({
        "content": run.content,
        "hash": state.hash().map(|hash| entry::hex(&hash)),
        "tree_bytes": is_folder.then_some(state.totals.bytes),
        "tree_entries": is_folder.then_some(state.totals.entries),
        "snapshots": ids,
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
    fields
}

/// How to get the last version back.
pub(super) fn how_to_restore(snapshot: &Snapshot, path: &Path) -> String {
    let id = key::short(&snapshot.session.to_string());
    let place = format!("{id}:{}", names::path(path));
    format!("Get it back: heirloom restore {} --target FOLDER\n", shell_words::quote(&place))
}

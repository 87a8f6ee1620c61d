//! Words about snapshots: what one did, and lists of them.

use std::fmt::Write as _;
use std::time::Duration;

use heirloom_engine::backup::BackupReport;
use heirloom_engine::snapshot::Snapshot;
use serde_json::{Map, Value, json};

use super::numbers::{bytes, count, counted, took};
use super::table::{Side, Table};
use super::{key, names, time};
use crate::without::Without;

/// What a backup did.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    pub(crate) report: &'a BackupReport,
    pub(crate) dry_run: bool,
    pub(crate) taken: Duration,
    /// What was left out by class, if that was asked for.
    pub(crate) without: Option<&'a Without>,
}

impl Summary<'_> {
    /// For `--json`.
    pub(crate) fn id(&self) -> &'static str {
        match &self.report.snapshot {
            Some(_) => "snapshot.saved",
            None if self.dry_run => "snapshot.dry-run",
            None => "snapshot.unchanged",
        }
    }

    pub(crate) fn text(&self) -> String {
        let report = self.report;
        let mut text = match &report.snapshot {
            Some(committed) => {
                format!("Saved snapshot {}\n", key::short(&committed.snapshot.to_string()))
            }
            None if self.dry_run => "Nothing was stored: this was a dry run\n".to_owned(),
            None => "Nothing changed: no snapshot was made\n".to_owned(),
        };
        let mut line = |words: String| writeln!(text, "  {words}").expect("a String takes it");
        line(format!(
            "{}, {}, {}",
            counted(report.files, "file", "files"),
            counted(report.folders, "folder", "folders"),
            bytes(report.content_bytes)
        ));
        line(format!(
            "{} new, {} changed, {} unchanged",
            count(report.added),
            count(report.changed),
            count(report.unchanged)
        ));
        let by_class = self.without.map_or(0, Without::files);
        if report.excluded > by_class {
            line(format!("{} left out", count(report.excluded - by_class)));
        }
        self.without.map(Without::lines).unwrap_or_default().into_iter().for_each(&mut line);
        if report.problems > 0 {
            line(counted(report.problems, "problem, see above", "problems, see above"));
        }
        let stored = match &report.snapshot {
            Some(committed) => format!(", stored {}", bytes(committed.stored_bytes)),
            None => String::new(),
        };
        let read = if self.dry_run { "would read" } else { "read" };
        line(format!("{read} {}{stored} in {}", bytes(report.read_bytes), took(self.taken)));
        text
    }

    pub(crate) fn fields(&self) -> Value {
        let report = self.report;
        let committed = report.snapshot.as_ref();
        json!({
            "snapshot": committed.map(|committed| committed.snapshot.to_string()),
            "parent": report.parent.map(|parent| parent.to_string()),
            "entries": report.entries,
            "files": report.files,
            "folders": report.folders,
            "content_bytes": report.content_bytes,
            "added": report.added,
            "changed": report.changed,
            "unchanged": report.unchanged,
            "excluded": report.excluded,
            "without": self.without.map(Without::fields),
            "read_bytes": report.read_bytes,
            "new_bytes": committed.map(|committed| committed.record.stats.new_bytes),
            "stored_bytes": committed.map(|committed| committed.stored_bytes),
            "problems": report.problems,
            "seconds": self.taken.as_secs_f64(),
        })
    }
}

/// The snapshots as a table.
pub(crate) fn table(snapshots: &[&Snapshot]) -> String {
    if snapshots.is_empty() {
        return "No snapshots\n".to_owned();
    }
    let mut table = Table::new(&[
        ("ID", Side::Left),
        ("Time", Side::Left),
        ("Host", Side::Left),
        ("Label, tags", Side::Left),
        ("Paths", Side::Left),
        ("Size", Side::Right),
        ("Added", Side::Right),
    ]);
    for snapshot in snapshots {
        let record = &snapshot.record;
        let paths: Vec<String> = record.paths.iter().map(|path| names::shown(path)).collect();
        table.row(&[
            key::short(&snapshot.session.to_string()),
            time::local(record.time.into()),
            names::shown(record.host.as_bytes()),
            label_and_tags(snapshot),
            paths.join("\n"),
            bytes(record.stats.content_bytes),
            bytes(record.stats.stored_bytes),
        ]);
    }
    let mut text = table.render();
    let number = u64::try_from(snapshots.len()).unwrap_or(u64::MAX);
    writeln!(text, "{}", counted(number, "snapshot", "snapshots")).expect("a String takes it");
    text
}

fn label_and_tags(snapshot: &Snapshot) -> String {
    let record = &snapshot.record;
    let mut words: Vec<String> =
        record.label.iter().map(|label| names::shown(label.as_bytes())).collect();
    words.extend(record.tags.iter().map(|tag| format!("#{}", names::shown(tag.as_bytes()))));
    if record.pinned {
        words.push("(pinned)".to_owned());
    }
    words.join(" ")
}

/// The snapshot as JSON.
pub(crate) fn fields(snapshot: &Snapshot) -> Value {
    let record = &snapshot.record;
    let stats = &record.stats;
    let paths: Vec<Map<String, Value>> =
        record.paths.iter().map(|path| names::path_fields(path)).collect();
    json!({
        "snapshot": snapshot.session.to_string(),
        "snapshot_time": time::rfc3339(record.time.into()),
        "started": time::rfc3339(record.started.into()),
        "finished": time::rfc3339(record.finished.into()),
        "host": record.host,
        "user": record.user,
        "label": record.label,
        "tags": record.tags,
        "paths": paths,
        "root": record.root.to_string(),
        "parent": record.parent.map(|parent| parent.to_string()),
        "original": record.original.map(|original| original.to_string()),
        "program": record.program,
        "keep_until": record.keep_until.map(|ns| time::rfc3339(ns.into())),
        "pinned": record.pinned,
        "entries": stats.entries,
        "files": stats.files,
        "folders": stats.folders,
        "content_bytes": stats.content_bytes,
        "new_bytes": stats.new_bytes,
        "stored_bytes": stats.stored_bytes,
        "problems": stats.problems,
        "client": record.client.to_string(),
        "sequence": record.sequence,
    })
}

//! Words about what was found in snapshots.

use std::path::Path;

use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::view::Found;
use serde_json::{Value, json};

use super::archive::Written;
use crate::render::numbers::{self, bytes, counted};
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

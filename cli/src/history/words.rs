//! Words about snapshots of snapshots.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use heirloom_engine::copy::{Copied, CopyReport};
use heirloom_engine::id::SessionId;
use heirloom_engine::rewrite::{Doomed, Outcome, RewriteError};
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::stats::{Figures, Needed, Objects, StoreFigures, Sum};
use heirloom_engine::tree::path_from_key;
use heirloom_engine::view::{Compared, Difference, Differs};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::render::numbers::{bytes, count, counted, took};
use crate::render::{entry, key, names};

fn short(snapshot: SessionId) -> String {
    key::short(&snapshot.to_string())
}

/// Adds a field to an object.
pub(super) fn put(fields: &mut Value, name: &str, value: Value) {
    if let Value::Object(map) = fields {
        map.insert(name.to_owned(), value);
    }
}

/// What is done to snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Unforget,
    Pin,
    Unpin,
    Tag,
    Rewrite,
    RewriteDryRun,
}

impl Verb {
    /// For the session object.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Unforget => "unforget",
            Self::Pin | Self::Unpin => "pin",
            Self::Tag => "tag",
            Self::Rewrite | Self::RewriteDryRun => "rewrite",
        }
    }

    /// The id of the summary.
    pub(super) fn summary(self) -> &'static str {
        match self {
            Self::Unforget => "unforget.done",
            Self::Pin | Self::Unpin => "pin.done",
            Self::Tag => "tag.done",
            Self::Rewrite => "rewrite.done",
            Self::RewriteDryRun => "rewrite.dry-run",
        }
    }

    /// What became of one snapshot.
    pub(super) fn tell(
        self,
        output: Output,
        (source, outcome): (SessionId, &Outcome),
        about: Value,
    ) -> Result<(), Failure> {
        let mut fields = about;
        let dropped = fields.get("dropped_entries").and_then(Value::as_u64);
        let dropped_bytes = fields.get("dropped_bytes").and_then(Value::as_u64).unwrap_or(0);
        put(&mut fields, "source", json!(source.to_string()));
        put(&mut fields, "snapshot", json!(outcome.snapshot().map(|id| id.to_string())));
        let old = short(source);
        let (id, text) = match outcome {
            Outcome::Committed(committed) => {
                put(&mut fields, "stored_bytes", json!(committed.stored_bytes));
                let new = short(committed.snapshot);
                let text = match (self, dropped) {
                    (Self::Unforget, _) => format!("Brought back {old} as {new}"),
                    (Self::Pin, _) => format!("Pinned {old}, now {new}"),
                    (Self::Unpin, _) => format!("Unpinned {old}, now {new}"),
                    (_, Some(entries)) => {
                        let left = entries_and_bytes(entries, dropped_bytes);
                        format!("Left {left} out of {old}, now {new}")
                    }
                    (Self::Tag | Self::Rewrite | Self::RewriteDryRun, None) => {
                        format!("Changed {old}, now {new}")
                    }
                };
                ("snapshot.recommitted", text)
            }
            Outcome::Present(new) => {
                ("snapshot.present", format!("{old} is there already as {}", short(*new)))
            }
            Outcome::Unchanged => {
                let text = match self {
                    Self::Unforget => format!("{old} is not forgotten"),
                    Self::Rewrite | Self::RewriteDryRun => format!("{old} has nothing of it"),
                    Self::Pin | Self::Unpin | Self::Tag => format!("{old} needs no change"),
                };
                ("snapshot.needs-no-change", text)
            }
        };
        output.event(Event::Snapshot, id, fields)?;
        output.done(&format!("{text}\n"))
    }
}

fn entries_and_bytes(entries: u64, size: u64) -> String {
    format!("{} ({})", counted(entries, "entry", "entries"), bytes(size))
}

/// What a rewrite would leave out.
pub(super) fn would_drop(snapshot: SessionId, doomed: Doomed) -> String {
    let left = entries_and_bytes(doomed.entries, doomed.bytes);
    format!("Would leave {left} out of {}\n", short(snapshot))
}

/// Says why a snapshot was left as it is, and how the command ends then; `None` if it is not the snapshot's fault.
pub(super) fn refusal(output: Output, error: &RewriteError) -> Option<Exit> {
    match error {
        RewriteError::Lost { snapshot, places, .. } => {
            damaged(output, *snapshot, *places, "was left as it is");
            Some(Exit::Damage)
        }
        RewriteError::Empty { snapshot } => {
            let old = short(*snapshot);
            let text = format!(
                "nothing would be left of snapshot {old}; to drop all of it, use `heirloom forget {old}`"
            );
            output.warning("snapshot.empty", &text, json!({ "source": snapshot.to_string() }));
            Some(Exit::Failed)
        }
        RewriteError::Repository(_)
        | RewriteError::Gone { .. }
        | RewriteError::Tree(_)
        | RewriteError::Cancelled
        | _ => None,
    }
}

fn damaged(output: Output, snapshot: SessionId, places: u64, what: &str) {
    let text = format!(
        "snapshot {} is damaged at {} and {what}",
        short(snapshot),
        counted(places, "place", "places")
    );
    let fields = json!({ "source": snapshot.to_string(), "places": places });
    output.warning("snapshot.damaged", &text, fields);
}

/// What became of one snapshot that was to be copied.
pub(super) fn copied(output: Output, source: &Snapshot, copied: &Copied) -> Result<(), Failure> {
    let old = short(source.session);
    let mut fields = json!({ "source": source.session.to_string() });
    let (id, copy, text) = match copied {
        Copied::Committed(committed) => {
            put(&mut fields, "stored_bytes", json!(committed.stored_bytes));
            let (new, stored) = (short(committed.snapshot), bytes(committed.stored_bytes));
            let text = format!("Copied {old} as {new}, stored {stored}");
            ("snapshot.copied", committed.snapshot, text)
        }
        Copied::Present(copy) => {
            let text = format!("{old} is there already as {}", short(*copy));
            ("snapshot.present", *copy, text)
        }
        Copied::Forgotten(copy) => {
            let text = format!("{old} was there as {}, and was forgotten there", short(*copy));
            ("snapshot.forgotten-there", *copy, text)
        }
        Copied::Refused { places, .. } => {
            damaged(output, source.session, *places, "was not copied");
            return Ok(());
        }
    };
    put(&mut fields, "snapshot", json!(copy.to_string()));
    output.event(Event::Snapshot, id, fields)?;
    output.done(&format!("{text}\n"))
}

/// What a copy did.
pub(super) fn copy_text(report: &CopyReport, keys: u64, taken: Duration) -> String {
    let mut parts = vec![format!("{} copied", counted(report.copied, "snapshot", "snapshots"))];
    for (number, words) in [
        (report.present, "there already"),
        (report.forgotten, "forgotten there"),
        (report.refused, "damaged"),
    ] {
        if number > 0 {
            parts.push(format!("{} {words}", count(number)));
        }
    }
    if keys > 0 {
        parts.push(counted(keys, "key of encrypted backups", "keys of encrypted backups"));
    }
    format!(
        "{}; read {}, stored {} in {}\n",
        parts.join(", "),
        bytes(report.read_bytes),
        bytes(report.stored_bytes),
        took(taken)
    )
}

pub(super) fn copy_fields(report: &CopyReport, keys: u64, taken: Duration) -> Value {
    json!({
        "copied": report.copied,
        "chat_keys": keys,
        "present": report.present,
        "forgotten": report.forgotten,
        "refused": report.refused,
        "read_bytes": report.read_bytes,
        "stored_bytes": report.stored_bytes,
        "seconds": taken.as_secs_f64(),
    })
}

/// `2.3`, or nothing to divide by.
fn ratio(whole: u64, part: u64) -> Option<String> {
    let tenths = whole.saturating_mul(10).checked_div(part)?;
    Some(format!("{}.{}", tenths / 10, tenths % 10))
}

/// What snapshots and the repository take.
pub(super) fn figures(figures: &Figures, store: &StoreFigures, if_forgotten: bool) -> String {
    let mut text = String::new();
    let mut line = |name: &str, words: String| {
        writeln!(text, "{name:<20}{words}").expect("a String takes it");
    };
    line("Snapshots", count(figures.snapshots));
    line("Files", format!("{}, all snapshots added up", count(figures.files)));
    line("Size restored", format!("{}, all snapshots added up", bytes(figures.content_bytes)));
    let Needed { content, trees } = figures.needed;
    let times = |whole, part, what: &str| {
        ratio(whole, part).map(|ratio| format!(", {what} by {ratio}")).unwrap_or_default()
    };
    let less = times(figures.content_bytes, content.plain_bytes, "deduplicated");
    let pieces = counted(content.blobs, "piece", "pieces");
    line("Distinct content", format!("{} in {pieces}{less}", bytes(content.plain_bytes)));
    let both = content.with(trees);
    let less = times(both.plain_bytes, both.stored_bytes, "compressed");
    let of_trees = bytes(trees.stored_bytes);
    line("Stored", format!("{}, of it trees {of_trees}{less}", bytes(both.stored_bytes)));
    if figures.lost + figures.unreadable > 0 {
        line("Damaged", counted(figures.lost + figures.unreadable, "blob", "blobs"));
    }
    match figures.freed {
        Some(freed) => {
            let freed = freed.content.with(freed.trees);
            line("If forgotten", format!("a prune could free {}", bytes(freed.stored_bytes)));
        }
        None if if_forgotten => {
            line("If forgotten", "not known: the repository is damaged".to_owned());
        }
        None => {}
    }
    let part = |name: &str, objects: Objects| {
        format!("{name} {} in {}", bytes(objects.bytes), count(objects.objects))
    };
    let parts = [part("packs", store.packs), part("index", store.index)];
    line("Whole repository", format!("{} ({})", bytes(store.bytes()), parts.join(", ")));
    text
}

pub(super) fn figures_fields(figures: &Figures, store: &StoreFigures) -> Value {
    let sum = |sum: Sum| {
        let Sum { blobs, plain_bytes, stored_bytes } = sum;
        json!({ "blobs": blobs, "plain_bytes": plain_bytes, "stored_bytes": stored_bytes })
    };
    let needed =
        |needed: Needed| json!({ "content": sum(needed.content), "trees": sum(needed.trees) });
    let objects = |objects: Objects| json!({ "objects": objects.objects, "bytes": objects.bytes });
    json!({
        "snapshots": figures.snapshots,
        "entries": figures.entries,
        "files": figures.files,
        "content_bytes": figures.content_bytes,
        "needed": needed(figures.needed),
        "freed": figures.freed.map(needed),
        "lost": figures.lost,
        "unreadable": figures.unreadable,
        "repository": {
            "bytes": store.bytes(),
            "packs": objects(store.packs),
            "index": objects(store.index),
            "snapshots": objects(store.snapshots),
            "others": objects(store.others),
        },
    })
}

/// The name of a kind of difference, for `--json`.
pub(super) fn difference_id(differs: Differs) -> &'static str {
    match differs {
        Differs::Added => "entry.added",
        Differs::Removed => "entry.removed",
        Differs::Kind => "entry.kind-changed",
        Differs::Content => "entry.content-changed",
        Differs::Metadata => "entry.metadata-changed",
    }
}

/// One line, ended.
pub(super) fn difference(difference: &Difference, on_screen: bool) -> Vec<u8> {
    let letter = match difference.differs {
        Differs::Added => b'+',
        Differs::Removed => b'-',
        Differs::Kind => b'T',
        Differs::Content => b'M',
        Differs::Metadata => b'U',
    };
    let path = path_from_key(&difference.key);
    let mut line = vec![letter, b' '];
    if on_screen {
        line.extend(names::path(&path).into_bytes());
    } else {
        line.extend_from_slice(path.as_os_str().as_bytes());
    }
    line.push(b'\n');
    line
}

pub(super) fn difference_fields(difference: &Difference) -> Value {
    let path = path_from_key(&difference.key);
    let mut fields = Value::Object(names::path_fields(path.as_os_str().as_bytes()));
    for (name, side) in [("before", &difference.before), ("after", &difference.after)] {
        let side = side.as_ref().map(|entry| {
            let mut side = entry::fields(&difference.key, entry);
            if let Value::Object(map) = &mut side {
                map.retain(|name, _| name != "path" && name != "path_hex");
            }
            side
        });
        put(&mut fields, name, json!(side));
    }
    fields
}

/// How much differs.
pub(super) fn compared(compared: &Compared) -> String {
    let mut parts = Vec::new();
    for (number, size, words) in [
        (compared.added, compared.added_bytes, "added"),
        (compared.removed, compared.removed_bytes, "removed"),
        (compared.changed + compared.kinds, compared.changed_bytes, "changed"),
    ] {
        parts.push(format!("{} {words} ({})", count(number), bytes(size)));
    }
    if compared.metadata > 0 {
        parts.push(format!("{} changed in metadata only", count(compared.metadata)));
    }
    format!("{}\n", parts.join(", "))
}

pub(super) fn compared_fields(compared: &Compared) -> Value {
    json!({
        "added": compared.added,
        "added_bytes": compared.added_bytes,
        "removed": compared.removed,
        "removed_bytes": compared.removed_bytes,
        "kind_changed": compared.kinds,
        "content_changed": compared.changed,
        "changed_bytes": compared.changed_bytes,
        "metadata_changed": compared.metadata,
        "damaged": compared.damaged,
    })
}

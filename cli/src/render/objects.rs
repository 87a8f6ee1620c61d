//! The repository's objects as JSON, for experts.

use heirloom_engine::pack::{BlobKind, Codec, PackRecord};
use heirloom_engine::repository::SlotInfo;
use heirloom_engine::snapshot::Tombstone;
use serde_json::{Value, json};

use super::time;

pub(crate) fn slot(slot: &SlotInfo) -> Value {
    json!({
        "slot": slot.id.to_string(),
        "kind": slot.kind,
        "label": slot.label,
        "created": slot.created_ns.map(|ns| time::rfc3339(ns.into())),
    })
}

pub(crate) fn tombstone(stone: &Tombstone) -> Value {
    json!({
        "snapshot": stone.snapshot.to_string(),
        "time": time::rfc3339(stone.time.into()),
        "host": stone.host,
        "user": stone.user,
        "reason": stone.reason,
    })
}

pub(crate) fn pack(record: &PackRecord) -> Value {
    let table = &record.table;
    json!({
        "pack": record.id.to_string(),
        "kind": kind(table.kind),
        "size": record.size,
        "frames": table.frames.len(),
        "blobs": table.prefixes.len(),
        "plain_bytes": table.frames.iter().map(|frame| u64::from(frame.plain_bytes)).sum::<u64>(),
        "stored_bytes": table.frames.iter().map(|frame| u64::from(frame.stored_bytes)).sum::<u64>(),
    })
}

/// One object for each frame, with the prefixes of its blobs.
pub(crate) fn frames(record: &PackRecord) -> impl Iterator<Item = Value> + '_ {
    let table = &record.table;
    let ranges = table.frame_ranges();
    table.frames.iter().zip(table.blobs_by_frame()).zip(ranges).enumerate().map(
        |(number, ((frame, prefixes), range))| {
            json!({
                "frame": number,
                "offset": range.start,
                "stored_bytes": frame.stored_bytes,
                "plain_bytes": frame.plain_bytes,
                "codec": match frame.codec { Codec::Stored => "stored", Codec::Zstd => "zstd" },
                "blobs": prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        },
    )
}

fn kind(kind: BlobKind) -> &'static str {
    match kind {
        BlobKind::Content => "content",
        BlobKind::Tree => "tree",
    }
}

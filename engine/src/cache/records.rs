//! Verified snapshot records and tombstones, and how they lie in the cache.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::id::SessionId;
use crate::snapshot::{Snapshot, Tombstone};

/// A verified record and the size of the object that it came from.
#[derive(Debug, Clone)]
pub(crate) struct Verified<T> {
    pub(crate) record: T,
    pub(crate) size: u64,
}

/// What was verified so far, by this process or an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Whether the cache was asked.
    pub(crate) loaded: bool,
    pub(crate) snapshots: HashMap<SessionId, Verified<Snapshot>>,
    pub(crate) tombstones: HashMap<SessionId, Verified<Tombstone>>,
}

/// How the records lie in the cache: name, size of the object, and the record as it was signed.
#[derive(Serialize, Deserialize)]
struct Wire {
    snapshots: Vec<(SessionId, u64, ByteBuf)>,
    tombstones: Vec<(u64, Tombstone)>,
}

impl Records {
    pub(super) fn encode(&self) -> Vec<u8> {
        let snapshot = |(session, verified): (&SessionId, &Verified<Snapshot>)| {
            (*session, verified.size, ByteBuf::from(verified.record.record_bytes.clone()))
        };
        let tombstone = |verified: &Verified<Tombstone>| (verified.size, verified.record.clone());
        let wire = Wire {
            snapshots: self.snapshots.iter().map(snapshot).collect(),
            tombstones: self.tombstones.values().map(tombstone).collect(),
        };
        rmp_serde::to_vec(&wire).expect("plain data can be written to memory")
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = rmp_serde::from_slice(bytes).ok()?;
        let mut records = Self { loaded: true, ..Self::default() };
        for (session, size, bytes) in wire.snapshots {
            let record = Snapshot::from_verified(session, bytes.into_vec()).ok()?;
            records.snapshots.insert(session, Verified { record, size });
        }
        for (size, record) in wire.tombstones {
            records.tombstones.insert(record.snapshot, Verified { record, size });
        }
        Some(records)
    }
}

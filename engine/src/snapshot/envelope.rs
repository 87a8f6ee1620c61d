//! Seals and opens snapshots, tombstones and policies: a record, who signed it, and the signature.

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, random};
use crate::crypto::{
    Enveloped, Keys, ObjectKind, SessionKey, Signed, padded_map, parse_padded_map,
};
use crate::error::FormatError;
use crate::id::{PolicyId, SessionId};

use super::{HEADS_MAX, Record};

const SNAPSHOT_DOMAIN: &str = "heirloom v1 snapshot";
const TOMBSTONE_DOMAIN: &str = "heirloom v1 tombstone";
const POLICY_DOMAIN: &str = "heirloom v1 policy";
const SNAPSHOT_BYTES_MIN: u64 = 512;
const TOMBSTONE_BYTES_MIN: u64 = 256;
const POLICY_BYTES_MIN: u64 = 512;

/// A snapshot whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The session that wrote it; its name.
    pub session: SessionId,
    /// What it says.
    pub record: Record,
    /// The record as it was signed, unknown keys included.
    pub record_bytes: Vec<u8>,
}

/// The owner's statement that a snapshot was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The forgotten snapshot.
    pub snapshot: SessionId,
    /// When, in ns since 1970.
    pub time: i64,
    /// On which machine.
    pub host: String,
    /// By whom.
    pub user: String,
    /// Why.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Envelope {
    #[serde(with = "serde_bytes")]
    pub(super) record: Vec<u8>,
    #[serde(with = "serde_bytes")]
    signer: [u8; 32],
    #[serde(with = "serde_bytes")]
    signature: [u8; 64],
}

/// Name of a snapshot's object.
pub fn object_name(session: SessionId) -> String {
    format!("snapshots/{session}")
}

/// Name of the object that says that a snapshot was forgotten.
pub fn tombstone_name(session: SessionId) -> String {
    format!("tombstones/{session}")
}

/// What stands in the next record of the same client: the hash of [`Snapshot::record_bytes`].
pub fn record_hash(record_bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(record_bytes).as_bytes()
}

impl Snapshot {
    /// A snapshot to be sealed. Paths and tags are sorted.
    pub fn new(session: SessionId, mut record: Record) -> Self {
        record.paths.sort_unstable();
        record.tags.sort_unstable();
        let record_bytes = encode(&record);
        Self { session, record, record_bytes }
    }

    /// Signs and seals it: the bytes of its object.
    pub fn seal(&self, (keys, session_key): (&Keys, &SessionKey), clock: &dyn Clock) -> Vec<u8> {
        let envelope = sign(keys, SNAPSHOT_DOMAIN, self.session, self.record_bytes.clone());
        let body = padded_map(&envelope, SNAPSHOT_BYTES_MIN);
        session_key.seal_enveloped(
            Enveloped::Snapshot,
            &object_name(self.session),
            &random(clock),
            &body,
        )
    }

    /// Opens the object of a snapshot and verifies that the owner signed it for this session.
    pub fn open(bytes: &[u8], keys: &Keys, session: SessionId) -> Result<Self, FormatError> {
        let body = keys.open_enveloped(Enveloped::Snapshot, &object_name(session), bytes)?;
        Self::from_verified(session, verify(keys, SNAPSHOT_DOMAIN, session, &body)?)
    }

    /// A snapshot from a record whose signature was verified before.
    pub(crate) fn from_verified(
        session: SessionId,
        record_bytes: Vec<u8>,
    ) -> Result<Self, FormatError> {
        let record: Record = parse(&record_bytes, "snapshot record")?;
        if record.heads.len() > HEADS_MAX {
            return Err(FormatError::OutOfBounds { what: "number of heads" });
        }
        Ok(Self { session, record, record_bytes })
    }

    /// [`record_hash`] of its record.
    pub fn record_hash(&self) -> [u8; 32] {
        record_hash(&self.record_bytes)
    }
}

impl Tombstone {
    /// Signs and seals a tombstone: the bytes of its object.
    pub fn seal(&self, keys: &Keys, clock: &dyn Clock) -> Vec<u8> {
        let envelope = sign(keys, TOMBSTONE_DOMAIN, self.snapshot, encode(self));
        let body = padded_map(&envelope, TOMBSTONE_BYTES_MIN);
        keys.seal_object(ObjectKind::Tombstone, &tombstone_name(self.snapshot), &body, clock)
    }

    /// Opens a tombstone and verifies that the owner signed it for this snapshot.
    pub fn open(bytes: &[u8], keys: &Keys, session: SessionId) -> Result<Self, FormatError> {
        let body = keys.open_object(ObjectKind::Tombstone, &tombstone_name(session), bytes)?;
        let record_bytes = verify(keys, TOMBSTONE_DOMAIN, session, &body)?;
        let tombstone: Self = parse(&record_bytes, "tombstone")?;
        if tombstone.snapshot != session {
            return Err(FormatError::OutOfBounds { what: "name of a tombstone" });
        }
        Ok(tombstone)
    }
}

/// Name of a policy's object.
pub fn policy_name(policy: PolicyId) -> String {
    format!("policies/{policy}")
}

/// Signs and seals the record of a policy: the bytes of its object.
pub fn seal_policy(record: Vec<u8>, policy: PolicyId, keys: &Keys, clock: &dyn Clock) -> Vec<u8> {
    let envelope = sign(keys, POLICY_DOMAIN, SessionId(policy.0), record);
    let body = padded_map(&envelope, POLICY_BYTES_MIN);
    keys.seal_object(ObjectKind::Policy, &policy_name(policy), &body, clock)
}

/// The record in the object of a policy, if the owner signed it for this name.
pub fn open_policy(bytes: &[u8], policy: PolicyId, keys: &Keys) -> Result<Vec<u8>, FormatError> {
    let body = keys.open_object(ObjectKind::Policy, &policy_name(policy), bytes)?;
    verify(keys, POLICY_DOMAIN, SessionId(policy.0), &body)
}

pub(super) fn sign(
    keys: &Keys,
    domain: &'static str,
    session: SessionId,
    record: Vec<u8>,
) -> Envelope {
    let Signed { signer, signature } = keys.sign(domain, session, &record);
    Envelope { record, signer, signature }
}

/// The bytes of the record, if the signature is the owner's.
pub(super) fn verify(
    keys: &Keys,
    domain: &'static str,
    session: SessionId,
    body: &[u8],
) -> Result<Vec<u8>, FormatError> {
    let Envelope { record, signer, signature } = parse_padded_map(body)?;
    keys.verify(domain, session, &record, &Signed { signer, signature })?;
    Ok(record)
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("plain data can be written to memory")
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    expected: &'static str,
) -> Result<T, FormatError> {
    rmp_serde::from_slice(bytes).map_err(|_detail| FormatError::Unrecognised { expected })
}

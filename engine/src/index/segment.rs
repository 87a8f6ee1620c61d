//! The body of an index segment, and its name.

#![deny(clippy::arithmetic_side_effects)]

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::ENCAPSULATION_BYTES;
use crate::crypto::{Encapsulation, Salt};
use crate::error::FormatError;
use crate::id::{PackId, SessionId};
use crate::pack::cursor::{Cursor, as_usize};
use crate::pack::{PackRecord, PackTable};

/// Packs in one segment.
const PACKS_MAX: u32 = 1 << 24;
const REPLACED_BYTES: usize = 20;
/// Id, position of the encapsulated key, salt, size.
const RECORD_BYTES: usize = 76;
/// A table without frames.
const TABLE_BYTES_MIN: usize = 5;

/// Which segment: number `n` of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// Who wrote it.
    pub session: SessionId,
    /// Which of that session's segments, from 0.
    pub n: u32,
}

impl SegmentName {
    /// The name of an object in `index/`; `None` if it has not exactly the form that [`fmt::Display`] gives.
    pub fn parse(object: &str) -> Option<Self> {
        let (session, number) = object.strip_prefix("index/")?.split_once('.')?;
        let name = Self { session: SessionId::from_hex(session)?, n: number.parse().ok()? };
        (name.to_string() == object).then_some(name)
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "index/{}.{}", self.session, self.n)
    }
}

/// What one index segment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// Segments that this one makes superfluous; they are to be ignored.
    pub replaces: Vec<SegmentName>,
    /// The packs.
    pub packs: Vec<PackRecord>,
}

impl Segment {
    /// An upper bound of the size of [`Self::encode_body`]'s result, for writers that must stay below 64 MiB.
    pub fn encoded_bytes_max(&self) -> usize {
        let packs = self.packs.iter().map(Self::encoded_record_bytes_max).sum::<usize>();
        let replaces = self.replaces.len().saturating_mul(REPLACED_BYTES);
        12_usize.saturating_add(replaces).saturating_add(packs)
    }

    /// What one pack adds at most to [`Self::encoded_bytes_max`]. Packs of one session share the encapsulated key,
    /// so that the true size is smaller.
    pub fn encoded_record_bytes_max(record: &PackRecord) -> usize {
        record.table.encoded_bytes().saturating_add(RECORD_BYTES + ENCAPSULATION_BYTES)
    }

    /// The bytes to be sealed.
    pub fn encode_body(&self) -> Vec<u8> {
        let mut positions = HashMap::new();
        let mut encapsulations = Vec::new();
        for pack in &self.packs {
            positions.entry(&*pack.encapsulation).or_insert_with(|| {
                encapsulations.push(&*pack.encapsulation);
                count(encapsulations.len().saturating_sub(1))
            });
        }
        let mut out = Vec::new();
        out.extend_from_slice(&count(self.replaces.len()));
        for name in &self.replaces {
            out.extend_from_slice(name.session.as_bytes());
            out.extend_from_slice(&name.n.to_le_bytes());
        }
        out.extend_from_slice(&count(encapsulations.len()));
        for encapsulation in encapsulations {
            out.extend_from_slice(encapsulation.0.as_slice());
        }
        out.extend_from_slice(&count(self.packs.len()));
        for pack in &self.packs {
            let position = positions.get(&*pack.encapsulation).expect("every pack was entered");
            out.extend_from_slice(pack.id.as_bytes());
            out.extend_from_slice(position);
            out.extend_from_slice(&pack.salt);
            out.extend_from_slice(&pack.size.to_le_bytes());
            pack.table.encode(&mut out);
        }
        out
    }

    /// Reads a body; it must end where the last pack ends.
    pub fn parse_body(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor(bytes);
        let replaces = cursor.count(REPLACED_BYTES, u32::MAX, "number of replaced segments")?;
        let replaces = (0..replaces)
            .map(|_| Ok(SegmentName { session: SessionId(*cursor.array()?), n: cursor.u32()? }))
            .collect::<Result<_, FormatError>>()?;
        let keys = cursor.count(ENCAPSULATION_BYTES, PACKS_MAX, "number of session keys")?;
        let keys = (0..keys)
            .map(|_| Ok(Arc::new(Encapsulation(Box::new(*cursor.array()?)))))
            .collect::<Result<Vec<_>, FormatError>>()?;
        let record_bytes_min = RECORD_BYTES.saturating_add(TABLE_BYTES_MIN);
        let packs = cursor.count(record_bytes_min, PACKS_MAX, "number of packs")?;
        let packs = (0..packs)
            .map(|_| parse_record(&mut cursor, &keys))
            .collect::<Result<_, FormatError>>()?;
        if !cursor.0.is_empty() {
            return Err(FormatError::OutOfBounds { what: "end of an index segment" });
        }
        Ok(Self { replaces, packs })
    }
}

fn parse_record(
    cursor: &mut Cursor<'_>,
    keys: &[Arc<Encapsulation>],
) -> Result<PackRecord, FormatError> {
    let id = PackId(*cursor.array()?);
    let encapsulation = keys
        .get(as_usize(cursor.u32()?))
        .ok_or(FormatError::OutOfBounds { what: "position of a session key" })?;
    let salt: Salt = *cursor.array()?;
    let size = cursor.u64()?;
    let (table, rest) = PackTable::parse(cursor.0)?;
    cursor.0 = rest;
    PackRecord { id, encapsulation: Arc::clone(encapsulation), salt, size, table }.check()
}

fn count(items: usize) -> [u8; 4] {
    u32::try_from(items).expect("items in memory for one object of 64 MiB").to_le_bytes()
}

//! Reads what a pack says about itself: header, trailer, table. Enough to rebuild the index from packs alone.

#![deny(clippy::arithmetic_side_effects)]

use std::ops::Range;
use std::sync::Arc;

use super::cursor::{Cursor, as_u64, as_usize};
use super::{HEADER_BYTES, OBJECT_BYTES_MAX, PackTable, TAG_BYTES};
use crate::crypto::{Encapsulation, Keys, ObjectKind, Salt, check_object_header};
use crate::error::FormatError;
use crate::id::PackId;

const TRAILER_LENGTH_BYTES: u64 = 4;

/// All that the index stores about a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackRecord {
    /// Its name.
    pub id: PackId,
    /// The session key that its pack key comes from; packs of one session share it.
    pub encapsulation: Arc<Encapsulation>,
    /// What makes its pack key its own.
    pub salt: Salt,
    /// Bytes of the object.
    pub size: u64,
    /// Its frames and blobs.
    pub table: PackTable,
}

/// The fields of a pack's first [`HEADER_BYTES`]; further bytes are ignored.
pub fn parse_header(bytes: &[u8]) -> Result<(Encapsulation, Salt), FormatError> {
    let mut cursor = Cursor(check_object_header(bytes, ObjectKind::Pack)?);
    let encapsulation = Encapsulation(Box::new(*cursor.array()?));
    Ok((encapsulation, *cursor.array()?))
}

/// Where the sealed trailer of a pack lies, by the pack's size and its last four bytes.
pub fn trailer_range(size: u64, last: [u8; 4]) -> Result<Range<u64>, FormatError> {
    let out_of_bounds = FormatError::OutOfBounds { what: "trailer of a pack" };
    let bytes = u64::from(u32::from_le_bytes(last));
    if size > OBJECT_BYTES_MAX || bytes < as_u64(TAG_BYTES) {
        return Err(out_of_bounds);
    }
    let end = size.checked_sub(TRAILER_LENGTH_BYTES).ok_or(FormatError::Truncated)?;
    match end.checked_sub(bytes) {
        Some(start) if start >= as_u64(HEADER_BYTES) => Ok(start..end),
        _ => Err(out_of_bounds),
    }
}

/// The table in a sealed trailer; `header` is the pack's first [`HEADER_BYTES`].
pub fn read_table(keys: &Keys, header: &[u8], trailer: &[u8]) -> Result<PackTable, FormatError> {
    let header = header.get(..HEADER_BYTES).ok_or(FormatError::Truncated)?;
    let (_, salt) = parse_header(header)?;
    let table = keys.open_trailer(&salt, header, trailer)?;
    let (table, padding) = PackTable::parse(&table)?;
    if padding.iter().any(|&byte| byte != 0) {
        return Err(FormatError::OutOfBounds { what: "padding of a table" });
    }
    Ok(table)
}

/// What the index needs to know about a whole pack.
///
/// With an id, the bytes are compared with it first; without, the id is computed.
pub fn record_from_pack(
    keys: &Keys,
    id: Option<&PackId>,
    bytes: &[u8],
) -> Result<PackRecord, FormatError> {
    let hash = PackId(*blake3::hash(bytes).as_bytes());
    if id.is_some_and(|id| *id != hash) {
        return Err(FormatError::WrongId);
    }
    let (encapsulation, salt) = parse_header(bytes)?;
    let size = as_u64(bytes.len());
    let last = bytes.last_chunk().ok_or(FormatError::Truncated)?;
    let range = trailer_range(size, *last)?;
    let trailer = usize::try_from(range.start)
        .ok()
        .zip(usize::try_from(range.end).ok())
        .and_then(|(start, end)| bytes.get(start..end))
        .ok_or(FormatError::Truncated)?;
    let table = read_table(keys, bytes, trailer)?;
    if table.frames_end() > range.start {
        return Err(FormatError::OutOfBounds { what: "frames of a pack" });
    }
    Ok(PackRecord { id: hash, encapsulation: Arc::new(encapsulation), salt, size, table })
}

impl PackRecord {
    /// The smallest size that a pack with this table can have; a record with a smaller one contradicts itself.
    pub(crate) fn check(self) -> Result<Self, FormatError> {
        let tail = TRAILER_LENGTH_BYTES.saturating_add(as_u64(TAG_BYTES));
        let size_min = self.table.frames_end().saturating_add(tail);
        let blobs: usize = self.table.frames.iter().map(|frame| as_usize(frame.blobs)).sum();
        if self.size > OBJECT_BYTES_MAX
            || self.size < size_min
            || blobs != self.table.prefixes.len()
        {
            return Err(FormatError::OutOfBounds { what: "size of a pack" });
        }
        Ok(self)
    }
}

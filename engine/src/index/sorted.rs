//! A segment as sorted columns over any bytes.
//!
//! The bytes are a local cache's business, not part of the repository format: magic, six counts, the filter's
//! descriptor, then columns: prefixes in ascending order (16 bytes), the position of each blob in the segment (4),
//! rows of frames (17), rows of packs (81), encapsulated keys (1120), replaced segments (20), the filter.
//! [`SortedSegment::from_bytes`] checks the structure (time in the order of frames and packs, not of blobs), so that
//! lookups are always in bounds. It cannot tell a wrong prefix from a right one: whoever keeps the bytes outside the
//! process authenticates them.

use std::fmt;
use std::ops::Range;

use super::filter::{DESCRIPTOR_BYTES, Descriptor, filter_key};
use super::{ENCAPSULATION_BYTES, Segment, SegmentName};
use crate::crypto::{Encapsulation, Salt};
use crate::error::FormatError;
use crate::id::{BlobPrefix, PackId, SessionId};
use crate::pack::cursor::{Cursor, as_u64, as_usize};
use crate::pack::{
    BlobKind, Codec, FrameEntry, HEADER_BYTES, OBJECT_BYTES_MAX, PackRecord, PackTable,
};

pub(super) const MAGIC: &[u8; 8] = b"HLSORTED";
/// First blob, offset in the pack, stored bytes, plain bytes (4 each), codec.
pub(super) const FRAME_ROW_BYTES: usize = 17;
/// Id, salt, size, kind, position of the encapsulated key, first frame.
pub(super) const PACK_ROW_BYTES: usize = 81;
const REPLACED_BYTES: usize = 20;

const BROKEN: FormatError = FormatError::OutOfBounds { what: "structure of a sorted segment" };

/// Where a blob is, in numbers that the same segment resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which pack of the segment.
    pub pack: u32,
    /// Which frame of that pack.
    pub frame: u32,
    /// Which blob of that frame.
    pub slot: u32,
}

/// What a segment says about a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackInfo {
    /// Its name.
    pub id: PackId,
    /// What makes its pack key its own.
    pub salt: Salt,
    /// Bytes of the object.
    pub size: u64,
    /// What all its blobs are.
    pub kind: BlobKind,
    /// Which of the segment's encapsulated keys; equal for packs of one session.
    pub encapsulation: u32,
    first_frame: u32,
}

/// What a segment says about a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameInfo {
    /// Sizes, codec, number of blobs.
    pub entry: FrameEntry,
    /// Where it lies in the pack, tag included.
    pub range: Range<u64>,
    first_blob: u32,
}

impl FrameInfo {
    /// Which blob of the segment its first one is.
    pub fn first_blob(&self) -> u32 {
        self.first_blob
    }
}

/// Sorted columns; see the module's description.
#[derive(Clone)]
pub struct SortedSegment<B> {
    bytes: B,
    columns: Columns,
}

#[derive(Debug, Clone)]
struct Columns {
    prefixes: Range<usize>,
    ordinals: Range<usize>,
    frames: Range<usize>,
    packs: Range<usize>,
    encapsulations: Range<usize>,
    replaced: Range<usize>,
    fingerprints: Range<usize>,
    filter: Option<Descriptor>,
}

impl<B: AsRef<[u8]>> fmt::Debug for SortedSegment<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SortedSegment({} packs, {} blobs)", self.packs(), self.blobs())
    }
}

impl Columns {
    fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor(bytes);
        if cursor.array()? != MAGIC {
            return Err(FormatError::Unrecognised { expected: "sorted segment" });
        }
        let mut counts = [0; 6];
        for count in &mut counts {
            *count = as_usize(cursor.u32()?);
        }
        let descriptor: &[u8; DESCRIPTOR_BYTES] = cursor.array()?;
        let mut end = bytes.len() - cursor.0.len();
        let mut column = |count: usize, row_bytes: usize| {
            let start = end;
            end = count.checked_mul(row_bytes)?.checked_add(start)?;
            (end <= bytes.len()).then_some(start..end)
        };
        let mut lay_out = || {
            let [blobs, frames, packs, keys, replaced, fingerprints] = counts;
            let columns = Self {
                prefixes: column(blobs, BlobPrefix::BYTES)?,
                ordinals: column(blobs, 4)?,
                frames: column(frames, FRAME_ROW_BYTES)?,
                packs: column(packs, PACK_ROW_BYTES)?,
                encapsulations: column(keys, ENCAPSULATION_BYTES)?,
                replaced: column(replaced, REPLACED_BYTES)?,
                fingerprints: column(fingerprints, 1)?,
                filter: Descriptor::check(descriptor, fingerprints),
            };
            (columns.filter.is_some() == (fingerprints > 0)).then_some(columns)
        };
        let columns = lay_out().ok_or(FormatError::Truncated)?;
        if end == bytes.len() { Ok(columns) } else { Err(BROKEN) }
    }
}

impl<B: AsRef<[u8]>> SortedSegment<B> {
    /// Takes bytes that [`Self::as_bytes`] gave, from memory or a memory map.
    pub fn from_bytes(bytes: B) -> Result<Self, FormatError> {
        let columns = Columns::parse(bytes.as_ref())?;
        let segment = Self { bytes, columns };
        segment.check_structure()?;
        Ok(segment)
    }

    /// The bytes to keep.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The bytes to keep, as they are held.
    pub fn into_bytes(self) -> B {
        self.bytes
    }

    /// How many blobs it has; one that is in two packs counts twice.
    pub fn blobs(&self) -> usize {
        self.prefixes().len()
    }

    /// How many packs it has.
    pub fn packs(&self) -> u32 {
        u32::try_from(self.pack_rows().len()).expect("the count was read as 32 bits")
    }

    /// Whether some pack has the blob.
    pub fn contains(&self, prefix: &BlobPrefix) -> bool {
        self.position(prefix).is_some()
    }

    /// Where the blob stands among all blobs in the order of their prefixes; of several places, the first.
    pub fn position(&self, prefix: &BlobPrefix) -> Option<usize> {
        let at = self.may_contain(prefix).then(|| self.first_at_least(prefix))?;
        (self.prefixes().get(at) == Some(prefix.as_bytes())).then_some(at)
    }

    /// The place of the blob at a [`position`](Self::position).
    pub fn place_at(&self, at: usize) -> Option<Place> {
        self.place(at)
    }

    /// Every blob with its place, in the order of the prefixes.
    pub fn iter(&self) -> impl Iterator<Item = (BlobPrefix, Place)> + '_ {
        let prefixes = self.prefixes().iter().enumerate();
        prefixes.filter_map(|(at, prefix)| Some((BlobPrefix(*prefix), self.place(at)?)))
    }

    /// The blob at a [`position`](Self::position).
    pub fn prefix_at(&self, at: usize) -> Option<BlobPrefix> {
        self.prefixes().get(at).map(|prefix| BlobPrefix(*prefix))
    }

    /// All places of the blob.
    pub fn lookup(&self, prefix: &BlobPrefix) -> impl Iterator<Item = Place> + '_ {
        let start = if self.may_contain(prefix) { self.first_at_least(prefix) } else { usize::MAX };
        let prefix = prefix.0;
        (start..usize::MAX)
            .take_while(move |&at| self.prefixes().get(at) == Some(&prefix))
            .filter_map(|at| self.place(at))
    }

    /// A pack by its position in the segment.
    pub fn pack(&self, pack: u32) -> Option<PackInfo> {
        self.pack_rows().get(as_usize(pack)).and_then(|row| parse_pack(row).ok())
    }

    /// Which blob of the segment a place is, in the order in which they were stored.
    pub fn ordinal(&self, place: Place) -> Option<usize> {
        let frame = self.frame(place.pack, place.frame)?;
        Some(as_usize(frame.first_blob.checked_add(place.slot)?))
    }

    /// The encapsulated key that [`PackInfo::encapsulation`] names.
    pub fn encapsulation(&self, position: u32) -> Option<&[u8; ENCAPSULATION_BYTES]> {
        let (keys, _) = self.column(&self.columns.encapsulations).as_chunks();
        keys.get(as_usize(position))
    }

    /// A frame by its pack's position in the segment and its position in the pack.
    pub fn frame(&self, pack: u32, frame: u32) -> Option<FrameInfo> {
        let frames = self.frames_of(pack)?;
        let at = frames.start.checked_add(as_usize(frame))?;
        frames.contains(&at).then(|| self.frame_at(at).ok())?
    }

    /// How many frames a pack has, by its position in the segment.
    pub fn frames(&self, pack: u32) -> u32 {
        let frames = self.frames_of(pack).map_or(0, |frames| frames.len());
        u32::try_from(frames).unwrap_or(u32::MAX)
    }

    /// Segments that this one makes superfluous.
    pub fn replaces(&self) -> impl Iterator<Item = SegmentName> + '_ {
        let (rows, _) = self.column(&self.columns.replaced).as_chunks::<REPLACED_BYTES>();
        rows.iter().filter_map(|row| {
            let mut cursor = Cursor(row);
            let session = SessionId(*cursor.array().ok()?);
            Some(SegmentName { session, n: cursor.u32().ok()? })
        })
    }

    /// The segment that it was built from, for merging.
    pub fn to_segment(&self) -> Result<Segment, FormatError> {
        let mut by_ordinal = vec![None; self.blobs()];
        for (ordinal, prefix) in self.ordinals().iter().zip(self.prefixes()) {
            let slot = by_ordinal.get_mut(as_usize(u32::from_le_bytes(*ordinal))).ok_or(BROKEN)?;
            *slot = Some(BlobPrefix(*prefix));
        }
        let keys: Vec<_> = (0..)
            .map_while(|position| self.encapsulation(position))
            .map(|key| Encapsulation(Box::new(*key)).into())
            .collect();
        let mut prefixes = by_ordinal.into_iter();
        let mut packs = Vec::new();
        for (ordinal, row) in (0..).zip(self.pack_rows()) {
            let info = parse_pack(row)?;
            let mut table = PackTable::new(info.kind);
            for frame in self.frames_of(ordinal).ok_or(BROKEN)? {
                let entry = self.frame_at(frame)?.entry;
                let blobs = prefixes.by_ref().take(as_usize(entry.blobs));
                table.prefixes.extend(blobs.map_while(|prefix| prefix));
                table.frames.push(entry);
            }
            let encapsulation = keys.get(as_usize(info.encapsulation)).cloned().ok_or(BROKEN)?;
            let PackInfo { id, salt, size, .. } = info;
            packs.push(PackRecord { id, encapsulation, salt, size, table }.check()?);
        }
        Ok(Segment { replaces: self.replaces().collect(), packs })
    }

    fn column(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.as_ref().get(range.clone()).unwrap_or_default()
    }

    fn prefixes(&self) -> &[[u8; BlobPrefix::BYTES]] {
        self.column(&self.columns.prefixes).as_chunks().0
    }

    fn ordinals(&self) -> &[[u8; 4]] {
        self.column(&self.columns.ordinals).as_chunks().0
    }

    fn frame_rows(&self) -> &[[u8; FRAME_ROW_BYTES]] {
        self.column(&self.columns.frames).as_chunks().0
    }

    fn pack_rows(&self) -> &[[u8; PACK_ROW_BYTES]] {
        self.column(&self.columns.packs).as_chunks().0
    }

    fn may_contain(&self, prefix: &BlobPrefix) -> bool {
        let fingerprints = self.column(&self.columns.fingerprints);
        self.columns.filter.is_none_or(|filter| filter.may_contain(fingerprints, prefix))
    }

    /// Position of the first prefix that is not smaller.
    ///
    /// Prefixes are keyed hashes, evenly spread: two guesses by proportion come within a few dozen rows. From there
    /// the step doubles, so that uneven data costs time only.
    fn first_at_least(&self, prefix: &BlobPrefix) -> usize {
        let prefixes = self.prefixes();
        let wanted = u128::from_be_bytes(prefix.0);
        let is_less = |row: &[u8; 16]| u128::from_be_bytes(*row) < wanted;
        let is_less_at = |at: usize| prefixes.get(at).is_some_and(is_less);
        let guess = guess_position(prefixes, filter_key(prefix));
        let mut step = prefixes.len().isqrt().isqrt().max(1);
        let (mut low, mut high) = (guess, guess);
        if is_less_at(guess) {
            while is_less_at(high) {
                low = high;
                high = high.saturating_add(step).min(prefixes.len());
                step = step.saturating_mul(2);
            }
        } else {
            while low > 0 && !is_less_at(low) {
                high = low;
                low = low.saturating_sub(step);
                step = step.saturating_mul(2);
            }
        }
        let window = prefixes.get(low..high).unwrap_or_default();
        low + window.partition_point(is_less)
    }

    /// The place of the blob whose prefix stands at this position; `None` if the position column is torn.
    fn place(&self, at: usize) -> Option<Place> {
        let ordinal = u32::from_le_bytes(*self.ordinals().get(at)?);
        let frame = self.frame_rows().partition_point(|row| first_number(row) <= ordinal);
        let frame = frame.checked_sub(1)?;
        let slot = ordinal.checked_sub(first_number(self.frame_rows().get(frame)?))?;
        let frame = u32::try_from(frame).ok()?;
        let first_frame = |row: &[u8; PACK_ROW_BYTES]| last_number(row);
        let pack = self.pack_rows().partition_point(|row| first_frame(row) <= frame);
        let pack = pack.checked_sub(1)?;
        let frame = frame.checked_sub(first_frame(self.pack_rows().get(pack)?))?;
        let info = Place { pack: u32::try_from(pack).ok()?, frame, slot };
        (as_usize(ordinal) < self.blobs()).then_some(info)
    }

    fn frames_of(&self, pack: u32) -> Option<Range<usize>> {
        let rows = self.pack_rows();
        let start = as_usize(last_number(rows.get(as_usize(pack))?));
        let next = rows.get(as_usize(pack).checked_add(1)?);
        Some(start..next.map_or(self.frame_rows().len(), |row| as_usize(last_number(row))))
    }

    fn frame_at(&self, at: usize) -> Result<FrameInfo, FormatError> {
        let rows = self.frame_rows();
        let mut cursor = Cursor(rows.get(at).ok_or(BROKEN)?);
        let first_blob = cursor.u32()?;
        let start = u64::from(cursor.u32()?);
        let (stored_bytes, plain_bytes) = (cursor.u32()?, cursor.u32()?);
        let codec = Codec::from_byte(cursor.u8()?)?;
        let next_blob = match rows.get(at + 1) {
            Some(row) => first_number(row),
            None => u32::try_from(self.blobs()).ok().ok_or(BROKEN)?,
        };
        let blobs = next_blob.checked_sub(first_blob).ok_or(BROKEN)?;
        let entry = FrameEntry { stored_bytes, plain_bytes, codec, blobs }.check()?;
        Ok(FrameInfo { range: start..start + entry.sealed_bytes(), entry, first_blob })
    }

    /// Frames and packs must partition the blobs and frames in ascending order and stay within their packs.
    fn check_structure(&self) -> Result<(), FormatError> {
        let mut next_frame = 0;
        let mut next_blob = 0;
        for (ordinal, row) in (0..).zip(self.pack_rows()) {
            let pack = parse_pack(row)?;
            let frames = self.frames_of(ordinal).ok_or(BROKEN)?;
            let sound = frames.start == next_frame
                && frames.start <= frames.end
                && pack.size <= OBJECT_BYTES_MAX
                && self.encapsulation(pack.encapsulation).is_some();
            if !sound {
                return Err(BROKEN);
            }
            next_frame = frames.end;
            let mut offset = as_u64(HEADER_BYTES);
            for at in frames {
                let frame = self.frame_at(at)?;
                if frame.first_blob != next_blob || frame.range.start != offset {
                    return Err(BROKEN);
                }
                next_blob += frame.entry.blobs;
                offset = frame.range.end;
            }
            if offset > pack.size {
                return Err(BROKEN);
            }
        }
        let complete = next_frame == self.frame_rows().len() && as_usize(next_blob) == self.blobs();
        if complete { Ok(()) } else { Err(BROKEN) }
    }
}

fn parse_pack(row: &[u8; PACK_ROW_BYTES]) -> Result<PackInfo, FormatError> {
    let mut cursor = Cursor(row);
    Ok(PackInfo {
        id: PackId(*cursor.array()?),
        salt: *cursor.array()?,
        size: cursor.u64()?,
        kind: BlobKind::from_byte(cursor.u8()?)?,
        encapsulation: cursor.u32()?,
        first_frame: cursor.u32()?,
    })
}

/// Where proportion puts a key: once over all rows, then corrected by what was found there.
fn guess_position(prefixes: &[[u8; BlobPrefix::BYTES]], key: u64) -> usize {
    let rows = as_u64(prefixes.len());
    let share = |distance: u64| {
        usize::try_from((u128::from(distance) * u128::from(rows)) >> 64).unwrap_or(0)
    };
    let guess = share(key);
    let found = prefixes.get(guess).map_or(key, |row| filter_key(&BlobPrefix(*row)));
    match key.checked_sub(found) {
        Some(ahead) => (guess + share(ahead)).min(prefixes.len()),
        None => guess.saturating_sub(share(found.abs_diff(key))),
    }
}

/// A frame's first blob.
fn first_number(row: &[u8; FRAME_ROW_BYTES]) -> u32 {
    row.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// A pack's first frame.
fn last_number(row: &[u8; PACK_ROW_BYTES]) -> u32 {
    row.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

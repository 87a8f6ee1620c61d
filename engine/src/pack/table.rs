//! The table of a pack: which frames it has and which blobs are in them. Stands in trailers and in index segments.

#![deny(clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::cursor::{Cursor, as_u64, as_usize};
use super::{
    BlobKind, Codec, FRAME_BLOBS_MAX, FRAME_BYTES_MAX, HEADER_BYTES, PACK_BLOBS_MAX, TAG_BYTES,
};
use crate::error::FormatError;
use crate::id::BlobPrefix;

const HEAD_BYTES: usize = 5;
const ENTRY_BYTES: usize = 13;

/// One frame of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameEntry {
    /// Bytes before sealing.
    pub stored_bytes: u32,
    /// Bytes after decompression.
    pub plain_bytes: u32,
    /// What lies between the two.
    pub codec: Codec,
    /// How many blobs it holds.
    pub blobs: u32,
}

impl FrameEntry {
    /// Bytes in the pack, tag included.
    pub fn sealed_bytes(&self) -> u64 {
        u64::from(self.stored_bytes).saturating_add(as_u64(TAG_BYTES))
    }

    pub(crate) fn check(self) -> Result<Self, FormatError> {
        let out_of_bounds = |what| Err(FormatError::OutOfBounds { what });
        if self.stored_bytes > FRAME_BYTES_MAX || self.plain_bytes > FRAME_BYTES_MAX {
            return out_of_bounds("size of a frame");
        }
        // A blob takes at least the byte that states its length.
        if self.blobs > FRAME_BLOBS_MAX.min(self.plain_bytes) {
            return out_of_bounds("number of blobs in a frame");
        }
        if self.codec == Codec::Stored && self.stored_bytes != self.plain_bytes {
            return out_of_bounds("size of a stored frame");
        }
        Ok(self)
    }
}

/// Frames in the order in which they stand in the pack, and the prefixes of their blobs in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackTable {
    /// What all its blobs are.
    pub kind: BlobKind,
    /// The frames.
    pub frames: Vec<FrameEntry>,
    /// One for each blob: as many as the frames' counts add up to.
    pub prefixes: Vec<BlobPrefix>,
}

impl PackTable {
    /// Without a frame.
    pub fn new(kind: BlobKind) -> Self {
        Self { kind, frames: Vec::new(), prefixes: Vec::new() }
    }

    /// Length of [`Self::encode`]'s result.
    pub fn encoded_bytes(&self) -> usize {
        let frames = self.frames.len().saturating_mul(ENTRY_BYTES);
        let prefixes = self.prefixes.len().saturating_mul(BlobPrefix::BYTES);
        HEAD_BYTES.saturating_add(frames).saturating_add(prefixes)
    }

    /// Appends the bytes, without padding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let frames = u32::try_from(self.frames.len()).expect("a pack has at most 2^22 frames");
        out.reserve(self.encoded_bytes());
        out.push(self.kind.to_byte());
        out.extend_from_slice(&frames.to_le_bytes());
        for frame in &self.frames {
            out.extend_from_slice(&frame.stored_bytes.to_le_bytes());
            out.extend_from_slice(&frame.plain_bytes.to_le_bytes());
            out.push(frame.codec.to_byte());
            out.extend_from_slice(&frame.blobs.to_le_bytes());
        }
        for prefix in &self.prefixes {
            out.extend_from_slice(prefix.as_bytes());
        }
    }

    /// The table at the start of the bytes, and what follows it.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), FormatError> {
        let mut cursor = Cursor(bytes);
        let kind = BlobKind::from_byte(cursor.u8()?)?;
        let count = cursor.count(ENTRY_BYTES, PACK_BLOBS_MAX, "number of frames")?;
        let mut frames = Vec::with_capacity(count);
        let mut blobs = 0_u32;
        for _ in 0..count {
            let entry = FrameEntry {
                stored_bytes: cursor.u32()?,
                plain_bytes: cursor.u32()?,
                codec: Codec::from_byte(cursor.u8()?)?,
                blobs: cursor.u32()?,
            }
            .check()?;
            blobs = blobs.saturating_add(entry.blobs);
            frames.push(entry);
        }
        if blobs > PACK_BLOBS_MAX {
            return Err(FormatError::OutOfBounds { what: "number of blobs in a pack" });
        }
        let bytes = as_usize(blobs).saturating_mul(BlobPrefix::BYTES);
        let (prefixes, _) = cursor.take(bytes)?.as_chunks();
        let prefixes = prefixes.iter().map(|&prefix| BlobPrefix(prefix)).collect();
        Ok((Self { kind, frames, prefixes }, cursor.0))
    }

    /// Where each frame lies in the pack, tag included.
    pub fn frame_ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.frames.iter().scan(as_u64(HEADER_BYTES), |offset, frame| {
            let start = *offset;
            *offset = start.saturating_add(frame.sealed_bytes());
            Some(start..*offset)
        })
    }

    /// Where one frame lies in the pack, tag included. Adds up all frames before it.
    pub fn frame_range(&self, frame: usize) -> Option<Range<u64>> {
        self.frame_ranges().nth(frame)
    }

    /// The first byte after the last frame.
    pub fn frames_end(&self) -> u64 {
        self.frame_ranges().last().map_or(as_u64(HEADER_BYTES), |range| range.end)
    }

    /// The prefixes of each frame's blobs.
    pub fn blobs_by_frame(&self) -> impl Iterator<Item = &[BlobPrefix]> + '_ {
        self.frames.iter().scan(self.prefixes.as_slice(), |rest, frame| {
            let (blobs, after) = rest.split_at_checked(as_usize(frame.blobs))?;
            *rest = after;
            Some(blobs)
        })
    }
}

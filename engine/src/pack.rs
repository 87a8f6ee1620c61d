//! Lays blobs into frames and frames into a packfile, and reads one back from bytes.
//!
//! A **blob** is the unit of deduplication, a **frame** the unit of compression and sealing, a **pack** the unit of
//! storage (`docs/format.md`, section 6). Nothing here does I/O: [`PackWriter`] fills a buffer, the reading half is
//! given bytes, which may be hostile: every length is checked before it is used, and memory is bounded by the input
//! or by what the authenticated table states, itself at most 17 MiB a frame.
//! To find *which* pack holds a blob, ask [`index`](crate::index).

#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod codec;
pub(crate) mod cursor;
mod frame;
mod inspect;
mod policy;
mod reader;
mod table;
#[cfg(test)]
mod tests;
mod writer;

pub use self::codec::{Compressor, Effort};
pub use self::frame::{Frame, FrameBuilder, OpenFrame, PlainFrame, open_frame, open_part};
pub use self::inspect::{Blobs, FrameOpener};
pub use self::policy::{fits, should_close};
pub use self::reader::{PackRecord, parse_header, read_table, record_from_pack, trailer_range};
pub use self::table::{FrameEntry, PackTable};
pub use self::writer::{FinishedPack, PackWriter};

use crate::error::FormatError;

/// Object header, encapsulated session key and salt; the first frame begins here.
pub const HEADER_BYTES: usize = 1168;
/// What sealing adds to a frame or trailer.
pub const TAG_BYTES: usize = 16;
/// The largest blob.
pub const BLOB_BYTES_MAX: usize = 16 << 20;
/// The largest frame, plain or stored.
pub const FRAME_BYTES_MAX: u32 = 17 << 20;
/// Blobs in one frame.
pub const FRAME_BLOBS_MAX: u32 = 1 << 20;
/// Blobs in one pack.
pub const PACK_BLOBS_MAX: u32 = 1 << 22;
/// The largest object of any kind.
pub const OBJECT_BYTES_MAX: u64 = 64 << 20;
/// Small blobs share a frame until it has about this many plain bytes; a larger blob is a frame of its own.
pub const FRAME_BYTES_TARGET: usize = 256 << 10;

/// What the blobs of a pack are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BlobKind {
    /// Pieces of file content.
    Content = 1,
    /// Nodes of trees and of content lists.
    Tree = 2,
}

impl BlobKind {
    /// The byte that stands for it.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Content => 1,
            Self::Tree => 2,
        }
    }

    /// The kind that a byte stands for.
    pub const fn from_byte(byte: u8) -> Result<Self, FormatError> {
        match byte {
            1 => Ok(Self::Content),
            2 => Ok(Self::Tree),
            _ => Err(FormatError::Unrecognised { expected: "kind of blobs" }),
        }
    }
}

/// How a frame's plain bytes became its stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// They are the same.
    Stored = 0,
    /// One zstd frame.
    Zstd = 1,
}

impl Codec {
    /// The byte that stands for it.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Stored => 0,
            Self::Zstd => 1,
        }
    }

    /// The codec that a byte stands for.
    pub const fn from_byte(byte: u8) -> Result<Self, FormatError> {
        match byte {
            0 => Ok(Self::Stored),
            1 => Ok(Self::Zstd),
            _ => Err(FormatError::Unrecognised { expected: "codec" }),
        }
    }
}

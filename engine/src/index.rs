//! Says which pack and frame hold a blob: the segment format and the lookup structure.
//!
//! A [`Segment`] is what the store holds (`docs/format.md`, section 7): the packs of one writer in plain order.
//! A [`SortedSegment`] is what lookups use: the same facts in sorted columns over any bytes, so that a local cache
//! can be mapped instead of parsed; about 21 bytes a blob. An [`IndexSet`] asks several of them at once and knows
//! which may be relied on when deciding that a blob need not be stored again.
//! All parsing survives any bytes: no panic, memory bounded by the input.

#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod build;
mod filter;
mod marks;
mod segment;
mod set;
mod sorted;
#[cfg(test)]
mod tests;

pub use self::marks::{Bits, Marked, Marks, Visit};
pub use self::segment::{Segment, SegmentName};
pub use self::set::{IndexSet, Location, Trust};
pub use self::sorted::{FrameInfo, PackInfo, Place, SortedSegment};

/// An encapsulated session key as it stands in pack headers and segments.
pub const ENCAPSULATION_BYTES: usize = 1120;

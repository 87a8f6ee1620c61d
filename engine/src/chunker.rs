//! Cuts a file into chunks, by what the file is: database pages, media, text, disk images, the rest.
//!
//! Invariant: where a file is cut depends on its class, its bytes and the repository's secret table, never on how the
//! bytes arrive. Sizes and their reasons are in `docs/decisions/0003-chunk-sizes.md`; a change of any of them makes the
//! next backup of old files store everything again, so a golden test pins them.
//! Nothing here hashes, compresses or does I/O; names of chunks come from `crypto`, frames from `pack`.

#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod classify;
mod entropy;
mod magic;
mod text;

use std::fmt;

use fastcdc::v2020::{Normalization, cut_gear, select_masks};
use zeroize::Zeroize as _;

pub use self::classify::{Class, HEAD_BYTES, classify};
pub use self::entropy::looks_incompressible;

/// No chunk of any class is longer.
pub const MAX_CHUNK_BYTES: usize = 8 << 20;

/// The secret table of the rolling hash, and the same shifted by one bit, which `FastCDC` wants beside it.
///
/// The cut points of a known file under a known table would tell which file a repository holds.
pub struct GearTables {
    plain: [u64; 256],
    shifted: [u64; 256],
}

impl GearTables {
    /// `gear` comes from the repository's key.
    pub fn new(gear: &[u64; 256]) -> Self {
        Self { plain: *gear, shifted: gear.map(|value| value << 1) }
    }
}

impl Drop for GearTables {
    fn drop(&mut self) {
        self.plain.zeroize();
        self.shifted.zeroize();
    }
}

impl fmt::Debug for GearTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GearTables").finish_non_exhaustive()
    }
}

/// Finds the chunks of one class. Holds no position: the same chunker serves any number of files.
#[derive(Debug, Clone, Copy)]
pub struct Chunker<'g> {
    rule: Rule<'g>,
}

#[derive(Debug, Clone, Copy)]
enum Rule<'g> {
    /// Every chunk has this many bytes, counted from the start of the file; the last may be shorter.
    Fixed(usize),
    Content {
        sizes: Sizes,
        mask_short: u64,
        mask_long: u64,
        gear: &'g GearTables,
    },
}

/// Bounds of content-defined chunks. All even, because `cut_gear` tests positions in pairs.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    min: usize,
    average: usize,
    max: usize,
}

const MEDIA: Sizes = Sizes { min: 512 << 10, average: 1 << 20, max: MAX_CHUNK_BYTES };
const TEXT: Sizes = Sizes { min: 4 << 10, average: 16 << 10, max: 64 << 10 };
const OTHER: Sizes = Sizes { min: 16 << 10, average: 64 << 10, max: 256 << 10 };
const DISK_BLOCK_BYTES: usize = 64 << 10;
/// Pages smaller than this are taken together: an id per 512 bytes would cost a sixteenth of the content.
const PAGE_GROUP_BYTES: usize = 4 << 10;

impl<'g> Chunker<'g> {
    /// A chunker for files of `class`.
    pub fn new(class: Class, gear: &'g GearTables) -> Self {
        let rule = match class {
            Class::Pages { bytes } => Rule::Fixed(whole_pages(bytes)),
            Class::DiskImage => Rule::Fixed(DISK_BLOCK_BYTES),
            Class::Media => Rule::content(MEDIA, gear),
            Class::Text => Rule::content(TEXT, gear),
            Class::Other => Rule::content(OTHER, gear),
        };
        Self { rule }
    }

    /// Length of the chunk at the start of `data`, or `None` if `data` is too short to tell.
    ///
    /// `last` says that the file ends with `data`; then only empty data gives `None`. With [`Self::max_bytes`] bytes
    /// the answer is never `None`, so hand in that many where possible: each call scans from the start.
    pub fn cut(&self, data: &[u8], last: bool) -> Option<usize> {
        let window = data.get(..self.max_bytes()).unwrap_or(data);
        let complete = last || window.len() == self.max_bytes();
        let length = match self.rule {
            Rule::Fixed(_) => window.len(),
            Rule::Content { sizes, .. } if window.len() <= sizes.min => window.len(),
            Rule::Content { sizes, mask_short, mask_long, gear } => {
                let (_, length) = cut_gear(
                    window,
                    sizes.min,
                    sizes.average,
                    sizes.max,
                    mask_short,
                    mask_long,
                    mask_short << 1,
                    mask_long << 1,
                    &gear.plain,
                    &gear.shifted,
                );
                length
            }
        };
        // A cut before the end of the window stays where it is whatever follows; the end of the window is a cut only
        // if nothing can follow.
        (length > 0 && (complete || length < window.len())).then_some(length)
    }

    /// No chunk is longer.
    pub fn max_bytes(&self) -> usize {
        match self.rule {
            Rule::Fixed(bytes) => bytes,
            Rule::Content { sizes, .. } => sizes.max,
        }
    }

    /// A file up to this length is one chunk.
    pub fn min_bytes(&self) -> usize {
        match self.rule {
            Rule::Fixed(bytes) => bytes,
            Rule::Content { sizes, .. } => sizes.min,
        }
    }
}

impl<'g> Rule<'g> {
    fn content(sizes: Sizes, gear: &'g GearTables) -> Self {
        let (mask_short, mask_long) = select_masks(sizes.average, Normalization::Level1);
        Self::Content { sizes, mask_short, mask_long, gear }
    }
}

/// A page size that no database has would still give chunks within bounds.
fn whole_pages(page_bytes: u32) -> usize {
    let page = usize::try_from(page_bytes).unwrap_or(MAX_CHUNK_BYTES).clamp(1, MAX_CHUNK_BYTES);
    page * (PAGE_GROUP_BYTES / page).max(1)
}

#[cfg(test)]
mod tests;

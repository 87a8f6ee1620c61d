//! Keeps the bytes per second of a whole store below a limit, evenly.
//!
//! A limit is paid in small pieces, so that a slow line still moves several times a second and a timeout for a line on
//! which nothing moves stays meaningful.

use std::num::{NonZeroU32, NonZeroU64};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The largest part of a body that is handed over at once.
const PART_BYTES: u64 = 64 << 10;
/// Pieces a second, as long as they are not larger than a part.
const PIECES: u64 = 8;
/// The limiter counts in nanoseconds per cell; more cells a second than this would be rounded badly.
const CELLS: u64 = 1_000_000;

/// The limits of both directions.
#[derive(Debug)]
pub(super) struct Paces {
    pub(super) upload: Pace,
    pub(super) download: Pace,
}

impl Paces {
    pub(super) fn new(upload: Option<NonZeroU64>, download: Option<NonZeroU64>) -> Self {
        Self { upload: Pace::new(upload), download: Pace::new(download) }
    }
}

/// The limit of one direction, or none.
#[derive(Debug)]
pub(super) struct Pace {
    limiter: Option<DefaultDirectRateLimiter>,
    /// How much to move at once.
    piece: u64,
    bytes_per_cell: u64,
}

impl Pace {
    fn new(limit: Option<NonZeroU64>) -> Self {
        let Some(limit) = limit.map(NonZeroU64::get) else {
            return Self { limiter: None, piece: PART_BYTES, bytes_per_cell: 1 };
        };
        let piece = (limit / PIECES).clamp(1, PART_BYTES);
        let bytes_per_cell = limit.div_ceil(CELLS);
        let quota = Quota::per_second(cells(limit, bytes_per_cell))
            .allow_burst(cells(piece, bytes_per_cell));
        Self { limiter: Some(RateLimiter::direct(quota)), piece, bytes_per_cell }
    }

    /// The length of the next part of a body that has `left` bytes left.
    pub(super) fn part(&self, left: usize) -> usize {
        left.min(usize::try_from(self.piece).unwrap_or(usize::MAX))
    }

    /// Waits until this many bytes may move.
    pub(super) async fn pay(&self, bytes: usize) {
        let Some(limiter) = &self.limiter else { return };
        let mut left = u64::try_from(bytes).unwrap_or(u64::MAX);
        while left > 0 {
            let piece = left.min(self.piece);
            let due = limiter.until_n_ready(cells(piece, self.bytes_per_cell)).await;
            debug_assert!(due.is_ok(), "a piece is never larger than the burst");
            left -= piece;
        }
    }
}

fn cells(bytes: u64, bytes_per_cell: u64) -> NonZeroU32 {
    let cells = u32::try_from(bytes.div_ceil(bytes_per_cell)).unwrap_or(u32::MAX);
    NonZeroU32::new(cells).unwrap_or(NonZeroU32::MIN)
}

//! When to close a pack: its size is rounded up to a padmé size, so a well chosen moment saves padding.
//!
//! Padding is at most 3 % of a pack that is closed anywhere. Between 7/8 and 9/8 of the target there are a few padmé
//! sizes and, after each frame, a new distance to the next one; waiting for a small distance costs nothing.

use super::OBJECT_BYTES_MAX;
use crate::crypto::padme;

/// Whether a pack that would have `size` bytes without padding should be closed now.
///
/// From 7/8 of the target on a distance of 0.25 % is good enough; what is good enough grows to 1 % at 9/8, because
/// fewer and fewer chances are left.
pub fn should_close(target_bytes: u64, size: u64) -> bool {
    let start = target_bytes - target_bytes / 8;
    if size < start {
        return false;
    }
    let window = (target_bytes / 4).max(1);
    let progress = (size - start).min(window);
    // In 1/400 of the size, scaled by the window: 1 at its start, 4 at its end.
    let tolerance = size.saturating_mul(window + 3 * progress) / window / 400;
    progress == window || padme(size) - size <= tolerance
}

/// Whether a pack that would have `size` bytes, the next frame included, stays within what a pack should be.
///
/// If not, the pack is closed first, unless it is empty: a frame larger than the target gets a pack of its own.
pub fn fits(target_bytes: u64, size: u64) -> bool {
    size <= target_bytes.saturating_add(target_bytes / 8) && padme(size) <= OBJECT_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Waste {
        percent: f64,
        packs: u64,
        smallest: u64,
        largest: u64,
    }

    /// Fills packs with frames of evenly distributed sizes.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "a percentage for people"
    )]
    fn simulate(target: u64, frames: std::ops::Range<u64>) -> Waste {
        let mut random = blake3::Hasher::new().finalize_xof();
        let mut next = || {
            let mut bytes = [0; 8];
            random.fill(&mut bytes);
            frames.start + u64::from_le_bytes(bytes) % (frames.end - frames.start)
        };
        let mut waste = Waste { percent: 0.0, packs: 0, smallest: u64::MAX, largest: 0 };
        let (mut padding, mut total) = (0, 0);
        while waste.packs < 2000 {
            let mut size = 1500;
            let mut frame = next();
            while !should_close(target, size) && fits(target, size + frame) {
                size += frame;
                frame = next();
            }
            padding += padme(size) - size;
            total += padme(size);
            waste.packs += 1;
            waste.smallest = waste.smallest.min(size);
            waste.largest = waste.largest.max(padme(size));
        }
        waste.percent = 100.0 * padding as f64 / total as f64;
        waste
    }

    #[test]
    fn padding_wastes_less_than_half_a_percent_on_average() {
        let mib = 1 << 20;
        // Media chunks around 1 MiB; frames of small blobs; frames of compressed small blobs.
        for (frames, percent) in
            [(mib / 2..mib * 3 / 2, 0.45), (130_000..170_000, 0.2), (40_000..120_000, 0.2)]
        {
            let waste = simulate(32 * mib, frames.clone());
            assert!(waste.percent < percent, "{frames:?}: {} %", waste.percent);
            assert!(waste.smallest >= 27 * mib, "{frames:?}: {}", waste.smallest);
            assert!(waste.largest <= 36 * mib, "{frames:?}: {}", waste.largest);
        }
    }

    #[test]
    fn a_pack_below_seven_eighths_stays_open_even_without_padding() {
        assert!(!should_close(32 << 20, 16 << 20));
        assert!(should_close(32 << 20, 28 << 20));
        assert!(should_close(32 << 20, 36 << 20));
        assert!(should_close(32 << 20, u64::MAX / 8));
    }

    #[test]
    fn no_pack_grows_beyond_the_object_limit() {
        assert!(fits(48 << 20, 54 << 20));
        assert!(!fits(48 << 20, (54 << 20) + 1));
        assert!(!fits(u64::MAX, (64 << 20) + 1));
        assert!(fits(u64::MAX, 64 << 20));
    }
}

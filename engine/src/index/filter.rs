//! A binary-fuse filter over prefixes: says "surely not here" after three reads, for nine bits a blob.
//!
//! Only the stored form is used; the descriptor is checked once so that no query can read outside it.

use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable as _, Filter as _, FilterRef as _};

use crate::id::BlobPrefix;
use crate::pack::cursor::as_u64;

/// Seed, segment length, its mask, segments' total length.
pub(super) const DESCRIPTOR_BYTES: usize = 20;

/// A descriptor that was found to fit its fingerprints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descriptor([u8; DESCRIPTOR_BYTES]);

/// What the filter knows a prefix by; prefixes are keyed hashes, so half of one is as good as a hash of it.
pub(super) fn filter_key(prefix: &BlobPrefix) -> u64 {
    let (half, _) = prefix.0.split_first_chunk().expect("16 bytes have 8 first bytes");
    u64::from_be_bytes(*half)
}

/// Descriptor and fingerprints for ascending keys without repetition.
///
/// Empty if there is no key, or in the improbable case that none of a thousand seeds works.
pub(super) fn build(keys: &[u64]) -> ([u8; DESCRIPTOR_BYTES], Box<[u8]>) {
    let mut descriptor = [0; DESCRIPTOR_BYTES];
    if keys.is_empty() {
        return (descriptor, Box::default());
    }
    match BinaryFuse8::try_from(keys) {
        Ok(filter) => {
            filter.dma_copy_descriptor_to(&mut descriptor);
            (descriptor, filter.fingerprints)
        }
        Err(_text) => (descriptor, Box::default()),
    }
}

impl Descriptor {
    /// `None` if a query could read outside the fingerprints.
    ///
    /// A query reads at most at segments' total length + twice the segment length - 1, provided that the total is a
    /// multiple of the segment length and that is a power of two, one more than the mask.
    pub(super) fn check(bytes: &[u8; DESCRIPTOR_BYTES], fingerprints: usize) -> Option<Self> {
        let [.., l0, l1, l2, l3, m0, m1, m2, m3, t0, t1, t2, t3] = *bytes;
        let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        let mask = u64::from(u32::from_le_bytes([m0, m1, m2, m3]));
        let total = u64::from(u32::from_le_bytes([t0, t1, t2, t3]));
        let sound = length.is_power_of_two()
            && mask == length - 1
            && total > 0
            && total % length == 0
            && total + 2 * length <= as_u64(fingerprints)
            && u32::try_from(fingerprints).is_ok();
        sound.then_some(Self(*bytes))
    }

    /// `false` only if the prefix is surely not among the keys.
    pub(super) fn may_contain(&self, fingerprints: &[u8], prefix: &BlobPrefix) -> bool {
        BinaryFuse8Ref::from_dma(&self.0, fingerprints).contains(&filter_key(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_that_could_read_outside_is_refused() {
        let keys: Vec<u64> = (0..1000).map(|n| n * 0x9e37_79b9).collect();
        let (descriptor, fingerprints) = build(&keys);
        assert!(Descriptor::check(&descriptor, fingerprints.len()).is_some());
        assert!(Descriptor::check(&descriptor, fingerprints.len() - 1).is_none());
        for byte in 8..DESCRIPTOR_BYTES {
            for bit in 0..8 {
                let mut hostile = descriptor;
                hostile[byte] ^= 1 << bit;
                let Some(filter) = Descriptor::check(&hostile, fingerprints.len()) else {
                    continue;
                };
                for key in 0..2000_u128 {
                    let prefix = BlobPrefix((key << 110 | key).to_be_bytes());
                    filter.may_contain(&fingerprints, &prefix);
                }
            }
        }
    }

    #[test]
    fn filters_of_every_small_size_contain_their_keys() {
        for size in 0..300_u64 {
            let keys: Vec<u64> = (0..size).map(|n| n << 40 | 7).collect();
            let (descriptor, fingerprints) = build(&keys);
            let filter = Descriptor::check(&descriptor, fingerprints.len());
            assert_eq!(filter.is_some(), size > 0, "{size}");
            for key in keys {
                let prefix = BlobPrefix((u128::from(key) << 64).to_be_bytes());
                assert!(filter.unwrap().may_contain(&fingerprints, &prefix));
            }
        }
    }
}

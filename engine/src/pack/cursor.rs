//! Takes values off the front of untrusted bytes; never reads past the end, never allocates on a stated count.

#![deny(clippy::arithmetic_side_effects)]

use crate::error::FormatError;

/// The bytes that were not taken yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], FormatError> {
        let (head, rest) = self.0.split_at_checked(bytes).ok_or(FormatError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], FormatError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(FormatError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, FormatError> {
        self.array::<1>().map(|&[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// A count of items of at least `item_bytes` each, refused if they cannot all be there.
    pub(crate) fn count(
        &mut self,
        item_bytes: usize,
        limit: u32,
        what: &'static str,
    ) -> Result<usize, FormatError> {
        let count = self.u32()?;
        if count > limit {
            return Err(FormatError::OutOfBounds { what });
        }
        let count = as_usize(count);
        match count.checked_mul(item_bytes) {
            Some(bytes) if bytes <= self.0.len() => Ok(count),
            _ => Err(FormatError::Truncated),
        }
    }

    /// A varint (LEB128) that must fit into 32 bits.
    pub(crate) fn varint(&mut self) -> Result<u32, FormatError> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value)
                    .ok()
                    .ok_or(FormatError::OutOfBounds { what: "length of a blob" });
            }
        }
        Err(FormatError::OutOfBounds { what: "length of a blob" })
    }
}

/// Appends a varint (LEB128).
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

/// Lossless: the engine runs on machines with at least 32 bits.
pub(crate) fn as_usize(value: u32) -> usize {
    usize::try_from(value).expect("32 bits fit into usize on every supported machine")
}

/// Lossless: the engine runs on machines with at most 64 bits.
pub(crate) fn as_u64(value: usize) -> u64 {
    u64::try_from(value).expect("usize fits into 64 bits on every supported machine")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_survive_a_round_trip_at_their_edges() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 1 << 24, u32::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut cursor = Cursor(&bytes);
            assert_eq!(cursor.varint(), Ok(value));
            assert!(cursor.0.is_empty());
        }
    }

    #[test]
    fn varints_that_are_cut_or_too_large_are_refused() {
        assert_eq!(Cursor(&[0x80]).varint(), Err(FormatError::Truncated));
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 0x7f][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 1]] {
            assert!(matches!(Cursor(bytes).varint(), Err(FormatError::OutOfBounds { .. })));
        }
    }

    #[test]
    fn a_count_beyond_the_input_is_refused_before_anything_is_allocated() {
        let bytes = u32::MAX.to_le_bytes();
        assert_eq!(Cursor(&bytes).count(16, u32::MAX, "x"), Err(FormatError::Truncated));
        assert_eq!(Cursor(&bytes).count(0, 9, "x"), Err(FormatError::OutOfBounds { what: "x" }));
    }
}

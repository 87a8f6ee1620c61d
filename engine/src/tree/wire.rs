//! Varints and bounded reading of bytes; the only place in this module that takes slices apart.

use crate::error::FormatError;

/// Appends an unsigned LEB128 number.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

/// As [`put_varint`], for numbers of up to 128 bits.
pub(super) fn put_varint_wide(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

/// A length or count as a varint.
pub(super) fn put_length(out: &mut Vec<u8>, length: usize) {
    put_varint(out, wide(length));
}

/// How many bytes [`put_varint`] writes.
pub(super) fn varint_bytes(value: u64) -> usize {
    let bits = 64 - value.leading_zeros();
    usize::try_from(bits.div_ceil(7).max(1)).expect("at most 10")
}

/// A length in memory as a length in the format.
pub(super) fn wide(length: usize) -> u64 {
    u64::try_from(length).expect("no supported machine addresses more than 64 bits")
}

pub(super) fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)).cast_unsigned()
}

pub(super) fn unzigzag(value: u128) -> i128 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Takes values off the front of bytes that nobody vouches for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes left.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn byte(&mut self) -> Result<u8, FormatError> {
        let (first, rest) = self.rest.split_first().ok_or(FormatError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], FormatError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(FormatError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(FormatError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A varint of at most 64 bits.
    pub(super) fn varint(&mut self) -> Result<u64, FormatError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        self.continued(first).and_then(narrow)
    }

    /// A varint of at most 128 bits.
    pub(super) fn varint_wide(&mut self) -> Result<u128, FormatError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u128::from(first));
        }
        self.continued(first)
    }

    fn continued(&mut self, low: u8) -> Result<u128, FormatError> {
        // Nine bytes fit into a machine word; times and inode numbers have no more.
        let mut value = u64::from(low & 0x7f);
        let mut shift = 7;
        while shift < 63 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(u128::from(value));
            }
            shift += 7;
        }
        self.continued_wide(u128::from(value), shift)
    }

    #[cold]
    fn continued_wide(&mut self, mut value: u128, mut shift: u32) -> Result<u128, FormatError> {
        loop {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if shift > 126 || (bits << shift) >> shift != bits {
                return Err(FormatError::OutOfBounds { what: "number" });
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// A varint length and that many bytes.
    pub(super) fn counted(&mut self) -> Result<&'a [u8], FormatError> {
        let length = self.varint()?;
        self.take(length)
    }
}

fn narrow(value: u128) -> Result<u64, FormatError> {
    u64::try_from(value).map_err(|_too_wide| FormatError::OutOfBounds { what: "number" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_a_round_trip_and_take_the_announced_bytes() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_bytes(value), "{value}");
            assert_eq!(Reader::new(&out).varint(), Ok(value));
        }
        for value in [0, 1, -1, i128::MAX, i128::MIN, -1_234_567_890_123_456_789] {
            let mut out = Vec::new();
            put_varint_wide(&mut out, zigzag(value));
            assert_eq!(Reader::new(&out).varint_wide().map(unzigzag), Ok(value));
        }
    }

    #[test]
    fn numbers_of_more_than_128_bits_are_refused() {
        let mut bytes = [0xff; 19];
        bytes[18] = 0x03;
        assert_eq!(Reader::new(&bytes).varint_wide(), Ok(u128::MAX));
        bytes[18] = 0x04;
        assert!(Reader::new(&bytes).varint_wide().is_err());
        assert!(Reader::new(&[0xff; 40]).varint_wide().is_err());
        assert_eq!(Reader::new(&[0xff; 4]).varint_wide(), Err(FormatError::Truncated));
    }
}

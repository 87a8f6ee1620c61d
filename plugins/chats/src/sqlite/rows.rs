//! What a row says, whatever type its columns have: apps write numbers as text and text as bytes.

use rusqlite::Row;
use rusqlite::types::ValueRef;

/// The columns of a row. What is not there, or is something else, is `None`.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    row: &'a Row<'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(row: &'a Row<'a>) -> Self {
        Self { row }
    }

    fn value(&self, column: usize) -> ValueRef<'_> {
        self.row.get_ref(column).unwrap_or(ValueRef::Null)
    }

    /// A number; the whole part of one that is not whole.
    pub(crate) fn integer(&self, column: usize) -> Option<i64> {
        match self.value(column) {
            ValueRef::Integer(integer) => Some(integer),
            ValueRef::Real(real) => whole(real),
            ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
            ValueRef::Null | ValueRef::Blob(_) => None,
        }
    }

    /// A number above zero, or zero.
    pub(crate) fn unsigned(&self, column: usize) -> Option<u64> {
        self.integer(column).and_then(|integer| u64::try_from(integer).ok())
    }

    /// A flag; what is not there is not set.
    pub(crate) fn flag(&self, column: usize) -> bool {
        self.integer(column).is_some_and(|integer| integer != 0)
    }

    /// A number that need not be whole.
    pub(crate) fn real(&self, column: usize) -> Option<f64> {
        match self.value(column) {
            ValueRef::Real(real) => Some(real).filter(|real| real.is_finite()),
            #[expect(
                clippy::as_conversions,
                clippy::cast_precision_loss,
                reason = "a float that an app wrote as an integer is small"
            )]
            ValueRef::Integer(integer) => Some(integer as f64),
            ValueRef::Text(text) => {
                let real: f64 = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
                Some(real).filter(|real| real.is_finite())
            }
            ValueRef::Null | ValueRef::Blob(_) => None,
        }
    }

    /// Words; what is not UTF-8 is replaced. `None` if there are none.
    pub(crate) fn text(&self, column: usize) -> Option<String> {
        match self.value(column) {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                Some(String::from_utf8_lossy(bytes).into_owned()).filter(|text| !text.is_empty())
            }
            ValueRef::Integer(integer) => Some(integer.to_string()),
            ValueRef::Real(real) => Some(real.to_string()),
            ValueRef::Null => None,
        }
    }

    /// Bytes.
    pub(crate) fn bytes(&self, column: usize) -> Option<&[u8]> {
        match self.value(column) {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
        }
    }

    /// A SHA-256: bytes, or base64 or hexadecimal digits of them.
    pub(crate) fn sha256(&self, column: usize) -> Option<[u8; 32]> {
        let bytes = self.bytes(column)?;
        let decoded = match bytes.len() {
            32 => bytes.to_vec(),
            43 | 44 => base64(bytes)?,
            64 => hex(bytes)?,
            _ => return None,
        };
        decoded.try_into().ok()
    }
}

/// The whole part, if it is a number of 64 bits.
pub(crate) fn whole(real: f64) -> Option<i64> {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "the fraction is to be cut off, and the rest is in range"
    )]
    (real.abs() <= LIMIT).then_some(real as i64)
}

fn base64(digits: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(33);
    let (mut bits, mut count) = (0_u32, 0);
    for &digit in digits.iter().filter(|digit| **digit != b'=') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value =
        |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().map(|&[high, low]| Some((value(high)? << 4) | value(low)?)).collect()
}

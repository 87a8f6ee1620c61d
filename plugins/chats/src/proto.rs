//! Fields of Protocol Buffers, as they lie in headers and in columns of databases.

use thiserror::Error;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number of variable length.
    Number(u64),
    /// Everything else: bytes, text, a message, or a number of fixed length.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes, if it is not a number.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(_) => None,
        }
    }

    /// The number, if it is one.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Bytes(_) => None,
        }
    }

    /// The text; what is no UTF-8 in it is replaced. `None` if there is none.
    pub fn text(self) -> Option<String> {
        let text = String::from_utf8_lossy(self.bytes()?).into_owned();
        Some(text).filter(|text| !text.is_empty())
    }
}

/// The bytes make no sense from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no message of Protocol Buffers")]
pub struct Malformed;

/// The fields of a message in their order; nothing follows a [`Malformed`] one.
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// See [`fields`].
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// A number without a field, such as the length before a message.
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, bytes: u64) -> Result<&'a [u8], Malformed> {
        let bytes = usize::try_from(bytes).map_err(|_large| Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), Malformed> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return Err(Malformed),
        };
        if tag >> 3 > 0 { Ok((tag >> 3, value)) } else { Err(Malformed) }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_wire_type_are_read_in_their_order() {
        let message =
            [0x08, 0x96, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 1, b'x', 0x25, 1, 2, 3, 4];
        let read: Vec<_> = fields(&message).collect::<Result<_, _>>().unwrap();
        let bytes = Value::Bytes(&[1, 2, 3, 4, 5, 6, 7, 8]);
        let expected = [
            (1, Value::Number(150)),
            (2, bytes),
            (3, Value::Bytes(b"x")),
            (4, Value::Bytes(&[1, 2, 3, 4])),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_length_beyond_the_end_makes_no_sense_and_ends_the_fields() {
        let read: Vec<_> = fields(&[0x08, 1, 0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, 7]).collect();
        assert_eq!(read, [Ok((1, Value::Number(1))), Err(Malformed)]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_no_more_fields_than_bytes(bytes: Vec<u8>) {
            proptest::prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}

//! Typed names for everything that has one, so that two kinds cannot be swapped.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const BYTES: usize = $bytes;

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// Takes exactly [`Self::BYTES`] bytes; `None` for any other length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Parses lower-case hexadecimal of exactly the right length.
            pub fn from_hex(text: &str) -> Option<Self> {
                let mut bytes = [0; $bytes];
                decode_hex(text, &mut bytes).then_some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

id!(
    /// Keyed BLAKE3 of a piece of file content.
    ContentId, 32
);
id!(
    /// Keyed BLAKE3 of a tree node or content-list node, under another key than [`ContentId`].
    NodeId, 32
);
id!(
    /// The first half of a [`ContentId`] or [`NodeId`]: what pack tables and the index hold.
    BlobPrefix, 16
);
id!(
    /// BLAKE3 of a packfile's bytes: anybody can verify a pack without a key.
    PackId, 32
);
id!(
    /// Random name of a repository.
    RepositoryId, 16
);
id!(
    /// Random name of a session, and of the snapshot that it commits.
    SessionId, 16
);
id!(
    /// Random name of a condemned list.
    GenerationId, 16
);
id!(
    /// Random name of a key slot.
    SlotId, 16
);
id!(
    /// Random name of a stored retention policy.
    PolicyId, 16
);
id!(
    /// Random name of a secret that is kept for the owner.
    SecretId, 16
);
id!(
    /// Random name of an installation that writes snapshots; a new one is made when it is lost.
    ClientId, 16
);

impl ContentId {
    /// What the index knows this blob by.
    pub fn prefix(&self) -> BlobPrefix {
        prefix_of(&self.0)
    }
}

impl NodeId {
    /// What the index knows this blob by.
    pub fn prefix(&self) -> BlobPrefix {
        prefix_of(&self.0)
    }
}

fn prefix_of(id: &[u8; 32]) -> BlobPrefix {
    let (half, _) = id.split_at(BlobPrefix::BYTES);
    BlobPrefix(half.try_into().expect("split_at gives exactly 16 bytes"))
}

fn decode_hex(text: &str, out: &mut [u8]) -> bool {
    let digits = text.as_bytes();
    if digits.len() != out.len() * 2 {
        return false;
    }
    digits.chunks_exact(2).zip(out).all(|(pair, byte)| {
        let (Some(high), Some(low)) =
            (pair.first().copied().and_then(hex_value), pair.get(1).copied().and_then(hex_value))
        else {
            return false;
        };
        *byte = high << 4 | low;
        true
    })
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_survives_a_round_trip() {
        let id = SessionId([0xa7; 16]);
        assert_eq!(SessionId::from_hex(&id.to_string()), Some(id));
    }

    #[test]
    fn upper_case_short_and_odd_names_are_refused() {
        for bad in ["", "a7", &"A7".repeat(16), &"a7".repeat(15), &"g7".repeat(16)] {
            assert_eq!(SessionId::from_hex(bad), None, "{bad}");
        }
    }
}

//! The first bytes of every object, and padding that hides lengths.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::FormatError;

/// The version that this program writes, and the highest that it reads.
pub const FORMAT_VERSION: u8 = 1;
/// Length of what every binary object begins with.
pub const OBJECT_HEADER_BYTES: usize = 16;
/// No object of a repository is larger.
pub const OBJECT_BYTES_MAX: usize = 64 << 20;

const MAGIC: &[u8; 8] = b"HEIRLOOM";
const SUITE: u8 = 1;

/// What an object is; stands in its header and in its associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum ObjectKind {
    /// Packfile.
    Pack = 1,
    /// Segment of the index.
    IndexSegment = 3,
    /// A running writer.
    Session = 4,
    /// Snapshot.
    Snapshot = 5,
    /// Statement that a session is dead.
    Fence = 6,
    /// Statement that a snapshot was forgotten.
    Tombstone = 7,
    /// Description of a key slot.
    SlotNote = 8,
    /// List of packs that are to be deleted.
    Condemned = 9,
    /// List of sessions that a deletion waits for.
    Waits = 10,
    /// Retention policy.
    Policy = 11,
    /// A secret that is kept for the owner.
    Secret = 12,
    /// Snapshots and tombstones in the local cache; never in a store.
    CachedRecords = 240,
}

impl ObjectKind {
    /// The byte in the header.
    pub const fn code(self) -> u8 {
        match self {
            Self::Pack => 1,
            Self::IndexSegment => 3,
            Self::Session => 4,
            Self::Snapshot => 5,
            Self::Fence => 6,
            Self::Tombstone => 7,
            Self::SlotNote => 8,
            Self::Condemned => 9,
            Self::Waits => 10,
            Self::Policy => 11,
            Self::Secret => 12,
            Self::CachedRecords => 240,
        }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pack => "packfile",
            Self::IndexSegment => "index segment",
            Self::Session => "session",
            Self::Snapshot => "snapshot",
            Self::Fence => "fence",
            Self::Tombstone => "tombstone",
            Self::SlotNote => "slot note",
            Self::Condemned => "condemned list",
            Self::Waits => "waits list",
            Self::Policy => "policy",
            Self::Secret => "kept secret",
            Self::CachedRecords => "record cache",
        }
    }
}

/// The first 16 bytes of an object of this kind.
pub fn object_header(kind: ObjectKind) -> [u8; OBJECT_HEADER_BYTES] {
    let mut header = [0; OBJECT_HEADER_BYTES];
    let fields = MAGIC.iter().copied().chain([FORMAT_VERSION, kind.code(), SUITE]);
    header.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    header
}

/// Checks the first 16 bytes and returns what follows them.
pub fn check_object_header(bytes: &[u8], kind: ObjectKind) -> Result<&[u8], FormatError> {
    let (header, rest) =
        bytes.split_at_checked(OBJECT_HEADER_BYTES).ok_or(FormatError::Truncated)?;
    let &[m0, m1, m2, m3, m4, m5, m6, m7, version, found, suite, ..] = header else {
        return Err(FormatError::Truncated);
    };
    if [m0, m1, m2, m3, m4, m5, m6, m7] != *MAGIC {
        return Err(FormatError::Unrecognised { expected: "Heirloom object" });
    }
    for number in [version, suite] {
        if number > FORMAT_VERSION.max(SUITE) {
            return Err(FormatError::Newer { version: number.into() });
        }
    }
    if found != kind.code() || header != object_header(kind) {
        return Err(FormatError::Unrecognised { expected: kind.name() });
    }
    Ok(rest)
}

/// The next length that tells little: at most 12 % longer (Nikitin et al., 2019).
pub fn padme(length: u64) -> u64 {
    let Some(exponent) = length.checked_ilog2().filter(|exponent| *exponent > 0) else {
        return length;
    };
    let mantissa_bits = exponent.ilog2() + 1;
    let mask = (1_u64 << (exponent - mantissa_bits)) - 1;
    length.checked_add(mask).map_or(u64::MAX, |sum| sum & !mask)
}

/// A length, a msgpack map, and zero bytes up to the padme length of at least `min`.
///
/// The value must be a struct of plain data; 128-bit integers would become byte strings.
pub fn padded_map<T: Serialize>(value: &T, min: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    padded_map_into(&mut bytes, value, min);
    bytes
}

/// As [`padded_map`], into an empty buffer: one with enough room leaves no copies of a secret behind by growing.
pub fn padded_map_into<T: Serialize>(bytes: &mut Vec<u8>, value: &T, min: u64) {
    bytes.extend_from_slice(&[0; 4]);
    let mut serializer = rmp_serde::Serializer::new(&mut *bytes).with_struct_map();
    value.serialize(&mut serializer).expect("records are plain data with text keys");
    let length = u32::try_from(bytes.len() - 4).expect("records are far below 4 GiB");
    let padded = usize::try_from(padme(min.max(4 + u64::from(length))))
        .expect("padding adds little to what is already in memory");
    bytes.iter_mut().zip(length.to_le_bytes()).for_each(|(to, from)| *to = from);
    bytes.resize(padded, 0);
}

/// Takes apart what [`padded_map`] made. Unknown keys are ignored.
pub fn parse_padded_map<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FormatError> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(FormatError::Truncated)?;
    let length = usize::try_from(u32::from_le_bytes(*length))
        .map_err(|_too_large| FormatError::Truncated)?;
    let (map, padding) = rest.split_at_checked(length).ok_or(FormatError::Truncated)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(FormatError::OutOfBounds { what: "padding" });
    }
    parse_map(map, "record")
}

/// A msgpack map; what is wrong with it is not told, since no reader can do anything about it.
pub(super) fn parse_map<T: DeserializeOwned>(
    map: &[u8],
    expected: &'static str,
) -> Result<T, FormatError> {
    rmp_serde::from_slice(map).map_err(|_detail| FormatError::Unrecognised { expected })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Sample {
        number: u64,
        text: String,
    }

    const KINDS: [ObjectKind; 11] = [
        ObjectKind::Pack,
        ObjectKind::IndexSegment,
        ObjectKind::Session,
        ObjectKind::Snapshot,
        ObjectKind::Fence,
        ObjectKind::Tombstone,
        ObjectKind::SlotNote,
        ObjectKind::Condemned,
        ObjectKind::Waits,
        ObjectKind::Policy,
        ObjectKind::Secret,
    ];

    #[test]
    #[expect(clippy::as_conversions, reason = "compares the code with the discriminant")]
    fn a_header_is_accepted_for_its_own_kind_only() {
        for written in KINDS {
            assert_eq!(written.code(), written as u8);
            let header = object_header(written);
            for asked in KINDS {
                assert_eq!(check_object_header(&header, asked).is_ok(), asked == written);
            }
        }
    }

    #[test]
    fn newer_versions_and_suites_are_told_from_damage() {
        let kind = ObjectKind::Session;
        for offset in [8, 10] {
            let mut header = object_header(kind);
            header[offset] = 2;
            let result = check_object_header(&header, kind);
            assert_eq!(result, Err(FormatError::Newer { version: 2 }), "{offset}");
        }
        for offset in (0..8).chain([9]).chain(11..16) {
            let mut header = object_header(kind);
            header[offset] ^= 1;
            let result = check_object_header(&header, kind);
            assert!(matches!(result, Err(FormatError::Unrecognised { .. })), "{offset}");
        }
        let header = object_header(kind);
        assert_eq!(check_object_header(&header[..15], kind), Err(FormatError::Truncated));
    }

    #[test]
    fn padme_gives_the_lengths_of_the_paper() {
        let cases = [(0, 0), (1, 1), (2, 2), (9, 10), (15, 16), (100, 104), (1000, 1024)];
        for (length, padded) in cases {
            assert_eq!(padme(length), padded, "{length}");
        }
        assert_eq!(padme(u64::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn padme_adds_at_most_twelve_percent_and_is_stable(length in 0..1_u64 << 60) {
            let padded = padme(length);
            prop_assert!(padded >= length);
            prop_assert!(padded - length <= length / 8);
            prop_assert_eq!(padme(padded), padded);
        }

        #[test]
        fn a_padded_map_comes_back(number: u64, text: String, min in 0..1000_u64) {
            let value = Sample { number, text };
            let bytes = padded_map(&value, min);
            let length = u64::try_from(bytes.len()).unwrap();
            prop_assert!(length >= min);
            prop_assert_eq!(padme(length), length);
            prop_assert_eq!(parse_padded_map::<Sample>(&bytes), Ok(value));
        }

        #[test]
        fn parsing_a_padded_map_survives_any_input(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
            announced in 0..300_u32,
        ) {
            drop(parse_padded_map::<Sample>(&bytes));
            bytes.splice(0..0, announced.to_le_bytes());
            drop(parse_padded_map::<Sample>(&bytes));
        }
    }

    #[test]
    fn padding_that_is_not_zero_is_refused() {
        let mut bytes = padded_map(&Sample { number: 1, text: "a".into() }, 256);
        *bytes.last_mut().unwrap() = 1;
        let result = parse_padded_map::<Sample>(&bytes);
        assert_eq!(result, Err(FormatError::OutOfBounds { what: "padding" }));
    }
}

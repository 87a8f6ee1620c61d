//! What a key slot keeps: the root secret, and what a client must know before it can read anything.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::RootSecret;
use crate::crypto::object::parse_map;
use crate::error::FormatError;
use crate::id::RepositoryId;

/// Packs are never made smaller on purpose. Simulated clients store little, and shall have many.
pub const PACK_BYTES_MIN: u32 = if cfg!(feature = "weakened") { 4 << 10 } else { 1 << 20 };
/// Packs are never made larger on purpose; with padding they stay below the limit of an object.
pub const PACK_BYTES_MAX: u32 = 48 << 20;

const VERSION: u32 = 1;
const EXPECTED: &str = "key bundle";

/// What the holder of a bundle may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Everything.
    Owner,
}

/// The content of a key slot.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// What its holder may do.
    pub role: Role,
    /// The repository that it opens.
    pub repository: RepositoryId,
    /// Where all keys come from.
    pub root: RootSecret,
    /// The size of packs that writers aim for.
    pub pack_bytes: u32,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Wire {
    version: u32,
    role: String,
    #[serde(with = "serde_bytes")]
    repository: [u8; 16],
    #[serde(with = "serde_bytes")]
    root: [u8; 32],
    pack_bytes: u32,
}

impl Bundle {
    /// The bytes that go into a slot.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let Role::Owner = self.role;
        let wire = Wire {
            version: VERSION,
            role: "owner".into(),
            repository: *self.repository.as_bytes(),
            root: *self.root.as_bytes(),
            pack_bytes: self.pack_bytes,
        };
        // Large enough that it never grows: growing would leave a copy of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(256));
        rmp_serde::encode::write_named(&mut *bytes, &wire).expect("a Vec takes all bytes");
        bytes
    }

    /// Takes apart what was in a slot.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        // By itself, because a later version may lack the other fields.
        let Version { version } = parse_map(bytes, EXPECTED)?;
        if version > VERSION {
            return Err(FormatError::Newer { version });
        }
        let wire: Wire = parse_map(bytes, EXPECTED)?;
        if wire.version != VERSION {
            return Err(FormatError::Unrecognised { expected: EXPECTED });
        }
        if wire.role != "owner" {
            return Err(FormatError::Unrecognised { expected: "role" });
        }
        if !(PACK_BYTES_MIN..=PACK_BYTES_MAX).contains(&wire.pack_bytes) {
            return Err(FormatError::OutOfBounds { what: "pack_bytes" });
        }
        Ok(Self {
            role: Role::Owner,
            repository: RepositoryId(wire.repository),
            root: RootSecret::from_bytes(wire.root),
            pack_bytes: wire.pack_bytes,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn sample() -> Bundle {
        Bundle {
            role: Role::Owner,
            repository: RepositoryId([7; 16]),
            root: RootSecret::from_bytes([0xa7; 32]),
            pack_bytes: 16 << 20,
        }
    }

    #[test]
    fn a_bundle_comes_back() {
        let bundle = Bundle::decode(&sample().encode()).unwrap();
        assert_eq!(bundle.role, Role::Owner);
        assert_eq!(bundle.repository, RepositoryId([7; 16]));
        assert_eq!(bundle.root.as_bytes(), &[0xa7; 32]);
        assert_eq!(bundle.pack_bytes, 16 << 20);
    }

    #[test]
    fn encoding_never_grows_its_buffer() {
        assert!(sample().encode().len() <= 256);
        assert_eq!(sample().encode().capacity(), 256);
    }

    #[test]
    fn a_later_version_is_named_even_without_the_known_fields() {
        let map = rmp_serde::to_vec_named(&std::collections::BTreeMap::from([("version", 2)]));
        let result = Bundle::decode(&map.unwrap());
        assert_eq!(result.unwrap_err(), FormatError::Newer { version: 2 });
    }

    #[test]
    fn pack_sizes_out_of_bounds_are_refused() {
        for pack_bytes in [0, PACK_BYTES_MIN - 1, PACK_BYTES_MAX + 1, u32::MAX] {
            let bundle = Bundle { pack_bytes, ..sample() };
            let result = Bundle::decode(&bundle.encode());
            assert_eq!(result.unwrap_err(), FormatError::OutOfBounds { what: "pack_bytes" });
        }
    }

    proptest! {
        #[test]
        fn decoding_survives_any_input(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            change in 0..100_usize,
            value: u8,
        ) {
            drop(Bundle::decode(&bytes));
            let mut encoded = sample().encode();
            drop(Bundle::decode(&encoded[..change]));
            encoded[change] = value;
            drop(Bundle::decode(&encoded));
        }
    }
}

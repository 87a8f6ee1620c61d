//! Derives keys, seals and opens bytes, signs and verifies; the only module that calls a cipher.
//!
//! Everything here is a pure function of its arguments: randomness comes from a [`Clock`](crate::clock::Clock), except in key
//! slots, where the age library draws its own. Whatever opens or parses survives any input. Associated data binds
//! each sealed text to its repository, kind, format version and name, so that a store cannot swap objects.
//!
//! One [`RootSecret`] per repository gives all [`Keys`]; each session has a [`SessionKey`] that is sealed to the
//! repository's X-Wing key; each pack has a [`PackKey`]. The root secret itself lies in key slots, as a [`Bundle`].
//! The bytes are described in `docs/format.md`, test vectors are in `docs/format-vectors.md`.

#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod bundle;
mod cipher;
mod identity;
mod keys;
mod object;
mod secret;
mod session;
mod slot;
#[cfg(test)]
mod vectors;

pub use age::secrecy::{ExposeSecret, SecretString};

pub use self::bundle::{Bundle, PACK_BYTES_MAX, PACK_BYTES_MIN, Role};
pub use self::identity::{Prompt, generate_identity};
pub use self::keys::{Keys, Signed};
pub use self::object::{
    FORMAT_VERSION, OBJECT_BYTES_MAX, OBJECT_HEADER_BYTES, ObjectKind, check_object_header,
    object_header, padded_map, padded_map_into, padme, parse_padded_map,
};
pub use self::secret::RootSecret;
pub use self::session::{Encapsulation, Enveloped, PackKey, SessionKey};
pub use self::slot::{
    Credential, Recipient, SLOT_BYTES_MAX, SlotError, SlotKind, open_bundle, open_bundle_with,
    seal_bundle, slot_kind,
};

/// What makes the keys of two packs of one session differ.
pub type Salt = [u8; 32];

/// What each seal adds to the length of its text.
pub const TAG_BYTES: usize = cipher::TAG_BYTES;

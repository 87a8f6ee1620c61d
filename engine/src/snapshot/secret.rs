//! A secret that the repository keeps for its owner, such as the key of somebody's encrypted backups.
//!
//! Sealed like a snapshot: who can only write cannot read it.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::envelope::{parse, sign, verify};
use crate::clock::{Clock, random};
use crate::crypto::{Enveloped, Keys, padded_map_into};
use crate::error::FormatError;
use crate::id::{SecretId, SessionId};

/// A value is not longer.
pub const SECRET_BYTES_MAX: usize = 64 << 10;

const DOMAIN: &str = "heirloom v1 secret";
/// The keys that are kept today give objects of one size.
const BODY_BYTES_MIN: u64 = 1024;
/// More than what stands in an object beside the texts and the value.
const ROOM_BYTES: usize = 4096;

/// A secret whose signature was verified. Its value is wiped when it is dropped, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptSecret {
    /// Its name.
    pub id: SecretId,
    /// What it is for, so that who does not know it leaves it alone: `chats.key`.
    pub kind: String,
    /// The secret itself; what it means is up to its kind.
    pub value: Zeroizing<Vec<u8>>,
    /// What people said about it.
    pub note: String,
    /// When it was given, in ns since 1970.
    pub time: i64,
    /// On which machine.
    pub host: String,
    /// By whom.
    pub user: String,
}

#[derive(Serialize)]
struct Written<'a> {
    kind: &'a str,
    #[serde(with = "serde_bytes")]
    value: &'a [u8],
    note: &'a str,
    time: i64,
    host: &'a str,
    user: &'a str,
}

#[derive(Deserialize)]
struct Read {
    kind: String,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
    note: String,
    time: i64,
    host: String,
    user: String,
}

/// Name of a kept secret's object.
pub fn secret_name(secret: SecretId) -> String {
    format!("secrets/{secret}")
}

impl KeptSecret {
    /// Signs and seals it: the bytes of its object.
    pub fn seal(&self, keys: &Keys, clock: &dyn Clock) -> Vec<u8> {
        let Self { id, kind, value, note, time, host, user } = self;
        let texts = kind.len() + note.len() + host.len() + user.len();
        let room = ROOM_BYTES + 2 * (value.len() + texts);
        // With room from the start: a buffer that grows leaves copies of the secret behind.
        let mut record = Zeroizing::new(Vec::with_capacity(room));
        let written = Written { kind, value, note, time: *time, host, user };
        let mut serializer = rmp_serde::Serializer::new(&mut *record).with_struct_map();
        written.serialize(&mut serializer).expect("plain data can be written to memory");
        let envelope = sign(keys, DOMAIN, SessionId(id.0), std::mem::take(&mut *record));
        let mut body = Zeroizing::new(Vec::with_capacity(room));
        padded_map_into(&mut body, &envelope, BODY_BYTES_MIN);
        drop(Zeroizing::new(envelope.record));
        let key = keys.new_session_key(clock);
        key.seal_enveloped(Enveloped::Secret, &secret_name(*id), &random(clock), &body)
    }

    /// Opens the object of a secret and verifies that the owner signed it for this name.
    pub fn open(bytes: &[u8], keys: &Keys, id: SecretId) -> Result<Self, FormatError> {
        let body = keys.open_enveloped(Enveloped::Secret, &secret_name(id), bytes)?;
        let body = Zeroizing::new(body);
        let record = Zeroizing::new(verify(keys, DOMAIN, SessionId(id.0), &body)?);
        let Read { kind, value, note, time, host, user } = parse(&record, "kept secret")?;
        let value = Zeroizing::new(value);
        if value.len() > SECRET_BYTES_MAX {
            return Err(FormatError::OutOfBounds { what: "length of a kept secret" });
        }
        Ok(Self { id, kind, value, note, time, host, user })
    }
}

impl fmt::Debug for KeptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptSecret")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::tests::{Frozen, keys};

    fn secret(value: &[u8]) -> KeptSecret {
        KeptSecret {
            id: SecretId([9; 16]),
            kind: "chats.key".into(),
            value: Zeroizing::new(value.to_vec()),
            note: "phone".into(),
            time: -5,
            host: "desk".into(),
            user: "me".into(),
        }
    }

    #[test]
    fn a_secret_survives_a_round_trip_and_shows_nowhere() {
        let keys = keys(1, 1);
        for length in [0, 32, 131, 4000, SECRET_BYTES_MAX] {
            let secret = secret(&vec![0xa7; length]);
            let object = secret.seal(&keys, &Frozen);
            assert_eq!(KeptSecret::open(&object, &keys, secret.id), Ok(secret.clone()), "{length}");
            assert!(length < 16 || !object.windows(16).any(|part| part == [0xa7; 16]));
            assert!(!format!("{secret:?}").contains("167"), "{secret:?}");
        }
    }

    #[test]
    fn keys_of_both_kinds_give_objects_of_one_size() {
        let keys = keys(1, 1);
        let size = |bytes: usize| secret(&vec![1; bytes]).seal(&keys, &Frozen).len();
        assert_eq!(size(32), size(131));
    }

    #[test]
    fn another_name_repository_or_owner_opens_nothing() {
        let object = secret(b"value").seal(&keys(1, 1), &Frozen);
        let open = |keys: &Keys, id| KeptSecret::open(&object, keys, SecretId([id; 16]));
        assert!(open(&keys(1, 1), 9).is_ok());
        for (keys, id) in [(keys(1, 1), 8), (keys(1, 2), 9), (keys(2, 1), 9)] {
            assert_eq!(open(&keys, id), Err(FormatError::Unauthentic));
        }
    }

    #[test]
    fn a_secret_that_is_too_long_or_signed_for_something_else_is_refused() {
        let keys = keys(1, 1);
        let long = secret(&vec![1; SECRET_BYTES_MAX + 1]);
        let refused = FormatError::OutOfBounds { what: "length of a kept secret" };
        assert_eq!(KeptSecret::open(&long.seal(&keys, &Frozen), &keys, long.id), Err(refused));
        let envelope = sign(&keys, "heirloom v1 policy", SessionId(long.id.0), vec![0x80]);
        let mut body = Vec::new();
        padded_map_into(&mut body, &envelope, BODY_BYTES_MIN);
        let name = secret_name(long.id);
        let object =
            keys.new_session_key(&Frozen).seal_enveloped(Enveloped::Secret, &name, &[1; 32], &body);
        assert_eq!(KeptSecret::open(&object, &keys, long.id), Err(FormatError::Signature));
    }

    #[test]
    fn damage_anywhere_is_noticed() {
        let keys = keys(1, 1);
        let (id, object) = (SecretId([9; 16]), secret(b"value").seal(&keys, &Frozen));
        for offset in (0..object.len()).step_by(37) {
            let mut changed = object.clone();
            changed[offset] ^= 1;
            assert!(KeptSecret::open(&changed, &keys, id).is_err(), "changed at {offset}");
            assert!(KeptSecret::open(&object[..offset], &keys, id).is_err(), "cut at {offset}");
        }
    }
}

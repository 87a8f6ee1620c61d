//! The key of a session, sealed to the repository with HPKE, and the keys that come from it.
//!
//! HPKE (RFC 9180) in base mode with the hybrid KEM X-Wing, export only: what is sealed today stays sealed if either
//! X25519 or ML-KEM-768 breaks.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use hpke::aead::ExportOnlyAead;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand_core::{TryCryptoRng, TryRng};

use crate::clock::{Clock, random};
use crate::crypto::Salt;
use crate::crypto::cipher::{self, NONCE_BYTES, TAG_BYTES};
use crate::crypto::keys::{ONLY_NONCE, object_aad};
use crate::crypto::object::{FORMAT_VERSION, OBJECT_HEADER_BYTES, ObjectKind, object_header};
use crate::crypto::secret::Secret;
use crate::error::FormatError;
use crate::id::RepositoryId;

const INFO: &[u8] = b"heirloom v1 session";
const EXPORT: &[u8] = b"heirloom v1 session key";

/// Stands in the associated data of a frame where objects have their kind.
const FRAME: u8 = 1;

/// A session key, sealed to the repository's public key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Encapsulation(pub Box<[u8; 1120]>);

impl Encapsulation {
    /// Length in bytes.
    pub const BYTES: usize = 1120;

    /// Takes exactly [`Self::BYTES`] bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Box::<[u8]>::from(bytes).try_into().ok().map(Self)
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; 1120] {
        &self.0
    }
}

impl fmt::Debug for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encapsulation(")?;
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}

/// The objects that hold a session key, so that whoever can only write cannot read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enveloped {
    /// A snapshot.
    Snapshot,
    /// A secret that is kept for the owner.
    Secret,
}

impl Enveloped {
    /// What stands in the header.
    pub fn kind(self) -> ObjectKind {
        match self {
            Self::Snapshot => ObjectKind::Snapshot,
            Self::Secret => ObjectKind::Secret,
        }
    }

    fn context(self) -> &'static str {
        match self {
            Self::Snapshot => "heirloom v1 snapshot key",
            Self::Secret => "heirloom v1 secret key",
        }
    }
}

/// The key of one session. Cheap to clone.
#[derive(Clone)]
pub struct SessionKey(Arc<Inner>);

struct Inner {
    repository: RepositoryId,
    key: Secret,
    encapsulation: Encapsulation,
}

pub(super) fn encapsulate(
    sealing: &<XWing as Kem>::PublicKey,
    repository: RepositoryId,
    clock: &dyn Clock,
) -> SessionKey {
    let (encapsulation, context) =
        hpke::setup_sender_with_rng::<ExportOnlyAead, HkdfSha256, XWing>(
            &OpModeS::Base,
            sealing,
            &info(repository),
            &mut ClockRng(clock),
        )
        .expect("X-Wing encapsulation cannot fail with a key that was derived");
    let encapsulation = Encapsulation::from_slice(&encapsulation.to_bytes())
        .expect("an X-Wing encapsulation has 1120 bytes");
    let mut key = Secret::empty();
    context.export(EXPORT, key.as_mut_bytes()).expect("32 bytes can be exported");
    SessionKey(Arc::new(Inner { repository, key, encapsulation }))
}

pub(super) fn decapsulate(
    opening: &<XWing as Kem>::PrivateKey,
    repository: RepositoryId,
    sealed: &Encapsulation,
) -> Result<SessionKey, FormatError> {
    let encapsulation = <XWing as Kem>::EncappedKey::from_bytes(sealed.as_bytes())
        .map_err(|_says_no_more| FormatError::Unauthentic)?;
    let context = hpke::setup_receiver::<ExportOnlyAead, HkdfSha256, XWing>(
        &OpModeR::Base,
        opening,
        &encapsulation,
        &info(repository),
    )
    .map_err(|_says_no_more| FormatError::Unauthentic)?;
    let mut key = Secret::empty();
    context.export(EXPORT, key.as_mut_bytes()).expect("32 bytes can be exported");
    Ok(SessionKey(Arc::new(Inner { repository, key, encapsulation: sealed.clone() })))
}

/// What opening the same key again would give. Simulated clients open the same few keys all the time, and would do little
/// else.
#[cfg(feature = "weakened")]
pub(super) fn remembered(
    sealed: &Encapsulation,
    open: impl FnOnce() -> Result<SessionKey, FormatError>,
) -> Result<SessionKey, FormatError> {
    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError};

    const KEYS_MAX: usize = 1000;
    static KEYS: Mutex<Option<HashMap<Encapsulation, SessionKey>>> = Mutex::new(None);

    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    let keys = keys.get_or_insert_default();
    if let Some(key) = keys.get(sealed) {
        return Ok(key.clone());
    }
    let key = open()?;
    if keys.len() >= KEYS_MAX {
        keys.clear();
    }
    keys.insert(sealed.clone(), key.clone());
    Ok(key)
}

fn info(repository: RepositoryId) -> Vec<u8> {
    [INFO, repository.as_bytes()].concat()
}

impl SessionKey {
    /// What stands in pack headers, snapshots and index segments.
    pub fn encapsulation(&self) -> &Encapsulation {
        &self.0.encapsulation
    }

    /// The key of the pack with this salt.
    pub fn pack_key(&self, salt: &Salt) -> PackKey {
        let mut aad = [FORMAT_VERSION; 18];
        let fields = self.0.repository.as_bytes().iter().copied().chain([FRAME]);
        aad.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        PackKey { key: self.derive("heirloom v1 pack key", salt), aad }
    }

    /// A whole object that only readers can open: header, sealed session key, salt, sealed body. A salt seals one body
    /// only.
    ///
    /// [`Keys::open_enveloped`](crate::crypto::Keys::open_enveloped) opens it.
    pub fn seal_enveloped(&self, kind: Enveloped, name: &str, salt: &Salt, body: &[u8]) -> Vec<u8> {
        let overhead = OBJECT_HEADER_BYTES + Encapsulation::BYTES + salt.len() + TAG_BYTES;
        let mut object = Vec::with_capacity(overhead + body.len());
        object.extend_from_slice(&object_header(kind.kind()));
        object.extend_from_slice(self.0.encapsulation.as_bytes());
        object.extend_from_slice(salt);
        let key = self.derive(kind.context(), salt);
        let aad = object_aad(self.0.repository, kind.kind(), name);
        cipher::seal_onto(&mut object, &key, &ONLY_NONCE, &aad, body);
        object
    }

    /// The body of such an object; `sealed` is what follows the salt.
    pub(super) fn open_enveloped(
        &self,
        kind: Enveloped,
        name: &str,
        (salt, sealed): (&Salt, &[u8]),
    ) -> Result<Vec<u8>, FormatError> {
        let key = self.derive(kind.context(), salt);
        let aad = object_aad(self.0.repository, kind.kind(), name);
        cipher::open_to_vec(&key, &ONLY_NONCE, &aad, sealed)
    }

    fn derive(&self, context: &'static str, salt: &Salt) -> Secret {
        Secret::derive(context, &[self.0.key.as_bytes(), salt])
    }

    #[cfg(test)]
    pub(super) fn secret_bytes(&self) -> &[u8; 32] {
        self.0.key.as_bytes()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKey")
            .field("encapsulation", &self.0.encapsulation)
            .finish_non_exhaustive()
    }
}

/// The key of one pack. An ordinal seals one frame only.
#[derive(Clone)]
pub struct PackKey {
    key: Secret,
    aad: [u8; 18],
}

impl PackKey {
    /// Encrypts a frame in place and returns the tag that belongs behind it.
    pub fn seal_frame(&self, ordinal: u32, buffer: &mut [u8]) -> [u8; TAG_BYTES] {
        cipher::seal_in_place(&self.key, &frame_nonce(ordinal), &self.aad, buffer)
    }

    /// Decrypts a frame in place, tag included; returns how many bytes of the buffer are plain text.
    pub fn open_frame(&self, ordinal: u32, sealed: &mut [u8]) -> Result<usize, FormatError> {
        cipher::open_in_place(&self.key, &frame_nonce(ordinal), &self.aad, sealed)
    }

    #[cfg(test)]
    pub(super) fn secret_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }
}

impl fmt::Debug for PackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PackKey(..)")
    }
}

fn frame_nonce(ordinal: u32) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce.iter_mut().zip(ordinal.to_le_bytes()).for_each(|(to, from)| *to = from);
    nonce
}

/// The randomness of a clock in the shape that the KEM wants.
struct ClockRng<'c>(&'c dyn Clock);

impl TryRng for ClockRng<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(random(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(random(self.0)))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_random(bytes);
        Ok(())
    }
}

impl TryCryptoRng for ClockRng<'_> {}

//! Secret bytes that vanish when they are dropped and never show in `Debug`.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::clock::Clock;

/// Thirty-two secret bytes. On the heap, so that moving the value leaves no copy behind.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Secret(Box<[u8; 32]>);

impl Secret {
    /// All zero, to be filled in place.
    pub(super) fn empty() -> Self {
        Self(Box::new([0; 32]))
    }

    /// BLAKE3 in key derivation mode over the concatenated parts.
    pub(super) fn derive(context: &'static str, parts: &[&[u8]]) -> Self {
        let mut secret = Self::empty();
        derive_into(context, parts, secret.as_mut_bytes());
        secret
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn as_mut_bytes(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

/// Like [`Secret::derive`], with output of any length.
pub(super) fn derive_into(context: &'static str, parts: &[&[u8]], output: &mut [u8]) {
    let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(context));
    for part in parts {
        hasher.update(part);
    }
    let mut reader = Zeroizing::new(hasher.finalize_xof());
    reader.fill(output);
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The secret that all keys of a repository come from. Whoever has it can do everything.
#[derive(Clone)]
pub struct RootSecret(Secret);

impl RootSecret {
    /// A new one.
    pub fn generate(clock: &dyn Clock) -> Self {
        let mut secret = Secret::empty();
        clock.fill_random(secret.as_mut_bytes());
        Self(secret)
    }

    /// One that was stored. The caller's copy of the bytes is the caller's to wipe.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let mut secret = Secret::empty();
        secret.as_mut_bytes().copy_from_slice(bytes.as_slice());
        Self(secret)
    }

    /// The bytes themselves, for storing them in a key slot.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSecret(..)")
    }
}

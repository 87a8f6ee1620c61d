//! Values that nobody can guess, and the proof that who comes with a code is who asked for it (RFC 7636).

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretString};

/// 256 random bits in hexadecimal.
pub(super) fn unguessable() -> SecretString {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("without random numbers nothing can be kept secret");
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16));
    SecretString::from(digits.collect::<String>())
}

/// What is shown of a verifier before it is shown itself.
pub(super) fn challenge(verifier: &SecretString) -> String {
    base64url(digest(&SHA256, verifier.expose_secret().as_bytes()).as_ref())
}

/// Base64 for addresses, without padding.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(*group.get(at).unwrap_or(&0)));
        for shift in [18, 12, 6, 0].into_iter().take(group.len() + 1) {
            let index = usize::try_from(bits >> shift & 63).unwrap_or_default();
            text.extend(ALPHABET.get(index).copied().map(char::from));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        let verifier = SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn base64_ends_without_padding() {
        let expected = [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")];
        for (bytes, text) in expected {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn no_two_values_are_the_same() {
        let (a, b) = (unguessable(), unguessable());
        assert_eq!(a.expose_secret().len(), 64);
        assert_ne!(a.expose_secret(), b.expose_secret());
    }
}

//! XChaCha20-Poly1305: `HChaCha20` makes a subkey, then the fast ChaCha20-Poly1305 of `ring` does the work.
//!
//! `ring` keeps its own copy of the subkey and does not wipe it; the subkey opens one text only.

use chacha20::{R20, hchacha};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroize as _;

use crate::crypto::secret::Secret;
use crate::error::FormatError;

/// Length of the authentication tag.
pub(super) const TAG_BYTES: usize = 16;
/// Length of a nonce.
pub(super) const NONCE_BYTES: usize = 24;

/// Encrypts in place and returns the tag.
pub(super) fn seal_in_place(
    key: &Secret,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_BYTES] {
    let (key, nonce) = inner(key, nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(aad), text)
        .expect("texts are far below the limit of 256 GiB");
    tag.as_ref().try_into().expect("a Poly1305 tag has 16 bytes")
}

/// Decrypts in place; the last 16 bytes are the tag. Returns the length of the plain text.
pub(super) fn open_in_place(
    key: &Secret,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    sealed: &mut [u8],
) -> Result<usize, FormatError> {
    if sealed.len() < TAG_BYTES {
        return Err(FormatError::Truncated);
    }
    let (key, nonce) = inner(key, nonce);
    match key.open_in_place(nonce, Aad::from(aad), sealed) {
        Ok(plain) => Ok(plain.len()),
        Err(ring::error::Unspecified) => Err(FormatError::Unauthentic),
    }
}

/// The text, sealed, behind what `output` already holds.
pub(super) fn seal_onto(
    output: &mut Vec<u8>,
    key: &Secret,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    text: &[u8],
) {
    let start = output.len();
    output.extend_from_slice(text);
    let (_, text) = output.split_at_mut(start);
    let tag = seal_in_place(key, nonce, aad, text);
    output.extend_from_slice(&tag);
}

/// The plain text of `sealed`, as a new buffer.
pub(super) fn open_to_vec(
    key: &Secret,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, FormatError> {
    let mut text = sealed.to_vec();
    let length = open_in_place(key, nonce, aad, &mut text)?;
    text.truncate(length);
    Ok(text)
}

/// The IETF key and nonce that the extended nonce stands for.
fn inner(key: &Secret, nonce: &[u8; NONCE_BYTES]) -> (LessSafeKey, Nonce) {
    let (input, tail) = nonce.split_at(16);
    let input: [u8; 16] = input.try_into().expect("split_at gives exactly 16 bytes");
    let mut subkey = hchacha::<R20>(key.as_bytes().into(), (&input).into());
    let unbound = UnboundKey::new(&CHACHA20_POLY1305, subkey.as_slice())
        .expect("HChaCha20 gives the 32 bytes that the cipher wants");
    subkey.as_mut_slice().zeroize();
    let mut short = [0; 12];
    short.iter_mut().skip(4).zip(tail).for_each(|(to, from)| *to = *from);
    (LessSafeKey::new(unbound), Nonce::assume_unique_for_key(short))
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
    use chacha20poly1305::{XChaCha20Poly1305, XNonce};
    use proptest::prelude::*;

    use super::*;

    fn secret(bytes: [u8; 32]) -> Secret {
        let mut secret = Secret::empty();
        *secret.as_mut_bytes() = bytes;
        secret
    }

    proptest! {
        #[test]
        fn the_cipher_is_the_xchacha20_poly1305_of_rustcrypto(
            key: [u8; 32],
            nonce: [u8; 24],
            aad in proptest::collection::vec(any::<u8>(), 0..200),
            text in proptest::collection::vec(any::<u8>(), 0..3000),
        ) {
            let mut ours = Vec::new();
            seal_onto(&mut ours, &secret(key), &nonce, &aad, &text);
            let theirs = XChaCha20Poly1305::new(&key.into())
                .encrypt(&XNonce::from(nonce), Payload { msg: &text, aad: &aad })
                .unwrap();
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(open_to_vec(&secret(key), &nonce, &aad, &theirs), Ok(text));
        }
    }

    #[test]
    fn the_vector_of_the_xchacha_draft_is_met() {
        let key: [u8; 32] = std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap());
        let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap());
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let mut text =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
            for the future, sunscreen would be it."
                .to_vec();
        let tag = seal_in_place(&secret(key), &nonce, &aad, &mut text);
        assert_eq!(text[..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        assert_eq!(tag[..8], [0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79]);
    }

    #[test]
    fn a_text_shorter_than_a_tag_is_truncation() {
        let result = open_in_place(&secret([0; 32]), &[0; 24], b"", &mut [0; 15]);
        assert_eq!(result, Err(FormatError::Truncated));
    }
}

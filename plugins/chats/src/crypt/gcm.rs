//! AES-256-GCM with a nonce of 16 bytes, in pieces (NIST SP 800-38D).

use std::fmt;

use aes::Aes256;
use aes::cipher::{
    BlockCipherEncrypt as _, InnerIvInit as _, KeyInit as _, StreamCipher as _,
    StreamCipherSeek as _,
};
use ctr::{Ctr32BE, CtrCore};
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;
use subtle::ConstantTimeEq as _;

pub(crate) const NONCE_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;

type Block = ghash::Block;

/// What a key and a nonce are used with.
pub(crate) struct Cipher {
    hash: GHash,
    aes: Aes256,
    start: Block,
    stream: Ctr32BE<Aes256>,
    mask: [u8; TAG_BYTES],
}

fn stream(aes: &Aes256, start: &Block) -> Ctr32BE<Aes256> {
    Ctr32BE::from_core(CtrCore::inner_iv_init(aes.clone(), start))
}

impl Clone for Cipher {
    fn clone(&self) -> Self {
        let mut stream = stream(&self.aes, &self.start);
        stream.seek(self.stream.current_pos::<u64>());
        let Self { hash, aes, start, mask, .. } = self;
        Self { hash: hash.clone(), aes: aes.clone(), start: *start, stream, mask: *mask }
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher {
    pub(crate) fn new(key: &[u8; 32], nonce: &[u8; NONCE_BYTES]) -> Self {
        let mut subkey = Block::default();
        let aes = Aes256::new(key.into());
        aes.encrypt_block(&mut subkey);
        let hash = GHash::new(&subkey);
        let mut start = hash.clone();
        start.update(&[Block::from(*nonce), lengths(NONCE_BYTES)]);
        let start = start.finalize();
        let mut stream = stream(&aes, &start);
        // The first block of the stream goes to the tag, the others to the text.
        let mut mask = [0; TAG_BYTES];
        stream.apply_keystream(&mut mask);
        Self { hash, aes, start, stream, mask }
    }

    /// Begins to compute the tag of a ciphertext.
    pub(super) fn tag(&self) -> Tag {
        Tag {
            hash: self.hash.clone(),
            mask: self.mask,
            rest: Vec::with_capacity(BLOCK_BYTES),
            bytes: 0,
        }
    }

    /// Opens the next bytes of the ciphertext.
    pub(crate) fn decrypt(&mut self, bytes: &mut [u8]) {
        self.stream.apply_keystream(bytes);
    }

    /// Seals the next bytes of the text.
    pub(crate) fn encrypt(&mut self, bytes: &mut [u8]) {
        self.stream.apply_keystream(bytes);
    }

    /// Goes to a place of the text.
    pub(crate) fn seek(&mut self, at: u64) {
        let first = u64::try_from(TAG_BYTES).unwrap_or_default();
        self.stream.seek(at.saturating_add(first));
    }
}

/// The tag of the ciphertext so far.
#[derive(Clone)]
pub(super) struct Tag {
    hash: GHash,
    mask: [u8; TAG_BYTES],
    rest: Vec<u8>,
    bytes: usize,
}

impl Tag {
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len();
        if !self.rest.is_empty() {
            let (head, tail) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.rest.len()));
            self.rest.extend_from_slice(head);
            bytes = tail;
            if let Ok(block) = <[u8; BLOCK_BYTES]>::try_from(self.rest.as_slice()) {
                self.hash.update(&[Block::from(block)]);
                self.rest.clear();
            }
        }
        let (blocks, rest) = Block::slice_as_chunks(bytes);
        self.hash.update(blocks);
        self.rest.extend_from_slice(rest);
    }

    /// Whether this is the tag of what was passed in.
    pub(super) fn is(mut self, tag: &[u8]) -> bool {
        self.hash.update_padded(&self.rest);
        self.hash.update(&[lengths(self.bytes)]);
        let mut computed: [u8; TAG_BYTES] = self.hash.finalize().into();
        computed.iter_mut().zip(self.mask).for_each(|(byte, mask)| *byte ^= mask);
        computed.as_slice().ct_eq(tag).into()
    }
}

/// The block that ends what is hashed: how many bits there were. Nothing is associated.
fn lengths(bytes: usize) -> Block {
    let bits = u128::try_from(bytes).unwrap_or_default() * 8;
    Block::from(bits.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use aes_gcm::AesGcm;
    use aes_gcm::aead::consts::U16;
    use aes_gcm::aead::{Aead as _, KeyInit as _};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_another_implementation_sealed_is_opened_in_pieces(
            key: [u8; 32],
            nonce: [u8; 16],
            text in proptest::collection::vec(any::<u8>(), 0..400),
            cuts in proptest::collection::vec(1_usize..70, 1..40),
        ) {
            let sealed = AesGcm::<Aes256, U16>::new(&key.into())
                .encrypt(&nonce.into(), text.as_slice())
                .expect("short enough");
            let (mut data, tag) = (sealed[..text.len()].to_vec(), &sealed[text.len()..]);
            let mut cipher = Cipher::new(&key, &nonce);
            let mut computed = cipher.tag();
            let (mut at, mut cuts) = (0, cuts.into_iter().cycle());
            while at < data.len() {
                let end = (at + cuts.next().expect("endless")).min(data.len());
                computed.update(&data[at..end]);
                cipher.decrypt(&mut data[at..end]);
                at = end;
            }
            prop_assert!(computed.clone().is(tag));
            prop_assert!(!computed.is(&[0; 16]) || tag == [0; 16]);
            prop_assert_eq!(data, text);
        }
    }
}

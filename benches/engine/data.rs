//! Bytes, keys and a clock that are the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use heirloom_engine::clock::Clock;
use heirloom_engine::crypto::{Keys, RootSecret};
use heirloom_engine::id::{BlobPrefix, RepositoryId};

/// Bytes that do not compress.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

/// Lines as in an exported chat: they compress to about a third.
pub(crate) fn text(seed: u64, bytes: usize) -> Vec<u8> {
    const SYLLABLES: &[u8; 64] =
        b"anberichdasendermitgehwirkommtheutenochschoneinundsovielleichtno";
    let mut out = Vec::with_capacity(bytes + 64);
    for (line, random) in noise(seed, bytes).chunks_exact(12).enumerate() {
        if out.len() >= bytes {
            break;
        }
        let minute = line % 60;
        out.extend_from_slice(format!("23.11.26, 18:{minute:02} - Anna:").as_bytes());
        for byte in random {
            let at = usize::from(byte & 15) * 4;
            out.extend_from_slice(&SYLLABLES[at..at + 4]);
            out.extend_from_slice(if byte & 64 == 0 { b" " } else { b"" });
        }
        out.push(b'\n');
    }
    out.resize(bytes, b'\n');
    out
}

/// The prefix of the numbered blob.
pub(crate) fn prefix(n: u64) -> BlobPrefix {
    let hash = blake3::hash(&n.to_le_bytes());
    BlobPrefix(*hash.as_bytes().first_chunk().expect("a hash is longer than a prefix"))
}

/// Keys of a repository that nobody uses.
pub(crate) fn keys() -> Keys {
    Keys::derive(&RootSecret::from_bytes([7; 32]), RepositoryId([9; 16]))
}

/// Stands still; its random bytes repeat in every run.
#[derive(Debug, Default)]
pub(crate) struct SeededClock(AtomicU64);

impl Clock for SeededClock {
    fn now_ns(&self) -> i128 {
        1_795_000_000_000_000_000
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&noise(self.0.fetch_add(1, Ordering::Relaxed), bytes.len()));
    }

    fn sleep(&self, _: std::time::Duration) {}
}

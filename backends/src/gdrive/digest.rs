//! MD5, because Google says it of every file. It finds accidents; attacks are the engine's business.

use bytes::Bytes;
use md5::{Digest as _, Md5};

/// More bytes are counted on another thread, so that the others need not wait.
const AT_ONCE_BYTES: usize = 256 << 10;

/// In hexadecimal, as Google writes it.
pub(super) async fn md5_of(bytes: Bytes) -> String {
    if bytes.len() <= AT_ONCE_BYTES {
        return hexadecimal(&bytes);
    }
    let copy = bytes.clone();
    match tokio::task::spawn_blocking(move || hexadecimal(&copy)).await {
        Ok(digest) => digest,
        // The runtime is ending; whoever asked hardly waits any more.
        Err(_) => hexadecimal(&bytes),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Md5::digest(bytes);
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|n| DIGITS.get(usize::from(n))).map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_md5_in_hexadecimal() {
        assert_eq!(hexadecimal(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }
}

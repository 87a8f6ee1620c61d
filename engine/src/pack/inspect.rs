//! Opens the frames of a whole pack where they lie, for whoever looks at all of it: nothing is copied but what
//! decompression makes, and that buffer is used again.

#![deny(clippy::arithmetic_side_effects)]

use std::fmt;

use super::cursor::{Cursor, as_usize};
use super::{BLOB_BYTES_MAX, Codec, FrameEntry, TAG_BYTES, codec};
use crate::crypto::PackKey;
use crate::error::FormatError;

/// Opens frame after frame; keep one in each worker.
#[derive(Default)]
pub struct FrameOpener {
    plain: Vec<u8>,
}

impl fmt::Debug for FrameOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameOpener({} bytes)", self.plain.capacity())
    }
}

impl FrameOpener {
    /// Decrypts frame number `ordinal` in place, which leaves its plain text in `sealed`, and gives its blobs.
    pub fn open<'a>(
        &'a mut self,
        key: &PackKey,
        ordinal: u32,
        sealed: &'a mut [u8],
        entry: &FrameEntry,
    ) -> Result<Blobs<'a>, FormatError> {
        let entry = entry.check()?;
        if Some(sealed.len()) != as_usize(entry.stored_bytes).checked_add(TAG_BYTES) {
            return Err(FormatError::OutOfBounds { what: "size of a frame" });
        }
        let opened = key.open_frame(ordinal, sealed)?;
        let stored = sealed.get(..opened).ok_or(FormatError::Truncated)?;
        let plain = match entry.codec {
            Codec::Stored => stored,
            Codec::Zstd => {
                codec::decompress_into(stored, as_usize(entry.plain_bytes), &mut self.plain)?
            }
        };
        Blobs::of(plain, entry.blobs)
    }
}

/// The blobs of an opened frame, in order.
#[derive(Debug, Clone)]
pub struct Blobs<'a> {
    lengths: Cursor<'a>,
    rest: Cursor<'a>,
    left: u32,
}

impl<'a> Blobs<'a> {
    /// The lengths must add up to exactly what follows them.
    fn of(plain: &'a [u8], blobs: u32) -> Result<Self, FormatError> {
        let lengths = Cursor(plain);
        let mut cursor = lengths;
        let mut total = 0_usize;
        for _ in 0..blobs {
            let bytes = as_usize(cursor.varint()?);
            if bytes > BLOB_BYTES_MAX {
                return Err(FormatError::OutOfBounds { what: "length of a blob" });
            }
            total = total.saturating_add(bytes);
        }
        if total != cursor.0.len() {
            return Err(FormatError::OutOfBounds { what: "directory of a frame" });
        }
        Ok(Self { lengths, rest: cursor, left: blobs })
    }
}

impl<'a> Iterator for Blobs<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let bytes = self.lengths.varint().ok()?;
        self.rest.take(as_usize(bytes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::crypto::{Keys, RootSecret};
    use crate::id::{BlobPrefix, RepositoryId};
    use crate::pack::{BlobKind, Compressor, Effort, FrameBuilder, PackWriter, open_frame};

    #[derive(Debug)]
    struct Still;

    impl Clock for Still {
        fn now_ns(&self) -> i128 {
            0
        }

        fn fill_random(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }

        fn sleep(&self, _: std::time::Duration) {}
    }

    #[test]
    fn a_frame_opened_in_place_gives_the_blobs_that_a_copy_gives() {
        let keys = Keys::derive(&RootSecret::generate(&Still), RepositoryId([1; 16]));
        let session = keys.new_session_key(&Still);
        for level in [None, Some(3)] {
            let mut builder = FrameBuilder::new();
            for blob in [&b"one"[..], b"", &[5; 3000]] {
                builder.push(BlobPrefix([3; 16]), blob);
            }
            let mut compressor = Compressor::new().unwrap();
            let mut pack = PackWriter::new(BlobKind::Content, &session, 1 << 20, &Still);
            pack.push(builder.finish().encode(level.map(Effort::level), &mut compressor));
            let finished = pack.finish(&keys, &Still);
            let table = finished.record.table;
            let range = table.frame_range(0).unwrap();
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            let key = session.pack_key(&finished.record.salt);
            let mut sealed = finished.bytes[range].to_vec();
            let copied = open_frame(&key, 0, sealed.clone(), &table.frames[0]).unwrap();
            let mut opener = FrameOpener::default();
            let blobs: Vec<Vec<u8>> = opener
                .open(&key, 0, &mut sealed, &table.frames[0])
                .unwrap()
                .map(<[u8]>::to_vec)
                .collect();
            let expected: Vec<Vec<u8>> =
                (0..copied.len()).map(|slot| copied.blob(slot).unwrap().to_vec()).collect();
            assert_eq!(blobs, expected);
            sealed[0] ^= 1;
            assert!(opener.open(&key, 0, &mut sealed, &table.frames[0]).is_err());
        }
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        for (plain, blobs) in [(&[1, 2, 9, 9][..], 2), (&[3, 9, 9], 1), (&[1, 9, 9], 1), (&[], 1)] {
            assert!(Blobs::of(plain, blobs).is_err(), "{plain:?}");
        }
        assert_eq!(Blobs::of(&[], 0).unwrap().count(), 0);
    }
}

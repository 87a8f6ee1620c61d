//! The content of a backup in memory, where it takes less room than on the phone: no plain copy of it touches a disk.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::files::ReadAt;

/// What is compressed together; a database is read page by page.
const PIECE_BYTES: usize = 128 << 10;
const LEVEL: i32 = 1;

/// Bytes that were written once and are read at any offset.
pub struct Held {
    pieces: Vec<Box<[u8]>>,
    size: u64,
    last: Mutex<Option<(usize, Bytes)>>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} bytes)", self.size)
    }
}

impl Held {
    /// Takes in what `fill` hands out.
    pub fn fill<E: From<io::Error>>(
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let (mut pieces, mut open, mut size) = (Vec::new(), Vec::with_capacity(PIECE_BYTES), 0);
        fill(&mut |mut bytes| {
            size += u64::try_from(bytes.len()).unwrap_or_default();
            while !bytes.is_empty() {
                let (head, tail) = bytes.split_at(bytes.len().min(PIECE_BYTES - open.len()));
                open.extend_from_slice(head);
                bytes = tail;
                if open.len() == PIECE_BYTES {
                    pieces.push(zstd::bulk::compress(&open, LEVEL)?.into_boxed_slice());
                    open.clear();
                }
            }
            Ok(())
        })?;
        pieces.push(zstd::bulk::compress(&open, LEVEL)?.into_boxed_slice());
        Ok(Self { pieces, size, last: Mutex::default() })
    }

    fn piece(&self, number: usize) -> io::Result<Bytes> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, bytes)) = last.as_ref()
            && *held == number
        {
            return Ok(bytes.clone());
        }
        let packed = self.pieces.get(number).map(Box::as_ref).unwrap_or_default();
        let bytes = Bytes::from(zstd::bulk::decompress(packed, PIECE_BYTES)?);
        *last = Some((number, bytes.clone()));
        Ok(bytes)
    }
}

impl ReadAt for Held {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let rest = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut out = Vec::with_capacity(bytes.min(rest));
        let mut at = usize::try_from(offset).unwrap_or(usize::MAX);
        while out.len() < bytes.min(rest) {
            let piece = self.piece(at / PIECE_BYTES)?;
            let part = piece.get(at % PIECE_BYTES..).unwrap_or_default();
            let part = part.get(..part.len().min(bytes.min(rest) - out.len())).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            out.extend_from_slice(part);
            at += part.len();
        }
        Ok(out.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn what_was_taken_in_is_read_anywhere(
            size in 0_usize..400_000,
            step in 1_usize..200_000,
            reads in proptest::collection::vec((0_usize..450_000, 0_usize..300_000), 1..8),
        ) {
            let bytes: Vec<u8> = (0..size).map(|n| ((n * n) >> 7).to_le_bytes()[0]).collect();
            let held = Held::fill::<io::Error>(|take| bytes.chunks(step).try_for_each(take)).expect("memory");
            for (offset, length) in reads {
                let expected = bytes.get(offset.min(size)..(offset + length).min(size)).unwrap_or_default();
                prop_assert!(held.read_at(offset.try_into().expect("small"), length).expect("memory") == expected);
            }
        }
    }
}

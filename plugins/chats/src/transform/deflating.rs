//! Deflates as zlib does, so that the same plain text always gives the same bytes.

use std::fmt;
use std::io;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::tap::PIECE_BYTES;

/// What a stream was deflated with, as far as it can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    level: u8,
    window_bits: u8,
}

impl Level {
    /// `None` if zlib has no such thing.
    pub(super) fn new(level: u8, window_bits: u8) -> Option<Self> {
        let is_known = level <= 9 && (9..=15).contains(&window_bits);
        is_known.then_some(Self { level, window_bits })
    }

    pub(super) fn bytes(self) -> [u8; 2] {
        [self.level, self.window_bits]
    }
}

/// Where zlib looks at what it was given, and when it finds no room, may change what it writes. It is given its input in
/// pieces of one size, and always the same room.
pub(super) struct Deflating {
    zlib: Compress,
    waiting: Vec<u8>,
    room: Box<[u8]>,
}

impl fmt::Debug for Deflating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflating").field("in", &self.zlib.total_in()).finish_non_exhaustive()
    }
}

const ROOM_BYTES: usize = 64 << 10;

impl Deflating {
    pub(super) fn new(level: Level) -> Self {
        let compression = Compression::new(level.level.into());
        Self {
            zlib: Compress::new_with_window_bits(compression, false, level.window_bits),
            waiting: Vec::with_capacity(PIECE_BYTES),
            room: vec![0; ROOM_BYTES].into_boxed_slice(),
        }
    }

    /// Takes the next plain text, and adds to `out` what is certain of the stream.
    pub(super) fn push(&mut self, mut plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        while !plain.is_empty() {
            let (head, tail) = plain.split_at(plain.len().min(PIECE_BYTES - self.waiting.len()));
            self.waiting.extend_from_slice(head);
            plain = tail;
            if self.waiting.len() == PIECE_BYTES {
                self.deflate(false, out)?;
            }
        }
        Ok(())
    }

    /// Adds the end of the stream.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.deflate(true, out)
    }

    fn deflate(&mut self, is_last: bool, out: &mut Vec<u8>) -> io::Result<()> {
        let flush = if is_last { FlushCompress::Finish } else { FlushCompress::None };
        let mut input = self.waiting.as_slice();
        loop {
            let (before_in, before_out) = (self.zlib.total_in(), self.zlib.total_out());
            let status = self.zlib.compress(input, &mut self.room, flush)?;
            let used = usize::try_from(self.zlib.total_in() - before_in).unwrap_or(usize::MAX);
            let made = usize::try_from(self.zlib.total_out() - before_out).unwrap_or(usize::MAX);
            input = input.get(used..).unwrap_or_default();
            out.extend_from_slice(self.room.get(..made).unwrap_or_default());
            let is_done = if is_last {
                status == Status::StreamEnd
            } else {
                // Room that was filled may hide more that is certain.
                input.is_empty() && made < self.room.len()
            };
            if is_done {
                break;
            }
            if used == 0 && made == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        self.waiting.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// Computed by zlib 1.2.13 through another program. Files in repositories come back only as long as this holds.
    const EXPECTED: [u8; 32] = [
        0xc4, 0xd2, 0x59, 0x87, 0x50, 0x7f, 0xf6, 0x7f, 0xf2, 0xbe, 0x59, 0xc9, 0x06, 0x80, 0x81,
        0x11, 0x1c, 0x7f, 0xf8, 0x22, 0x18, 0x6a, 0x0c, 0x39, 0xc0, 0xb1, 0x39, 0x32, 0x1f, 0x95,
        0x07, 0xa3,
    ];

    #[test]
    fn every_level_writes_the_bytes_that_zlib_always_wrote() {
        let letters = (0_u64..300_000).map(|n| ((n * n) >> 11) % 23 + 97);
        let numbers = (0_u64..50_000).map(|n| ((n * n * n) >> 9) % 251);
        let plain: Vec<u8> = letters.chain(numbers).map(|n| n.to_le_bytes()[0]).collect();
        let mut hash = Sha256::new();
        for level in 1..=9 {
            let mut deflating = Deflating::new(Level::new(level, 15).expect("known"));
            let mut out = Vec::new();
            for piece in plain.chunks(7777) {
                deflating.push(piece, &mut out).expect("zlib takes all");
            }
            deflating.finish(&mut out).expect("zlib takes all");
            hash.update(&out);
        }
        assert_eq!(hash.finalize().as_slice(), EXPECTED);
    }
}

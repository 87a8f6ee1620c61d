//! zstd with contexts that are reused, and bounds on what comes out.

use std::cell::RefCell;
use std::fmt;
use std::io;

use zstd::zstd_safe::{self, CParameter, WriteBuf};

use crate::error::FormatError;

/// Compressing must save at least this share, or the frame is stored as it is: reading it back is then free.
const SAVING_PERCENT_MIN: usize = 3;
/// zstd's frame magic. Skippable frames have another one and are refused.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A compression context and its buffers; keep one in each worker.
pub struct Compressor {
    context: zstd::bulk::Compressor<'static>,
    level: i32,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Compressor {
    /// A context for zstd level 3; it adapts to the level that each frame asks for.
    ///
    /// # Errors
    /// zstd could not allocate its context.
    pub fn new() -> io::Result<Self> {
        let level = 3;
        let mut context = zstd::bulk::Compressor::new(level)?;
        // The table states the size and the seal authenticates: both fields would be wasted bytes.
        context.set_parameter(CParameter::ContentSizeFlag(false))?;
        context.set_parameter(CParameter::ChecksumFlag(false))?;
        Ok(Self { context, level, input: Vec::new(), output: Vec::new() })
    }

    /// `None` if compression saves too little, or fails: the caller then stores the bytes as they are.
    pub(super) fn compress(&mut self, level: i32, head: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        if level != self.level {
            self.context.set_compression_level(level).ok()?;
            self.level = level;
        }
        let plain_bytes = head.len().checked_add(body.len())?;
        // A buffer no larger than a useful result makes zstd give up early on incompressible data.
        let useful_bytes = plain_bytes.checked_mul(100 - SAVING_PERCENT_MIN)?.checked_div(100)?;
        if self.output.len() < useful_bytes {
            self.output.resize(useful_bytes, 0);
        }
        self.input.clear();
        self.input.extend_from_slice(head);
        self.input.extend_from_slice(body);
        let output = self.output.get_mut(..useful_bytes)?;
        let written = self.context.compress_to_buffer(&self.input, output).ok()?;
        self.output.get(..written).map(<[u8]>::to_vec)
    }
}

thread_local! {
    /// One context a thread: making one costs more than decompressing a small frame.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        const { RefCell::new(None) };
}

/// Exactly one zstd frame that holds exactly `plain_bytes`; a bomb stops there.
pub(super) fn decompress(stored: &[u8], plain_bytes: usize) -> Result<Vec<u8>, FormatError> {
    let mut plain = Vec::with_capacity(plain_bytes);
    decompress_to(stored, plain_bytes, &mut plain).map(|()| plain)
}

/// As [`decompress`], into a buffer that is used again; what it held is gone.
pub(super) fn decompress_into<'b>(
    stored: &[u8],
    plain_bytes: usize,
    buffer: &'b mut Vec<u8>,
) -> Result<&'b [u8], FormatError> {
    if buffer.len() < plain_bytes {
        buffer.resize(plain_bytes, 0);
    }
    let plain = buffer.get_mut(..plain_bytes).ok_or(FormatError::Compression)?;
    decompress_to(stored, plain_bytes, plain).map(|()| &*plain)
}

fn decompress_to<W: WriteBuf + ?Sized>(
    stored: &[u8],
    plain_bytes: usize,
    plain: &mut W,
) -> Result<(), FormatError> {
    if !stored.starts_with(&MAGIC)
        || zstd_safe::find_frame_compressed_size(stored) != Ok(stored.len())
    {
        return Err(FormatError::Compression);
    }
    let written = DECOMPRESSOR.with_borrow_mut(|slot| {
        let context = match slot {
            Some(context) => context,
            None => slot.insert(zstd::bulk::Decompressor::new()?),
        };
        context.decompress_to_buffer(stored, plain)
    });
    match written {
        Ok(written) if written == plain_bytes => Ok(()),
        Ok(_) | Err(_) => Err(FormatError::Compression),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(plain: &[u8]) -> Vec<u8> {
        Compressor::new().unwrap().compress(3, &[], plain).expect("compressible")
    }

    #[test]
    fn both_parts_come_back_as_one() {
        let body = vec![7; 10_000];
        let mut compressor = Compressor::new().unwrap();
        for level in [1, 3, 19, 1] {
            let stored = compressor.compress(level, b"head", &body).expect("compressible");
            let plain = decompress(&stored, 10_004).unwrap();
            assert_eq!(plain.split_at(4), (&b"head"[..], &body[..]));
        }
    }

    #[test]
    fn neither_the_size_nor_a_checksum_is_written() {
        let stored = compressed(&vec![0; 100_000]);
        assert!(stored.len() < 32, "{}", stored.len());
        assert_eq!(zstd_safe::get_frame_content_size(&stored).unwrap(), None);
    }

    #[test]
    fn incompressible_and_empty_input_is_left_alone_and_the_context_stays_usable() {
        let mut noise = vec![0; 50_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let mut compressor = Compressor::new().unwrap();
        assert_eq!(compressor.compress(3, &[], &noise), None);
        assert_eq!(compressor.compress(3, &[], &[]), None);
        assert!(compressor.compress(3, &[], &[1; 5000]).is_some());
    }

    #[test]
    fn a_bomb_and_a_wrong_size_are_refused() {
        let stored = compressed(&vec![0; 8 << 20]);
        for plain_bytes in [0, 1, 1000, (8 << 20) - 1, (8 << 20) + 1] {
            assert_eq!(decompress(&stored, plain_bytes), Err(FormatError::Compression));
        }
        assert!(decompress(&stored, 8 << 20).is_ok());
    }

    #[test]
    fn a_second_frame_a_skippable_frame_and_rubbish_are_refused() {
        let one = compressed(&[5; 500]);
        let two = [one.clone(), one.clone()].concat();
        let cut = &one[..one.len() - 1];
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9];
        for bad in [&two[..], cut, &skippable, b"", b"rubbish"] {
            assert_eq!(decompress(bad, 1000), Err(FormatError::Compression));
            assert_eq!(decompress(bad, 0), Err(FormatError::Compression));
        }
    }
}

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

/// How zstd is to compress: a level, and what is to be otherwise than the level has it; 0 leaves that as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// zstd's level.
    pub level: i32,
    /// Two to this many entries are in the table of the longer matches.
    pub hash_log: u32,
    /// As many in the table of the shorter ones.
    pub chain_log: u32,
    /// Matches shorter than this are not looked for.
    pub min_match: u32,
}

impl Effort {
    /// What zstd has for this level.
    pub const fn level(level: i32) -> Self {
        Self { level, hash_log: 0, chain_log: 0, min_match: 0 }
    }
}

/// A compression context and its buffers; keep one in each worker.
pub struct Compressor {
    context: zstd::bulk::Compressor<'static>,
    effort: Effort,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("effort", &self.effort).finish_non_exhaustive()
    }
}

impl Compressor {
    /// A context for zstd level 3; it adapts to the effort that each frame asks for.
    ///
    /// # Errors
    /// zstd could not allocate its context.
    pub fn new() -> io::Result<Self> {
        let effort = Effort::level(3);
        let mut context = zstd::bulk::Compressor::new(effort.level)?;
        // The table states the size and the seal authenticates: both fields would be wasted bytes.
        context.set_parameter(CParameter::ContentSizeFlag(false))?;
        context.set_parameter(CParameter::ChecksumFlag(false))?;
        Ok(Self { context, effort, input: Vec::new(), output: Vec::new() })
    }

    /// `None` if compression saves too little, or fails: the caller then stores the bytes as they are.
    pub(super) fn compress(&mut self, effort: Effort, head: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        if effort != self.effort {
            self.set(effort).ok()?;
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

    fn set(&mut self, effort: Effort) -> io::Result<()> {
        let Effort { level, hash_log, chain_log, min_match } = effort;
        // Not `set_compression_level`: that loads a dictionary, too, which a context refuses after a frame that did not fit.
        self.context.set_parameter(CParameter::CompressionLevel(level))?;
        self.context.set_parameter(CParameter::HashLog(hash_log))?;
        self.context.set_parameter(CParameter::ChainLog(chain_log))?;
        self.context.set_parameter(CParameter::MinMatch(min_match))?;
        self.effort = effort;
        Ok(())
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
        Compressor::new().unwrap().compress(Effort::level(3), &[], plain).expect("compressible")
    }

    #[test]
    fn both_parts_come_back_as_one() {
        let body = vec![7; 10_000];
        let mut compressor = Compressor::new().unwrap();
        for level in [1, 3, 19, 1] {
            let stored =
                compressor.compress(Effort::level(level), b"head", &body).expect("compressible");
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
        assert_eq!(compressor.compress(Effort::level(3), &[], &noise), None);
        assert_eq!(compressor.compress(Effort::level(3), &[], &[]), None);
        assert!(compressor.compress(Effort::level(3), &[], &[1; 5000]).is_some());
        assert_eq!(compressor.compress(Effort::level(3), &[], &noise), None);
        let other = Effort { hash_log: 15, chain_log: 17, min_match: 6, ..Effort::level(1) };
        assert!(compressor.compress(other, &[], &[1; 5000]).is_some(), "with another effort");
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

//! Frames: blobs that are compressed and sealed together.
//!
//! The plain bytes are the lengths of all blobs, then the blobs. While a frame is filled, the two parts are kept
//! apart, so that a blob is copied once on its way into the pack, and a single stored blob not even that.

use std::fmt;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::codec::{self, Compressor, Effort};
use super::cursor::{Cursor, as_usize, put_varint};
use super::{
    BLOB_BYTES_MAX, Codec, FRAME_BLOBS_MAX, FRAME_BYTES_MAX, FRAME_BYTES_TARGET, FrameEntry,
    TAG_BYTES,
};
use crate::crypto::PackKey;
use crate::error::FormatError;
use crate::id::BlobPrefix;

/// Collects blobs until there are enough for a frame.
#[derive(Default)]
pub struct FrameBuilder {
    prefixes: Vec<BlobPrefix>,
    lengths: Vec<u8>,
    blobs: Vec<u8>,
}

impl fmt::Debug for FrameBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameBuilder({} blobs, {} bytes)", self.blobs(), self.plain_bytes())
    }
}

impl FrameBuilder {
    /// Without a blob.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a blob of at most [`BLOB_BYTES_MAX`] bytes.
    pub fn push(&mut self, prefix: BlobPrefix, blob: &[u8]) {
        if self.prefixes.is_empty() {
            self.blobs.reserve(blob.len().max(FRAME_BYTES_TARGET + FRAME_BYTES_TARGET / 4));
        }
        put_length(&mut self.lengths, blob.len());
        self.prefixes.push(prefix);
        self.blobs.extend_from_slice(blob);
    }

    /// Size of the frame before compression.
    pub fn plain_bytes(&self) -> usize {
        self.lengths.len() + self.blobs.len()
    }

    /// How many blobs it has.
    pub fn blobs(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// Whether a further blob of this size should rather begin the next frame.
    pub fn is_full_for(&self, blob_bytes: usize) -> bool {
        !self.is_empty()
            && (self.plain_bytes() + blob_bytes > FRAME_BYTES_TARGET
                || self.prefixes.len() >= as_usize(FRAME_BLOBS_MAX))
    }

    /// The frame, to be compressed on a worker.
    pub fn finish(self) -> PlainFrame {
        PlainFrame::checked(self.prefixes, self.lengths, self.blobs.into())
    }
}

fn put_length(lengths: &mut Vec<u8>, bytes: usize) {
    assert!(bytes <= BLOB_BYTES_MAX, "the chunker and the tree cut below 16 MiB");
    put_varint(lengths, u32::try_from(bytes).expect("16 MiB fit into 32 bits"));
}

/// A frame that is neither compressed nor sealed.
#[derive(Debug)]
pub struct PlainFrame {
    prefixes: Vec<BlobPrefix>,
    head: Vec<u8>,
    body: Bytes,
    plain_bytes: u32,
}

impl PlainFrame {
    /// One blob of at most [`BLOB_BYTES_MAX`] bytes, without copying it.
    pub fn single(prefix: BlobPrefix, blob: impl Into<Bytes>) -> Self {
        let body = blob.into();
        let mut head = Vec::new();
        put_length(&mut head, body.len());
        Self::checked(vec![prefix], head, body)
    }

    fn checked(prefixes: Vec<BlobPrefix>, head: Vec<u8>, body: Bytes) -> Self {
        let plain_bytes = u32::try_from(head.len() + body.len()).unwrap_or(u32::MAX);
        assert!(plain_bytes <= FRAME_BYTES_MAX, "a builder is finished before 17 MiB");
        assert!(prefixes.len() <= as_usize(FRAME_BLOBS_MAX), "a builder has at most 2^20 blobs");
        Self { prefixes, head, body, plain_bytes }
    }

    /// Size before compression.
    pub fn plain_bytes(&self) -> u32 {
        self.plain_bytes
    }

    /// Compresses with the given effort; stores as it is without one, or if that saves less than 3 %.
    pub fn encode(self, effort: Option<Effort>, compressor: &mut Compressor) -> Frame {
        let compressed =
            effort.and_then(|effort| compressor.compress(effort, &self.head, &self.body));
        let (codec, head, body) = match compressed {
            Some(stored) => (Codec::Zstd, Vec::new(), stored.into()),
            None => (Codec::Stored, self.head, self.body),
        };
        Frame { codec, head, body, plain_bytes: self.plain_bytes, prefixes: self.prefixes }
    }
}

/// A frame that is ready for a pack; its stored bytes are `head`, then `body`.
#[derive(Debug)]
pub struct Frame {
    pub(super) codec: Codec,
    pub(super) head: Vec<u8>,
    pub(super) body: Bytes,
    pub(super) plain_bytes: u32,
    pub(super) prefixes: Vec<BlobPrefix>,
}

impl Frame {
    /// What the pack's table will say.
    pub fn entry(&self) -> FrameEntry {
        let stored_bytes = u32::try_from(self.head.len() + self.body.len())
            .expect("compression is only used if it makes the frame smaller");
        let blobs = u32::try_from(self.prefixes.len()).expect("a frame has at most 2^20 blobs");
        FrameEntry { stored_bytes, plain_bytes: self.plain_bytes, codec: self.codec, blobs }
    }

    /// Which blobs it holds.
    pub fn prefixes(&self) -> &[BlobPrefix] {
        &self.prefixes
    }

    /// Takes the sealed bytes of a frame out of one pack, so that they can go into another as they are.
    ///
    /// `prefixes` are those that the pack's table gives. The bytes are authentic; what they decompress to is not looked at.
    pub fn from_sealed(
        key: &PackKey,
        ordinal: u32,
        mut sealed: BytesMut,
        (entry, prefixes): (&FrameEntry, Vec<BlobPrefix>),
    ) -> Result<Self, FormatError> {
        let entry = unseal(key, ordinal, &mut sealed, entry)?;
        if prefixes.len() != as_usize(entry.blobs) {
            return Err(FormatError::OutOfBounds { what: "number of blobs in a frame" });
        }
        let FrameEntry { codec, plain_bytes, .. } = entry;
        Ok(Self { codec, head: Vec::new(), body: sealed.freeze(), plain_bytes, prefixes })
    }
}

/// A frame that was opened: gives out its blobs.
pub struct OpenFrame {
    plain: Bytes,
    /// Where blob `i` begins and, as item `i + 1`, ends.
    bounds: Vec<u32>,
}

impl fmt::Debug for OpenFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenFrame({} blobs, {} bytes)", self.len(), self.plain.len())
    }
}

impl OpenFrame {
    /// One blob. The caller compares its id: the table that named it is not proof.
    pub fn blob(&self, slot: usize) -> Option<&[u8]> {
        self.plain.get(self.range(slot)?)
    }

    /// One blob that keeps the bytes of the whole frame alive, without copying any.
    pub fn blob_of_frame(&self, slot: usize) -> Option<Bytes> {
        Some(self.plain.slice(self.range(slot)?))
    }

    /// Always within the plain bytes.
    fn range(&self, slot: usize) -> Option<Range<usize>> {
        let start = as_usize(*self.bounds.get(slot)?);
        Some(start..as_usize(*self.bounds.get(slot.checked_add(1)?)?))
    }

    /// How many blobs there are.
    pub fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// Whether there is no blob.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that it holds, for caches that count.
    pub fn held_bytes(&self) -> usize {
        self.plain.len() + self.bounds.capacity() * size_of::<u32>()
    }

    pub(super) fn from_plain(plain: Bytes, blobs: u32) -> Result<Self, FormatError> {
        let out_of_bounds = FormatError::OutOfBounds { what: "directory of a frame" };
        // Each blob takes at least one byte, so this bounds the allocation by the input.
        let blobs = as_usize(blobs);
        if blobs > plain.len() {
            return Err(out_of_bounds);
        }
        let mut bounds = Vec::with_capacity(blobs + 1);
        let mut cursor = Cursor(&plain);
        let mut end = 0_u32;
        bounds.push(end);
        for _ in 0..blobs {
            let bytes = cursor.varint()?;
            if as_usize(bytes) > BLOB_BYTES_MAX {
                return Err(FormatError::OutOfBounds { what: "length of a blob" });
            }
            end = end.checked_add(bytes).ok_or(out_of_bounds.clone())?;
            bounds.push(end);
        }
        if as_usize(end) != cursor.0.len() {
            return Err(out_of_bounds);
        }
        let base = u32::try_from(plain.len() - cursor.0.len()).ok();
        let base = base.filter(|base| end.checked_add(*base).is_some()).ok_or(out_of_bounds)?;
        for bound in &mut bounds {
            *bound += base;
        }
        Ok(Self { plain, bounds })
    }
}

/// Opens the sealed bytes of frame number `ordinal`, which the pack's table describes with `entry`.
pub fn open_frame(
    key: &PackKey,
    ordinal: u32,
    sealed: Vec<u8>,
    entry: &FrameEntry,
) -> Result<OpenFrame, FormatError> {
    open_part(key, ordinal, BytesMut::from(Bytes::from(sealed)), entry)
}

/// The same for a part of what was read in one go: it is decrypted where it lies, and a stored frame stays there.
pub fn open_part(
    key: &PackKey,
    ordinal: u32,
    mut sealed: BytesMut,
    entry: &FrameEntry,
) -> Result<OpenFrame, FormatError> {
    let entry = unseal(key, ordinal, &mut sealed, entry)?;
    let plain = match entry.codec {
        Codec::Stored => sealed.freeze(),
        Codec::Zstd => codec::decompress(&sealed, as_usize(entry.plain_bytes))?.into(),
    };
    OpenFrame::from_plain(plain, entry.blobs)
}

/// Leaves the stored bytes of a frame in the buffer.
fn unseal(
    key: &PackKey,
    ordinal: u32,
    sealed: &mut BytesMut,
    entry: &FrameEntry,
) -> Result<FrameEntry, FormatError> {
    let entry = entry.check()?;
    if sealed.len() != as_usize(entry.stored_bytes) + TAG_BYTES {
        return Err(FormatError::OutOfBounds { what: "size of a frame" });
    }
    let opened_bytes = key.open_frame(ordinal, sealed)?;
    sealed.truncate(opened_bytes);
    Ok(entry)
}

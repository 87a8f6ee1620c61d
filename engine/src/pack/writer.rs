//! Fills a pack.
//!
//! Frames are appended to one buffer as they are, each with room for its tag. The costly half (sealing, padding,
//! hashing) happens in place in [`PackWriter::finish`], which is meant for a worker.

use std::fmt;
use std::sync::Arc;

use super::cursor::{as_u64, as_usize};
use super::policy;
use super::{BlobKind, Frame, HEADER_BYTES, PACK_BLOBS_MAX, PackRecord, PackTable, TAG_BYTES};
use crate::clock::{self, Clock};
use crate::crypto::{
    Encapsulation, Keys, ObjectKind, PackKey, Salt, SessionKey, object_header, padme,
};
use crate::id::PackId;

const TRAILER_LENGTH_BYTES: usize = 4;
/// The table is padded to at least this.
const TABLE_BYTES_MIN: u64 = 256;

/// A pack that is ready to be stored as `packs/<id>`.
pub struct FinishedPack {
    /// Its name: the hash of its bytes.
    pub id: PackId,
    /// The object.
    pub bytes: Vec<u8>,
    /// What the index has to know about it.
    pub record: PackRecord,
}

impl fmt::Debug for FinishedPack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FinishedPack({}, {} bytes)", self.id, self.bytes.len())
    }
}

/// A pack that takes frames.
pub struct PackWriter {
    key: PackKey,
    encapsulation: Arc<Encapsulation>,
    salt: Salt,
    table: PackTable,
    target_bytes: u64,
    buffer: Vec<u8>,
}

impl fmt::Debug for PackWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackWriter({} frames, {} bytes)", self.table.frames.len(), self.bytes())
    }
}

impl PackWriter {
    /// An empty pack under a new salt.
    pub fn new(kind: BlobKind, session: &SessionKey, target_bytes: u32, clock: &dyn Clock) -> Self {
        Self::with_buffer(kind, session, target_bytes, clock, Vec::new())
    }

    /// As [`Self::new`]; uses the memory of a pack that has been stored.
    pub fn with_buffer(
        kind: BlobKind,
        session: &SessionKey,
        target_bytes: u32,
        clock: &dyn Clock,
        mut buffer: Vec<u8>,
    ) -> Self {
        let salt: Salt = clock::random(clock);
        let target_bytes = u64::from(target_bytes);
        let capacity = padme(target_bytes + target_bytes / 8);
        buffer.clear();
        buffer.reserve(usize::try_from(capacity).unwrap_or(0).max(HEADER_BYTES));
        buffer.extend_from_slice(&object_header(ObjectKind::Pack));
        buffer.extend_from_slice(session.encapsulation().0.as_slice());
        buffer.extend_from_slice(&salt);
        Self {
            key: session.pack_key(&salt),
            encapsulation: Arc::new(session.encapsulation().clone()),
            salt,
            table: PackTable::new(kind),
            target_bytes,
            buffer,
        }
    }

    /// Appends a frame. Ask [`Self::has_room_for`] first.
    pub fn push(&mut self, frame: Frame) {
        self.table.frames.push(frame.entry());
        let Frame { head, body, mut prefixes, .. } = frame;
        self.table.prefixes.append(&mut prefixes);
        self.buffer.extend_from_slice(&head);
        self.buffer.extend_from_slice(&body);
        self.buffer.extend_from_slice(&[0; TAG_BYTES]);
    }

    /// What its blobs are.
    pub fn kind(&self) -> BlobKind {
        self.table.kind
    }

    /// Whether it has no frame: such a pack is not worth storing.
    pub fn is_empty(&self) -> bool {
        self.table.frames.is_empty()
    }

    /// The size that it would have if it were finished now without padding.
    pub fn bytes(&self) -> u64 {
        self.bytes_with_trailer_for(as_u64(self.table.encoded_bytes()))
    }

    fn bytes_with_trailer_for(&self, table_bytes: u64) -> u64 {
        let tail = as_u64(TAG_BYTES + TRAILER_LENGTH_BYTES);
        as_u64(self.buffer.len()) + padded_table_bytes(table_bytes) + tail
    }

    /// The padding that it would get if it were finished now.
    pub fn padding_if_finished(&self) -> u64 {
        let bytes = self.bytes();
        padme(bytes) - bytes
    }

    /// Whether this is a good moment to finish it (see [`should_close`](super::should_close)).
    pub fn should_close(&self) -> bool {
        policy::should_close(self.target_bytes, self.bytes())
    }

    /// Whether the frame still goes into this pack; an empty pack takes any frame.
    pub fn has_room_for(&self, frame: &Frame) -> bool {
        let entry = frame.entry();
        let blobs = self.table.prefixes.len() + frame.prefixes.len();
        // A frame takes 13 bytes in the table, a blob 16.
        let table_bytes = self.table.encoded_bytes() + 13 + 16 * frame.prefixes.len();
        let bytes = self.bytes_with_trailer_for(as_u64(table_bytes)) + entry.sealed_bytes();
        self.is_empty()
            || (blobs <= as_usize(PACK_BLOBS_MAX) && policy::fits(self.target_bytes, bytes))
    }

    /// Seals all frames, adds padding and trailer, and hashes the whole. Heavy: call it on a worker.
    pub fn finish(mut self, keys: &Keys, clock: &dyn Clock) -> FinishedPack {
        let padding = usize::try_from(self.padding_if_finished())
            .expect("padding is at most 12 % of a pack in memory");
        self.seal_frames();
        let mut table = Vec::new();
        self.table.encode(&mut table);
        let table_bytes = usize::try_from(padded_table_bytes(as_u64(table.len())))
            .expect("a table with padding is at most 12 % larger than the table in memory");
        table.resize(table_bytes, 0);

        let mut bytes = self.buffer;
        let frames_end = bytes.len();
        bytes.resize(frames_end + padding, 0);
        let (head, pad) = bytes.split_at_mut(frames_end);
        clock.fill_random(pad);
        let (header, _) = head.split_at(HEADER_BYTES);
        let trailer = keys.seal_trailer(&self.salt, header, &table);
        let trailer_bytes = u32::try_from(trailer.len()).expect("2^22 blobs take 64 MiB");
        bytes.extend_from_slice(&trailer);
        bytes.extend_from_slice(&trailer_bytes.to_le_bytes());
        debug_assert_eq!(as_u64(bytes.len()), padme(as_u64(bytes.len())), "a padmé size");

        let id = PackId(*blake3::hash(&bytes).as_bytes());
        let record = PackRecord {
            id,
            encapsulation: self.encapsulation,
            salt: self.salt,
            size: as_u64(bytes.len()),
            table: self.table,
        };
        FinishedPack { id, bytes, record }
    }

    #[cfg(test)]
    pub(super) fn buffer_start(&self) -> *const u8 {
        self.buffer.as_ptr()
    }

    fn seal_frames(&mut self) {
        let because = "push appended the bytes of every frame that is in the table";
        let (_, mut rest) = self.buffer.split_at_mut(HEADER_BYTES);
        for (ordinal, entry) in (0_u32..).zip(&self.table.frames) {
            let (stored, after) =
                rest.split_at_mut_checked(as_usize(entry.stored_bytes)).expect(because);
            let (tag, after) = after.split_first_chunk_mut::<TAG_BYTES>().expect(because);
            *tag = self.key.seal_frame(ordinal, stored);
            rest = after;
        }
        assert!(rest.is_empty(), "{because}");
    }
}

fn padded_table_bytes(table_bytes: u64) -> u64 {
    padme(table_bytes.max(TABLE_BYTES_MIN))
}

//! Writes the bytes of a sorted segment; [`sorted`](super::sorted) describes and reads them.

use std::collections::HashMap;

use super::Segment;
use super::filter;
use super::sorted::{FRAME_ROW_BYTES, MAGIC, PACK_ROW_BYTES, SortedSegment};
use crate::id::BlobPrefix;

impl SortedSegment<Vec<u8>> {
    /// Sorts the blobs of a segment.
    pub fn build(segment: &Segment) -> Self {
        Self::from_bytes(encode(segment)).expect("what encode writes, from_bytes accepts")
    }
}

fn encode(segment: &Segment) -> Vec<u8> {
    let (frames, packs, encapsulations) = encode_tables(segment);
    let mut blobs: Vec<(BlobPrefix, u32)> =
        segment.packs.iter().flat_map(|pack| &pack.table.prefixes).copied().zip(0..).collect();
    blobs.sort_unstable_by_key(|(prefix, ordinal)| (u128::from_be_bytes(prefix.0), *ordinal));
    let mut keys: Vec<u64> = blobs.iter().map(|(prefix, _)| filter::filter_key(prefix)).collect();
    keys.dedup();
    let (descriptor, fingerprints) = filter::build(&keys);

    let mut out = Vec::with_capacity(
        100 + blobs.len() * 20
            + segment.replaces.len() * 20
            + [&frames, &packs, &encapsulations].map(Vec::len).iter().sum::<usize>()
            + fingerprints.len(),
    );
    out.extend_from_slice(MAGIC);
    for count in [
        blobs.len(),
        frames.len() / FRAME_ROW_BYTES,
        segment.packs.len(),
        encapsulations.len() / super::ENCAPSULATION_BYTES,
        segment.replaces.len(),
        fingerprints.len(),
    ] {
        put(&mut out, count);
    }
    out.extend_from_slice(&descriptor);
    for (prefix, _) in &blobs {
        out.extend_from_slice(prefix.as_bytes());
    }
    for (_, ordinal) in &blobs {
        out.extend_from_slice(&ordinal.to_le_bytes());
    }
    out.extend_from_slice(&frames);
    out.extend_from_slice(&packs);
    out.extend_from_slice(&encapsulations);
    for name in &segment.replaces {
        out.extend_from_slice(name.session.as_bytes());
        out.extend_from_slice(&name.n.to_le_bytes());
    }
    out.extend_from_slice(&fingerprints);
    out
}

/// Rows of frames, rows of packs, encapsulated keys.
fn encode_tables(segment: &Segment) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let frames = segment.packs.iter().map(|pack| pack.table.frames.len()).sum::<usize>();
    let mut frame_rows = Vec::with_capacity(frames * FRAME_ROW_BYTES);
    let mut pack_rows = Vec::with_capacity(segment.packs.len() * PACK_ROW_BYTES);
    let mut encapsulations = Vec::new();
    let mut positions = HashMap::new();
    let mut first_blob = 0_u32;
    for pack in &segment.packs {
        let next = positions.len();
        let position = *positions.entry(&*pack.encapsulation).or_insert_with(|| {
            encapsulations.extend_from_slice(pack.encapsulation.0.as_slice());
            next
        });
        pack_rows.extend_from_slice(pack.id.as_bytes());
        pack_rows.extend_from_slice(&pack.salt);
        pack_rows.extend_from_slice(&pack.size.to_le_bytes());
        pack_rows.push(pack.table.kind.to_byte());
        put(&mut pack_rows, position);
        put(&mut pack_rows, frame_rows.len() / FRAME_ROW_BYTES);
        for (entry, range) in pack.table.frames.iter().zip(pack.table.frame_ranges()) {
            let offset = u32::try_from(range.start).expect("a pack has at most 64 MiB");
            for number in [first_blob, offset, entry.stored_bytes, entry.plain_bytes] {
                frame_rows.extend_from_slice(&number.to_le_bytes());
            }
            frame_rows.push(entry.codec.to_byte());
            first_blob += entry.blobs;
        }
    }
    (frame_rows, pack_rows, encapsulations)
}

fn put(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("a segment has fewer than 2^32 blobs");
    out.extend_from_slice(&count.to_le_bytes());
}

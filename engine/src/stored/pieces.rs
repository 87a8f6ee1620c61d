//! Stored content in pieces of some blobs, each fetched at once: the frames of a pack together, and each frame once.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::error::{FormatError, ReadError};
use crate::fetch::{BlobReader, fetch_one};
use crate::id::{NodeId, PackId};
use crate::tree::{BlobRef, ContentListCursor, Entry, FileContent, NodeSource};

/// The size of a piece where a reader jumps ...
const PIECE_BYTES_MIN: u64 = 256 << 10;
/// ... and where it reads on.
const PIECE_BYTES_MAX: u64 = 2 << 20;

/// The stored content of one file.
#[derive(Debug)]
pub(super) struct Pieces<'r> {
    reader: &'r dyn BlobReader,
    content: FileContent,
    size: u64,
    list: Option<ContentListCursor>,
    /// Where the next piece begins if the reader reads on, and how large it is then.
    next: u64,
    piece_bytes: u64,
}

/// Gives the nodes of a content list.
struct Nodes<'r>(&'r dyn BlobReader);

impl NodeSource for Nodes<'_> {
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        self.0.node(id)
    }
}

impl<'r> Pieces<'r> {
    pub(super) fn new(reader: &'r dyn BlobReader, entry: &Entry) -> Self {
        let list = match &entry.content {
            FileContent::Tree(root) => Some(ContentListCursor::new(*root)),
            FileContent::Empty | FileContent::Inline(_) | FileContent::List(_) => None,
        };
        let (content, size) = (entry.content.clone(), entry.stored_bytes());
        Self { reader, content, size, list, next: 0, piece_bytes: PIECE_BYTES_MIN }
    }

    /// Length of the content, as the entry states it.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Some bytes from this offset on, at least one unless it is the end.
    pub(super) fn read(&mut self, offset: u64) -> Result<Bytes, ReadError> {
        if offset >= self.size {
            return Ok(Bytes::new());
        }
        let reads_on = offset == self.next;
        let longer = (self.piece_bytes * 2).min(PIECE_BYTES_MAX);
        self.piece_bytes = if reads_on { longer } else { PIECE_BYTES_MIN };
        let out_of_bounds = || FormatError::OutOfBounds { what: "stored content of a file" };
        let (start, bytes) = match &self.content {
            FileContent::Inline(bytes) => (0, Bytes::copy_from_slice(bytes)),
            FileContent::Empty | FileContent::List(_) | FileContent::Tree(_) => {
                let blobs = self.blobs(offset)?;
                let start = blobs.first().map_or(offset, |(start, _)| *start);
                (start, fetch(self.reader, &blobs)?)
            }
        };
        let skipped = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut rest = bytes.get(skipped..).map(|_| bytes.slice(skipped..)).unwrap_or_default();
        rest.truncate(usize::try_from(self.size - offset).unwrap_or(usize::MAX));
        if rest.is_empty() {
            return Err(out_of_bounds().into());
        }
        self.next = offset + u64::try_from(rest.len()).unwrap_or(u64::MAX);
        Ok(rest)
    }

    /// Blobs from the one on that holds this byte, and where each begins.
    fn blobs(&mut self, offset: u64) -> Result<Vec<(u64, BlobRef)>, ReadError> {
        let end = offset.saturating_add(self.piece_bytes);
        let mut blobs = Vec::new();
        if let Some(list) = &mut self.list {
            list.seek(offset);
            let mut last = offset;
            while last < end
                && let Some((start, blob)) = list.next(&mut Nodes(self.reader))?
            {
                last = start.saturating_add(blob.bytes);
                blobs.push((start, blob));
            }
        } else if let FileContent::List(list) = &self.content {
            let mut start = 0_u64;
            for blob in list {
                let next = start.saturating_add(blob.bytes);
                if next > offset && start < end {
                    blobs.push((start, *blob));
                }
                start = next;
            }
        }
        Ok(blobs)
    }
}

/// Reads neighbouring blobs, verified.
fn fetch(reader: &dyn BlobReader, blobs: &[(u64, BlobRef)]) -> Result<Bytes, ReadError> {
    let mut found: Vec<Option<Bytes>> = vec![None; blobs.len()];
    let mut packs: BTreeMap<PackId, BTreeMap<u32, Vec<(u32, usize)>>> = BTreeMap::new();
    for (at, (_, blob)) in blobs.iter().enumerate() {
        if let Some(place) = reader.locate(&blob.id)? {
            let frames = packs.entry(place.pack).or_default();
            frames.entry(place.frame).or_default().push((place.slot, at));
        }
    }
    for (pack, frames) in packs {
        let numbers: Vec<u32> = frames.keys().copied().collect();
        reader.read_frames(pack, &numbers, &mut |number, frame| {
            let Ok(frame) = frame else { return };
            for (slot, at) in frames.get(&number).into_iter().flatten() {
                let wanted = blobs.get(*at).map(|(_, blob)| blob);
                let right = frame.blob(*slot).filter(|bytes| {
                    wanted.is_some_and(|wanted| {
                        u64::try_from(bytes.len()) == Ok(wanted.bytes)
                            && reader.content_id(bytes) == wanted.id
                    })
                });
                if let (Some(bytes), Some(place)) = (right, found.get_mut(*at)) {
                    *place = Some(Bytes::copy_from_slice(bytes));
                }
            }
        });
    }
    if let ([Some(only)], [_]) = (found.as_slice(), blobs) {
        return Ok(only.clone());
    }
    let mut all = BytesMut::new();
    for (bytes, (_, blob)) in found.iter().zip(blobs) {
        match bytes {
            Some(bytes) => all.extend_from_slice(bytes),
            // Wherever the first place did not do, the others are tried.
            None => all.extend_from_slice(&fetch_one(reader, &blob.id, blob.bytes)?),
        }
    }
    Ok(all.freeze())
}

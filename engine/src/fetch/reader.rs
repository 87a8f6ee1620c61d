//! What a restore asks of a repository: where a blob is, the frames of a pack, and who makes transformed files again.

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::{FormatError, ReadError};
use crate::id::{ContentId, NodeId, PackId};
use crate::pack::OpenFrame;
use crate::repository::Repository;
use crate::transform::Undo;
use crate::tree::NodeSource;

/// Where a content blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRef {
    /// The pack.
    pub pack: PackId,
    /// The frame in it.
    pub frame: u32,
    /// The blob in the frame.
    pub slot: u32,
    /// Where the frame begins in the pack.
    pub offset: u64,
    /// Its length there.
    pub stored_bytes: u32,
}

/// The blobs of one opened frame.
pub trait Frame {
    /// A blob by its place in the frame; `None` beyond the last.
    fn blob(&self, slot: u32) -> Option<&[u8]>;
}

/// Takes the frames that [`BlobReader::read_frames`] reads: number, and blobs or failure.
pub type FrameSink<'a> = dyn FnMut(u32, Result<&dyn Frame, ReadError>) + 'a;

/// Reads content blobs. Blocking; called from several threads.
pub trait BlobReader: Sync + Debug {
    /// Where the blob is best read, if any pack holds it.
    fn locate(&self, id: &ContentId) -> Result<Option<FrameRef>, ReadError>;

    /// Reads some frames of one pack, given in ascending order, and hands each to `sink` once.
    ///
    /// A restore asks for a few MiB at a time; neighbouring frames are worth one request.
    fn read_frames(&self, pack: PackId, frames: &[u32], sink: &mut FrameSink<'_>);

    /// One blob that was not where [`locate`](Self::locate) said, from whichever place still has it; with this id.
    fn content(&self, id: &ContentId) -> Result<Vec<u8>, ReadError>;

    /// The id that these bytes have.
    fn content_id(&self, bytes: &[u8]) -> ContentId;

    /// A node of a content list, for whoever reads the content in another order than it lies in packs.
    fn node(&self, id: &NodeId) -> Result<Arc<[u8]>, ReadError>;

    /// Who makes transformed files again.
    fn undo(&self) -> Option<&dyn Undo> {
        None
    }
}

impl Frame for OpenFrame {
    fn blob(&self, slot: u32) -> Option<&[u8]> {
        self.blob(usize::try_from(slot).ok()?)
    }
}

impl BlobReader for Repository {
    fn locate(&self, id: &ContentId) -> Result<Option<FrameRef>, ReadError> {
        Ok(self.locate(id)?.into_iter().next().map(|place| FrameRef {
            pack: place.pack,
            frame: place.frame,
            slot: place.slot,
            offset: place.range.start,
            stored_bytes: u32::try_from(place.range.end - place.range.start).unwrap_or(u32::MAX),
        }))
    }

    fn content(&self, id: &ContentId) -> Result<Vec<u8>, ReadError> {
        self.content(id)
    }

    fn read_frames(&self, pack: PackId, frames: &[u32], sink: &mut FrameSink<'_>) {
        self.read_frames(pack, frames, &mut |frame, opened| match opened {
            Ok(open) => sink(frame, Ok(&open)),
            Err(error) => sink(frame, Err(error)),
        });
    }

    fn content_id(&self, bytes: &[u8]) -> ContentId {
        self.keys().content_id(bytes)
    }

    fn node(&self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        NodeSource::node(&mut { self }, id)
    }

    fn undo(&self) -> Option<&dyn Undo> {
        self.undo().map(AsRef::as_ref)
    }
}

/// One blob from anywhere, checked against its id and length.
pub(crate) fn fetch_one(
    reader: &dyn BlobReader,
    id: &ContentId,
    bytes: u64,
) -> Result<Vec<u8>, ReadError> {
    let blob = reader.content(id)?;
    if u64::try_from(blob.len()) != Ok(bytes) || reader.content_id(&blob) != *id {
        return Err(FormatError::WrongId.into());
    }
    Ok(blob)
}

pub(crate) fn missing(id: &ContentId) -> ReadError {
    ReadError::Missing { prefix: id.prefix().to_string() }
}

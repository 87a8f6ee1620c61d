//! The way of blobs into the store: frames, compression, packs, sealing, upload, index checkpoints.
//!
//! Blobs enter on one thread in the order that decides their place. Compression and sealing run on worker threads; an
//! assembler puts the results back in order, so that the same input gives the same packs (but for salts and padding).
//! Every queue is bounded: memory stays at a few frames and packs, whatever the input. Where a store asks for it
//! ([`Capabilities::uploads`](crate::storage::Capabilities::uploads)), the same steps happen without threads.

mod error;
mod inline;
mod lane;
mod packing;
mod segments;
mod threads;

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;

pub(crate) use self::error::UploadError;
use self::inline::Inline;
pub use self::lane::{Compression, Lane};
pub(crate) use self::segments::SegmentLog;
use self::threads::Threads;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::crypto::{Keys, SessionKey};
use crate::id::BlobPrefix;
use crate::pack::{BlobKind, Effort, Frame, FrameBuilder, PlainFrame};
use crate::progress::Progress;
use crate::storage::Storage;

/// What every step of an upload needs.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) runtime: Handle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Keys,
    pub(crate) session_key: SessionKey,
    pub(crate) cache: Arc<Cache>,
    pub(crate) pack_bytes: u32,
    pub(crate) threads: usize,
    pub(crate) compression: Compression,
    /// What is stored adds to a snapshot that is there.
    pub(crate) is_increment: bool,
    pub(crate) segments: Arc<SegmentLog>,
    pub(crate) progress: Arc<dyn Progress>,
}

/// A frame on its way into a pack.
enum Item {
    /// To be compressed with this effort, if any.
    Plain(BlobKind, Option<Effort>, PlainFrame),
    /// As it is to be stored.
    Encoded(BlobKind, Frame),
}

/// Who does the work.
#[derive(Debug)]
enum Way {
    Threads(Threads),
    Inline(Box<Inline>),
}

/// Takes blobs; [`Upload::finish`] waits until all of them are in the store.
#[derive(Debug)]
pub(crate) struct Upload {
    lanes: [FrameBuilder; Lane::ALL.len()],
    /// Plain bytes that each lane has sent on.
    sent: [u64; Lane::ALL.len()],
    compression: Compression,
    is_increment: bool,
    way: Way,
}

impl Upload {
    pub(crate) fn start(shared: &Shared) -> Self {
        let way = match shared.storage.capabilities().uploads {
            0 => Way::Inline(Box::new(Inline::new(shared))),
            _ => Way::Threads(Threads::start(shared)),
        };
        let lanes = Lane::ALL.map(|_| FrameBuilder::new());
        let Shared { compression, is_increment, .. } = *shared;
        Self { lanes, sent: [0; Lane::ALL.len()], compression, is_increment, way }
    }

    /// Adds a blob that is not in the repository yet.
    pub(crate) fn push(
        &mut self,
        lane: Lane,
        prefix: BlobPrefix,
        blob: &Bytes,
    ) -> Result<(), UploadError> {
        self.check()?;
        // A large blob is a frame of its own and needs no copy.
        if lane == Lane::Stored && blob.len() >= lane.frame_bytes() / 2 {
            let frame = PlainFrame::single(prefix, blob.clone());
            return self.send(Item::Plain(lane.kind(), None, frame));
        }
        let position = lane.position();
        let full = {
            let builder = self.lanes.get(position).expect("a lane has a builder");
            !builder.is_empty() && builder.plain_bytes() + blob.len() > lane.frame_bytes()
        };
        if full {
            self.flush(lane)?;
        }
        self.lanes.get_mut(position).expect("a lane has a builder").push(prefix, blob);
        Ok(())
    }

    /// Adds a frame as it is to be stored, ahead of blobs whose frame is not full yet.
    pub(crate) fn push_frame(&mut self, kind: BlobKind, frame: Frame) -> Result<(), UploadError> {
        self.check()?;
        self.send(Item::Encoded(kind, frame))
    }

    /// The first call after a failure gets its reason.
    fn check(&self) -> Result<(), UploadError> {
        match &self.way {
            Way::Threads(threads) if threads.has_failed() => Err(threads.failure()),
            Way::Threads(_) | Way::Inline(_) => Ok(()),
        }
    }

    fn flush(&mut self, lane: Lane) -> Result<(), UploadError> {
        let builder = self.lanes.get_mut(lane.position()).expect("a lane has a builder");
        if builder.is_empty() {
            return Ok(());
        }
        let bytes =
            u64::try_from(builder.plain_bytes()).expect("a frame is smaller than 2^64 bytes");
        let frame = mem::take(builder).finish();
        let sent = self.sent.get_mut(lane.position()).expect("a lane has a sum");
        let effort = lane.effort(self.compression, self.is_increment, *sent);
        *sent += bytes;
        self.send(Item::Plain(lane.kind(), effort, frame))
    }

    fn send(&mut self, item: Item) -> Result<(), UploadError> {
        match &mut self.way {
            Way::Threads(threads) => threads.push(item),
            Way::Inline(inline) => inline.push(item),
        }
    }

    /// Flushes everything and waits for it. Returns the bytes put into the store.
    pub(crate) fn finish(mut self) -> Result<u64, UploadError> {
        let flushed = Lane::ALL.into_iter().try_for_each(|lane| self.flush(lane));
        let finished = match self.way {
            Way::Threads(threads) => threads.finish(),
            Way::Inline(inline) => inline.finish(),
        };
        match (flushed, finished) {
            // After a failure the queues are closed: what the threads say is the reason, what the flush says its consequence.
            (Err(_), Err(error)) if !matches!(error, UploadError::Cancelled) => Err(error),
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(bytes)) => Ok(bytes),
        }
    }
}

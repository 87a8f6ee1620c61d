//! The way of blobs into the store: frames, compression, packs, sealing, upload, index checkpoints.
//!
//! Blobs enter on one thread in the order that decides their place. Compression and sealing run on worker threads; an
//! assembler puts the results back in order, so that the same input gives the same packs (but for salts and padding).
//! Every queue is bounded: memory stays at a few frames and packs, whatever the input.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::runtime::Handle;

use super::segments::SegmentLog;
use super::{RepositoryError, Storage};
use crate::cache::Cache;
use crate::clock::Clock;
use crate::crypto::{Keys, SessionKey};
use crate::id::BlobPrefix;
use crate::pack::{BlobKind, Compressor, Frame, FrameBuilder, PackWriter, PlainFrame};
use crate::progress::{Counter, Progress};

/// Frames of one lane share compressibility, so that content of unlike kinds is never compressed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Content that does not compress: media, archives, random bytes.
    Stored,
    /// Database pages.
    Pages,
    /// Text.
    Text,
    /// Anything else.
    Other,
    /// Tree and content-list nodes.
    Tree,
}

/// How much time compression may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Least time.
    Fast,
    /// The balance that the measurements in the documentation are made with.
    #[default]
    Default,
    /// Least space.
    Best,
}

impl Lane {
    const ALL: [Self; 5] = [Self::Stored, Self::Pages, Self::Text, Self::Other, Self::Tree];

    /// Plain bytes of a frame, chosen by measurement: docs/decisions/0003-chunk-sizes.md.
    const fn frame_bytes(self) -> usize {
        match self {
            Self::Stored | Self::Tree => 256 << 10,
            Self::Pages | Self::Text | Self::Other => 2 << 20,
        }
    }

    const fn level(self, compression: Compression) -> Option<i32> {
        match (self, compression) {
            (Self::Stored, _) => None,
            (_, Compression::Fast) => Some(1),
            (_, Compression::Default) => Some(3),
            (_, Compression::Best) => Some(12),
        }
    }

    const fn kind(self) -> BlobKind {
        match self {
            Self::Tree => BlobKind::Tree,
            Self::Stored | Self::Pages | Self::Text | Self::Other => BlobKind::Content,
        }
    }

    const fn position(self) -> usize {
        match self {
            Self::Stored => 0,
            Self::Pages => 1,
            Self::Text => 2,
            Self::Other => 3,
            Self::Tree => 4,
        }
    }
}

/// What the threads of an upload share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) runtime: Handle,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keys: Keys,
    pub(super) session_key: SessionKey,
    pub(super) cache: Arc<Cache>,
    pub(super) pack_bytes: u32,
    pub(super) threads: usize,
    pub(super) compression: Compression,
    pub(super) segments: Arc<SegmentLog>,
    pub(super) progress: Arc<dyn Progress>,
}

#[derive(Debug, Default)]
struct Outcome {
    stored_bytes: AtomicU64,
    failed: AtomicBool,
    failure: std::sync::Mutex<Option<RepositoryError>>,
}

impl Outcome {
    fn fail(&self, error: RepositoryError) {
        let mut failure = self.failure.lock().expect("no holder of this lock panics");
        failure.get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    fn take(&self) -> Option<RepositoryError> {
        self.failure.lock().expect("no holder of this lock panics").take()
    }
}

struct CompressJob {
    frame: PlainFrame,
    level: i32,
    done: Sender<Frame>,
}

enum Ordered {
    Ready(BlobKind, PlainFrame),
    Pending(BlobKind, Receiver<Frame>),
}

/// Takes blobs; [`Upload::finish`] waits until all of them are in the store.
#[derive(Debug)]
pub(super) struct Upload {
    lanes: [FrameBuilder; Lane::ALL.len()],
    compression: Compression,
    compress: Option<Sender<CompressJob>>,
    ordered: Option<Sender<Ordered>>,
    outcome: Arc<Outcome>,
    threads: Vec<JoinHandle<()>>,
}

impl Upload {
    pub(super) fn start(shared: &Shared) -> Self {
        let outcome = Arc::new(Outcome::default());
        let (compress, compress_jobs) = bounded::<CompressJob>(shared.threads);
        let (ordered, in_order) = bounded(shared.threads + 2);
        let (finish, packs) = bounded::<PackWriter>(0);
        // One pack is filled while the others are sealed and on their way.
        let on_their_way = shared.storage.capabilities().uploads.max(1);
        let buffers = on_their_way + 1;
        let mut threads = Vec::new();
        for _ in 0..shared.threads {
            let jobs = compress_jobs.clone();
            let failed = Arc::clone(&outcome);
            threads.push(thread::spawn(move || match Compressor::new() {
                Ok(mut compressor) => compress_frames(&jobs, &mut compressor),
                Err(error) => failed.fail(RepositoryError::Compressor(error)),
            }));
        }
        let (empty, empties) = bounded(buffers);
        for _ in 0..buffers {
            empty.try_send(Vec::new()).expect("the queue has room for all buffers");
        }
        // One more than on their way, so that tree packs and small ones never wait for content.
        for _ in 0..buffers {
            let worker = Finisher {
                shared: shared.clone(),
                outcome: Arc::clone(&outcome),
                empty: empty.clone(),
            };
            let packs = packs.clone();
            threads.push(thread::spawn(move || worker.run(&packs)));
        }
        let assembler = Assembler { shared: shared.clone(), finish, empties, packs: [None, None] };
        let failed = Arc::clone(&outcome);
        threads.push(thread::spawn(move || match Compressor::new() {
            Ok(mut compressor) => assembler.run(&in_order, &mut compressor),
            Err(error) => failed.fail(RepositoryError::Compressor(error)),
        }));
        Self {
            lanes: Lane::ALL.map(|_| FrameBuilder::new()),
            compression: shared.compression,
            compress: Some(compress),
            ordered: Some(ordered),
            outcome,
            threads,
        }
    }

    /// Adds a blob that is not in the repository yet.
    pub(super) fn push(
        &mut self,
        lane: Lane,
        prefix: BlobPrefix,
        blob: &Bytes,
    ) -> Result<(), RepositoryError> {
        if self.outcome.failed.load(Ordering::Acquire) {
            return Err(self.outcome.take().unwrap_or(RepositoryError::Cancelled));
        }
        // A large blob is a frame of its own and needs no copy.
        if lane == Lane::Stored && blob.len() >= lane.frame_bytes() / 2 {
            return self
                .send(Ordered::Ready(lane.kind(), PlainFrame::single(prefix, blob.clone())));
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

    fn flush(&mut self, lane: Lane) -> Result<(), RepositoryError> {
        let builder = self.lanes.get_mut(lane.position()).expect("a lane has a builder");
        if builder.is_empty() {
            return Ok(());
        }
        let frame = mem::take(builder).finish();
        let Some(level) = lane.level(self.compression) else {
            return self.send(Ordered::Ready(lane.kind(), frame));
        };
        let (done, receiver) = bounded(1);
        let job = CompressJob { frame, level, done };
        let sent = self.compress.as_ref().is_some_and(|compress| compress.send(job).is_ok());
        if !sent {
            return Err(self.outcome.take().unwrap_or(RepositoryError::Cancelled));
        }
        self.send(Ordered::Pending(lane.kind(), receiver))
    }

    fn send(&self, item: Ordered) -> Result<(), RepositoryError> {
        match self.ordered.as_ref().map(|ordered| ordered.send(item)) {
            Some(Ok(())) => Ok(()),
            _ => Err(self.outcome.take().unwrap_or(RepositoryError::Cancelled)),
        }
    }

    /// Flushes everything and waits for it. Returns the bytes put into the store.
    pub(super) fn finish(mut self) -> Result<u64, RepositoryError> {
        let flushed = Lane::ALL.into_iter().try_for_each(|lane| self.flush(lane));
        self.join();
        if let Some(error) = self.outcome.take() {
            return Err(error);
        }
        flushed?;
        Ok(self.outcome.stored_bytes.load(Ordering::Relaxed))
    }

    fn join(&mut self) {
        self.compress = None;
        self.ordered = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                self.outcome.fail(RepositoryError::Cancelled);
            }
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.join();
    }
}

fn compress_frames(jobs: &Receiver<CompressJob>, compressor: &mut Compressor) {
    for CompressJob { frame, level, done } in jobs {
        // The receiver is gone only after a failure, which is reported elsewhere.
        drop(done.send(frame.encode(Some(level), compressor)));
    }
}

struct Assembler {
    shared: Shared,
    finish: Sender<PackWriter>,
    empties: Receiver<Vec<u8>>,
    packs: [Option<PackWriter>; 2],
}

impl Assembler {
    fn run(mut self, in_order: &Receiver<Ordered>, compressor: &mut Compressor) {
        for item in in_order {
            let (kind, frame) = match item {
                Ordered::Ready(kind, frame) => (kind, frame.encode(None, compressor)),
                Ordered::Pending(kind, receiver) => match receiver.recv() {
                    Ok(frame) => (kind, frame),
                    Err(_) => return,
                },
            };
            if self.push(kind, frame).is_none() {
                return;
            }
        }
        for pack in self.packs.iter_mut().filter_map(Option::take) {
            if self.finish.send(pack).is_err() {
                return;
            }
        }
    }

    /// `None` when nobody takes packs any more: the upload has failed.
    fn push(&mut self, kind: BlobKind, frame: Frame) -> Option<()> {
        let target = self.shared.pack_bytes;
        let slot = self.packs.get_mut(usize::from(kind == BlobKind::Tree))?;
        if let Some(pack) = slot.take_if(|pack| !pack.has_room_for(&frame)) {
            self.finish.send(pack).ok()?;
        }
        let pack = if let Some(pack) = slot {
            pack
        } else {
            // Tree packs are few; waiting here for memory is what bounds it.
            let buffer = match kind {
                BlobKind::Content => self.empties.recv().ok()?,
                BlobKind::Tree => Vec::new(),
            };
            let Shared { session_key, clock, .. } = &self.shared;
            let clock = clock.as_ref();
            slot.insert(PackWriter::with_buffer(kind, session_key, target, clock, buffer))
        };
        pack.push(frame);
        if let Some(pack) = slot.take_if(|pack| pack.should_close()) {
            self.finish.send(pack).ok()?;
        }
        Some(())
    }
}

/// Seals packs and puts them into the store.
struct Finisher {
    shared: Shared,
    outcome: Arc<Outcome>,
    empty: Sender<Vec<u8>>,
}

impl Finisher {
    fn run(&self, packs: &Receiver<PackWriter>) {
        for pack in packs {
            let kind = pack.kind();
            let buffer = if self.outcome.failed.load(Ordering::Acquire) {
                Vec::new()
            } else {
                self.finish(pack).unwrap_or_else(|error| {
                    self.outcome.fail(error);
                    Vec::new()
                })
            };
            if kind == BlobKind::Content {
                // There is room for every buffer; the assembler may be gone already.
                drop(self.empty.try_send(buffer));
            }
        }
    }

    /// Gives back the pack's memory.
    fn finish(&self, pack: PackWriter) -> Result<Vec<u8>, RepositoryError> {
        let Self { shared, outcome, .. } = self;
        let finished = pack.finish(&shared.keys, shared.clock.as_ref());
        let name = format!("packs/{}", finished.id);
        let bytes = Bytes::from(finished.bytes);
        shared.runtime.block_on(shared.storage.put(&name, bytes.clone()))?;
        outcome.stored_bytes.fetch_add(finished.record.size, Ordering::Relaxed);
        shared.progress.add(Counter::StoredBytes, finished.record.size);
        if finished.record.table.kind == BlobKind::Tree {
            shared.cache.keep_tree_pack(&finished.id, &bytes);
        }
        let segment_bytes = shared.segments.add(shared, finished.record)?;
        outcome.stored_bytes.fetch_add(segment_bytes, Ordering::Relaxed);
        Ok(bytes.try_into_mut().map(Vec::from).unwrap_or_default())
    }
}

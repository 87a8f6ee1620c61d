//! An upload on threads of its own: some compress, one assembles packs in order, some seal and put them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::packing::{Packing, Yard, store};
use super::{Item, Shared, UploadError};
use crate::pack::{BlobKind, Compressor, Effort, Frame, PackWriter, PlainFrame};

#[derive(Debug, Default)]
struct Outcome {
    stored_bytes: AtomicU64,
    failed: AtomicBool,
    failure: Mutex<Option<UploadError>>,
}

impl Outcome {
    fn fail(&self, error: UploadError) {
        let mut failure = self.failure.lock().expect("no holder of this lock panics");
        failure.get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    fn take(&self) -> Option<UploadError> {
        self.failure.lock().expect("no holder of this lock panics").take()
    }
}

struct CompressJob {
    frame: PlainFrame,
    effort: Effort,
    done: Sender<Frame>,
}

enum Ordered {
    Encoded(BlobKind, Frame),
    Stored(BlobKind, PlainFrame),
    Pending(BlobKind, Receiver<Frame>),
}

/// The queues to the threads.
#[derive(Debug)]
pub(super) struct Threads {
    compress: Option<Sender<CompressJob>>,
    ordered: Option<Sender<Ordered>>,
    outcome: Arc<Outcome>,
    workers: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn start(shared: &Shared) -> Self {
        let outcome = Arc::new(Outcome::default());
        let (compress, compress_jobs) = bounded::<CompressJob>(shared.threads);
        let (ordered, in_order) = bounded(shared.threads + 2);
        let (finish, packs) = bounded::<PackWriter>(0);
        // One pack is filled while the others are sealed and on their way.
        let buffers = shared.storage.capabilities().uploads + 1;
        let mut workers = Vec::new();
        for _ in 0..shared.threads {
            let jobs = compress_jobs.clone();
            let failed = Arc::clone(&outcome);
            workers.push(thread::spawn(move || match Compressor::new() {
                Ok(mut compressor) => compress_frames(&jobs, &mut compressor),
                Err(error) => failed.fail(UploadError::Compressor(error)),
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
            workers.push(thread::spawn(move || worker.run(&packs)));
        }
        let queues = Queues { finish, empties };
        let shared = shared.clone();
        let failed = Arc::clone(&outcome);
        workers.push(thread::spawn(move || match Compressor::new() {
            // An error means that nobody takes packs any more: the upload has failed, and somebody has said why.
            Ok(compressor) => drop(assemble(&shared, &in_order, compressor, queues)),
            Err(error) => failed.fail(UploadError::Compressor(error)),
        }));
        Self { compress: Some(compress), ordered: Some(ordered), outcome, workers }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.outcome.failed.load(Ordering::Acquire)
    }

    /// Why it failed, when first asked.
    pub(super) fn failure(&self) -> UploadError {
        self.outcome.take().unwrap_or(UploadError::Cancelled)
    }

    pub(super) fn push(&self, item: Item) -> Result<(), UploadError> {
        let ordered = match item {
            Item::Encoded(kind, frame) => Ordered::Encoded(kind, frame),
            Item::Plain(kind, None, frame) => Ordered::Stored(kind, frame),
            Item::Plain(kind, Some(effort), frame) => {
                let (done, receiver) = bounded(1);
                let job = CompressJob { frame, effort, done };
                match self.compress.as_ref().map(|queue| queue.send(job)) {
                    Some(Ok(())) => {}
                    _ => return Err(self.failure()),
                }
                Ordered::Pending(kind, receiver)
            }
        };
        match self.ordered.as_ref().map(|queue| queue.send(ordered)) {
            Some(Ok(())) => Ok(()),
            _ => Err(self.failure()),
        }
    }

    /// Waits for everything. Returns the bytes put into the store.
    pub(super) fn finish(mut self) -> Result<u64, UploadError> {
        self.join();
        match self.outcome.take() {
            Some(error) => Err(error),
            None => Ok(self.outcome.stored_bytes.load(Ordering::Relaxed)),
        }
    }

    fn join(&mut self) {
        self.compress = None;
        self.ordered = None;
        for thread in self.workers.drain(..) {
            if thread.join().is_err() {
                self.outcome.fail(UploadError::Cancelled);
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.join();
    }
}

fn compress_frames(jobs: &Receiver<CompressJob>, compressor: &mut Compressor) {
    for CompressJob { frame, effort, done } in jobs {
        // The receiver is gone only after a failure, which is reported elsewhere.
        drop(done.send(frame.encode(Some(effort), compressor)));
    }
}

/// Nobody is at the other end of a queue any more.
struct Gone;

/// Between the assembler and the finishers.
struct Queues {
    finish: Sender<PackWriter>,
    empties: Receiver<Vec<u8>>,
}

impl Yard for Queues {
    type Error = Gone;

    fn buffer(&mut self, kind: BlobKind) -> Result<Vec<u8>, Gone> {
        // Tree packs are few; waiting here for memory is what bounds it.
        match kind {
            BlobKind::Content => self.empties.recv().map_err(|_disconnected| Gone),
            BlobKind::Tree => Ok(Vec::new()),
        }
    }

    fn finish(&mut self, pack: PackWriter) -> Result<(), Gone> {
        self.finish.send(pack).map_err(|_disconnected| Gone)
    }
}

fn assemble(
    shared: &Shared,
    in_order: &Receiver<Ordered>,
    mut compressor: Compressor,
    mut queues: Queues,
) -> Result<(), Gone> {
    let mut packing = Packing::default();
    for item in in_order {
        let (kind, frame) = match item {
            Ordered::Encoded(kind, frame) => (kind, frame),
            Ordered::Stored(kind, frame) => (kind, frame.encode(None, &mut compressor)),
            Ordered::Pending(kind, frame) => (kind, frame.recv().map_err(|_disconnected| Gone)?),
        };
        packing.push(shared, kind, frame, &mut queues)?;
    }
    packing.finish(&mut queues)
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
                self.finish(pack)
            };
            if kind == BlobKind::Content {
                // There is room for every buffer; the assembler may be gone already.
                drop(self.empty.try_send(buffer));
            }
        }
    }

    /// Gives back the pack's memory.
    fn finish(&self, pack: PackWriter) -> Vec<u8> {
        match store(&self.shared, pack) {
            Ok((buffer, bytes)) => {
                self.outcome.stored_bytes.fetch_add(bytes, Ordering::Relaxed);
                buffer
            }
            Err(error) => {
                self.outcome.fail(error);
                Vec::new()
            }
        }
    }
}

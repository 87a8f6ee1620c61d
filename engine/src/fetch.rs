//! Reads many pieces of content at once: each frame is fetched and opened once, by as many threads as there are.

mod loss;
mod reader;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::Bytes;

pub(crate) use self::loss::Loss;
pub use self::reader::{BlobReader, Frame, FrameRef, FrameSink};
pub(crate) use self::reader::{fetch_one, missing};
use crate::error::ReadError;
use crate::id::{ContentId, PackId};
use crate::pack::Codec;
use crate::repository::{Lane, Repository};

/// Frames of one pack that one thread reads at a time.
const FRAMES_PER_JOB: usize = 8;

/// A piece of content, verified, and the lane that it goes on in.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    /// What did not compress is not tried again; what did goes with its like.
    pub(crate) lane: Lane,
    pub(crate) bytes: Bytes,
}

type Outcome = Result<Fetched, ReadError>;

/// Some frames of one pack, in ascending order.
struct Job {
    pack: PackId,
    codec: Codec,
    frames: BTreeMap<u32, Wanted>,
}

/// The blobs wanted of one frame: slot and position in the result.
type Wanted = Vec<(u32, usize)>;

/// Reads all of them, in the order in which they are named. The caller bounds how much that is.
pub(crate) fn read_all(repository: &Repository, ids: &[ContentId]) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    outcomes.resize_with(ids.len(), || None);
    let jobs = Mutex::new(plan(repository, ids));
    let results = Mutex::new(outcomes);
    thread::scope(|scope| {
        for _ in 0..repository.threads() {
            scope.spawn(|| {
                loop {
                    let Some(job) = lock(&jobs).pop() else { return };
                    carry_out(repository, ids, &job, &results);
                }
            });
        }
    });
    let outcomes = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Wherever the first place did not do, the others are tried.
    let all = outcomes.into_iter().zip(ids);
    all.map(|(outcome, id)| outcome.unwrap_or_else(|| read_anywhere(repository, id))).collect()
}

fn plan(repository: &Repository, ids: &[ContentId]) -> Vec<Job> {
    let mut packs: BTreeMap<PackId, BTreeMap<u32, (Codec, Wanted)>> = BTreeMap::new();
    for (position, id) in ids.iter().enumerate() {
        let Some(place) = repository.locate(id).unwrap_or_default().into_iter().next() else {
            continue;
        };
        let frames = packs.entry(place.pack).or_default();
        let (_, blobs) = frames.entry(place.frame).or_insert_with(|| (place.codec, Vec::new()));
        blobs.push((place.slot, position));
    }
    let mut jobs = Vec::new();
    for (pack, frames) in packs {
        let mut open: Option<Job> = None;
        for (frame, (codec, blobs)) in frames {
            let fits = |job: &Job| job.codec == codec && job.frames.len() < FRAMES_PER_JOB;
            if !open.as_ref().is_some_and(fits) {
                jobs.extend(open.replace(Job { pack, codec, frames: BTreeMap::new() }));
            }
            if let Some(job) = &mut open {
                job.frames.insert(frame, blobs);
            }
        }
        jobs.extend(open);
    }
    jobs.reverse();
    jobs
}

fn carry_out(
    repository: &Repository,
    ids: &[ContentId],
    job: &Job,
    results: &Mutex<Vec<Option<Outcome>>>,
) {
    let frames: Vec<u32> = job.frames.keys().copied().collect();
    repository.read_frames(job.pack, &frames, &mut |frame, opened| {
        let Ok(open) = opened else { return };
        for (slot, position) in job.frames.get(&frame).into_iter().flatten() {
            let blob = usize::try_from(*slot).ok().and_then(|slot| open.blob(slot));
            let right = blob.filter(|blob| {
                ids.get(*position).is_some_and(|id| repository.keys().content_id(blob) == *id)
            });
            let Some(blob) = right else { continue };
            let fetched = Fetched {
                lane: Lane::of_copy(job.codec, blob),
                bytes: Bytes::copy_from_slice(blob),
            };
            if let Some(place) = lock(results).get_mut(*position) {
                *place = Some(Ok(fetched));
            }
        }
    });
}

fn read_anywhere(repository: &Repository, id: &ContentId) -> Outcome {
    let bytes = Bytes::from(repository.content(id)?);
    let place = repository.locate(id)?.into_iter().next();
    let codec = place.map_or(Codec::Zstd, |place| place.codec);
    Ok(Fetched { lane: Lane::of_copy(codec, &bytes), bytes })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

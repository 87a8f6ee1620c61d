//! Carries a batch out: reads each needed frame once, and writes its blobs wherever they go.
//!
//! A blob is hashed and compared with its id before a byte of it is written.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::fd::OwnedFd;

use super::context::Context;
use super::file::{Place, TargetFile};
use super::made;
use super::plan::{Batch, Piece};
use super::report::{RestoreError, add};
use super::verify;
use crate::fetch::{Frame, fetch_one};
use crate::id::{ContentId, PackId};
use crate::progress::Counter;
use crate::tree::FileContent;

/// A worker asks for about this much of a pack at once.
const READ_BYTES: u64 = 8 << 20;
/// Files without a frame that a worker takes at once.
const READY_FILES: usize = 64;

/// Work for one thread at a time.
#[derive(Debug)]
enum Unit {
    /// Neighbouring frames of one pack, as a range of pieces.
    Frames(Range<usize>),
    /// Files that need no frame.
    Ready(Range<usize>),
}

/// What the workers of a batch share.
#[derive(Debug)]
struct Job<'b> {
    files: &'b [Arc<TargetFile>],
    pieces: &'b [Piece],
    packs: &'b [PackId],
    ready: &'b [Arc<TargetFile>],
    /// For each file: all its content is in this batch, and in one frame.
    alone: &'b [bool],
    units: &'b [Unit],
    next: AtomicUsize,
}

/// Writes everything in the batch but its hard links.
pub(super) fn run(context: &Context<'_>, batch: &mut Batch) {
    resume(context, batch);
    let files = std::mem::take(&mut batch.files);
    let mut pieces = std::mem::take(&mut batch.pieces);
    pieces.sort_unstable_by_key(|piece| (piece.pack, piece.frame, piece.file, piece.offset));
    let (mut ready, alone) = count_writes(&files, &pieces);
    let is_made = |file: &Arc<TargetFile>| file.entry.transform.is_some();
    let made = ready.iter().filter(|file| is_made(file)).count();
    if made > 0 {
        // They take longest, and each is work for one thread.
        ready.sort_by_key(|file| !is_made(file));
    }
    let mut units: Vec<Unit> = (0..made).map(|at| Unit::Ready(at..at + 1)).collect();
    frame_units(&pieces, &mut units);
    let starts = (made..ready.len()).step_by(READY_FILES);
    units.extend(starts.map(|at| Unit::Ready(at..ready.len().min(at + READY_FILES))));
    let job = Job {
        files: &files,
        pieces: &pieces,
        packs: &batch.packs,
        ready: &ready,
        alone: &alone,
        units: &units,
        next: AtomicUsize::new(0),
    };
    on_threads(context, units.len(), || work(context, &job));
    if context.options.verify && !context.stopped() {
        verify::batch(context, &files, pieces);
    }
    batch.clear_files();
}

/// Runs the same work on as many threads as it is worth.
pub(super) fn on_threads(context: &Context<'_>, units: usize, work: impl Fn() + Sync) {
    let threads = context.options.threads.clamp(1, units.max(1));
    if threads == 1 {
        return work();
    }
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&work);
        }
    });
}

/// Drops the pieces that an earlier, killed restore has already written.
fn resume(context: &Context<'_>, batch: &mut Batch) {
    let mut open: Vec<Option<Arc<OwnedFd>>> = Vec::new();
    for file in &batch.files {
        let fd = if file.place == Place::Resume && !file.is_broken() {
            file.resume(context).unwrap_or_default()
        } else {
            None
        };
        open.push(fd);
    }
    if open.iter().all(Option::is_none) {
        return;
    }
    let mut buffer = Vec::new();
    batch.pieces.retain(|piece| {
        let at = usize::try_from(piece.file).unwrap_or(usize::MAX);
        let Some(fd) = open.get(at).and_then(Option::as_ref) else { return true };
        let is_there = verify::holds(context, fd, (piece.offset, piece), &mut buffer);
        if is_there {
            add(&context.tally.resumed_bytes, piece.bytes.into());
            context.progress.add(Counter::ContentBytes, piece.bytes.into());
        }
        !is_there
    });
}

/// Tells each file how many writes come; returns the files that need none, and which ones need just one.
fn count_writes(files: &[Arc<TargetFile>], pieces: &[Piece]) -> (Vec<Arc<TargetFile>>, Vec<bool>) {
    let mut writes = vec![0; files.len()];
    for run in pieces.chunk_by(same_write) {
        let at = run.first().and_then(|piece| usize::try_from(piece.file).ok());
        if let Some(count) = at.and_then(|at| writes.get_mut(at)) {
            *count += 1;
        }
    }
    let mut ready = Vec::new();
    let mut alone = vec![false; files.len()];
    for ((file, writes), alone) in files.iter().zip(writes).zip(&mut alone) {
        match file.expect_writes(writes) {
            0 => ready.push(Arc::clone(file)),
            outstanding => *alone = outstanding == 1 && writes == 1 && file.is_planned(),
        }
    }
    (ready, alone)
}

fn same_write(a: &Piece, b: &Piece) -> bool {
    (a.pack, a.frame, a.file) == (b.pack, b.frame, b.file)
}

fn frame_units(pieces: &[Piece], units: &mut Vec<Unit>) {
    let (mut start, mut at, mut bytes, mut pack) = (0, 0, 0_u64, None);
    for frame in pieces.chunk_by(|a, b| (a.pack, a.frame) == (b.pack, b.frame)) {
        let Some(first) = frame.first() else { continue };
        let stored_bytes = u64::from(first.stored_bytes);
        if at > start && (pack != Some(first.pack) || bytes + stored_bytes > READ_BYTES) {
            units.push(Unit::Frames(start..at));
            (start, bytes) = (at, 0);
        }
        pack = Some(first.pack);
        bytes += stored_bytes;
        at += frame.len();
    }
    if at > start {
        units.push(Unit::Frames(start..at));
    }
}

fn work(context: &Context<'_>, job: &Job<'_>) {
    while let Some(unit) = job.units.get(job.next.fetch_add(1, Ordering::Relaxed)) {
        if context.stopped() {
            return;
        }
        match unit {
            Unit::Frames(range) => {
                let pieces = job.pieces.get(range.clone()).unwrap_or_default();
                read_frames(context, job, pieces);
            }
            Unit::Ready(range) => {
                for file in job.ready.get(range.clone()).unwrap_or_default() {
                    finish_ready(context, file);
                }
            }
        }
    }
}

fn finish_ready(context: &Context<'_>, file: &Arc<TargetFile>) {
    match &file.entry.content {
        _ if file.entry.transform.is_some() && !file.is_broken() => made::file(context, file),
        FileContent::Inline(bytes) if !file.is_broken() => {
            // The hold of the planning is gone, this write takes its place.
            file.expect_inline();
            file.write(context, &[(0, bytes)], true);
        }
        FileContent::Inline(_)
        | FileContent::Empty
        | FileContent::List(_)
        | FileContent::Tree(_) => file.finish(context, None),
    }
}

fn read_frames(context: &Context<'_>, job: &Job<'_>, pieces: &[Piece]) {
    let Some(first) = pieces.first() else { return };
    let Some(pack) = usize::try_from(first.pack).ok().and_then(|at| job.packs.get(at)) else {
        return;
    };
    let mut frames: Vec<u32> = pieces.iter().map(|piece| piece.frame).collect();
    frames.dedup();
    let mut seen = vec![false; frames.len()];
    context.reader.read_frames(*pack, &frames, &mut |number, frame| {
        if let Some(seen) = frames.binary_search(&number).ok().and_then(|at| seen.get_mut(at))
            && !std::mem::replace(seen, true)
        {
            match frame {
                Ok(frame) => write_frame(context, job, of_frame(pieces, number), frame),
                Err(error) if error.is_local() => {
                    write_without(context, job, of_frame(pieces, number));
                }
                Err(error) => context.stop(RestoreError::Repository(error)),
            }
        }
    });
    for (number, _) in frames.iter().zip(seen).filter(|(_, seen)| !seen) {
        write_without(context, job, of_frame(pieces, *number));
    }
}

fn of_frame(pieces: &[Piece], frame: u32) -> &[Piece] {
    let start = pieces.partition_point(|piece| piece.frame < frame);
    let end = pieces.partition_point(|piece| piece.frame <= frame);
    pieces.get(start..end).unwrap_or_default()
}

/// The file that a run of pieces belongs to, and whether the run is all it has.
fn file_of<'b>(job: &Job<'b>, run: &[Piece]) -> Option<(&'b Arc<TargetFile>, bool)> {
    let at = usize::try_from(run.first()?.file).ok()?;
    Some((job.files.get(at)?, job.alone.get(at).copied().unwrap_or(false)))
}

fn write_frame(context: &Context<'_>, job: &Job<'_>, pieces: &[Piece], frame: &dyn Frame) {
    let ids = ids_of(context, pieces, frame);
    let mut parts: Vec<(u64, &[u8])> = Vec::new();
    for run in pieces.chunk_by(same_write) {
        let Some((file, alone)) = file_of(job, run) else { continue };
        parts.clear();
        parts
            .extend(run.iter().map_while(|piece| Some((piece.offset, right(piece, &ids, frame)?))));
        if parts.len() == run.len() {
            file.write(context, &parts, alone);
        } else {
            rescue(context, (file, alone), run, &|piece| right(piece, &ids, frame));
        }
    }
}

/// For a frame that cannot be had.
fn write_without(context: &Context<'_>, job: &Job<'_>, pieces: &[Piece]) {
    for run in pieces.chunk_by(same_write) {
        if let Some(file) = file_of(job, run) {
            rescue(context, file, run, &|_| None);
        }
    }
}

/// Takes what the frame does not have, or has wrong, from another place.
fn rescue<'f>(
    context: &Context<'_>,
    (file, alone): (&Arc<TargetFile>, bool),
    run: &[Piece],
    right: &dyn Fn(&Piece) -> Option<&'f [u8]>,
) {
    let mut blobs: Vec<(u64, Cow<'_, [u8]>)> = Vec::with_capacity(run.len());
    for piece in run {
        if context.stopped() {
            return;
        }
        let blob = match right(piece) {
            Some(blob) => Ok(Cow::Borrowed(blob)),
            None => fetch_one(context.reader, &piece.id, piece.bytes.into()).map(Cow::Owned),
        };
        match blob {
            Ok(blob) => blobs.push((piece.offset, blob)),
            Err(error) if error.is_local() => {
                file.lose_content(error);
                return file.skip_write(context);
            }
            Err(error) => return context.stop(RestoreError::Repository(error)),
        }
    }
    let parts: Vec<(u64, &[u8])> = blobs.iter().map(|(offset, blob)| (*offset, &**blob)).collect();
    file.write(context, &parts, alone);
}

fn right<'f>(piece: &Piece, ids: &[(u32, ContentId)], frame: &'f dyn Frame) -> Option<&'f [u8]> {
    let at = ids.binary_search_by_key(&piece.slot, |(slot, _)| *slot).ok()?;
    let (_, id) = ids.get(at)?;
    let blob = frame.blob(piece.slot)?;
    (*id == piece.id && u32::try_from(blob.len()) == Ok(piece.bytes)).then_some(blob)
}

/// The ids that the needed blobs really have, by slot; each is hashed once, however often it is needed.
fn ids_of(context: &Context<'_>, pieces: &[Piece], frame: &dyn Frame) -> Vec<(u32, ContentId)> {
    let mut slots: Vec<u32> = pieces.iter().map(|piece| piece.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
        .into_iter()
        .filter_map(|slot| Some((slot, context.reader.content_id(frame.blob(slot)?))))
        .collect()
}

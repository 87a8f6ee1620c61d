//! Reads written content back and compares it with the ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, pread};

use super::context::Context;
use super::execute::on_threads;
use super::file::TargetFile;
use super::plan::Piece;
use super::report::add;
use crate::error::Problem;
use crate::tree::FileContent;

/// What is read at once of a file that is hashed whole.
const HASHED_BYTES: usize = 1 << 20;

/// Whether the blob stands at this offset of the content in a file without holes.
pub(super) fn holds(
    context: &Context<'_>,
    fd: &OwnedFd,
    (offset, piece): (u64, &Piece),
    buffer: &mut Vec<u8>,
) -> bool {
    buffer.resize(usize::try_from(piece.bytes).unwrap_or(0), 0);
    read_exactly(fd, offset, buffer).is_ok() && context.reader.content_id(buffer) == piece.id
}

fn read_exactly(fd: &OwnedFd, mut offset: u64, buffer: &mut [u8]) -> Result<(), Errno> {
    let mut rest = buffer;
    while !rest.is_empty() {
        match pread(fd, &mut *rest, offset) {
            Ok(0) => return Err(Errno::IO),
            Ok(read) => {
                offset += u64::try_from(read).unwrap_or(0);
                rest = rest.split_at_mut_checked(read).ok_or(Errno::IO)?.1;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Verifies what a batch wrote; then the folders of finished files are let go.
pub(super) fn batch(context: &Context<'_>, files: &[Arc<TargetFile>], mut pieces: Vec<Piece>) {
    pieces.sort_unstable_by_key(|piece| (piece.file, piece.offset));
    let next = AtomicUsize::new(0);
    on_threads(context, files.len(), || {
        let mut buffer = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(at) else { return };
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            let start = pieces.partition_point(|piece| piece.file < number);
            let end = pieces.partition_point(|piece| piece.file <= number);
            one(context, file, pieces.get(start..end).unwrap_or_default(), &mut buffer);
        }
    });
}

fn one(context: &Context<'_>, file: &Arc<TargetFile>, pieces: &[Piece], buffer: &mut Vec<u8>) {
    if (file.is_finished() || !file.is_planned()) && !file.is_broken() {
        match compare(context, file, pieces, buffer) {
            Ok(true) => {}
            Ok(false) => context.problem(&Problem::Differs { path: file.path() }),
            Err(error) => {
                context.problem(&Problem::Unreadable { path: file.path(), source: error.into() });
            }
        }
    }
    if file.is_planned() {
        file.folder.release(context);
    }
}

fn compare(
    context: &Context<'_>,
    file: &Arc<TargetFile>,
    pieces: &[Piece],
    buffer: &mut Vec<u8>,
) -> Result<bool, Errno> {
    let folder = file.folder.open(context)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&*folder, &*file.current_name(context), flags, Mode::empty())?;
    if file.entry.transform.is_some() {
        let (hash, bytes) = hash_of(&fd, buffer)?;
        add(&context.tally.verified_bytes, bytes);
        return Ok(file.made() == Some(hash));
    }
    let mut verified = 0;
    if let FileContent::Inline(bytes) = &file.entry.content {
        let read = read_content(&fd, file, (0, bytes.len()), buffer);
        if read.is_err() || buffer != bytes {
            return Ok(false);
        }
        verified += u64::try_from(bytes.len()).unwrap_or(0);
    }
    for piece in pieces {
        let bytes = usize::try_from(piece.bytes).unwrap_or(0);
        let read = read_content(&fd, file, (piece.offset, bytes), buffer);
        if read.is_err() || context.reader.content_id(buffer) != piece.id {
            return Ok(false);
        }
        verified += u64::from(piece.bytes);
    }
    add(&context.tally.verified_bytes, verified);
    Ok(true)
}

/// The hash of all bytes of a file, and how many there are.
fn hash_of(fd: &OwnedFd, buffer: &mut Vec<u8>) -> Result<([u8; 32], u64), Errno> {
    let mut hasher = blake3::Hasher::new();
    let mut offset = 0;
    buffer.resize(HASHED_BYTES, 0);
    loop {
        match pread(fd, &mut *buffer, offset) {
            Ok(0) => return Ok((*hasher.finalize().as_bytes(), offset)),
            Ok(read) => {
                hasher.update(buffer.get(..read).unwrap_or_default());
                offset += u64::try_from(read).unwrap_or(0);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads content around the holes.
fn read_content(
    fd: &OwnedFd,
    file: &TargetFile,
    (offset, bytes): (u64, usize),
    buffer: &mut Vec<u8>,
) -> Result<(), Errno> {
    buffer.resize(bytes, 0);
    if file.holes.is_empty() {
        return read_exactly(fd, offset, buffer);
    }
    let mut cuts = Vec::new();
    file.holes.cut(offset, buffer, |place, part| cuts.push((place, part.len())));
    let mut rest = buffer.as_mut_slice();
    for (place, bytes) in cuts {
        let (now, later) = rest.split_at_mut_checked(bytes).ok_or(Errno::IO)?;
        read_exactly(fd, place, now)?;
        rest = later;
    }
    Ok(())
}

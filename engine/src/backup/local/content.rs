//! Reading an open file without its holes.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{Advice, SeekFrom};
use rustix::io::Errno;

use super::attributes::{self, Place};
use super::stat::{Stamp, Stat};
use crate::backup::source::{Content, ReadAt};
use crate::tree::Entry;

/// Holes below this size are read as zeros.
const HOLE_BYTES_MIN: u64 = 4096;

/// An entry names at most this many holes; in a file with more, the smaller ones are read as zeros.
const HOLES_MAX: usize = 2048;

/// From this size on it is worth telling the kernel that a file is read from start to end.
const READ_AHEAD_BYTES_MIN: u64 = 1 << 20;

/// A hole: where it starts and how long it is.
type Hole = (u64, u64);

/// An open file of this machine.
#[derive(Debug)]
pub(super) struct LocalContent {
    file: OwnedFd,
    stamp: Stamp,
    holes: Vec<(u64, u64)>,
    /// Where the next byte of content is in the file.
    offset: u64,
    /// The hole that comes next.
    next_hole: usize,
    /// Bytes of data up to the next hole, or to the end.
    remaining: u64,
    size: u64,
    ended_early: bool,
}

impl LocalContent {
    /// Reads the file that `stat` and `entry` describe, and tells `entry` about its holes.
    pub(super) fn new(file: OwnedFd, stat: &Stat, entry: &mut Entry) -> io::Result<Self> {
        if stat.size() >= READ_AHEAD_BYTES_MIN {
            // Advice may be refused without any harm.
            rustix::fs::fadvise(&file, 0, None, Advice::Sequential).unwrap_or_default();
        }
        let mut content = Self {
            file,
            stamp: stat.stamp(),
            holes: Vec::new(),
            offset: 0,
            next_hole: 0,
            remaining: 0,
            size: 0,
            ended_early: false,
        };
        content.start(stat, entry)?;
        Ok(content)
    }

    fn start(&mut self, stat: &Stat, entry: &mut Entry) -> io::Result<()> {
        self.stamp = stat.stamp();
        self.size = stat.size();
        self.holes = if stat.may_have_holes() {
            relative(&find_holes(&self.file, self.size)?)
        } else {
            Vec::new()
        };
        entry.holes.clone_from(&self.holes);
        self.offset = 0;
        self.next_hole = 0;
        self.ended_early = false;
        self.remaining = match self.holes.first() {
            Some((data, _)) => *data,
            // Files of some virtual file systems say 0 and have content; the others end at once.
            None if self.size == 0 => u64::MAX,
            None => self.size,
        };
        Ok(())
    }

    /// Skips holes until there is data to read; `false` at the end.
    fn find_data(&mut self) -> bool {
        while self.remaining == 0 {
            let Some((_, hole)) = self.holes.get(self.next_hole) else { return false };
            self.offset += hole;
            self.next_hole += 1;
            self.remaining = match self.holes.get(self.next_hole) {
                Some((data, _)) => *data,
                None => self.size.saturating_sub(self.offset),
            };
        }
        true
    }
}

/// The same open file, whatever [`LocalContent`] has read of it.
#[derive(Debug)]
struct LocalFile {
    file: OwnedFd,
    size: u64,
}

impl ReadAt for LocalFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, mut offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match rustix::io::pread(&self.file, rest, offset) {
                Err(Errno::INTR) => {}
                Ok(0) => break,
                Ok(bytes) => {
                    filled += bytes;
                    offset += u64::try_from(bytes).map_err(io::Error::other)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(filled)
    }
}

impl Content for LocalContent {
    fn holes(&self) -> &[(u64, u64)] {
        &self.holes
    }

    fn at(&self) -> Option<Arc<dyn ReadAt>> {
        // A descriptor of its own: most files are never looked into, and need no shared one.
        let file = self.file.try_clone().ok()?;
        Some(Arc::new(LocalFile { file, size: self.size }))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended_early || !self.find_data() || buffer.is_empty() {
            return Ok(0);
        }
        let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len());
        let target = buffer.get_mut(..wanted).unwrap_or_default();
        let bytes = loop {
            match rustix::io::pread(&self.file, &mut *target, self.offset) {
                Err(Errno::INTR) => {}
                result => break result?,
            }
        };
        self.ended_early = bytes == 0;
        let advance = u64::try_from(bytes).map_err(io::Error::other)?;
        self.offset += advance;
        self.remaining -= advance;
        Ok(bytes)
    }

    fn unchanged(&mut self, entry: &mut Entry) -> io::Result<bool> {
        if self.ended_early {
            // Only the holes before this place were skipped.
            self.holes.truncate(self.next_hole);
            self.size = self.offset;
        }
        entry.size = self.size;
        entry.holes.clone_from(&self.holes);
        Ok(Stat::of_open(&self.file)?.stamp() == self.stamp)
    }

    fn rewind(&mut self, entry: &mut Entry) -> io::Result<()> {
        let stat = Stat::of_open(&self.file)?;
        stat.fill(entry);
        // What could be read of them when the file was opened is kept if it cannot be read now.
        let mut xattrs = Vec::new();
        if attributes::read_xattrs(Place::Open(&self.file), &mut xattrs).is_ok() {
            entry.xattrs = xattrs;
        }
        self.start(&stat, entry)
    }
}

/// The holes of a file as (start, length), at most [`HOLES_MAX`].
fn find_holes(file: &OwnedFd, size: u64) -> io::Result<Vec<Hole>> {
    let mut holes = Vec::new();
    let mut bytes_min = HOLE_BYTES_MIN;
    let mut data_end = 0;
    while data_end < size {
        let start = match rustix::fs::seek(file, SeekFrom::Hole(data_end)) {
            Ok(start) => start.min(size),
            // No support for holes, or the file shrank.
            Err(Errno::INVAL | Errno::NXIO | Errno::OPNOTSUPP) => break,
            Err(error) => return Err(error.into()),
        };
        let end = match rustix::fs::seek(file, SeekFrom::Data(start)) {
            Ok(end) => end.clamp(start, size),
            // Nothing but hole up to the end.
            Err(Errno::NXIO) => size,
            Err(error) => return Err(error.into()),
        };
        if end - start >= bytes_min {
            holes.push((start, end - start));
        }
        if holes.len() > HOLES_MAX {
            bytes_min = bytes_min.saturating_mul(2);
            holes.retain(|(_, bytes)| *bytes >= bytes_min);
        }
        if end <= data_end {
            break;
        }
        data_end = end;
    }
    Ok(holes)
}

/// From (start, length) to (data since the last hole, length).
fn relative(holes: &[Hole]) -> Vec<(u64, u64)> {
    let mut last_end = 0;
    let mut list = Vec::with_capacity(holes.len());
    for (start, bytes) in holes {
        list.push((start - last_end, *bytes));
        last_end = start + bytes;
    }
    list
}

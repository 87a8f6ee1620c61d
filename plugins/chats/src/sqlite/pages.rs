//! The bytes of a database as SQLite sees them: blocks that were read lately are kept, and the log lies over them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::wal::Wal;
use crate::files::ReadAt;

/// Who reads on wants the pages that lie close, and a request costs more than a few of them. Who jumps about gets the page alone.
const BLOCK_BYTES: usize = 64 << 10;

/// Blocks that are kept of each database: 16 MiB.
const BLOCKS_MAX: usize = 256;

/// Where a database says whether it has a log. With the log laid over it, it has none.
const VERSIONS: [u64; 2] = [18, 19];

/// A database, read on demand.
pub(super) struct Pages {
    source: Arc<dyn ReadAt>,
    wal: Option<Wal>,
    blocks: Mutex<Blocks>,
    /// Why a read failed: SQLite passes only a number on.
    failure: Mutex<Option<io::Error>>,
}

#[derive(Debug, Default)]
struct Blocks {
    kept: BTreeMap<u64, (u64, Bytes)>,
    clock: u64,
    /// Where the last read ended.
    next: u64,
}

impl fmt::Debug for Pages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pages").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Pages {
    pub(super) fn new(source: Arc<dyn ReadAt>, wal: Option<Wal>) -> Self {
        Self { source, wal, blocks: Mutex::default(), failure: Mutex::default() }
    }

    /// Bytes of the database.
    pub(super) fn size(&self) -> u64 {
        self.wal.as_ref().map_or_else(|| self.source.size(), Wal::size)
    }

    /// Why the last read failed, if one did.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Fills a buffer as far as there are bytes, and says how far; `None` if they could not be had.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> Option<usize> {
        match self.fill(offset, out) {
            Ok(filled) => Some(filled),
            Err(error) => {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
                None
            }
        }
    }

    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            let Some(rest) = out.get_mut(filled..) else { break };
            let at = offset + to_u64(filled);
            let part = self.part(at, rest.len())?;
            let Some(rest) = rest.get_mut(..part.len()).filter(|rest| !rest.is_empty()) else {
                break;
            };
            rest.copy_from_slice(&part);
            filled += part.len();
        }
        for version in VERSIONS {
            let byte = version.checked_sub(offset).and_then(|at| usize::try_from(at).ok());
            if let Some(byte) = byte.filter(|&at| at < filled).and_then(|at| out.get_mut(at)) {
                *byte = 1;
            }
        }
        Ok(filled)
    }

    /// Some bytes from here on, at least one unless the end is reached.
    fn part(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let Some(wal) = &self.wal else { return self.block(offset, bytes) };
        let left = usize::try_from(wal.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let bytes = bytes.min(left).min(wal.left_in_page(offset));
        match wal.find(offset) {
            Some(place) => wal.read(place, bytes),
            None => self.block(offset, bytes),
        }
    }

    fn block(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let number = offset / to_u64(BLOCK_BYTES);
        let begin = number * to_u64(BLOCK_BYTES);
        let within = usize::try_from(offset - begin).unwrap_or(BLOCK_BYTES);
        let block = match self.kept(number) {
            Some(block) => block,
            None if self.goes_on(offset, bytes) => self.fetch(number, begin)?,
            None => return self.source.read_at(offset, bytes),
        };
        let begin = within.min(block.len());
        Ok(block.slice(begin..block.len().min(begin.saturating_add(bytes))))
    }

    fn kept(&self, number: u64) -> Option<Bytes> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.clock += 1;
        let clock = blocks.clock;
        let (used, block) = blocks.kept.get_mut(&number)?;
        *used = clock;
        Some(block.clone())
    }

    /// Whether a read begins close to where the last one ended.
    fn goes_on(&self, offset: u64, bytes: usize) -> bool {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let last = std::mem::replace(&mut blocks.next, offset.saturating_add(to_u64(bytes)));
        offset.abs_diff(last) <= to_u64(BLOCK_BYTES)
    }

    fn fetch(&self, number: u64, begin: u64) -> io::Result<Bytes> {
        let left = usize::try_from(self.source.size().saturating_sub(begin)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(Bytes::new());
        }
        let mut block = self.source.read_at(begin, BLOCK_BYTES.min(left))?;
        // A part of something larger would keep all of that in memory.
        block = Bytes::copy_from_slice(&block);
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.kept.len() >= BLOCKS_MAX {
            let oldest = blocks.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(&at, _)| at);
            oldest.map(|oldest| blocks.kept.remove(&oldest));
        }
        blocks.clock += 1;
        let clock = blocks.clock;
        blocks.kept.insert(number, (clock, block.clone()));
        Ok(block)
    }
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

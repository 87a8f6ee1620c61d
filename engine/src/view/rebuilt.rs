//! Transformed files at any offset, though they can only be made from the start on.
//!
//! What was made last is kept, some MiB of it. Whoever reads behind that waits until the stream is there, and whoever reads
//! before it lets a stream begin anew; a file has two of them, for readers in two places.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

use super::file::stored_content;
use super::reader::Shared;
use crate::error::ReadError;
use crate::stored::Checked;
use crate::transform::Form;
use crate::tree::Entry;

/// What is made at once.
const BLOCK_BYTES: usize = 256 << 10;
const BLOCK: u64 = 256 << 10;
/// So many blocks are kept behind the last one that was read.
const BLOCKS_MAX: usize = 16;
/// Readers in more places than this take turns.
const STREAMS_MAX: usize = 2;

/// A file that is made again whenever it is read.
#[derive(Debug)]
pub(super) struct Rebuilt {
    shared: Arc<Shared>,
    entry: Entry,
    form: Form,
    size: u64,
    /// The one that was used last comes first.
    streams: Mutex<VecDeque<Stream>>,
}

/// A file while it is being made.
#[derive(Debug)]
struct Stream {
    checked: Checked,
    /// Number of the first block that is kept.
    first: u64,
    blocks: VecDeque<Bytes>,
    ended: bool,
}

impl Rebuilt {
    pub(super) fn new(shared: Arc<Shared>, entry: &Entry, form: Form) -> Self {
        let (entry, size) = (entry.clone(), entry.size);
        Self { shared, entry, form, size, streams: Mutex::default() }
    }

    /// What the file holds; `None` if nothing can be made.
    pub(super) fn decoded(shared: Arc<Shared>, entry: &Entry) -> Option<Self> {
        let mut rebuilt = Self::new(shared, entry, Form::Decoded);
        let mut stream = rebuilt.begin().ok()?;
        if !stream.checked.is_decoded() {
            return None;
        }
        rebuilt.size = stream.length().ok()?;
        Some(rebuilt)
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn read(&self, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        let end = offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)).min(self.size);
        if offset >= end {
            return Ok(Bytes::new());
        }
        // One reader at a time: neighbours want the same blocks.
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let near = |stream: &Stream| (stream.first <= offset / BLOCK).then_some(stream.first);
        let found = streams.iter().enumerate().filter_map(|(at, it)| Some((near(it)?, at))).max();
        let mut stream = if let Some(stream) = found.and_then(|(_, at)| streams.remove(at)) {
            stream
        } else {
            // Before the new one begins: memory is for so many and no more.
            streams.truncate(STREAMS_MAX - 1);
            self.begin()?
        };
        // After an error the stream is gone, and the next reader begins anew.
        let part = stream.part(offset, end)?;
        streams.push_front(stream);
        Ok(part)
    }

    fn begin(&self) -> Result<Stream, ReadError> {
        let stored = stored_content(Arc::clone(&self.shared), &self.entry);
        let undo = self.shared.repository.undo().map(AsRef::as_ref);
        let checked = Checked::open(undo, &self.entry, stored, self.form)?;
        Ok(Stream { checked, first: 0, blocks: VecDeque::new(), ended: false })
    }
}

impl Stream {
    /// Bytes from a block on that is kept or to come.
    fn part(&mut self, mut offset: u64, end: u64) -> Result<Bytes, ReadError> {
        let mut part = BytesMut::new();
        while offset < end {
            let block = self.block(offset / BLOCK)?;
            let start = usize::try_from(offset % BLOCK).unwrap_or(usize::MAX);
            let wanted = usize::try_from(end - offset).unwrap_or(usize::MAX);
            let rest = block.get(start..).unwrap_or_default();
            let rest = rest.get(..wanted).unwrap_or(rest);
            if rest.is_empty() {
                break;
            }
            part.extend_from_slice(rest);
            offset += u64::try_from(rest.len()).unwrap_or(u64::MAX);
        }
        Ok(part.freeze())
    }

    fn block(&mut self, number: u64) -> Result<Bytes, ReadError> {
        loop {
            let at = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
            if let Some(block) = self.blocks.get(at) {
                return Ok(block.clone());
            }
            if self.ended {
                return Ok(Bytes::new());
            }
            self.advance()?;
        }
    }

    /// Makes one more block.
    fn advance(&mut self) -> Result<(), ReadError> {
        let mut block = vec![0; BLOCK_BYTES];
        let mut filled = 0;
        while let Some(room) = block.get_mut(filled..).filter(|room| !room.is_empty()) {
            let bytes = self.checked.read(room)?;
            if bytes == 0 {
                self.ended = true;
                break;
            }
            filled += bytes;
        }
        // The last bytes are not handed out before the whole is known to be right.
        if !self.ended && self.checked.is_at_end() {
            self.checked.read(&mut [0])?;
            self.ended = true;
        }
        block.truncate(filled);
        self.blocks.push_back(block.into());
        if self.blocks.len() > BLOCKS_MAX {
            self.blocks.pop_front();
            self.first += 1;
        }
        Ok(())
    }

    /// The length of everything, at the price of making it.
    fn length(&mut self) -> Result<u64, ReadError> {
        while !self.ended {
            self.advance()?;
        }
        Ok(self.checked.bytes())
    }
}

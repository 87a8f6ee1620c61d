//! The lines of a file of any size, in bounded memory.

use std::io;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};

use crate::files::ReadAt;

/// How much is read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// No line that a telephone writes is longer; what is beyond is left out.
pub(super) const LINE_BYTES_MAX: usize = 1 << 20;

/// One line without what ends it.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Where it begins.
    pub offset: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its end was left out.
    pub is_cut: bool,
}

/// Reads a file line by line.
#[derive(Debug)]
pub(super) struct Lines {
    file: Arc<dyn ReadAt>,
    block: Bytes,
    /// Of the first byte that is not in a line yet.
    offset: u64,
    line: Vec<u8>,
}

impl Lines {
    /// From this offset on, where a line begins.
    pub(super) fn new(file: Arc<dyn ReadAt>, offset: u64) -> Self {
        Self { file, block: Bytes::new(), offset, line: Vec::new() }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let offset = self.offset;
        let mut is_cut = false;
        loop {
            if self.block.is_empty() {
                self.block = self.file.read_at(self.offset, BLOCK_BYTES)?;
                if self.block.is_empty() {
                    break;
                }
            }
            let end = end_of_line(&self.block);
            let part = self.block.split_to(end.unwrap_or(self.block.len()));
            self.offset = self.offset.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            let room = LINE_BYTES_MAX - self.line.len();
            is_cut |= part.len() > room;
            self.line.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
            if end.is_some() {
                self.block.advance(1);
                self.offset += 1;
                break;
            }
        }
        if self.offset == offset {
            return Ok(None);
        }
        while self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let start = if offset == 0 && self.line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Ok(Some(Line { offset, bytes: self.line.get(start..).unwrap_or_default(), is_cut }))
    }
}

fn end_of_line(block: &[u8]) -> Option<usize> {
    block.iter().position(|byte| *byte == b'\n')
}

//! The part of a file that is in memory while it is cut, and the memory for it.

use std::io;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::source::Content;

/// Bytes that are asked for at once at the start of a file.
const READ_BYTES: usize = 1 << 20;

/// Bytes that are read on at once in large files.
const READ_ON_BYTES: usize = 1 << 20;

/// Buffers that wait for their next use. Fresh memory costs a page fault every 4 KiB, as much as hashing them.
const POOLED_MAX: usize = 4;

/// Buffers of large files, used again.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    free: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// A buffer of at least this length, with whatever it held before.
    fn take(&self, bytes: usize) -> Vec<u8> {
        let mut buffer = if bytes >= READ_BYTES {
            self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
        } else {
            Vec::new()
        };
        if buffer.len() < bytes {
            buffer.resize(bytes, 0);
        }
        buffer
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.len() >= READ_BYTES && free.len() < POOLED_MAX {
            free.push(buffer);
        }
    }
}

/// A filled buffer that goes back to its pool when the last chunk in it is dropped.
struct Filled {
    buffer: Vec<u8>,
    pool: Arc<Buffers>,
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        self.pool.give_back(mem::take(&mut self.buffer));
    }
}

/// The part of a file that is in memory.
pub(super) struct Window {
    pool: Arc<Buffers>,
    buffer: Vec<u8>,
    filled: usize,
    ended: bool,
}

impl Window {
    /// Begins to read a file of about this size.
    pub(super) fn new(
        pool: &Arc<Buffers>,
        content: &mut dyn Content,
        size_hint: u64,
    ) -> io::Result<Self> {
        // One byte more than announced, so that the end is seen without another round.
        let wanted = usize::try_from(size_hint).unwrap_or(READ_BYTES).saturating_add(1);
        let pool = Arc::clone(pool);
        let mut window = Self { pool, buffer: Vec::new(), filled: 0, ended: false };
        window.fill(content, wanted.min(READ_BYTES))?;
        if !window.ended {
            // There is more than was announced; a pipe announces nothing. What the content is shows in its beginning.
            window.fill(content, READ_BYTES)?;
        }
        Ok(window)
    }

    /// What was read and not taken out yet.
    pub(super) fn data(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Whether nothing follows the data.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Reads until there are `target` bytes or the content ends.
    fn fill(&mut self, content: &mut dyn Content, target: usize) -> io::Result<()> {
        if self.buffer.len() < target {
            let mut larger = self.pool.take(target);
            if let Some(start) = larger.get_mut(..self.filled) {
                start.copy_from_slice(self.data());
            }
            self.pool.give_back(mem::replace(&mut self.buffer, larger));
        }
        while self.filled < target && !self.ended {
            let free = self.buffer.get_mut(self.filled..target).unwrap_or_default();
            match content.read(free) {
                Ok(0) => self.ended = true,
                Ok(bytes) => self.filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads on because the data is too short to find a cut in it.
    pub(super) fn grow(
        &mut self,
        content: &mut dyn Content,
        chunk_bytes_max: usize,
    ) -> io::Result<()> {
        let target = (self.filled * 2).clamp(READ_BYTES, chunk_bytes_max.max(READ_BYTES) * 2);
        self.fill(content, target)
    }

    /// Takes the first `bytes` out and reads on behind the rest.
    pub(super) fn advance(&mut self, content: &mut dyn Content, bytes: usize) -> io::Result<Bytes> {
        let rest = self.filled - bytes;
        let target = if self.ended { rest } else { rest + READ_ON_BYTES };
        let mut next = self.pool.take(target);
        if let (Some(start), Some(behind)) =
            (next.get_mut(..rest), self.buffer.get(bytes..self.filled))
        {
            start.copy_from_slice(behind);
        }
        let buffer = mem::replace(&mut self.buffer, next);
        self.filled = rest;
        if !self.ended {
            self.fill(content, target)?;
        }
        let filled = Filled { buffer, pool: Arc::clone(&self.pool) };
        Ok(Bytes::from_owner(filled).slice(..bytes))
    }
}

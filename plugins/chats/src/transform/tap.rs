//! A file from front to back: hashed as it is, given out decrypted.

use std::io;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use super::NotTaken;
use crate::crypt::Cipher;
use crate::files::ReadAt;
use bytes::{Bytes, BytesMut};

pub(super) const PIECE_BYTES: usize = 256 << 10;

/// Copies of it go on independently: what was tried with one is as if it had not been read.
#[derive(Debug, Clone)]
pub(super) struct Tap {
    file: Arc<dyn ReadAt>,
    at: u64,
    hasher: blake3::Hasher,
    inner: Range<u64>,
    cipher: Option<Cipher>,
    piece: Bytes,
    used: usize,
}

impl Tap {
    /// Gives out this part of the file.
    pub(super) fn new(file: Arc<dyn ReadAt>, inner: Range<u64>, cipher: Option<Cipher>) -> Self {
        let hasher = blake3::Hasher::new();
        Self { file, at: 0, hasher, inner, cipher, piece: Bytes::new(), used: 0 }
    }

    /// Of the part that is given out, how much is to come.
    pub(super) fn left(&self) -> u64 {
        let read = self.piece.len().saturating_sub(self.used);
        let unread = self.inner.end.saturating_sub(self.at.max(self.inner.start));
        unread.saturating_add(length(read))
    }

    /// What comes next, at most so much; empty only at the end.
    pub(super) fn peek(&mut self, most: u64) -> io::Result<&[u8]> {
        if self.used == self.piece.len() {
            self.fill()?;
        }
        let rest = self.piece.get(self.used..).unwrap_or_default();
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
        Ok(rest.get(..most).unwrap_or_default())
    }

    /// Goes over what was seen.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.used = self.used.saturating_add(bytes).min(self.piece.len());
    }

    fn fill(&mut self) -> io::Result<()> {
        while self.at < self.inner.start {
            self.read(self.inner.start)?;
        }
        self.piece = Bytes::new();
        self.used = 0;
        if self.at < self.inner.end {
            self.piece = self.read(self.inner.end)?;
            if let Some(cipher) = &mut self.cipher {
                let mut plain = BytesMut::from(mem::take(&mut self.piece));
                cipher.decrypt(&mut plain);
                self.piece = plain.freeze();
            }
        }
        Ok(())
    }

    fn read(&mut self, end: u64) -> io::Result<Bytes> {
        let most = usize::try_from(end - self.at).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let read = self.file.read_at(self.at, most)?;
        if read.is_empty() {
            // It was longer a moment ago.
            return Err(io::Error::new(io::ErrorKind::InvalidData, NotTaken::Changed));
        }
        self.hasher.update(&read);
        self.at = self.at.saturating_add(length(read.len()));
        Ok(read)
    }

    /// Reads the rest, and says what the hash of all of it is.
    pub(super) fn finish(mut self) -> io::Result<[u8; 32]> {
        while self.at < self.file.size() {
            self.read(self.file.size())?;
        }
        Ok(*self.hasher.finalize().as_bytes())
    }
}

/// The part of a file that [`Tap`] gives out, at any place.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) file: Arc<dyn ReadAt>,
    pub(super) range: Range<u64>,
    pub(super) cipher: Option<Cipher>,
}

impl ReadAt for Inner {
    fn size(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let left = usize::try_from(self.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let read = self.file.read_at(self.range.start.saturating_add(offset), bytes.min(left))?;
        let Some(mut cipher) = self.cipher.clone() else { return Ok(read) };
        let mut plain = read.to_vec();
        cipher.seek(offset);
        cipher.decrypt(&mut plain);
        Ok(plain.into())
    }
}

pub(super) fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

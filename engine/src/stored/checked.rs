//! A stream that ends with an error unless it was the file.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use super::{failed, through};
use crate::error::{FormatError, ReadError, TransformError};
use crate::transform::{Form, StoredContent, Undo};
use crate::tree::{Entry, Transform};

/// What is made of stored content.
pub(crate) struct Checked {
    stream: Box<dyn Read + Send>,
    transform: Transform,
    hasher: blake3::Hasher,
    /// Bytes so far, and how many there shall be, if that is known.
    bytes: u64,
    size: Option<u64>,
    /// The hash that there shall be, if that is known.
    hash: Option<[u8; 32]>,
    form: Form,
}

impl fmt::Debug for Checked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Checked").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Checked {
    /// The beginning of a transformed file, or of what it holds.
    ///
    /// A file that holds nothing that could be decoded is given as it is.
    pub(crate) fn open(
        undo: Option<&dyn Undo>,
        entry: &Entry,
        stored: Arc<dyn StoredContent>,
        form: Form,
    ) -> Result<Self, ReadError> {
        let Some(transform) = &entry.transform else {
            return Err(FormatError::Unrecognised { expected: "transformed file" }.into());
        };
        let (Some(hash), true) = (entry.hash, entry.holes.is_empty()) else {
            return Err(FormatError::OutOfBounds { what: "hash or holes of a file" }.into());
        };
        let transform = transform.clone();
        let open = |stream, size, hash, form| Self {
            stream,
            transform: transform.clone(),
            hasher: blake3::Hasher::new(),
            bytes: 0,
            size,
            hash,
            form,
        };
        if let (Form::Decoded, Some(end)) = (form, transform.decoded_bytes) {
            // Stands there as it is, whoever made it.
            let start = Start { stored, at: 0, end };
            return Ok(open(Box::new(start), Some(end), None, form));
        }
        let unknown = || failed(&transform, TransformError::Unknown);
        let undo = undo.ok_or_else(unknown)?;
        let opened = undo.undo(&transform, Arc::clone(&stored), form).ok_or_else(unknown)?;
        let (opened, form) = match opened {
            Err(error) if form == Form::Decoded && error.kind() == io::ErrorKind::Unsupported => {
                let form = Form::Original;
                (undo.undo(&transform, stored, form).ok_or_else(unknown)?, form)
            }
            opened => (opened, form),
        };
        let stream = opened.map_err(|error| broken(&transform, error))?;
        Ok(match form {
            Form::Original => open(stream, Some(entry.size), Some(hash), form),
            Form::Decoded => open(stream, None, None, form),
        })
    }

    /// Whether it is what the file holds, not the file.
    pub(crate) fn is_decoded(&self) -> bool {
        self.form == Form::Decoded
    }

    /// How many bytes have come.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether all bytes have come that there shall be; that nothing follows, the next read tells.
    pub(crate) fn is_at_end(&self) -> bool {
        self.size == Some(self.bytes)
    }

    /// The next bytes; none at the end, when all that is known of the whole has been checked.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let bytes = loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|error| broken(&self.transform, error))?,
            }
        };
        let differs = || failed(&self.transform, TransformError::Differs);
        // A reader may claim more than there is room for.
        let part = buffer.get(..bytes).ok_or_else(differs)?;
        let so_far = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.size.is_some_and(|size| so_far > size || bytes == 0 && so_far < size) {
            return Err(differs());
        }
        if bytes == 0 && self.hash.is_some_and(|hash| *self.hasher.finalize().as_bytes() != hash) {
            return Err(differs());
        }
        self.hasher.update(part);
        self.bytes = so_far;
        Ok(bytes)
    }
}

/// What went wrong below is told as it is; anything else is a failure of whoever undoes.
fn broken(transform: &Transform, error: io::Error) -> ReadError {
    match error.downcast::<ReadError>() {
        Ok(below) => below,
        Err(error) => failed(transform, TransformError::Failed(error)),
    }
}

/// The first bytes of stored content.
struct Start {
    stored: Arc<dyn StoredContent>,
    at: u64,
    end: u64,
}

impl Read for Start {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let part = self.stored.read_at(self.at, left.min(buffer.len())).map_err(through)?;
        let room = buffer.get_mut(..part.len()).ok_or(io::ErrorKind::InvalidData)?;
        room.copy_from_slice(&part);
        self.at += u64::try_from(part.len()).map_err(io::Error::other)?;
        Ok(part.len())
    }
}

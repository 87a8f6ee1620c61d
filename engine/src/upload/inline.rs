//! An upload without threads: each step on the thread that brings the blobs, one after the other.
//!
//! For stores that keep objects by a step of the caller, where a second thread would only wait, or would make the order
//! of calls a matter of chance.

use super::packing::{Packing, Yard, store};
use super::{Item, Shared, UploadError};
use crate::pack::{BlobKind, Compressor, PackWriter};

/// Everything that the threads of the other way do.
#[derive(Debug)]
pub(super) struct Inline {
    shared: Shared,
    compressor: Option<Compressor>,
    packing: Packing,
    stored: Stored,
}

/// What is in the store so far.
#[derive(Debug)]
struct Stored {
    shared: Shared,
    buffer: Vec<u8>,
    bytes: u64,
    failed: bool,
}

impl Yard for Stored {
    type Error = UploadError;

    fn buffer(&mut self, kind: BlobKind) -> Result<Vec<u8>, UploadError> {
        Ok(match kind {
            BlobKind::Content => std::mem::take(&mut self.buffer),
            BlobKind::Tree => Vec::new(),
        })
    }

    fn finish(&mut self, pack: PackWriter) -> Result<(), UploadError> {
        let kind = pack.kind();
        let (buffer, bytes) = store(&self.shared, pack).inspect_err(|_| self.failed = true)?;
        self.bytes += bytes;
        if kind == BlobKind::Content {
            self.buffer = buffer;
        }
        Ok(())
    }
}

impl Inline {
    pub(super) fn new(shared: &Shared) -> Self {
        let stored = Stored { shared: shared.clone(), buffer: Vec::new(), bytes: 0, failed: false };
        let packing = Packing::default();
        Self { shared: shared.clone(), compressor: None, packing, stored }
    }

    pub(super) fn push(&mut self, item: Item) -> Result<(), UploadError> {
        if self.stored.failed {
            return Err(UploadError::Cancelled);
        }
        let (kind, frame) = match item {
            Item::Encoded(kind, frame) => (kind, frame),
            Item::Plain(kind, effort, frame) => {
                let compressor = if let Some(compressor) = &mut self.compressor {
                    compressor
                } else {
                    let made = Compressor::new().map_err(UploadError::Compressor)?;
                    self.compressor.insert(made)
                };
                (kind, frame.encode(effort, compressor))
            }
        };
        self.packing.push(&self.shared, kind, frame, &mut self.stored)
    }

    /// Returns the bytes put into the store.
    pub(super) fn finish(mut self) -> Result<u64, UploadError> {
        if self.stored.failed {
            return Err(UploadError::Cancelled);
        }
        self.packing.finish(&mut self.stored)?;
        Ok(self.stored.bytes)
    }
}

//! Makes transformed files again of what is stored instead of them, and lets nothing pass that is not the file.
//!
//! Whoever undoes a transform is not trusted: what comes out is counted and hashed while it is handed on, and the end of
//! the stream is an error unless both agree with the entry.

mod checked;
mod lent;
mod pieces;

use std::io;
use std::sync::Arc;

pub(crate) use self::checked::Checked;
use self::lent::lend;
use self::pieces::Pieces;
use crate::error::{ReadError, TransformError};
use crate::fetch::BlobReader;
use crate::transform::{Form, StoredContent};
use crate::tree::{Entry, Transform};

/// What is read at once of a stream.
const STEP_BYTES: usize = 256 << 10;

/// Hands what a transformed file is made of to `take`, in order, until it returns `false`; `Ok` means that it was all, and
/// the file (or what it holds) is whole.
pub(crate) fn make(
    reader: &dyn BlobReader,
    (entry, form): (&Entry, Form),
    take: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), ReadError> {
    let Some(transform) = &entry.transform else { return Ok(()) };
    lend(Pieces::new(reader, entry), |stored| {
        let stored: Arc<dyn StoredContent> = stored;
        let mut stream = Checked::open(reader.undo(), entry, Arc::clone(&stored), form)?;
        let mut buffer = vec![0; STEP_BYTES];
        loop {
            let bytes = stream.read(&mut buffer)?;
            if bytes == 0 || !take(buffer.get(..bytes).unwrap_or_default()) {
                return Ok(());
            }
        }
    })
    .unwrap_or_else(|no_thread| Err(failed(transform, TransformError::Failed(no_thread))))
}

fn failed(transform: &Transform, source: TransformError) -> ReadError {
    ReadError::Transform { transform: transform.name.clone(), source }
}

/// An error of reading what is stored, on its way through whoever undoes the transform.
fn through(error: ReadError) -> io::Error {
    io::Error::other(error)
}

//! The port to whoever makes a file again of which something else is stored: a database instead of its encrypted backup.
//!
//! The engine stores and checks what it is given, and compares what is made of it with the file's hash and length. What
//! happens in between is known by the name in [`Transform`] alone. Nothing here does I/O.

use std::fmt::Debug;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;

use crate::error::ReadError;
use crate::tree::Transform;

/// What is to be made of the stored content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The file, bit for bit.
    Original,
    /// What the file holds, in a form that other programs read.
    Decoded,
}

/// What is stored instead of a file, readable at any offset; read in order it is fetched ahead.
pub trait StoredContent: Send + Sync + Debug {
    /// Its length.
    fn size(&self) -> u64;

    /// At most so many bytes from this offset on; fewer only at the end.
    fn read_at(&self, offset: u64, bytes: usize) -> Result<Bytes, ReadError>;
}

/// Makes files again of which something else is stored.
///
/// The bytes that come out are checked by whoever asked for them; memory must stay bounded whatever was stored.
pub trait Undo: Send + Sync + Debug {
    /// The file, or what it holds, as a stream; `None` if the transform is not known here.
    fn undo(
        &self,
        transform: &Transform,
        stored: Arc<dyn StoredContent>,
        form: Form,
    ) -> Option<io::Result<Box<dyn Read + Send>>>;
}

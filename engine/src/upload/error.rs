//! Why blobs do not get into the store.

use crate::error::StorageError;

/// Why an upload ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The compression library has no memory.
    #[error("compression cannot be set up")]
    Compressor(#[source] std::io::Error),
    /// It failed before, and has said why.
    #[error("cancelled")]
    Cancelled,
}

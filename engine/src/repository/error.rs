//! Why a repository cannot be opened or written.

use crate::crypto::SlotError;
use crate::error::{FormatError, ReadError, StorageError};
use crate::id::SessionId;
use crate::upload::UploadError;

/// Why a repository cannot be opened, read as a whole, or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// There is no repository at this place.
    #[error("no repository here")]
    Absent,
    /// There is one already.
    #[error("a repository exists here")]
    Exists,
    /// The store holds another repository than when it was last opened.
    #[error("another repository is here now")]
    Replaced,
    /// No key slot opens with the credentials given.
    #[error("no key slot fits")]
    WrongKey,
    /// The repository has key slots, but none can be read.
    #[error("no usable key slot")]
    NoSlots,
    /// The last slot must not be removed.
    #[error("the last key slot")]
    LastSlot,
    /// No slot has this name, or more than one begins with it.
    #[error("no single key slot is called {name}")]
    UnknownSlot {
        /// What was asked for.
        name: String,
    },
    /// A secret that is to be kept is longer than [`SECRET_BYTES_MAX`](crate::snapshot::SECRET_BYTES_MAX).
    #[error("a secret of {bytes} bytes is too long to be kept")]
    SecretTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// A key slot could not be made or opened for a reason other than a wrong key.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// Written by a newer program.
    #[error("{object} has format version {version}")]
    Newer {
        /// The object.
        object: String,
        /// The version found.
        version: u32,
    },
    /// The repository uses a feature that this program does not know.
    #[error("unknown feature {feature}")]
    UnknownFeature {
        /// Its name.
        feature: String,
    },
    /// An object that everything else depends on is damaged.
    #[error("{object} is damaged")]
    Damaged {
        /// The object.
        object: String,
        /// What is wrong.
        #[source]
        source: FormatError,
    },
    /// A blob that everything else depends on cannot be had.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Somebody declared this session dead while it ran; nothing of it counts.
    #[error("session {session} was declared dead")]
    Fenced {
        /// The session.
        session: SessionId,
    },
    /// The compression library has no memory.
    #[error("compression cannot be set up")]
    Compressor(#[source] std::io::Error),
    /// The operation was asked to end.
    #[error("cancelled")]
    Cancelled,
}

impl From<UploadError> for RepositoryError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Storage(error) => Self::Storage(error),
            UploadError::Compressor(error) => Self::Compressor(error),
            UploadError::Cancelled => Self::Cancelled,
        }
    }
}

impl RepositoryError {
    /// Names the object that a format error was found in.
    pub(crate) fn damaged(object: impl Into<String>) -> impl FnOnce(FormatError) -> Self {
        let object = object.into();
        move |source| match source {
            FormatError::Newer { version } => Self::Newer { object, version },
            FormatError::Truncated
            | FormatError::Unrecognised { .. }
            | FormatError::OutOfBounds { .. }
            | FormatError::Unauthentic
            | FormatError::WrongId
            | FormatError::Compression
            | FormatError::Signature => Self::Damaged { object, source },
        }
    }
}

//! What can go wrong, as decisions that a caller can take; text for people is made in the command line.

use std::io;
use std::path::PathBuf;

use crate::id::{PackId, SessionId};

/// The decision that a failure calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such object.
    NotFound,
    /// The store, or the file system, refused for lack of rights.
    PermissionDenied,
    /// The store is full or over its quota.
    NoSpace,
    /// The store cannot be reached, or fails in a way that a retry may cure.
    Unreachable,
    /// The store asks to slow down.
    RateLimited,
    /// An address or option makes no sense.
    Configuration,
    /// The store cannot do this.
    Unsupported,
    /// The store answered something that it must not answer.
    Protocol,
}

/// A failure of a [`Storage`](crate::repository::Storage).
#[derive(Debug, thiserror::Error)]
#[error("{operation} {object}: {kind:?}")]
pub struct StorageError {
    /// The decision.
    pub kind: ErrorKind,
    /// Whether the same call may succeed later.
    pub temporary: bool,
    /// The call that failed: put, read, list, delete.
    pub operation: &'static str,
    /// The object, or the prefix that was listed.
    pub object: String,
    /// What lies below.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Why the bytes of an object cannot be used. Every case means damage or tampering; none is worth a retry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end before what they announce.
    #[error("the data ends too early")]
    Truncated,
    /// A magic number, tag or enumeration has an unknown value.
    #[error("not a {expected}")]
    Unrecognised {
        /// What the reader looked for.
        expected: &'static str,
    },
    /// Written by a later version of the format.
    #[error("format version {version} is newer than this program")]
    Newer {
        /// The version found.
        version: u32,
    },
    /// A length or count exceeds its limit, or two statements contradict each other.
    #[error("{what} is out of bounds")]
    OutOfBounds {
        /// The field.
        what: &'static str,
    },
    /// The authentication tag does not fit: other key, other name, or changed bytes.
    #[error("authentication failed")]
    Unauthentic,
    /// The content does not have the id under which it was asked for.
    #[error("content does not match its id")]
    WrongId,
    /// Decompression failed.
    #[error("cannot be decompressed")]
    Compression,
    /// The signature does not fit the record.
    #[error("signature does not verify")]
    Signature,
}

/// Something that went wrong with one item and did not stop the operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A source entry could not be read; it is not in the snapshot.
    #[error("cannot read {path}")]
    Unreadable {
        /// The entry.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file whose content a cloud service removed from this machine; only its placeholder is in the snapshot.
    #[error("{path} is not on this machine")]
    NotOnThisMachine {
        /// The file that the placeholder stands for.
        path: PathBuf,
    },
    /// Some attribute of an entry could not be read; the entry is in the snapshot without it.
    #[error("cannot read {attribute} of {path}")]
    AttributeUnreadable {
        /// The entry.
        path: PathBuf,
        /// Which one: extended attributes, flags, ...
        attribute: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A file kept changing while it was read; stored as last read.
    #[error("{path} changed while it was read")]
    ChangedWhileRead {
        /// The file.
        path: PathBuf,
    },
    /// An entry's path or attributes are too large for a tree; it is not in the snapshot.
    #[error("{path} is too large to be listed")]
    TooLarge {
        /// The entry.
        path: PathBuf,
    },
    /// An entry could not be written to the target.
    #[error("cannot restore {path}")]
    NotRestored {
        /// The entry.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Some attribute could not be set on a restored entry.
    #[error("cannot set {attribute} of {path}")]
    AttributeNotRestored {
        /// The entry.
        path: PathBuf,
        /// Which one.
        attribute: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The content of an entry is lost or damaged in the repository.
    #[error("the content of {path} is damaged")]
    ContentDamaged {
        /// The entry.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<ReadError>,
    },
    /// Part of a snapshot's tree is lost or damaged; the entries below cannot be named.
    #[error("the list of entries after {after} is damaged")]
    TreeDamaged {
        /// The last path before the gap.
        after: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<ReadError>,
    },
    /// An entry has a name or shape that must not be written to disk.
    #[error("{path} has an unsafe name or kind")]
    Unsafe {
        /// The entry.
        path: PathBuf,
    },
    /// An existing target was left alone because of the overwrite mode.
    #[error("{path} exists")]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// A target differs from the snapshot after the restore.
    #[error("{path} differs from the snapshot")]
    Differs {
        /// The target.
        path: PathBuf,
    },
    /// An object of the repository is damaged; it was skipped.
    #[error("{object} is damaged")]
    ObjectDamaged {
        /// Its name.
        object: String,
        /// What is wrong.
        #[source]
        source: FormatError,
    },
    /// An object in the repository's folders does not belong there; it was ignored.
    #[error("{object} is not part of the repository")]
    ForeignObject {
        /// Its name.
        object: String,
    },
    /// An object that nobody needs any more could not be deleted, when all else was done.
    #[error("{object} could not be deleted")]
    NotDeleted {
        /// Its name.
        object: String,
        /// Why.
        source: StorageError,
    },
    /// A disputed snapshot lacks data: its session was declared dead, and what only it had uploaded is gone.
    #[error("snapshot {snapshot} is disputed and lacks data")]
    DisputedIncomplete {
        /// The snapshot.
        snapshot: SessionId,
    },
    /// The repository lost snapshots that this client has seen, without a record that they were forgotten.
    #[error("snapshot {snapshot} has disappeared")]
    Rollback {
        /// The missing snapshot.
        snapshot: SessionId,
    },
}

/// Why a blob cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No pack is known to hold it.
    #[error("blob {prefix} is in no pack")]
    Missing {
        /// First half of its id, in hexadecimal.
        prefix: String,
    },
    /// The pack that should hold it is damaged there.
    #[error("pack {pack} is damaged")]
    Damaged {
        /// The pack.
        pack: PackId,
        /// What is wrong.
        #[source]
        source: FormatError,
    },
    /// A node was read but makes no sense.
    #[error("a tree node is damaged")]
    Node(#[from] FormatError),
    /// What is stored instead of a file can be had, but not made into the file again.
    #[error("what the transform {transform} stored cannot be made into the file again")]
    Transform {
        /// Its name.
        transform: String,
        /// What is wrong.
        #[source]
        source: TransformError,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a file cannot be made again of what is stored instead of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// Nobody here knows how.
    #[error("this program does not know it")]
    Unknown,
    /// Whoever knows how failed.
    #[error("it cannot be undone")]
    Failed(#[source] io::Error),
    /// What came out has not the length or the hash of the file.
    #[error("what it gives is not the file")]
    Differs,
}

impl ReadError {
    /// Whether the failure concerns this object only, so that others can still be read.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Storage(error) => matches!(error.kind, ErrorKind::NotFound | ErrorKind::Protocol),
            Self::Missing { .. }
            | Self::Damaged { .. }
            | Self::Node(_)
            | Self::Transform { .. } => true,
        }
    }
}

impl StorageError {
    /// The same failure without what lies below, for a second report.
    #[must_use]
    pub fn copy(&self) -> Self {
        let Self { kind, temporary, operation, .. } = *self;
        Self { kind, temporary, operation, object: self.object.clone(), source: None }
    }
}

impl ReadError {
    /// The same failure without what lies below, for a second report.
    #[must_use]
    pub fn copy(&self) -> Self {
        match self {
            Self::Missing { prefix } => Self::Missing { prefix: prefix.clone() },
            Self::Damaged { pack, source } => Self::Damaged { pack: *pack, source: source.clone() },
            Self::Node(source) => Self::Node(source.clone()),
            Self::Transform { transform, source } => {
                let source = match source {
                    TransformError::Unknown => TransformError::Unknown,
                    TransformError::Failed(error) => TransformError::Failed(error.kind().into()),
                    TransformError::Differs => TransformError::Differs,
                };
                Self::Transform { transform: transform.clone(), source }
            }
            Self::Storage(error) => Self::Storage(error.copy()),
        }
    }
}

impl Problem {
    /// The object of the repository that is damaged, if that is the problem.
    pub fn damaged_object(&self) -> Option<&str> {
        if let Self::ObjectDamaged { object, .. } = self { Some(object) } else { None }
    }
}

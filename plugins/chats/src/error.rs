//! Why something could not be understood.

use std::path::PathBuf;

use thiserror::Error;

/// A file that could not be read as what it seemed to be.
#[derive(Debug, Error)]
#[error("{}", path.display())]
pub struct ChatError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum Fault {
    /// Its bytes could not be had.
    #[error("cannot be read")]
    Read(#[source] std::io::Error),
    /// It is not what it seemed to be.
    #[error("is no {expected}")]
    Unrecognised {
        /// What it seemed to be.
        expected: &'static str,
    },
    /// A database without what every version has.
    #[error("has no table {tables}")]
    Schema {
        /// The tables that are missing.
        tables: String,
    },
    /// An encrypted backup that the key does not open, or that is damaged.
    #[error(transparent)]
    Crypt(crate::crypt::CryptFault),
    /// An encrypted backup, and there is no key.
    #[error("is encrypted")]
    Locked {
        /// What it says about itself.
        header: Box<crate::crypt::Header>,
    },
    /// The database engine refuses it.
    #[error("is a damaged database")]
    Database(#[source] rusqlite::Error),
    /// It ends too early, or says of itself what cannot be.
    #[error("is damaged: {what}")]
    Damaged {
        /// What contradicts.
        what: &'static str,
    },
    /// Conversations in a form that is not read.
    #[error("holds conversations that are not read: they are {what}")]
    Form {
        /// In which, and how to get them in another.
        what: &'static str,
    },
    /// JSON that ends early or contradicts itself.
    #[error("is damaged JSON")]
    Json(#[source] serde_json::Error),
    /// Larger than what is read of such files.
    #[error("is too large: {what}")]
    TooLarge {
        /// What is larger than it can be, and how large it may be.
        what: &'static str,
    },
    /// There are too many files whose names say nothing to look into each.
    #[error(
        "was not looked into, nor were {files} files in all: their names say nothing, and there are too many of them"
    )]
    NotLookedInto {
        /// How many, with this one.
        files: u64,
    },
}

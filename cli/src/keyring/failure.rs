//! What can be wrong with a key, and what to do about it.

use std::io;
use std::path::PathBuf;

use heirloom_chats::crypt::KeyFault;
use heirloom_engine::id::SecretId;

use super::words::short;
use crate::exit::Exit;
use crate::explain::{self, Message};
use crate::failure::Failure;
use crate::render::names;

/// Where a key was to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Input,
    /// The keyboard.
    Terminal,
}

/// Why a key was not kept, shown or removed.
#[derive(Debug)]
pub(crate) enum KeyringFailure {
    /// What was given is no key.
    Key {
        /// Where from.
        origin: Origin,
        /// What it is instead.
        fault: KeyFault,
    },
    /// It cannot be read.
    Unreadable {
        /// Where from.
        origin: Origin,
        /// Why.
        source: io::Error,
    },
    /// There is nobody to ask for the digits.
    NoTerminal,
    /// No key is kept, or none that begins so.
    NoKey {
        /// What was asked for.
        id: Option<String>,
    },
    /// Several keys are kept, or begin so.
    Ambiguous {
        /// Their ids.
        candidates: Vec<SecretId>,
    },
    /// A key file has no digits to be shown.
    IsFile {
        /// The key.
        id: SecretId,
    },
    /// A key of a kind that a newer program keeps.
    Unknown {
        /// The key.
        id: SecretId,
    },
    /// The key file cannot be written.
    Target {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// These credentials may not delete.
    NotRemoved {
        /// The key.
        id: SecretId,
    },
}

impl From<KeyringFailure> for Failure {
    fn from(failure: KeyringFailure) -> Self {
        Self::Keyring(failure)
    }
}

fn from(origin: &Origin) -> String {
    match origin {
        Origin::File(path) => names::path(path),
        Origin::Input => "standard input".to_owned(),
        Origin::Terminal => "the key".to_owned(),
    }
}

/// What to do about each fault; no two are the same.
fn next(fault: &KeyFault) -> &'static str {
    match fault {
        KeyFault::Digits { .. } => {
            "write all 64 digits; blanks and dashes between them do not matter"
        }
        KeyFault::NotHex { .. } => {
            "the digits are 0-9 and a-f only: 0 is a zero, and there is no o, l or i"
        }
        KeyFault::Backup => {
            "give the key that opens it: the 64 digits, encrypted_backup.key, or key"
        }
        KeyFault::Length { .. } => {
            "give the file encrypted_backup.key or key of the phone as it is, or a text with the 64 digits"
        }
        KeyFault::PasswordCheck => {
            "WhatsApp keeps the key behind your password: choose a 64-digit key in its settings instead, and back up again"
        }
        KeyFault::Damaged => "copy the file from the phone again",
    }
}

/// What to say about it.
pub(crate) fn message(failure: &KeyringFailure) -> Message {
    match failure {
        KeyringFailure::Key { origin, fault } => {
            Message::new(Exit::Configuration, format!("{}: {fault}", from(origin)), next(fault))
        }
        KeyringFailure::Unreadable { origin, source } => Message::new(
            explain::file_exit(source, Exit::Configuration),
            format!("cannot read {}: {}", from(origin), explain::io(source)),
            "check the path and its permissions",
        ),
        KeyringFailure::NoTerminal => Message::new(
            Exit::Configuration,
            "there is no terminal to ask for the 64 digits",
            "name a file with the key, or - for standard input",
        ),
        KeyringFailure::NoKey { id: None } => Message::new(
            Exit::NothingToDo,
            "the repository keeps no key of encrypted backups",
            "give it one with `heirloom chats key add`",
        ),
        KeyringFailure::NoKey { id: Some(id) } => Message::new(
            Exit::Failed,
            format!("no key that is kept begins with {}", names::shown(id.as_bytes())),
            "see `heirloom chats key list`",
        ),
        KeyringFailure::Ambiguous { candidates } => {
            let ids: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            Message::new(
                Exit::Usage,
                "several keys are meant",
                format!("name one by its id: {}", ids.join(", ")),
            )
        }
        KeyringFailure::IsFile { id } => Message::new(
            Exit::Usage,
            format!("key {} is a file, which has no 64 digits", short(*id)),
            format!("write it with `heirloom chats key show {} --target FILE`", short(*id)),
        ),
        KeyringFailure::Unknown { id } => Message::new(
            Exit::NewerFormat,
            format!("key {} is of a kind that this program does not know", short(*id)),
            "use a newer version of heirloom",
        ),
        KeyringFailure::Target { path, source } => Message::new(
            explain::file_exit(source, Exit::Failed),
            format!("cannot write {}: {}", names::path(path), explain::io(source)),
            "name another file; nothing is overwritten",
        ),
        KeyringFailure::NotRemoved { id } => Message::new(
            Exit::Permission,
            format!("key {} stays: these credentials may not delete from the store", short(*id)),
            "remove it with credentials that may; until then everybody who opens the repository can read it",
        ),
    }
}

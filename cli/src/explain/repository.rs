//! What to say when a repository, its store or one of its objects fails.

use heirloom_engine::crypto::SlotError;
use heirloom_engine::error::{ErrorKind, FormatError, ReadError, StorageError, TransformError};
use heirloom_engine::repository::RepositoryError;

use super::{Message, chain, tidy};
use crate::exit::Exit;
use crate::render::names;

const NEWER: &str = "use a newer version of heirloom";

/// What to say when a repository fails.
pub(super) fn message(error: &RepositoryError) -> Message {
    match error {
        RepositoryError::Absent => Message::new(
            Exit::NoRepository,
            "there is no repository here",
            "make one with `heirloom init`",
        ),
        RepositoryError::Exists => {
            Message::new(Exit::Failed, "there is a repository here already", "use it as it is")
        }
        RepositoryError::Replaced => Message::new(
            Exit::Failed,
            "another repository is at this address than last time",
            "check the address; if it is the right one, run the command again",
        ),
        RepositoryError::WrongKey => Message::new(
            Exit::WrongKey,
            "wrong passphrase or key",
            "check which repository it belongs to; the recovery key opens it, too",
        ),
        RepositoryError::NoSlots => Message::new(
            Exit::Failed,
            "no key of the repository can be read",
            "restore the folder keys/ from a copy of the repository",
        ),
        RepositoryError::LastSlot => Message::new(
            Exit::Failed,
            "this is the last key: without it nobody could open the repository",
            "add another one first with `heirloom key add`",
        ),
        RepositoryError::UnknownSlot { name } => Message::new(
            Exit::Failed,
            format!("there is no single key {}", names::shown(name.as_bytes())),
            "see `heirloom key list`, and write enough digits",
        ),
        RepositoryError::SecretTooLarge { bytes } => Message::new(
            Exit::Failed,
            format!("a secret of {bytes} bytes is too long to be kept"),
            "keys have less than 200 bytes; check what was given",
        ),
        RepositoryError::Slot(error) => slot(error),
        RepositoryError::Newer { object, version } => Message::new(
            Exit::NewerFormat,
            format!("{object} has format version {version}, which this program does not know"),
            NEWER,
        ),
        RepositoryError::UnknownFeature { feature } => Message::new(
            Exit::NewerFormat,
            format!("the repository uses the feature {feature}, which this program does not know"),
            NEWER,
        ),
        RepositoryError::Damaged { object, source } => object_message(object, source),
        RepositoryError::Read(error) => read(error),
        RepositoryError::Storage(error) => storage(error),
        RepositoryError::Fenced { session } => Message::new(
            Exit::Failed,
            format!("session {session} took too long and was declared dead by a prune"),
            "run the command again: what was stored is used again",
        ),
        RepositoryError::Cancelled => Message::bare(Exit::Interrupted, "interrupted"),
        RepositoryError::Compressor(_) | _ => Message::bare(Exit::Failed, tidy(&chain(error))),
    }
}

fn slot(error: &SlotError) -> Message {
    let what = error.to_string();
    match error {
        SlotError::WrongKey | SlotError::KeyFilePassphrase { .. } => {
            Message::new(Exit::WrongKey, what, "check which repository it belongs to")
        }
        SlotError::Newer => Message::new(Exit::NewerFormat, what, NEWER),
        // Not the whole of it: it might be a secret key, given by mistake.
        SlotError::Recipient { recipient } => Message::new(
            Exit::Usage,
            format!(
                "{}... is not an age recipient or SSH public key",
                names::shown(recipient.chars().take(8).collect::<String>().as_bytes())
            ),
            "give a key that begins with age1, or a line that begins with ssh-ed25519 or ssh-rsa",
        ),
        SlotError::KeyFileUnusable { .. } => Message::new(
            Exit::Configuration,
            what,
            "name a file with an age identity (AGE-SECRET-KEY-1...) or an SSH private key",
        ),
        SlotError::KeyFileLocked { .. } => Message::new(
            Exit::Configuration,
            what,
            "use a key without a passphrase, or another key",
        ),
        SlotError::PluginMissing { .. } => Message::new(
            Exit::Configuration,
            what,
            "install it where programs are found, or use another key",
        ),
        SlotError::Damaged
        | SlotError::Bundle(_)
        | SlotError::ExcessiveWork { .. }
        | SlotError::WorkFactor { .. }
        | SlotError::Plugin { .. }
        | _ => Message::new(
            Exit::Failed,
            what,
            "use another key, or restore the folder keys/ from a copy of the repository",
        ),
    }
}

/// What to say about a store that failed.
fn storage(error: &StorageError) -> Message {
    let object = if error.object.is_empty() { "the repository" } else { &error.object };
    let doing = match error.operation {
        "put" => format!("cannot store {object}"),
        "read" => format!("cannot read {object}"),
        "list" => format!("cannot list {object}"),
        "delete" => format!("cannot delete {object}"),
        other => format!("{other} of {object} failed"),
    };
    let (exit, why, hint) = storage_kind(error.kind);
    // The system often says no more than the kind of the error does.
    let below = error.source.as_ref().map(|below| tidy(&chain(below.as_ref())));
    let what = match below {
        Some(below) if below != why => format!("{doing}: {why} ({below})"),
        _ => format!("{doing}: {why}"),
    };
    Message::new(exit, what, hint)
}

pub(super) fn storage_kind(kind: ErrorKind) -> (Exit, &'static str, &'static str) {
    match kind {
        ErrorKind::NotFound => (
            Exit::Failed,
            "it does not exist",
            "if it was there before, the store lost it; other snapshots may be whole",
        ),
        ErrorKind::PermissionDenied => (
            Exit::Permission,
            "permission denied",
            "check who owns the repository, or the rights of the store's credentials",
        ),
        ErrorKind::NoSpace => (
            Exit::NoSpace,
            "no space left, or over quota",
            "make room and run the command again: what was stored is used again",
        ),
        ErrorKind::Unreachable => (
            Exit::Unreachable,
            "the store cannot be reached",
            "check the network and the address, and run the command again",
        ),
        ErrorKind::RateLimited => (
            Exit::Unreachable,
            "the store asks to slow down",
            "wait a while and run the command again",
        ),
        ErrorKind::Configuration => (
            Exit::Configuration,
            "the address or its options make no sense",
            "check the address of the repository",
        ),
        ErrorKind::Unsupported => {
            (Exit::Failed, "this store cannot do that", "use another kind of store")
        }
        ErrorKind::Protocol => (
            Exit::Failed,
            "the store gave a wrong answer",
            "run the command again; if it stays, the object is damaged or the store is faulty",
        ),
        _ => (Exit::Failed, "the store failed", "run the command again"),
    }
}

/// What to say about an object that cannot be used.
fn object_message(object: &str, source: &FormatError) -> Message {
    let what = format!("{object} cannot be used: {}", format(source));
    if matches!(source, FormatError::Newer { .. }) {
        return Message::new(Exit::NewerFormat, what, NEWER);
    }
    Message::new(
        Exit::Failed,
        what,
        "it is damaged or was changed; restore this object from a copy of the repository",
    )
}

/// What to say about a blob that cannot be had.
pub(crate) fn read(error: &ReadError) -> Message {
    const HINT: &str = "this part of the repository is lost unless a copy of it exists; \
                        what does not depend on it is whole";
    match error {
        ReadError::Missing { prefix } => {
            Message::new(Exit::Failed, format!("blob {prefix} is in no pack"), HINT)
        }
        ReadError::Damaged { pack, source } => {
            Message::new(Exit::Failed, format!("pack {pack} is damaged: {}", format(source)), HINT)
        }
        ReadError::Node(source) => {
            Message::new(Exit::Failed, format!("a tree node is damaged: {}", format(source)), HINT)
        }
        ReadError::Transform { transform: name, source } => transform(name, source),
        ReadError::Storage(error) => storage(error),
        other => Message::new(Exit::Failed, other.to_string(), HINT),
    }
}

/// What to say about a file that cannot be made of what is stored instead of it.
fn transform(name: &str, error: &TransformError) -> Message {
    let (what, hint) = match error {
        TransformError::Unknown => (
            format!("it is stored by the transform {name}, which this program does not know"),
            "nothing is lost: take a version of the program that knows it; \
             restore --decoded may give what the file holds",
        ),
        TransformError::Failed(source) => (
            format!("the transform {name} cannot be undone: {source}"),
            "restore --decoded may give what the file holds; please report this",
        ),
        TransformError::Differs | _ => (
            format!("what undoing the transform {name} gives is not the file"),
            "restore --decoded may give what the file holds; please report this",
        ),
    };
    Message::new(Exit::Failed, what, hint)
}

/// Why bytes cannot be used.
pub(crate) fn format(error: &FormatError) -> String {
    if *error == FormatError::Unauthentic {
        "it was changed, damaged, or belongs to another repository".to_owned()
    } else {
        error.to_string()
    }
}

//! What to say about a failure: what failed, on which object or path, and what to do next.

mod login;
mod plugin;
mod prune;
mod repository;
mod setting;

use std::io;

use heirloom_backends::AddressError;
use heirloom_engine::backup::BackupError;
use heirloom_engine::error::Problem;
use heirloom_engine::restore::RestoreError;

pub(crate) use self::repository::{format, read};
use crate::browse;
use crate::chats;
use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure, InputFailure, Usage};
use crate::history;
use crate::keeping;
use crate::keyring;
use crate::looking;
use crate::mount;
use crate::render::{names, problem};
use crate::serve;

/// What to say about a failure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The code and, in `--json`, the name.
    pub(crate) exit: Exit,
    /// What failed, and on what.
    pub(crate) what: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
}

impl Message {
    pub(crate) fn new(exit: Exit, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, what: what.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn bare(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), hint: None }
    }
}

/// What to say; `None` if there is nothing to say, because whoever read our output went away.
pub(crate) fn message(failure: &Failure) -> Option<Message> {
    Some(match failure {
        Failure::Output(source) if source.kind() == io::ErrorKind::BrokenPipe => return None,
        Failure::Output(source) => {
            Message::bare(Exit::Failed, format!("cannot write the output: {}", io(source)))
        }
        Failure::Interrupted => Message::bare(Exit::Interrupted, "interrupted"),
        Failure::Usage(usage) => usage_message(*usage),
        Failure::System(source) => {
            Message::bare(Exit::Failed, format!("the system refused: {}", io(source)))
        }
        Failure::Address(error) => address_message(error),
        Failure::Login(failure) => login::message(failure),
        Failure::Repository(error) => repository::message(error),
        Failure::Backup(error) => backup_message(error),
        Failure::Restore(error) => restore_message(error),
        Failure::Prune(error) => prune::message(error),
        Failure::Plugin(failure) => plugin::message(failure),
        Failure::NoRepository { address, default } => no_repository(address, *default),
        Failure::RepositoryExists { address } => Message::new(
            Exit::Failed,
            format!("there is a repository at {address} already"),
            "use it as it is, or choose another place with -r",
        ),
        Failure::NotConfirmed => Message::new(
            Exit::Usage,
            "this needs a yes, and there is no terminal to ask for it",
            "say --yes if you mean it",
        ),
        Failure::Setting(failure) => setting::message(failure),
        Failure::Input(failure) => input_message(failure),
        Failure::Choice(failure) => choice_message(failure),
        Failure::Keeping(failure) => keeping::message(failure),
        Failure::Looking(failure) => looking::message(failure),
        Failure::Browse(failure) => browse::message(failure),
        Failure::History(failure) => return history::message(failure),
        Failure::Chats(failure) => chats::message(failure),
        Failure::Keyring(failure) => keyring::message(failure),
        Failure::Mount(failure) => mount::message(failure),
        Failure::Serve(failure) => serve::message(failure),
    })
}

fn usage_message(usage: Usage) -> Message {
    let (what, hint) = match usage {
        Usage::NothingToBackUp => {
            ("nothing to back up was named", "name files or folders: heirloom snapshot ~/Documents")
        }
        Usage::Id => ("this is not an id", "ids are hexadecimal digits, as the lists print them"),
        Usage::Duration => ("this duration lies beyond the calendar", "choose a shorter one"),
        Usage::Date => ("this date lies beyond the calendar", "choose another one"),
        Usage::StdinFilename => (
            "--stdin-filename names no file",
            "give a path such as database.sql or /dumps/database.sql, without ..",
        ),
    };
    Message::new(Exit::Usage, what, hint)
}

fn address_message(error: &AddressError) -> Message {
    let hint = match error {
        AddressError::Empty => "name a folder or URL with -r or HEIRLOOM_REPOSITORY",
        AddressError::NotAvailable { .. } => {
            "use a folder, or a build of heirloom that knows this kind of store"
        }
        AddressError::Service { .. } => "check the address and the options of the store",
        AddressError::FileUrl | AddressError::NotText | AddressError::ZeroByte => {
            "write a folder (/srv/backup) or a URL (file:///srv/backup)"
        }
        AddressError::SecretOption { .. } | AddressError::SecretFile { .. } => {
            "keep secrets in a file that only you can read"
        }
        AddressError::Shape { .. }
        | AddressError::UnknownOption { .. }
        | AddressError::OptionValue { .. }
        | AddressError::MissingOption { .. }
        | AddressError::OptionTwice { .. }
        | _ => "see docs/stores.md for how each kind of store is addressed",
    };
    Message::new(Exit::Configuration, format!("the store cannot be used: {error}"), hint)
}

fn no_repository(address: &str, default: bool) -> Message {
    if default {
        Message::new(
            Exit::NoRepository,
            format!("there is no repository yet; it would be at {address}"),
            "make the first snapshot with `heirloom snapshot FOLDER`, \
             or name another repository with -r",
        )
    } else {
        Message::new(
            Exit::NoRepository,
            format!("there is no repository at {address}"),
            format!("check the address, or make one with `heirloom -r {address} init`"),
        )
    }
}

fn backup_message(error: &BackupError) -> Message {
    match error {
        BackupError::Repository(error) => repository::message(error),
        BackupError::NoParent { snapshot } => Message::new(
            Exit::Failed,
            format!("there is no snapshot {snapshot} to compare with"),
            "see `heirloom snapshots`, or leave --parent out",
        ),
        BackupError::Nothing => Message::new(
            Exit::Failed,
            "no snapshot was made: nothing could be read",
            "check that the paths exist, and who may read them",
        ),
        BackupError::Problem(Problem::Unreadable { path, source }) => Message::new(
            file_exit(source, Exit::Failed),
            format!("no snapshot was made: {} cannot be read: {}", names::path(path), io(source)),
            "what was stored is used again by the next snapshot",
        ),
        BackupError::Problem(error) => Message::new(
            Exit::Failed,
            format!("no snapshot was made: {}", problem::describe(error).text),
            "what was stored is used again by the next snapshot",
        ),
        BackupError::Cancelled => Message::new(
            Exit::Interrupted,
            "interrupted; no snapshot was made",
            "run the command again: what was stored is used again",
        ),
        BackupError::Tree(_) | _ => Message::bare(Exit::Failed, tidy(&chain(error))),
    }
}

fn restore_message(error: &RestoreError) -> Message {
    match error {
        RestoreError::NotFound { path } => not_in_snapshot(path),
        RestoreError::Repository(error) => read(error),
        RestoreError::Target { path, source } => Message::new(
            target_exit(source),
            format!("cannot write to {}: {}", names::path(path), io(source)),
            "check the folder, its permissions and its free space, and run the command again",
        ),
        RestoreError::Cancelled => Message::new(
            Exit::Interrupted,
            "interrupted; the restore is not complete",
            "run the command again: it goes on where it ended",
        ),
        other => Message::bare(Exit::Failed, chain(other)),
    }
}

fn choice_message(failure: &ChoiceFailure) -> Message {
    match failure {
        ChoiceFailure::NoSnapshots => Message::new(
            Exit::Failed,
            "the repository has no snapshot yet",
            "make one with `heirloom snapshot FOLDER`",
        ),
        ChoiceFailure::NoSnapshot { name } => Message::new(
            Exit::Failed,
            format!("there is no snapshot {}", names::shown(name.as_bytes())),
            "see `heirloom snapshots` for those that there are",
        ),
        ChoiceFailure::Ambiguous { name, candidates } => {
            let ids: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            Message::new(
                Exit::Failed,
                format!("{name} is the beginning of several snapshots: {}", ids.join(", ")),
                "write more digits",
            )
        }
        ChoiceFailure::NoObject { object } => Message::new(
            Exit::Failed,
            format!("the repository has no {object}"),
            "list the repository's folder to see its objects",
        ),
        ChoiceFailure::NotInSnapshot { path } => not_in_snapshot(path),
        ChoiceFailure::NotAFolder { path } => Message::new(
            Exit::Usage,
            format!("{} is not a folder of the snapshot", names::path(path)),
            "name the folder that it is in",
        ),
    }
}

fn not_in_snapshot(path: &std::path::Path) -> Message {
    Message::new(
        Exit::Failed,
        format!("the snapshot has no {}", names::path(path)),
        "see what it has with `heirloom ls SNAPSHOT`",
    )
}

fn input_message(failure: &InputFailure) -> Message {
    match failure {
        InputFailure::File { path, source } => Message::new(
            file_exit(source, Exit::Failed),
            format!("cannot read {}: {}", names::path(path), io(source)),
            "check the path and its permissions",
        ),
        InputFailure::Pattern { pattern, file } => {
            let place = file.as_ref().map(|file| format!(" in {}", names::path(file)));
            Message::new(
                Exit::Usage,
                format!(
                    "the pattern {}{} makes no sense",
                    names::shown(pattern),
                    place.unwrap_or_default()
                ),
                "close every [; after a backslash, *, ? and [ mean themselves",
            )
        }
        InputFailure::Command { program, source } => Message::new(
            Exit::Failed,
            format!("the command {} cannot be started: {}", names::path(program), io(source)),
            "check its name and permissions",
        ),
    }
}

/// What the system says, in the words of the system, in lower case and without its number.
pub(crate) fn io(error: &io::Error) -> String {
    tidy(&chain(error))
}

/// In lower case, and without the number of an error of the system.
fn tidy(text: &str) -> String {
    let text = match text.find(" (os error ") {
        Some(end) if text.ends_with(')') => text.get(..end).unwrap_or(text),
        _ => text,
    };
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if !text.chars().nth(1).is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

/// An error and what lies below it, without repetitions.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(below) = next {
        let words = below.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = below.source();
    }
    text
}

/// Missing rights have a code of their own.
pub(crate) fn file_exit(source: &io::Error, otherwise: Exit) -> Exit {
    if source.kind() == io::ErrorKind::PermissionDenied { Exit::Permission } else { otherwise }
}

pub(crate) fn target_exit(source: &io::Error) -> Exit {
    if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        Exit::NoSpace
    } else {
        file_exit(source, Exit::Failed)
    }
}

#[cfg(test)]
mod tests;

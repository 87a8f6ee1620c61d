//! What to say when a setting is missing or makes no sense, above all when a passphrase cannot be had.

use super::{Message, file_exit, io};
use crate::exit::Exit;
use crate::failure::SettingFailure;
use crate::render::names;
use crate::secrets::CommandFailure;

const SOURCES: &str = "set HEIRLOOM_PASSWORD_FILE, HEIRLOOM_PASSWORD_COMMAND or \
                       HEIRLOOM_IDENTITY_FILE, or use --password-file or --identity-file";

/// What to say about a setting.
pub(super) fn message(failure: &SettingFailure) -> Message {
    let (what, hint) = match failure {
        SettingFailure::NotText { name } => (format!("{name} is not valid UTF-8"), "set it anew"),
        SettingFailure::ProfileName => (
            "the name of a profile is the name of its file, without .toml and without a folder"
                .into(),
            "name one with -p or HEIRLOOM_PROFILE",
        ),
        SettingFailure::NoProfile { path } => (
            format!("there is no profile {}", names::path(path)),
            "write one, or check the name after -p or in HEIRLOOM_PROFILE",
        ),
        SettingFailure::Profile { path, line, what } => {
            let line = line.map_or_else(String::new, |line| format!(" line {line}"));
            (
                format!("{}{line}: {}", names::path(path), what.trim()),
                "see docs/stores.md for what a profile may say",
            )
        }
        SettingFailure::ProfileValue { key } => {
            (format!("{key} in the profile is no rate"), "write bytes a second such as \"500K\"")
        }
        SettingFailure::NoHomeFolder => ("this user has no home folder".to_owned(), "set HOME"),
        SettingFailure::NoCredential => {
            ("a passphrase is needed, and there is no terminal to ask for it".to_owned(), SOURCES)
        }
        SettingFailure::EmptyPassphrase { origin: Some(name) } => {
            (format!("{name} is set, but empty"), "set it to the passphrase, or unset it")
        }
        SettingFailure::EmptyPassphrase { origin: None } => (
            "the passphrase is empty".to_owned(),
            "an empty passphrase protects nothing: choose one",
        ),
        SettingFailure::PassphrasesDiffer => {
            ("the two passphrases differ".to_owned(), "try again; nothing was changed")
        }
        SettingFailure::File { path, source } => {
            return Message::new(
                file_exit(source, Exit::Configuration),
                format!("cannot read {}: {}", names::path(path), io(source)),
                "check the path and its permissions",
            );
        }
        SettingFailure::Command { program, source } => command(&names::path(program), source),
        SettingFailure::Terminal(source) => {
            (format!("cannot ask on the terminal: {}", io(source)), SOURCES)
        }
    };
    Message::new(Exit::Configuration, what, hint)
}

fn command(program: &str, source: &CommandFailure) -> (String, &'static str) {
    const BY_HAND: &str = "run it by hand to see what it prints";
    match source {
        CommandFailure::Syntax => (
            "the password command is empty, or its quotes do not match".to_owned(),
            "write it as for a shell: program 'an argument' another",
        ),
        CommandFailure::Start(error) => {
            (format!("the password command {program} cannot be started: {}", io(error)), BY_HAND)
        }
        CommandFailure::Status(status) => {
            (format!("the password command {program} failed ({status})"), BY_HAND)
        }
        CommandFailure::NotText => (
            format!("the password command {program} printed something that is not valid UTF-8"),
            BY_HAND,
        ),
    }
}

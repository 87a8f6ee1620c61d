use heirloom_engine::crypto::SlotError;
use heirloom_engine::error::{ErrorKind, FormatError, StorageError};
use heirloom_engine::repository::RepositoryError;

use super::*;
use crate::failure::SettingFailure;

fn exit_of(failure: &Failure) -> Exit {
    message(failure).expect("a message").exit
}

fn storage_failure(kind: ErrorKind) -> Failure {
    Failure::from(StorageError {
        kind,
        temporary: false,
        operation: "put",
        object: "packs/00".to_owned(),
        source: None,
    })
}

#[test]
fn a_closed_pipe_is_no_error() {
    let closed = io::ErrorKind::BrokenPipe.into();
    assert_eq!(message(&Failure::Output(closed)), None);
}

#[test]
fn each_failure_of_the_store_has_its_exit_code() {
    for (kind, exit) in [
        (ErrorKind::NotFound, Exit::Failed),
        (ErrorKind::PermissionDenied, Exit::Permission),
        (ErrorKind::NoSpace, Exit::NoSpace),
        (ErrorKind::Unreachable, Exit::Unreachable),
        (ErrorKind::RateLimited, Exit::Unreachable),
        (ErrorKind::Configuration, Exit::Configuration),
    ] {
        assert_eq!(exit_of(&storage_failure(kind)), exit, "{kind:?}");
    }
}

#[test]
fn each_failure_of_the_repository_has_its_exit_code() {
    let object = || "heirloom.json".to_owned();
    for (error, exit) in [
        (RepositoryError::WrongKey, Exit::WrongKey),
        (RepositoryError::Slot(SlotError::Newer), Exit::NewerFormat),
        (RepositoryError::Newer { object: object(), version: 2 }, Exit::NewerFormat),
        (RepositoryError::UnknownFeature { feature: "x".to_owned() }, Exit::NewerFormat),
        (
            RepositoryError::Damaged { object: object(), source: FormatError::Truncated },
            Exit::Failed,
        ),
        (RepositoryError::Cancelled, Exit::Interrupted),
    ] {
        let shown = error.to_string();
        assert_eq!(exit_of(&error.into()), exit, "{shown}");
    }
}

#[test]
fn operations_pass_on_why_they_ended() {
    assert_eq!(exit_of(&BackupError::Cancelled.into()), Exit::Interrupted);
    assert_eq!(exit_of(&BackupError::Nothing.into()), Exit::Failed);
    assert_eq!(exit_of(&RestoreError::Cancelled.into()), Exit::Interrupted);
    let full =
        RestoreError::Target { path: "/target".into(), source: io::ErrorKind::StorageFull.into() };
    assert_eq!(exit_of(&full.into()), Exit::NoSpace);
}

#[test]
fn a_message_names_the_object_and_what_to_do() {
    let message = message(&storage_failure(ErrorKind::NoSpace)).expect("a message");
    assert_eq!(message.what, "cannot store packs/00: no space left, or over quota");
    assert!(message.hint.expect("a hint").contains("make room"));
}

#[test]
fn a_missing_repository_says_how_to_make_one() {
    let failure = Failure::NoRepository { address: "/srv/b".to_owned(), default: false };
    let message = message(&failure).expect("a message");
    assert_eq!(message.exit, Exit::NoRepository);
    assert!(message.hint.expect("a hint").contains("heirloom -r /srv/b init"));
}

#[test]
fn secrets_that_cannot_be_had_are_a_matter_of_configuration() {
    for failure in [
        SettingFailure::NoCredential,
        SettingFailure::EmptyPassphrase { origin: None },
        SettingFailure::PassphrasesDiffer,
        SettingFailure::NoHomeFolder,
    ] {
        let shown = format!("{failure:?}");
        assert_eq!(exit_of(&Failure::Setting(failure)), Exit::Configuration, "{shown}");
    }
}

#[test]
fn the_system_speaks_in_lower_case_without_numbers() {
    assert_eq!(io(&io::Error::from_raw_os_error(2)), "no such file or directory");
    assert_eq!(io(&io::ErrorKind::PermissionDenied.into()), "permission denied");
}

//! Why no snapshot was made of a snapshot, and what to do about it.

use heirloom_engine::copy::CopyError;
use heirloom_engine::rewrite::RewriteError;

use crate::exit::Exit;
use crate::explain::{self, Message};
use crate::failure::{Failure, SettingFailure};
use crate::render::key::short;

const CREDENTIALS: &str = "use --to-password-file, --to-password-command or --to-identity-file, \
                           or the variables HEIRLOOM_TO_PASSWORD_FILE and so on";

/// Why no snapshot was made of a snapshot.
#[derive(Debug)]
pub(crate) enum HistoryFailure {
    /// A path behind the name of a snapshot.
    Path,
    /// Two different paths behind the names of two snapshots.
    Paths,
    /// Neither snapshots nor `--all` nor a selection.
    NothingSelected,
    /// Nobody said where to copy to.
    NoDestination,
    /// Something is wrong with the other repository.
    Destination(Box<Failure>),
    /// Source and destination are one.
    SameRepository,
    /// No new snapshot could be made.
    Rewrite(RewriteError),
    /// No copy could be made.
    Copy(CopyError),
}

impl From<HistoryFailure> for Failure {
    fn from(failure: HistoryFailure) -> Self {
        Self::History(failure)
    }
}

impl From<RewriteError> for Failure {
    fn from(error: RewriteError) -> Self {
        match error {
            RewriteError::Repository(error) => Self::Repository(error),
            RewriteError::Cancelled => Self::Interrupted,
            RewriteError::Gone { .. }
            | RewriteError::Lost { .. }
            | RewriteError::Empty { .. }
            | RewriteError::Tree(_)
            | _ => Self::History(HistoryFailure::Rewrite(error)),
        }
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Source(error) => Self::Repository(error),
            CopyError::Destination(error) => {
                Self::History(HistoryFailure::Destination(Box::new(Self::Repository(error))))
            }
            CopyError::SameRepository => Self::History(HistoryFailure::SameRepository),
            CopyError::Cancelled => Self::Interrupted,
            CopyError::Tree(_) | _ => Self::History(HistoryFailure::Copy(error)),
        }
    }
}

/// What to say about it; `None` if there is nothing to say.
pub(crate) fn message(failure: &HistoryFailure) -> Option<Message> {
    Some(match failure {
        HistoryFailure::Path => Message::new(
            Exit::Usage,
            "this is done to whole snapshots, not to a path of them",
            "leave out the colon and the path",
        ),
        HistoryFailure::Paths => Message::new(
            Exit::Usage,
            "the two snapshots were named with different paths",
            "give one path, or the same path twice",
        ),
        HistoryFailure::NothingSelected => Message::new(
            Exit::Usage,
            "nothing says which snapshots to rewrite",
            "name snapshots, select some with --host, --label, --tag or --path, or say --all",
        ),
        HistoryFailure::NoDestination => Message::new(
            Exit::Usage,
            "nothing says where to copy to",
            "name another repository with --to, --to-profile or HEIRLOOM_TO_REPOSITORY",
        ),
        HistoryFailure::Destination(below) => {
            let mut message = explain::message(below)?;
            message.what = format!("in the destination: {}", message.what);
            if matches!(below.as_ref(), Failure::Setting(SettingFailure::NoCredential)) {
                message.hint = Some(CREDENTIALS.to_owned());
            }
            message
        }
        HistoryFailure::SameRepository => Message::new(
            Exit::Usage,
            "source and destination are the same repository",
            "name another one with --to; `heirloom init` makes one",
        ),
        HistoryFailure::Rewrite(RewriteError::Gone { snapshot }) => Message::new(
            Exit::Failed,
            format!("snapshot {} is gone", short(&snapshot.to_string())),
            "somebody forgot it and pruned the repository meanwhile",
        ),
        HistoryFailure::Rewrite(error) => Message::bare(Exit::Failed, explain::chain(error)),
        HistoryFailure::Copy(error) => Message::bare(Exit::Failed, explain::chain(error)),
    })
}

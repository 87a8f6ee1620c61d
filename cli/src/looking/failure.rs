//! Why a look into a snapshot ended early, and what to do about it.

use std::io;
use std::path::PathBuf;

use heirloom_engine::error::ReadError;

use super::archive::ArchiveError;
use crate::exit::Exit;
use crate::explain::{self, Message};
use crate::failure::{ChoiceFailure, Failure};
use crate::render::names;

/// Why a look into a snapshot ended early.
#[derive(Debug)]
pub(crate) enum LookingFailure {
    /// An archive for a terminal.
    Terminal,
    /// Objects for programs and the bytes of a file on one standard output.
    Mixed,
    /// A folder has no bytes of its own, and neither has a device.
    NotAFile {
        /// What it is.
        path: PathBuf,
    },
    /// No snapshot has the path.
    Nowhere {
        /// What was asked for.
        path: PathBuf,
    },
    /// The file or archive ends too early.
    Cut {
        /// The file that could not be read to its end.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// The file to write to cannot be made or written.
    Target {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<LookingFailure> for Failure {
    fn from(failure: LookingFailure) -> Self {
        Self::Looking(failure)
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::NotFound { path } => Self::Choice(ChoiceFailure::NotInSnapshot { path }),
            ArchiveError::Read(error) => error.into(),
            ArchiveError::Cut { path, source } => LookingFailure::Cut { path, source }.into(),
            ArchiveError::Output(error) => Self::Output(error),
        }
    }
}

/// What to say about it.
pub(crate) fn message(failure: &LookingFailure) -> Message {
    match failure {
        LookingFailure::Terminal => Message::new(
            Exit::Usage,
            "an archive is nothing for a terminal",
            "name a file with --target, or send it to another program: heirloom dump ... | tar -x",
        ),
        LookingFailure::Mixed => Message::new(
            Exit::Usage,
            "--json and what is dumped cannot both go to standard output",
            "name a file with --target, or leave --json out",
        ),
        LookingFailure::NotAFile { path } => Message::new(
            Exit::Usage,
            format!("{} has no bytes of its own: it is no file", names::path(path)),
            "choose --format tar, tar.zst or zip",
        ),
        LookingFailure::Nowhere { path } => Message::new(
            Exit::Failed,
            format!("no snapshot has {}", names::path(path)),
            "look for its name in all snapshots with `heirloom find NAME`",
        ),
        LookingFailure::Cut { path, source } => {
            let below = explain::read(source);
            // A store that fails has a code of its own; damage is what is missing here.
            let exit = if source.is_local() { Exit::Partial } else { below.exit };
            let what = format!(
                "the output is not complete: it ends in the middle of {}: {}",
                names::path(path),
                below.what
            );
            Message::new(exit, what, "see what else is damaged with `heirloom check --read-data`")
        }
        LookingFailure::Target { path, source } => Message::new(
            explain::target_exit(source),
            format!("cannot write to {}: {}", names::path(path), explain::io(source)),
            "check the folder, its permissions and its free space, and run the command again",
        ),
    }
}

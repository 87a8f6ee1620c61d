//! Why no conversation was shown, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::exit::Exit;
use crate::explain::Message;
use crate::failure::Failure;
use crate::render::names;

/// Why no conversation was shown.
#[derive(Debug)]
pub(crate) enum ChatsFailure {
    /// The snapshot has no conversations that can be read.
    None,
    /// No conversation has this name.
    NoSuchChat {
        /// What was asked for.
        name: String,
    },
    /// Several conversations have it.
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Names and ids of some of them.
        candidates: Vec<String>,
    },
    /// The folder for an export has something in it.
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The export cannot be written.
    Export {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<ChatsFailure> for Failure {
    fn from(failure: ChatsFailure) -> Self {
        Self::Chats(failure)
    }
}

/// What to say about it.
pub(crate) fn message(failure: &ChatsFailure) -> Message {
    let shown = |text: &str| names::shown(text.as_bytes());
    match failure {
        ChatsFailure::None => Message::new(
            Exit::NothingToDo,
            "no conversations were found",
            "see with `heirloom ls` what the snapshot holds; encrypted backups need a key: `heirloom chats key add`, or --chat-key",
        ),
        ChatsFailure::NoSuchChat { name } => Message::new(
            Exit::Failed,
            format!("there is no conversation {}", shown(name)),
            "see their names with `heirloom chats list`",
        ),
        ChatsFailure::Ambiguous { name, candidates } => Message::new(
            Exit::Usage,
            format!("several conversations are called {}", shown(name)),
            format!("name one by its id: {}", shown(&candidates.join(", "))),
        ),
        ChatsFailure::NotEmpty { path } => Message::new(
            Exit::Failed,
            format!("{} is not empty", names::path(path)),
            "name another folder with --target; nothing is overwritten",
        ),
        ChatsFailure::Export { path, source } => Message::new(
            if source.kind() == io::ErrorKind::StorageFull { Exit::NoSpace } else { Exit::Failed },
            format!("cannot write to {}: {source}", names::path(path)),
            "choose a folder that can be written to and has room, and export again",
        ),
    }
}

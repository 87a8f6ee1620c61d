//! Why a command ended early, as a value. The words stand in `explain`, the exit codes in `exit`.

use std::io;
use std::path::PathBuf;

use heirloom_backends::AddressError;
use heirloom_backends::gdrive::login::LoginError;
use heirloom_engine::backup::BackupError;
use heirloom_engine::error::{ReadError, StorageError};
use heirloom_engine::id::SessionId;
use heirloom_engine::prune::PruneError;
use heirloom_engine::repository::RepositoryError;
use heirloom_engine::restore::RestoreError;
use heirloom_plugin_host::{FindError, PluginError};

use crate::browse::BrowseFailure;
use crate::chats::ChatsFailure;
use crate::history::HistoryFailure;
use crate::keeping::KeepingFailure;
use crate::keyring::KeyringFailure;
use crate::looking::LookingFailure;
use crate::mount::MountFailure;
use crate::secrets::CommandFailure;
use crate::serve::ServeFailure;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Standard output cannot be written to; a closed pipe is no error.
    Output(io::Error),
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// The system refused something that every program needs.
    System(io::Error),
    /// The command line makes no sense in a way that clap does not see.
    Usage(Usage),
    /// A setting is missing or makes no sense.
    Setting(SettingFailure),
    /// Something that a flag names cannot be used.
    Input(InputFailure),
    /// What was asked for is not in the repository.
    Choice(ChoiceFailure),
    /// A dangerous step needs a yes, and there is nobody to ask.
    NotConfirmed,
    /// There is no repository.
    NoRepository {
        /// Where it was looked for.
        address: String,
        /// Whether nobody chose that place.
        default: bool,
    },
    /// There is a repository already.
    RepositoryExists {
        /// Where.
        address: String,
    },
    /// The address leads nowhere.
    Address(AddressError),
    /// Nobody is logged in.
    Login(LoginFailure),
    /// The repository cannot be opened, read or written.
    Repository(RepositoryError),
    /// No snapshot was taken.
    Backup(BackupError),
    /// The restore ended early.
    Restore(RestoreError),
    /// The prune ended early.
    Prune(PruneError),
    /// There is no such plugin, or it does not work.
    Plugin(PluginFailure),
    /// Nothing was forgotten, or no policy changed.
    Keeping(KeepingFailure),
    /// There is no page to look at.
    Browse(BrowseFailure),
    /// No snapshot was made of a snapshot.
    History(HistoryFailure),
    /// No conversation was shown.
    Chats(ChatsFailure),
    /// A key of encrypted backups is none, or cannot be kept or shown.
    Keyring(KeyringFailure),
    /// A look into a snapshot ended early.
    Looking(LookingFailure),
    /// Nothing was mounted.
    Mount(MountFailure),
    /// Nothing is served.
    Serve(ServeFailure),
}

/// Mistakes on the command line that clap does not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// `snapshot` without anything to back up.
    NothingToBackUp,
    /// An id that is no id.
    Id,
    /// A date beyond the calendar.
    Date,
    /// A duration beyond the calendar.
    Duration,
    /// A file name for standard input that names no file.
    StdinFilename,
}

/// A setting is missing or makes no sense.
#[derive(Debug)]
pub(crate) enum SettingFailure {
    /// A variable holds something that is no text.
    NotText {
        /// The variable.
        name: &'static str,
    },
    /// The name of a profile that is no name of a file.
    ProfileName,
    /// There is no such profile.
    NoProfile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A profile cannot be understood.
    Profile {
        /// The file.
        path: PathBuf,
        /// The line.
        line: Option<usize>,
        /// What the parser says.
        what: String,
    },
    /// A value of a profile makes no sense.
    ProfileValue {
        /// Its key.
        key: &'static str,
    },
    /// Nobody knows where this user's files are.
    NoHomeFolder,
    /// A passphrase is needed, and there is nobody to ask.
    NoCredential,
    /// A passphrase without a single character.
    EmptyPassphrase {
        /// The variable that holds it.
        origin: Option<&'static str>,
    },
    /// A new passphrase was typed differently the second time.
    PassphrasesDiffer,
    /// A file with a passphrase or identity cannot be read.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program did not print a passphrase.
    Command {
        /// The program.
        program: PathBuf,
        /// Why.
        source: CommandFailure,
    },
    /// The terminal cannot be used to ask.
    Terminal(io::Error),
}

/// Nobody is logged in.
#[derive(Debug)]
pub(crate) enum LoginFailure {
    /// The address is of a store without a login.
    NotOffered,
    /// An option is missing or makes no sense.
    Settings(AddressError),
    /// It did not work.
    Store(LoginError),
}

/// There is no such plugin, or it does not work.
#[derive(Debug)]
pub(crate) enum PluginFailure {
    /// There is no such plugin, or none that may be started.
    Find(FindError),
    /// It does not work.
    Plugin(PluginError),
}

/// Something that a flag names cannot be used.
#[derive(Debug)]
pub(crate) enum InputFailure {
    /// A file cannot be read.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A pattern cannot be understood.
    Pattern {
        /// As it was given.
        pattern: Vec<u8>,
        /// Where it stands, if not on the command line.
        file: Option<PathBuf>,
    },
    /// The command whose output was to be stored could not be started.
    Command {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What was asked for is not in the repository.
#[derive(Debug)]
pub(crate) enum ChoiceFailure {
    /// There is no snapshot at all.
    NoSnapshots,
    /// There is no such snapshot.
    NoSnapshot {
        /// What was asked for.
        name: String,
    },
    /// Several snapshots begin with these digits.
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Whom it fits.
        candidates: Vec<SessionId>,
    },
    /// The repository has no such object.
    NoObject {
        /// What was asked for.
        object: String,
    },
    /// The snapshot has no such path.
    NotInSnapshot {
        /// What was asked for.
        path: PathBuf,
    },
    /// It is something else in the snapshot.
    NotAFolder {
        /// What was asked for.
        path: PathBuf,
    },
}

macro_rules! from {
    ($($error:ty => $variant:ident),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$variant(error.into())
            }
        })*
    };
}

from! {
    AddressError => Address,
    RepositoryError => Repository,
    StorageError => Repository,
    ReadError => Repository,
    ChoiceFailure => Choice,
    BackupError => Backup,
    RestoreError => Restore,
    PluginFailure => Plugin,
    PruneError => Prune,
}

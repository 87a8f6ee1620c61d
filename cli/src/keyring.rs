//! The keys of encrypted chat backups: given for one run, or kept in the repository.

mod args;
mod commands;
mod failure;
mod words;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_chats::crypt::{KEY_FILE_BYTES_MAX, Key, KeyFault};
use heirloom_engine::id::SecretId;
use heirloom_engine::repository::Repository;
use heirloom_engine::snapshot::KeptSecret;
use zeroize::Zeroizing;

pub(crate) use self::args::KeyringArgs;
pub(crate) use self::commands::run;
pub(crate) use self::failure::{KeyringFailure, Origin, message};
use crate::args::chats::ChatsKeyArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::Settings;
use crate::transforms::KeySource;

/// What a kept secret is called that is one of these keys.
const KIND: &str = "chats.key";

/// Every key that may be used: those given on the command line, and those that are kept.
///
/// A kept one that cannot be read is warned about, and the others are used.
pub(crate) fn keys(
    settings: &Settings,
    repository: &Repository,
    arguments: &ChatsKeyArgs,
) -> Result<Vec<Key>, Failure> {
    let mut keys = given(arguments)?;
    let (kept, _) = kept(repository, settings.output)?;
    add(&mut keys, kept);
    Ok(keys)
}

fn add(keys: &mut Vec<Key>, kept: Vec<KeptKey>) {
    for one in kept {
        let is_new = |key: &Key| keys.iter().all(|other| other.to_bytes() != key.to_bytes());
        keys.extend(one.key.ok().filter(is_new));
    }
}

/// The keys that are given for this run, and when somebody asks also those that are kept.
///
/// Whoever only stores files can do without: what cannot be had is said, and the run goes on.
pub(crate) fn on_demand(
    given: Vec<Key>,
    repository: &Arc<Repository>,
    output: Output,
) -> KeySource {
    let repository = Arc::clone(repository);
    let given = Mutex::new(given);
    Box::new(move || {
        let mut keys = std::mem::take(&mut *given.lock().unwrap_or_else(PoisonError::into_inner));
        match kept(&repository, output) {
            Ok((kept, _)) => add(&mut keys, kept),
            Err(failure) => words::unavailable(output, &failure),
        }
        keys
    })
}

/// The keys that are given for this run only.
pub(crate) fn given(arguments: &ChatsKeyArgs) -> Result<Vec<Key>, Failure> {
    arguments.chat_key.iter().map(|path| from_file(path)).collect()
}

/// Whether the repository keeps a key, as far as that can be told.
pub(crate) fn has_keys(repository: &Repository) -> bool {
    repository
        .kept_secrets()
        .is_ok_and(|kept| kept.secrets.iter().any(|secret| secret.kind == KIND))
}

/// A key that the repository keeps.
struct KeptKey {
    secret: KeptSecret,
    /// A newer program may keep keys that this one does not know.
    key: Result<Key, KeyFault>,
}

impl KeptKey {
    fn id(&self) -> SecretId {
        self.secret.id
    }
}

/// The keys that the repository keeps, and what the state of the others is worth.
fn kept(repository: &Repository, output: Output) -> Result<(Vec<KeptKey>, Exit), Failure> {
    let found = repository.kept_secrets()?;
    let exit = choose::report(&found.problems, output);
    let keys = found.secrets.into_iter().filter(|secret| secret.kind == KIND);
    let keys = keys.map(|secret| KeptKey { key: Key::from_bytes(&secret.value), secret });
    Ok((keys.collect(), exit))
}

/// A key file, or one with the digits.
fn from_file(path: &Path) -> Result<Key, Failure> {
    let origin = || Origin::File(path.to_owned());
    let file = File::open(path).map_err(|source| unreadable(origin(), source))?;
    parse(&read(file).map_err(|source| unreadable(origin(), source))?, origin())
}

fn unreadable(origin: Origin, source: io::Error) -> Failure {
    KeyringFailure::Unreadable { origin, source }.into()
}

/// As much as a key may have, and one more byte.
fn read(from: impl io::Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // Reserved at once, so that no half-filled copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_FILE_BYTES_MAX + 64));
    let most = u64::try_from(KEY_FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    from.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: &[u8], origin: Origin) -> Result<Key, Failure> {
    Key::parse(bytes).map_err(|fault| KeyringFailure::Key { origin, fault }.into())
}

/// Where a new key comes from: the terminal if nothing is named.
fn new_key(file: Option<&PathBuf>) -> Result<Key, Failure> {
    match file {
        None => commands::ask(),
        Some(path) if path.as_os_str() == "-" => {
            let bytes = read(io::stdin().lock());
            parse(&bytes.map_err(|source| unreadable(Origin::Input, source))?, Origin::Input)
        }
        Some(path) => from_file(path),
    }
}

//! `heirloom chats key`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use heirloom_chats::crypt::Key;
use heirloom_engine::error::ErrorKind;
use heirloom_engine::id::SecretId;
use heirloom_engine::repository::RepositoryError;
use heirloom_engine::secrets::Keeping;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::args::{KeyringAction, KeyringAddArgs, KeyringArgs, KeyringRemoveArgs, KeyringShowArgs};
use super::words::{self, short};
use super::{KIND, KeptKey, KeyringFailure, Origin, kept, new_key, parse};
use crate::exit::Exit;
use crate::failure::{Failure, SettingFailure};
use crate::keeping::saying;
use crate::output::Event;
use crate::secrets;
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &KeyringArgs) -> Result<Exit, Failure> {
    match &arguments.action {
        KeyringAction::Add(arguments) => add(settings, arguments),
        KeyringAction::List => list(settings),
        KeyringAction::Show(arguments) => show(settings, arguments),
        KeyringAction::Remove(arguments) => remove(settings, arguments),
    }
}

/// The 64 digits from the keyboard, unseen.
pub(super) fn ask() -> Result<Key, Failure> {
    match secrets::prompt("The 64 digits: ") {
        Ok(text) => parse(text.expose_secret().as_bytes(), Origin::Terminal),
        Err(Failure::Setting(SettingFailure::NoCredential)) => {
            Err(KeyringFailure::NoTerminal.into())
        }
        Err(failure) => Err(failure),
    }
}

fn add(settings: &Settings, arguments: &KeyringAddArgs) -> Result<Exit, Failure> {
    let output = settings.output;
    let store = Store::locate(settings)?;
    // Before the passphrase is asked for: what is no key should not cost it.
    let key = new_key(arguments.file.as_ref())?;
    let repository = store.open(settings)?;
    let keeping =
        repository.keep_secret(KIND, &key.to_bytes(), &saying(arguments.label.clone()))?;
    let fingerprint = key.fingerprint();
    let kind = words::kind(&Ok(key));
    let (id, text, exit) = match keeping {
        Keeping::Kept(id) => {
            let text = format!("Kept key {}: {kind}, fingerprint {fingerprint}\n", short(id));
            (id, text, Exit::Success)
        }
        Keeping::Present(id) => {
            let text = format!("This key is kept already, as {}; nothing was added\n", short(id));
            (id, text, Exit::NothingToDo)
        }
    };
    output.done(&text)?;
    let fields = json!({
        "key": id.to_string(),
        "fingerprint": fingerprint,
        "added": exit == Exit::Success,
    });
    output.event(Event::Summary, "chats.key-added", fields)?;
    Ok(exit)
}

fn list(settings: &Settings) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    let (keys, exit) = kept(&store.open(settings)?, settings.output)?;
    settings.output.text(&words::table(&keys))?;
    for key in &keys {
        settings.output.event(Event::Key, "chats.key-found", words::fields(key))?;
    }
    Ok(exit)
}

fn show(settings: &Settings, arguments: &KeyringShowArgs) -> Result<Exit, Failure> {
    let output = settings.output;
    let store = Store::locate(settings)?;
    let (keys, exit) = kept(&store.open(settings)?, output)?;
    let one = pick(keys, arguments.id.as_deref())?;
    let mut fields = words::fields(&one);
    let mut put = |name: &str, value: Value| {
        if let Value::Object(map) = &mut fields {
            map.insert(name.to_owned(), value);
        }
    };
    let id = one.id();
    let key = one.key.map_err(|_newer| KeyringFailure::Unknown { id })?;
    match (&arguments.target, &key) {
        (Some(path), key) => {
            write(path, &key.to_file())?;
            put("target", json!(path.to_string_lossy()));
            output.done(&format!(
                "Wrote key {} to {}\n",
                short(id),
                crate::render::names::path(path)
            ))?;
        }
        (None, Key::Root(root)) => {
            let mut digits = root.digits();
            put("digits", json!(digits.as_str()));
            digits.push('\n');
            output.text(&digits)?;
        }
        (None, Key::Account(_)) => return Err(KeyringFailure::IsFile { id }.into()),
    }
    output.event(Event::Key, "chats.key-shown", fields)?;
    Ok(exit)
}

/// For nobody else's eyes, and never over another file.
fn write(path: &Path, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
    let failure = |source| Failure::from(KeyringFailure::Target { path: path.to_owned(), source });
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failure)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failure)
}

fn remove(settings: &Settings, arguments: &KeyringRemoveArgs) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let found = repository.kept_secrets()?;
    // One that cannot be read can be removed, too.
    let keys = found.secrets.iter().filter(|secret| secret.kind == KIND);
    let ids = keys.map(|secret| secret.id).chain(found.unreadable.iter().copied());
    let id = find(ids, &arguments.id)?;
    let question = format!(
        "Remove the key {}? Without it, the backups that it opens cannot be looked into.",
        short(id)
    );
    if !arguments.yes && !secrets::confirm(&question)? {
        settings.output.note("Nothing was removed.");
        return Ok(Exit::NothingToDo);
    }
    match repository.remove_secret(id) {
        Ok(()) => {}
        Err(RepositoryError::Storage(error)) if error.kind == ErrorKind::PermissionDenied => {
            return Err(KeyringFailure::NotRemoved { id }.into());
        }
        Err(error) => return Err(error.into()),
    }
    settings.output.done(&format!("Removed key {}\n", short(id)))?;
    let fields = json!({ "key": id.to_string() });
    settings.output.event(Event::Summary, "chats.key-removed", fields)?;
    Ok(Exit::Success)
}

/// The key that is meant; without a name, the only one.
fn pick(keys: Vec<KeptKey>, id: Option<&str>) -> Result<KeptKey, Failure> {
    let meant = match id {
        Some(beginning) => find(keys.iter().map(KeptKey::id), beginning)?,
        None => match keys.as_slice() {
            [] => return Err(KeyringFailure::NoKey { id: None }.into()),
            [one] => one.id(),
            several => {
                let candidates = several.iter().map(KeptKey::id).collect();
                return Err(KeyringFailure::Ambiguous { candidates }.into());
            }
        },
    };
    let found = keys.into_iter().find(|one| one.id() == meant);
    found.ok_or_else(|| KeyringFailure::NoKey { id: None }.into())
}

/// The one id that begins so; a shorter beginning must not pick one by chance.
fn find(ids: impl Iterator<Item = SecretId>, beginning: &str) -> Result<SecretId, Failure> {
    let digits = beginning.to_ascii_lowercase();
    let fits = |id: &SecretId| !digits.is_empty() && id.to_string().starts_with(&digits);
    let candidates: Vec<SecretId> = ids.filter(fits).collect();
    match candidates.as_slice() {
        [one] => Ok(*one),
        [] => Err(KeyringFailure::NoKey { id: Some(beginning.to_owned()) }.into()),
        _ => Err(KeyringFailure::Ambiguous { candidates }.into()),
    }
}

//! `heirloom init`, and the repository that the first snapshot makes.

use heirloom_engine::crypto::{ExposeSecret as _, Recipient, SecretString, generate_identity};
use heirloom_engine::repository::{NewSlot, PACK_BYTES, Repository};
use serde_json::{Value, json};

use crate::args::init::{InitArgs, RecoveryKey};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Event};
use crate::render;
use crate::secrets;
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &InitArgs) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    make(&store, settings, arguments)?;
    Ok(Exit::Success)
}

/// The repository that the first snapshot makes when nobody chose a place.
pub(crate) fn make_default(store: &Store, settings: &Settings) -> Result<Repository, Failure> {
    settings.output.note(&format!(
        "There is no repository yet. The first one is made at {}.\n\
         Its passphrase opens everything in it: without it, or the recovery key, nothing can be restored.",
        store.address
    ));
    let arguments =
        InitArgs { recovery_key: RecoveryKey::Show, pack_size: PACK_BYTES, recipient: Vec::new() };
    make(store, settings, &arguments)
}

fn make(store: &Store, settings: &Settings, arguments: &InitArgs) -> Result<Repository, Failure> {
    if store.exists()? {
        return Err(Failure::RepositoryExists { address: store.address.to_string() });
    }
    let mut slots = recipients(&arguments.recipient);
    if slots.is_empty() {
        let what = format!("the repository {}", store.address);
        let source = settings.credentials.passphrase.as_ref();
        let passphrase = secrets::new_passphrase(source, &what)?;
        slots.push(NewSlot {
            recipient: Recipient::Passphrase(passphrase),
            label: String::new(),
            recovery: false,
        });
    }
    let recovery = (arguments.recovery_key == RecoveryKey::Show).then(|| {
        let (identity, recipient) = generate_identity();
        slots.push(NewSlot {
            recipient: Recipient::Age(recipient),
            label: "recovery key".to_owned(),
            recovery: true,
        });
        identity
    });
    let repository =
        Repository::init(store.storage(), &slots, arguments.pack_size, store.context())
            .map_err(|error| store.failure(error))?;
    announce(store, settings, &repository, recovery.as_ref())?;
    Ok(repository)
}

/// Public keys, each with itself as label as far as that helps to tell them apart.
fn recipients(texts: &[String]) -> Vec<NewSlot> {
    texts
        .iter()
        .map(|text| NewSlot {
            recipient: recipient(text),
            label: render::key::label_of(text),
            recovery: false,
        })
        .collect()
}

/// `age1...` or an SSH public key; the engine says so if it is neither.
pub(crate) fn recipient(text: &str) -> Recipient {
    let text = text.trim().to_owned();
    if text.starts_with("ssh-") { Recipient::Ssh(text) } else { Recipient::Age(text) }
}

fn announce(
    store: &Store,
    settings: &Settings,
    repository: &Repository,
    recovery: Option<&SecretString>,
) -> Result<(), Failure> {
    let address = store.address.to_string();
    let key = recovery.map(SecretString::expose_secret);
    let text = render::key::repository_made(&address, key, output::stdout_is_terminal());
    settings.output.text(&text)?;
    let fields = json!({
        "repository": repository.id().to_string(),
        "address": address,
        "recovery_key": key.map_or(Value::Null, |key| json!(key)),
    });
    settings.output.event(Event::Summary, "repository.created", fields)
}

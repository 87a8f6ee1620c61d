//! Words about kept keys. The keys themselves are in none of them.

use heirloom_chats::crypt::{Key, KeyFault};
use heirloom_engine::id::SecretId;
use serde_json::{Value, json};

use super::KeptKey;
use crate::explain;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::table::{Side, Table};
use crate::render::{key, names, time};

/// The part of an id that people read and write.
pub(super) fn short(id: SecretId) -> String {
    key::short(&id.to_string())
}

/// What a key is, for people.
pub(super) fn kind(key: &Result<Key, KeyFault>) -> &'static str {
    match key {
        Ok(Key::Root(_)) => "64 digits (crypt15)",
        Ok(Key::Account(_)) => "key file (crypt12, crypt14)",
        Err(_) => "unknown",
    }
}

/// The same for programs.
fn kind_id(key: &Result<Key, KeyFault>) -> &'static str {
    match key {
        Ok(Key::Root(_)) => "digits",
        Ok(Key::Account(_)) => "file",
        Err(_) => "unknown",
    }
}

fn fingerprint(key: &Result<Key, KeyFault>) -> Option<String> {
    key.as_ref().ok().map(Key::fingerprint)
}

/// The keys as a table.
pub(super) fn table(keys: &[KeptKey]) -> String {
    if keys.is_empty() {
        return "No keys of encrypted backups\n".to_owned();
    }
    let columns = ["ID", "Kind", "Fingerprint", "Label", "Added", "Host", "By"];
    let mut table = Table::new(&columns.map(|heading| (heading, Side::Left)));
    for one in keys {
        let secret = &one.secret;
        table.row(&[
            short(secret.id),
            kind(&one.key).to_owned(),
            fingerprint(&one.key).unwrap_or_default(),
            names::shown(secret.note.as_bytes()),
            time::local(secret.time.into()),
            names::shown(secret.host.as_bytes()),
            names::shown(secret.user.as_bytes()),
        ]);
    }
    table.render()
}

/// The kept keys cannot be had, and nothing else depends on it.
pub(super) fn unavailable(output: Output, failure: &Failure) {
    let why = explain::message(failure).map(|message| message.what).unwrap_or_default();
    let text = format!("the kept keys of encrypted backups cannot be read: {why}");
    output.warning("snapshot.keys-unavailable", &text, json!({}));
}

/// A key for programs.
pub(super) fn fields(one: &KeptKey) -> Value {
    let secret = &one.secret;
    json!({
        "key": secret.id.to_string(),
        "kind": kind_id(&one.key),
        "fingerprint": fingerprint(&one.key),
        "label": secret.note,
        "added": time::rfc3339(secret.time.into()),
        "host": secret.host,
        "user": secret.user,
    })
}

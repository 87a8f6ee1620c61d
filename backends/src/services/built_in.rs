//! The services that this build has.

use std::collections::BTreeSet;
use std::sync::Arc;

use heirloom_engine::repository::{Capabilities, Storage};
use opendal::Operator;
use opendal::services;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::address::{folder_of, split_query};
use crate::http::{Family, Http, operator_over};
use crate::options::{Options, StoreSettings};
use crate::{AddressError, OpendalStorage};

const CAPABILITIES: Capabilities = Capabilities { parallel: 4, uploads: 3, atomic_put: true };

/// Words in the names of options that are secrets, unless they only name one.
const SECRET_WORDS: [&str; 5] = ["key", "token", "secret", "password", "credential"];
const NAMING_ENDS: [&str; 4] = ["_id", "_path", "_sha256", "_url"];

pub(super) fn build(
    scheme: &str,
    rest: &str,
    settings: &StoreSettings,
    http: impl FnOnce() -> Result<Http, AddressError>,
) -> Result<Arc<dyn Storage>, AddressError> {
    let not_available = || AddressError::NotAvailable { scheme: scheme.to_owned() };
    let keys = keys(scheme).ok_or_else(not_available)?;
    let (place, query) = split_query(rest);
    let mut options = Options::new(query, settings)?;
    let mut config = place_of(scheme, place)?;
    let mut secrets = Vec::new();
    for key in keys {
        if config.iter().any(|(known, _)| *known == key) || key == "root" {
            continue;
        }
        if is_secret(&key) {
            if let Some(secret) = options.secret(&key)? {
                config.push((key, secret.expose_secret().to_owned()));
                secrets.push(secret);
            }
        } else if let Some(value) = options.text(&key) {
            config.push((key, value));
        }
    }
    options.finish()?;
    let http = http()?.hiding(secrets);
    let operator = operator(scheme, config).ok_or_else(not_available)?;
    let operator = operator.map_err(|error| AddressError::Service {
        scheme: scheme.to_owned(),
        reason: http.scrub(error.message()),
    })?;
    let operator = operator_over(operator, http.clone(), Family::Other);
    let storage = OpendalStorage::new(operator, CAPABILITIES);
    Ok(Arc::new(storage.scrubbing(move |text| http.scrub(text))))
}

fn is_secret(key: &str) -> bool {
    SECRET_WORDS.iter().any(|word| key.contains(word))
        && !NAMING_ENDS.iter().any(|end| key.ends_with(end))
}

/// What stands in the address instead of an option.
fn place_of(scheme: &str, place: &str) -> Result<Vec<(String, String)>, AddressError> {
    let (container, expected) = match scheme {
        "azblob" => (Some("container"), "azblob://container/folder"),
        "b2" => (Some("bucket"), "b2://bucket/folder"),
        "gcs" => (Some("bucket"), "gcs://bucket/folder"),
        "dropbox" => (None, "dropbox:/folder"),
        _ => (None, "onedrive:/folder"),
    };
    let shape = || AddressError::Shape { expected };
    if place.contains(['@', '#']) {
        return Err(shape());
    }
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let Some(container) = container else {
        let folder = place.strip_prefix('/').and_then(folder_of).ok_or_else(shape)?;
        return Ok(vec![pair("root", &format!("/{folder}"))]);
    };
    let place = place.strip_prefix("//").ok_or_else(shape)?;
    let (name, folder) = place.split_once('/').unwrap_or((place, ""));
    let folder = folder_of(folder).filter(|_| !name.is_empty()).ok_or_else(shape)?;
    Ok(vec![pair(container, name), pair("root", &format!("/{folder}"))])
}

fn operator(scheme: &str, config: Vec<(String, String)>) -> Option<opendal::Result<Operator>> {
    match scheme {
        #[cfg(feature = "azblob")]
        "azblob" => Some(Operator::from_iter::<services::Azblob>(config)),
        #[cfg(feature = "b2")]
        "b2" => Some(Operator::from_iter::<services::B2>(config)),
        #[cfg(feature = "dropbox")]
        "dropbox" => Some(Operator::from_iter::<services::Dropbox>(config)),
        #[cfg(feature = "gcs")]
        "gcs" => Some(Operator::from_iter::<services::Gcs>(config)),
        #[cfg(feature = "onedrive")]
        "onedrive" => Some(Operator::from_iter::<services::Onedrive>(config)),
        _ => None,
    }
}

/// The options of a service, which OpenDAL itself does not check.
fn keys(scheme: &str) -> Option<BTreeSet<String>> {
    match scheme {
        #[cfg(feature = "azblob")]
        "azblob" => Some(fields(&services::AzblobConfig::default())),
        #[cfg(feature = "b2")]
        "b2" => Some(fields(&services::B2Config::default())),
        #[cfg(feature = "dropbox")]
        "dropbox" => Some(fields(&services::DropboxConfig::default())),
        #[cfg(feature = "gcs")]
        "gcs" => Some(fields(&services::GcsConfig::default())),
        #[cfg(feature = "onedrive")]
        "onedrive" => Some(fields(&services::OnedriveConfig::default())),
        _ => None,
    }
}

fn fields(config: &impl Serialize) -> BTreeSet<String> {
    match serde_json::to_value(config) {
        Ok(serde_json::Value::Object(fields)) => fields.into_iter().map(|(key, _)| key).collect(),
        _ => BTreeSet::new(),
    }
}

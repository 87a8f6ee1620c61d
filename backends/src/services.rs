//! Further services of OpenDAL, each behind a feature of the build: `azblob`, `b2`, `dropbox`, `gcs`, `onedrive`.
//!
//! `azblob://CONTAINER/FOLDER`, `gcs://BUCKET/FOLDER`, `b2://BUCKET/FOLDER`, `dropbox:/FOLDER`, `onedrive:/FOLDER`. Options
//! are those that OpenDAL documents for the service; those that look like secrets are taken as secrets. These stores are
//! kept compiling, and have never been tried against the real services.

use std::sync::Arc;

use heirloom_engine::repository::Storage;

use crate::AddressError;
use crate::http::Http;
use crate::options::StoreSettings;

/// What OpenDAL can reach and this program knows how to build.
const KNOWN: [&str; 5] = ["azblob", "b2", "dropbox", "gcs", "onedrive"];

/// Whether a build with the feature of this name has this kind of store.
pub(crate) fn is_known(scheme: &str) -> bool {
    KNOWN.contains(&scheme)
}

/// The store at `SCHEME:REST`, if this build has it.
pub(crate) fn open(
    scheme: &str,
    rest: &str,
    settings: &StoreSettings,
    http: impl FnOnce() -> Result<Http, AddressError>,
) -> Result<Arc<dyn Storage>, AddressError> {
    if is_known(scheme) {
        return build(scheme, rest, settings, http);
    }
    Err(AddressError::NotAvailable { scheme: scheme.to_owned() })
}

#[cfg(not(any(
    feature = "azblob",
    feature = "b2",
    feature = "dropbox",
    feature = "gcs",
    feature = "onedrive"
)))]
fn build(
    scheme: &str,
    _rest: &str,
    _settings: &StoreSettings,
    _http: impl FnOnce() -> Result<Http, AddressError>,
) -> Result<Arc<dyn Storage>, AddressError> {
    Err(AddressError::NotAvailable { scheme: scheme.to_owned() })
}

#[cfg(any(
    feature = "azblob",
    feature = "b2",
    feature = "dropbox",
    feature = "gcs",
    feature = "onedrive"
))]
mod built_in;

#[cfg(any(
    feature = "azblob",
    feature = "b2",
    feature = "dropbox",
    feature = "gcs",
    feature = "onedrive"
))]
use self::built_in::build;

//! Google Drive, without OpenDAL, whose service loses objects when two clients race (docs/decisions/0007-own-drive-store.md).
//!
//! Drive is no file system: names are not unique, listings come late, a file in the trash can still be read. What makes it a
//! [`Storage`] all the same:
//!
//! - a new file gets its id before it is sent, so that a put that is repeated after a lost answer makes no second one;
//! - a folder's name means all folders of that name, an object's name all files of that name, so that nothing is ever
//!   invisible for having been put by somebody else at the same time;
//! - what arrives is compared with what was sent, and what is read with what arrived, by MD5;
//! - a listing of flags waits until everybody can see those of this process.
//!
//! Retries are the caller's; this module repeats only what is part of one call: a request after its token was
//! renewed, and the rest of an interrupted upload.

mod config;
mod copies;
mod digest;
mod files;
mod flags;
mod folders;
mod ids;
mod store;
mod upload;

use std::sync::Arc;

use heirloom_engine::repository::Storage;

use self::config::Config;
use self::copies::Copies;
use self::flags::Flags;
use self::folders::Folders;
use self::ids::Ids;
use self::store::Drive;
pub(crate) use self::store::PATIENCE;
use crate::AddressError;
use crate::google::{Api, Tokens, no_service};
use crate::http::Http;
use crate::options::StoreSettings;
use crate::traffic::Traffic;

pub use crate::google::login;

/// The store at `gdrive:/folder/sub?key=value`; `rest` is what follows the colon. Google is not asked anything yet.
pub(crate) fn open(
    rest: &str,
    settings: &StoreSettings,
    http: Http,
) -> Result<Arc<dyn Storage>, AddressError> {
    let config = Config::read(rest, settings)?;
    let tokens = Tokens::new(http.clone(), config.endpoints.token.clone(), config.login);
    Ok(Arc::new(Drive {
        api: Api::new(http, config.endpoints, tokens, config.drive),
        folders: Folders::new(config.path),
        ids: Ids::default(),
        copies: Copies::default(),
        flags: Flags::default(),
        removal: config.removal,
        settle: config.settle,
        parallel: config.connections,
    }))
}

/// The store without anything around it that repeats or limits calls; for tests only.
#[doc(hidden)]
pub fn bare(rest: &str, settings: &StoreSettings) -> Result<Arc<dyn Storage>, AddressError> {
    let http = Http::new(settings, Arc::new(Traffic::default())).map_err(no_service)?;
    open(rest, settings, http)
}

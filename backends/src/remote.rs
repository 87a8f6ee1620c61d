//! Which kind of store a scheme stands for, and what guards it.

use std::sync::Arc;
use std::time::Duration;

use heirloom_engine::repository::Storage;

use crate::guard::{Guard, guard};
use crate::http::{Http, HttpError};
use crate::metered::metered;
use crate::options::StoreSettings;
use crate::traffic::Traffic;
use crate::tuning::{Tuned, with_common_options};
use crate::{AddressError, gdrive, s3, services, sftp, webdav};

/// The store at `SCHEME:REST`, guarded.
pub(crate) fn open(
    scheme: &str,
    rest: &str,
    settings: &StoreSettings,
    traffic: &Arc<Traffic>,
) -> Result<Arc<dyn Storage>, AddressError> {
    let Tuned { tuning, rest, settings } = Tuned::split(rest, settings)?;
    let http = || -> Result<Http, AddressError> {
        Http::new(&settings, Arc::clone(traffic))
            .and_then(|http| http.tuned(&tuning))
            .map_err(|error| unusable(scheme, error))
    };
    let mut over_http = true;
    // A listing of flags waits until everybody can see them.
    let patience = if scheme == "gdrive" { gdrive::PATIENCE } else { Duration::ZERO };
    let storage = match scheme {
        "s3" => s3::open(&rest, &settings, http()?),
        "webdav+https" | "webdav+http" => webdav::open(scheme, &rest, &settings, http()?),
        "sftp" => {
            over_http = false;
            sftp::open(&rest, &settings).map(|sftp| metered(sftp, Arc::clone(traffic)))
        }
        "gdrive" => gdrive::open(&rest, &settings, http()?),
        other => services::open(other, &rest, &settings, http),
    };
    let storage = storage.map_err(with_common_options)?;
    let usual = Guard::new(scheme);
    Ok(guard(
        storage,
        Guard {
            timeout: tuning.timeout + patience,
            retries: tuning.retries.unwrap_or(usual.retries),
            connections: tuning.connections,
            upload_limit: settings.upload_limit,
            download_limit: settings.download_limit,
            throttle: !over_http,
            ..usual
        },
    ))
}

fn unusable(scheme: &str, error: HttpError) -> AddressError {
    AddressError::Service { scheme: scheme.to_owned(), reason: error.message }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Lookup;

    fn open_with(text: &str, variables: &'static [(&str, &str)]) -> Result<(), AddressError> {
        let (scheme, rest) = text.split_once(':').expect("it has a scheme");
        let environment: Lookup = Arc::new(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        let settings = StoreSettings { environment, ..StoreSettings::default() };
        open(scheme, rest, &settings, &Arc::default()).map(drop)
    }

    #[test]
    fn addresses_of_every_kind_are_understood() {
        for text in [
            "s3://bucket",
            "s3://bucket/a/b%20c/?endpoint=http://127.0.0.1:3900&region=garage&style=path",
            "s3://bucket/a?endpoint=s3.example.org&style=virtual&checksum=none&timeout=5",
            "s3://bucket/a?anonymous=true&sse=AES256&storage_class=STANDARD_IA&retries=0",
            "webdav+https://host/remote.php/dav/files/anna/backup?connections=2",
            "webdav+http://host:8080",
            "sftp://anna@host:2222/srv/backup?key=/k&known_hosts=add",
            "sftp://host/~/backup",
        ] {
            assert_eq!(open_with(text, &[]), Ok(()), "{text}");
        }
        let password = &[("HEIRLOOM_STORE_PASSWORD", "p")];
        assert_eq!(open_with("webdav+https://anna@host/a", password), Ok(()));
        let token = &[("HEIRLOOM_STORE_TOKEN", "t")];
        assert_eq!(open_with("webdav+https://host/a", token), Ok(()));
    }

    #[test]
    fn secrets_in_an_address_are_refused() {
        for text in [
            "s3://key:secret@bucket/a",
            "s3://bucket/a?secret_access_key=x",
            "s3://bucket/a?session_token=x",
            "s3://bucket/a?endpoint=https://u:p@host",
            "webdav+https://anna:p@host/a",
            "webdav+https://host/a?password=p",
            "webdav+https://host/a?token=p",
            "sftp://anna:p@host/a",
        ] {
            let error = open_with(text, &[]);
            assert!(matches!(error, Err(AddressError::SecretOption { .. })), "{text}: {error:?}");
        }
    }

    #[test]
    fn addresses_that_cannot_be_meant_are_refused() {
        for text in [
            "s3:bucket",
            "s3://",
            "s3:///a",
            "s3://buck et/a",
            "s3://bucket/a/../b",
            "s3://bucket/a//b",
            "s3://bucket/%20a",
            "s3://bucket/a#b",
            "webdav+https:host/a",
            "webdav+https://",
            "webdav+https://host/a/../../b",
            "webdav+https://host/a#b",
            "sftp:host:/a",
            "sftp:///a",
            "sftp://-oProxyCommand=x/a",
            "sftp://host/a/../b",
        ] {
            let error = open_with(text, &[]);
            assert!(matches!(error, Err(AddressError::Shape { .. })), "{text}: {error:?}");
        }
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        for text in [
            "s3://bucket?style=odd",
            "s3://bucket?checksum=sha1",
            "s3://bucket?endpoint=ftp://x",
            "s3://bucket?anonymous=maybe",
            "s3://bucket?timeout=0",
            "s3://bucket?retries=-1",
            "sftp://host/a?known_hosts=no",
        ] {
            let error = open_with(text, &[]);
            assert!(matches!(error, Err(AddressError::OptionValue { .. })), "{text}: {error:?}");
        }
        let unknown = open_with("sftp://host/a?password_file=x", &[]);
        let Err(AddressError::UnknownOption { known, .. }) = unknown else { panic!("{unknown:?}") };
        assert_eq!(known, "ca, connections, key, known_hosts, retries, timeout");
        let lonely = open_with("webdav+https://anna@host/a", &[]);
        assert!(matches!(lonely, Err(AddressError::MissingOption { option: "password", .. })));
        let lonely = open_with("s3://bucket?access_key_id=a", &[]);
        assert!(matches!(lonely, Err(AddressError::MissingOption { .. })));
    }

    #[test]
    fn a_service_that_is_not_built_in_names_its_feature() {
        if cfg!(not(feature = "dropbox")) {
            let error = open_with("dropbox:/a", &[]).expect_err("it is not there");
            assert!(error.to_string().contains("feature \"dropbox\""), "{error}");
        }
    }
}

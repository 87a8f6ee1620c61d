//! S3 and whatever speaks like it: AWS, Garage, `MinIO`, Cloudflare R2, Backblaze B2.
//!
//! `s3://BUCKET/FOLDER?endpoint=URL&region=NAME`. Without an endpoint it is AWS. For the others:
//!
//! | service | endpoint | region |
//! |---|---|---|
//! | AWS | none | the bucket's, e.g. `eu-central-1` |
//! | Garage | the server's, e.g. `http://127.0.0.1:3900` | `garage`, or what its configuration says |
//! | `MinIO` | the server's, e.g. `https://minio.example.org:9000` | none |
//! | Cloudflare R2 | `https://ACCOUNT.r2.cloudflarestorage.com` | none |
//! | Backblaze B2 | `https://s3.REGION.backblazeb2.com` | none |
//!
//! Credentials are the options `access_key_id`, `secret_access_key` and `session_token`, else the variables `AWS_*`, else
//! what OpenDAL finds: shared configuration with `profile`, a container's or a machine's role. Nothing here relies on a
//! conditional put, on append, or on the order of a listing: servers claim them and lose data.

pub(crate) mod listing;

use std::sync::Arc;

use heirloom_engine::repository::{Capabilities, Storage};
use opendal::services::S3Config;
use opendal::{Configurator as _, Operator};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::address::{folder_of, split_query};
use crate::http::{Family, Http, operator_over};
use crate::options::{Options, StoreSettings};
use crate::{AddressError, OpendalStorage};

const SHAPE: AddressError = AddressError::Shape { expected: "s3://bucket/folder" };
const CAPABILITIES: Capabilities = Capabilities { parallel: 8, uploads: 4, atomic_put: true };

/// The store at `s3:REST`.
pub(crate) fn open(
    rest: &str,
    settings: &StoreSettings,
    http: Http,
) -> Result<Arc<dyn Storage>, AddressError> {
    let (place, query) = split_query(rest);
    let mut options = Options::new(query, settings)?;
    let (config, secrets) = config(place, &mut options)?;
    options.finish()?;
    let given = config.access_key_id.is_some() || config.skip_signature;
    let operator = Operator::new(config.into_builder());
    let operator = operator.map_err(|error| AddressError::Service {
        scheme: "s3".to_owned(),
        reason: error.message().to_owned(),
    })?;
    let http = http.hiding(secrets);
    let operator = operator_over(operator, http.clone(), Family::S3);
    let mut storage = OpendalStorage::new(operator, CAPABILITIES).without_folders();
    if !given {
        storage = storage.finding_credentials();
    }
    Ok(Arc::new(storage.scrubbing(move |text| http.scrub(text))))
}

fn config(
    place: &str,
    options: &mut Options,
) -> Result<(S3Config, Vec<SecretString>), AddressError> {
    let mut config = S3Config::default();
    let place = place.strip_prefix("//").ok_or(SHAPE)?;
    let (bucket, folder) = place.split_once('/').unwrap_or((place, ""));
    if bucket.contains('@') {
        return Err(AddressError::SecretOption { option: "secret_access_key".to_owned() });
    }
    if !is_bucket(bucket) || place.contains('#') {
        return Err(SHAPE);
    }
    bucket.clone_into(&mut config.bucket);
    config.root = Some(format!("/{}", folder_of(folder).ok_or(SHAPE)?));
    let endpoint = endpoint(options)?;
    config.region = Some(region(options, endpoint.as_ref()));
    config.enable_virtual_host_style = virtual_host(options, endpoint.as_ref(), bucket)?;
    config.checksum_algorithm = match options.text("checksum").as_deref() {
        None | Some("md5") => Some("md5".to_owned()),
        Some("crc32c") => Some("crc32c".to_owned()),
        Some("none") => None,
        Some(_) => return Err(value("checksum", "crc32c, md5 or none")),
    };
    config.default_storage_class = options.text("storage_class");
    config.server_side_encryption = options.text("sse");
    config.server_side_encryption_aws_kms_key_id = options.text("sse_kms_key_id");
    // A role of the machine is of no use to another company's server.
    config.disable_ec2_metadata = endpoint.is_some();
    config.endpoint = endpoint.map(|url| url.as_str().trim_end_matches('/').to_owned());
    config.skip_signature = options.switch("anonymous")?.unwrap_or(false);
    let secrets = credentials(options, &mut config)?;
    Ok((config, secrets))
}

fn is_bucket(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    name.bytes().all(fits) && name.bytes().any(|byte| byte != b'.')
}

fn value(option: &str, expected: &'static str) -> AddressError {
    AddressError::OptionValue { option: option.to_owned(), expected }
}

fn endpoint(options: &mut Options) -> Result<Option<Url>, AddressError> {
    let text = options.text("endpoint");
    let text = text.or_else(|| options.variable("AWS_ENDPOINT_URL_S3"));
    let Some(text) = text.or_else(|| options.variable("AWS_ENDPOINT_URL")) else {
        return Ok(None);
    };
    let text = if text.contains("://") { text } else { format!("https://{text}") };
    let invalid = || value("endpoint", "a URL such as https://s3.example.org");
    let url = Url::parse(&text).ok().ok_or_else(invalid)?;
    if url.password().is_some() || !url.username().is_empty() {
        return Err(AddressError::SecretOption { option: "secret_access_key".to_owned() });
    }
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none();
    if plain && url.fragment().is_none() && url.has_host() { Ok(Some(url)) } else { Err(invalid()) }
}

/// The one that is named, else the one in the endpoint's host, else what servers that do not care accept.
fn region(options: &mut Options, endpoint: Option<&Url>) -> String {
    let named = options.text("region");
    let named = named.or_else(|| options.variable("AWS_REGION"));
    if let Some(named) = named.or_else(|| options.variable("AWS_DEFAULT_REGION")) {
        return named;
    }
    let host = endpoint.and_then(Url::host_str).unwrap_or_default();
    if host.ends_with(".r2.cloudflarestorage.com") {
        return "auto".to_owned();
    }
    let in_host = host.strip_prefix("s3.").and_then(|rest| {
        rest.strip_suffix(".backblazeb2.com").or_else(|| rest.strip_suffix(".amazonaws.com"))
    });
    in_host.unwrap_or("us-east-1").to_owned()
}

/// AWS wants the bucket in the host; others may have no name and no certificate for it.
fn virtual_host(
    options: &mut Options,
    endpoint: Option<&Url>,
    bucket: &str,
) -> Result<bool, AddressError> {
    match options.text("style").as_deref() {
        None => Ok(endpoint.is_none() && !bucket.contains('.')),
        Some("path") => Ok(false),
        Some("virtual") => Ok(true),
        Some(_) => Err(value("style", "path or virtual")),
    }
}

/// Those that are given; none leaves the search to OpenDAL.
fn credentials(
    options: &mut Options,
    config: &mut S3Config,
) -> Result<Vec<SecretString>, AddressError> {
    let profile = options.text("profile");
    let mut id = options.text("access_key_id");
    let mut key = options.secret("secret_access_key")?;
    let mut token = options.secret("session_token")?;
    if id.is_none() && key.is_none() && profile.is_none() {
        id = options.variable("AWS_ACCESS_KEY_ID");
        key = options.variable("AWS_SECRET_ACCESS_KEY").map(SecretString::from);
        token = token.or(options.variable("AWS_SESSION_TOKEN").map(SecretString::from));
    }
    match (&id, &key) {
        (Some(_), None) => {
            let option = "secret_access_key";
            return Err(AddressError::MissingOption { option, why: "there is an access_key_id" });
        }
        (None, Some(_)) => {
            let option = "access_key_id";
            return Err(AddressError::MissingOption {
                option,
                why: "there is a secret_access_key",
            });
        }
        // What is given is meant; nothing else is looked for.
        (Some(_), Some(_)) => config.disable_config_load = true,
        (None, None) => config.profile = profile,
    }
    config.access_key_id = id;
    config.secret_access_key = key.as_ref().map(|key| key.expose_secret().to_owned());
    config.session_token = token.as_ref().map(|token| token.expose_secret().to_owned());
    Ok(key.into_iter().chain(token).collect())
}

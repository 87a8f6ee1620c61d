//! WebDAV: `webdav+https://[USER@]HOST[:PORT]/FOLDER`, or `webdav+http://` on a line that is safe by itself.
//!
//! Nextcloud and ownCloud: `webdav+https://USER@HOST/remote.php/dav/files/USER/FOLDER`, with an app password.
//! The user is that of the address or the option `username`; the password is the secret `password`, or the secret `token`
//! takes the place of both. Basic and Digest are told apart by what the server asks for.
//!
//! A put goes straight to its place; only if the server misses the folder is it made, and the object put again. Whether all
//! of it arrived is asked afterwards. Most
//! servers write in place, so a reader may see half an object, and an aborted put may leave one. Deleting a folder would
//! delete what it holds, and reading one gives a page for people: names at the top, which could be folders, are looked at
//! first.

pub(crate) mod multistatus;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{Capabilities, Listed, Storage};
use opendal::services::WebdavConfig;
use opendal::{Configurator as _, Operator};
use tokio::sync::Mutex;
use url::Url;

use crate::address::{folder_of, split_query};
use crate::failure::{Call, below};
use crate::http::{Family, Http, HttpError, Login, operator_over};
use crate::options::{Options, StoreSettings};
use crate::{AddressError, OpendalStorage};

const SHAPE: AddressError = AddressError::Shape { expected: "webdav+https://user@host/folder" };
const CAPABILITIES: Capabilities = Capabilities { parallel: 4, uploads: 3, atomic_put: false };

/// The store at `webdav+https:REST` or `webdav+http:REST`.
pub(crate) fn open(
    scheme: &str,
    rest: &str,
    settings: &StoreSettings,
    http: Http,
) -> Result<Arc<dyn Storage>, AddressError> {
    let (place, query) = split_query(rest);
    let mut options = Options::new(query, settings)?;
    let protocol = scheme.strip_prefix("webdav+").unwrap_or("https");
    let url = Url::parse(&format!("{protocol}:{place}")).or(Err(SHAPE))?;
    if url.password().is_some() {
        return Err(AddressError::SecretOption { option: "password".to_owned() });
    }
    if !place.starts_with("//") || !url.has_host() || url.fragment().is_some() {
        return Err(SHAPE);
    }
    // Not of the parsed URL, which has resolved dots already.
    let path = place.get(2..).and_then(|place| place.split_once('/'));
    let folder = folder_of(path.map_or("", |(_, path)| path)).ok_or(SHAPE)?;
    let http = match login(&url, &mut options)? {
        Some(login) => http.with_login(login),
        None => http,
    };
    options.finish()?;
    let mut config = WebdavConfig::default();
    config.endpoint = Some(url.origin().ascii_serialization());
    config.root = Some(format!("/{folder}"));
    config.disable_create_dir = true;
    let operator = Operator::new(config.into_builder());
    let operator = operator.map_err(|error| AddressError::Service {
        scheme: scheme.to_owned(),
        reason: error.message().to_owned(),
    })?;
    let operator = operator_over(operator, http.clone(), Family::WebDav);
    let storage = OpendalStorage::new(operator, CAPABILITIES);
    let storage = storage.scrubbing(move |text| http.scrub(text));
    Ok(Arc::new(WebDav { storage, making: Mutex::default() }))
}

fn login(url: &Url, options: &mut Options) -> Result<Option<Login>, AddressError> {
    let in_address = folder_of(url.username()).ok_or(SHAPE)?;
    let user = options.text("username").or((!in_address.is_empty()).then_some(in_address));
    let password = options.secret("password")?;
    let token = options.secret("token")?;
    match (user, password, token) {
        (_, _, Some(token)) => Ok(Some(Login::bearer(token))),
        (Some(user), Some(password), None) => {
            Ok(Some(Login::password(user, password, url.scheme() == "https")))
        }
        (Some(_), None, None) => {
            Err(AddressError::MissingOption { option: "password", why: "there is a user" })
        }
        (None, Some(_), None) => {
            Err(AddressError::MissingOption { option: "username", why: "there is a password" })
        }
        (None, None, None) => Ok(None),
    }
}

#[derive(Debug)]
struct WebDav {
    storage: OpendalStorage,
    /// Servers fail when two clients make a folder at once; two calls of one client need not.
    making: Mutex<()>,
}

impl WebDav {
    /// WebDAV has no checksum, and servers were seen that keep a part of what arrived and say that all is well.
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), StorageError> {
        let sent = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.send(name, bytes).await?;
        let call = Call { operation: "put", object: name };
        let arrived = self.storage.operator().stat(name).await;
        let arrived = arrived.map_err(|error| self.storage.failed(call, &error))?.content_length();
        if arrived == sent {
            return Ok(());
        }
        let message = format!("the server keeps {arrived} of {sent} bytes");
        Err(call.error(ErrorKind::Protocol, true, Some(message.into())))
    }

    async fn send(&self, name: &str, bytes: Bytes) -> Result<(), StorageError> {
        let missed = match self.storage.put(name, bytes.clone()).await {
            Err(error) if folder_is_missing(&error) => error,
            other => return other,
        };
        let folder =
            name.split_once('/').map_or("/".to_owned(), |(folder, _)| format!("{folder}/"));
        let made = {
            let _making = self.making.lock().await;
            self.storage.operator().create_dir(&folder).await
        };
        // Another client may have made it in between, which some servers report as failure.
        match (self.storage.put(name, bytes).await, made) {
            (Err(error), Err(made)) if folder_is_missing(&error) => {
                Err(self.storage.failed(Call { operation: "put", object: name }, &made))
            }
            (Err(error), Ok(())) if folder_is_missing(&error) => Err(missed),
            (put, _) => put,
        }
    }
}

/// The answer is 409 by the standard; some servers say 404, or that the object itself was not found.
fn folder_is_missing(error: &StorageError) -> bool {
    let status = below::<HttpError>(error).and_then(|http| http.status);
    error.kind == ErrorKind::NotFound || status == Some(409)
}

impl Storage for WebDav {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.put(name, bytes))
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "read", object: name };
            if self.storage.is_folder(call).await? {
                return Err(call.error(ErrorKind::NotFound, false, None));
            }
            self.storage.read(name, range).await
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        self.storage.list(prefix)
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "delete", object: name };
            if self.storage.is_folder(call).await? {
                Ok(())
            } else {
                self.storage.delete(name).await
            }
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.storage.capabilities()
    }
}

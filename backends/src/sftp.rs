//! SFTP through the system's `ssh`, with keys: `sftp://[USER@]HOST[:PORT]/FOLDER?key=FILE&known_hosts=strict|accept|add`.
//!
//! The folder is absolute; `sftp://host/~/FOLDER` lies in the home folder. Everything else, such as a jump host or an
//! agent, is what `ssh` finds in its own configuration. There is no password: `ssh` would have to ask for it.
//!
//! A write over SFTP is seen while it goes on and stays when it breaks off. So an object is written under a name in `.tmp`
//! that no object can have, and renamed. Whether a rename whose answer was lost took place is told by the size of what
//! stands in its place.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{Capabilities, Listed, Storage};
use opendal::services::SftpConfig;
use opendal::{Configurator as _, Operator};
use url::Url;

use crate::address::{folder_of, split_query};
use crate::failure::Call;
use crate::options::{Options, StoreSettings};
use crate::{AddressError, OpendalStorage};

const SHAPE: AddressError = AddressError::Shape { expected: "sftp://user@host/folder" };
const CAPABILITIES: Capabilities = Capabilities { parallel: 4, uploads: 2, atomic_put: true };

/// The store at `sftp:REST`.
pub(crate) fn open(rest: &str, settings: &StoreSettings) -> Result<Arc<dyn Storage>, AddressError> {
    let (place, query) = split_query(rest);
    let mut options = Options::new(query, settings)?;
    let url = Url::parse(&format!("sftp:{place}")).or(Err(SHAPE))?;
    if url.password().is_some() {
        return Err(AddressError::SecretOption { option: "password".to_owned() });
    }
    let host = url.host_str().filter(|host| !host.is_empty() && !host.starts_with('-'));
    let host = host.filter(|_| place.starts_with("//") && url.fragment().is_none()).ok_or(SHAPE)?;
    let path = place.get(2..).and_then(|place| place.split_once('/')).map_or("", |(_, path)| path);
    let in_home = path == "~" || path.starts_with("~/");
    let folder = folder_of(path.strip_prefix('~').filter(|_| in_home).unwrap_or(path));
    let folder = folder.ok_or(SHAPE)?;
    let mut config = SftpConfig::default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    config.endpoint = Some(format!("ssh://{host}{port}"));
    let user = folder_of(url.username()).ok_or(SHAPE)?;
    config.user = (!user.is_empty()).then_some(user);
    config.key = options.text("key");
    config.known_hosts_strategy = Some(match options.text("known_hosts").as_deref() {
        None | Some("strict") => "strict".to_owned(),
        Some("accept") => "accept".to_owned(),
        Some("add") => "add".to_owned(),
        Some(_) => {
            let option = "known_hosts".to_owned();
            return Err(AddressError::OptionValue { option, expected: "strict, accept or add" });
        }
    });
    options.finish()?;
    // Without a root OpenDAL stays where the server puts us, which is the home folder.
    config.root = (!in_home).then(|| format!("/{folder}"));
    let operator = Operator::new(config.into_builder());
    let operator = operator.map_err(|error| AddressError::Service {
        scheme: "sftp".to_owned(),
        reason: error.message().to_owned(),
    })?;
    let storage = OpendalStorage::new(operator, CAPABILITIES);
    let prefix = if in_home && !folder.is_empty() { format!("{folder}/") } else { String::new() };
    Ok(Arc::new(Sftp { storage: storage.in_folder(prefix) }))
}

#[derive(Debug)]
struct Sftp {
    storage: OpendalStorage,
}

impl Sftp {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), StorageError> {
        let call = Call::put(name, &bytes)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let operator = self.storage.operator();
        let place = self.storage.path(call.object);
        let draft = self.storage.path(&draft_name());
        let written = match operator.write(&draft, bytes).await {
            Ok(_) => operator.rename(&draft, &place).await,
            Err(error) => Err(error),
        };
        let Err(error) = written else { return Ok(()) };
        // Renaming fails over an object that is there already, and its answer may be lost.
        let there = operator.stat(&place).await.is_ok_and(|found| found.content_length() == size);
        let swept = operator.delete(&draft).await;
        if let Err(left) = swept {
            tracing::debug!(target: "heirloom::store", kind = ?left.kind(), "a draft stays behind");
        }
        if there { Ok(()) } else { Err(self.storage.failed(call, &error)) }
    }
}

/// No object can have this name, and no two puts the same.
fn draft_name() -> String {
    // Hash maps have keys of their own; that is all the randomness which is needed here.
    let unique = || RandomState::new().build_hasher().finish();
    format!(".tmp/{:016x}{:016x}", unique(), unique())
}

impl Storage for Sftp {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.put(name, bytes))
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            match self.storage.read(name, range).await {
                // A folder can be opened, and fails when it is read.
                Err(error) if error.kind == ErrorKind::Unreachable => {
                    let call = Call { operation: "read", object: name };
                    let folder = self.storage.is_folder(call).await?;
                    Err(if folder { call.error(ErrorKind::NotFound, false, None) } else { error })
                }
                read => read,
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        self.storage.list(prefix)
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            match self.storage.delete(name).await {
                Err(error) if error.kind == ErrorKind::Unreachable => {
                    let call = Call { operation: "delete", object: name };
                    if self.storage.is_folder(call).await? { Ok(()) } else { Err(error) }
                }
                deleted => deleted,
            }
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.storage.capabilities()
    }
}

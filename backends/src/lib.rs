//! Stores for the engine: local disk, and everything that Apache OpenDAL reaches.
//!
//! An [`Address`] says where a repository lies; [`open`] turns it into a [`Storage`]. Opening touches nothing: a local
//! folder is made by the first object that is put into it. Every store passes the conformance suite (`tests/conformance`)
//! and must be used from within a tokio runtime, whose blocking threads carry the file operations.
//!
//! ```
//! use heirloom_backends::{Address, open};
//!
//! let address = Address::parse("/mnt/disk/repository".as_ref())?;
//! let storage = open(&address)?;
//! assert!(storage.capabilities().atomic_put);
//! # Ok::<(), heirloom_backends::AddressError>(())
//! ```

mod adapter;
mod address;
mod failure;
mod local;
mod name;

use std::sync::Arc;

use heirloom_engine::repository::{Capabilities, Storage};

pub use self::adapter::OpendalStorage;
pub use self::address::{Address, AddressError};
pub use self::local::LocalDisk;
pub use self::name::{NameError, PART_BYTES_MAX, check_name, check_prefix};

/// Larger objects are refused by every store, in both directions: some stores hold a whole upload in memory.
pub const OBJECT_BYTES_MAX: u64 = 64 << 20;

/// The store at an address. Nothing is created or contacted yet.
pub fn open(address: &Address) -> Result<Arc<dyn Storage>, AddressError> {
    match address {
        Address::Local(root) => Ok(Arc::new(LocalDisk::new(root))),
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
    Arc::new(OpendalStorage::new(operator, Capabilities { parallel: 16, atomic_put: true }))
}

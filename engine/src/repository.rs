//! Opens a store, reads and writes typed objects, runs sessions; owns the [`Storage`] port.
//!
//! The port is asynchronous; everything above it blocks the calling thread, so that the heavy work of the operations
//! runs on plain threads. [`Context`] brings the runtime that the port's calls are driven by.

mod catalogue;
mod description;
mod error;
mod examined;
mod listing;
mod open;
mod policies;
mod reader;
mod records;
mod session;
mod slots;
mod tombstones;

pub use self::catalogue::Catalogue;
pub use self::error::RepositoryError;
pub use self::listing::Snapshots;
pub use self::open::{Context, PACK_BYTES, Repository};
pub use self::policies::{Policies, PolicyChange};
pub use self::reader::{FrameRef, SealedFrame};
pub(crate) use self::records::Signed;
pub(crate) use self::session::CondemnedList;
pub use self::session::{Committed, Known, Session, SessionNote};
pub use self::slots::{NewSlot, SlotInfo};
pub use self::tombstones::Saying;
pub use crate::storage::{
    Capabilities, Listed, NameError, OBJECT_BYTES_MAX, PART_BYTES_MAX, Storage, check_name,
    check_prefix,
};
pub use crate::upload::{Compression, Lane};

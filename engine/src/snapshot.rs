//! The snapshot record, its signature chain, tombstones.
//!
//! A snapshot is one sealed object, signed by the owner: what was backed up, when, and the root of its tree. Each
//! record holds the hash of the record that its client wrote before and the newest snapshots of the other clients, so
//! that a store that drops or rolls back snapshots is found out ([`rollback`]). Kept secrets are sealed and signed the
//! same way. Everything is a pure function of bytes.
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod chain;
mod date;
mod envelope;
mod ids;
mod record;
mod secret;
mod selector;
#[cfg(test)]
mod tests;

pub use self::chain::{Head, Link, RememberedHead, heads_of, merge_heads, next_link, rollback};
pub use self::date::Moment;
pub use self::envelope::{
    Snapshot, Tombstone, object_name, open_policy, policy_name, record_hash, seal_policy,
    tombstone_name,
};
pub use self::record::{Record, Stats};
pub use self::secret::{KeptSecret, SECRET_BYTES_MAX, secret_name};
pub use self::selector::{Filter, Pick, SelectError, Selector, SelectorError, select};

/// A record names at most so many snapshots of other clients.
pub const HEADS_MAX: usize = 32;

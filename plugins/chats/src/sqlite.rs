//! SQLite over bytes that are read on demand: nothing is copied to a disk, and nothing is written.
//!
//! [`Database`] is opened from a tree of files and answers queries. What was written last may lie in a log beside
//! the database; it is laid over the pages as they are read. Databases come from elsewhere and are not trusted.

mod database;
mod pages;
mod rows;
mod shape;
mod side;
mod vfs;
mod wal;

#[cfg(test)]
mod tests;

pub use self::database::{Database, Table};
pub(crate) use self::rows::{Fields, whole};
pub(crate) use self::shape::First;
pub(crate) use self::side::Side;

/// What every database begins with.
pub const MAGIC: &[u8] = b"SQLite format 3\0";

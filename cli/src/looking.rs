//! Looks into snapshots: finds and measures what is in them, follows a file through all of them, and takes files
//! and folders out as streams and archives.

pub(crate) mod archive;
pub(crate) mod du;
pub(crate) mod dump;
mod failure;
pub(crate) mod find;
pub(crate) mod history;
mod words;

use std::sync::Arc;

use heirloom_engine::repository::Repository;
use heirloom_engine::view::Reader;

pub(crate) use self::failure::{LookingFailure, message};
use crate::history::picked;

/// Content that is kept while a stream is written; a part of it is read ahead.
const CONTENT_BYTES: u64 = 96 << 20;

pub(crate) fn reader(repository: Repository) -> Reader {
    Reader::new(Arc::new(repository), CONTENT_BYTES)
}

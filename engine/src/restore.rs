//! Writes a snapshot's entries to a target, fetching each pack range once.
//!
//! One pass over the tree, in order, makes folders and everything small, and collects the content of files in batches;
//! a batch is read by pack and frame, on several threads. Memory does not grow with the snapshot. Nothing is written
//! outside the target whatever the snapshot says: every open is relative to a folder's descriptor, one safe component
//! at a time, and follows no link. Content is compared with its id before it is written. What is damaged is left out
//! and reported, the rest is restored. A restore that ended early is continued by running it again.

mod attributes;
mod conflict;
mod context;
mod decoded;
mod delete;
mod execute;
mod file;
mod folder;
mod holes;
mod level;
mod links;
mod listing;
mod made;
mod options;
mod owner;
mod plan;
mod report;
mod special;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod write;

use std::sync::Arc;

use rustix::io::Errno;

pub use self::options::{Overwrite, Owner, RestoreOptions, Select, Selection, Turn};
pub use self::owner::Accounts;
pub use self::report::{RestoreError, RestoreReport};

use self::context::Context;
use self::folder::{Folder, open_target};
use self::walk::Walk;
pub use crate::fetch::{BlobReader, Frame, FrameRef, FrameSink};
use crate::id::NodeId;
use crate::progress::Progress;
use crate::tree::NodeSource;

/// Restores the tree with this root.
///
/// Problems with single entries are told to `progress` and counted in the report; an error means that the rest was
/// not even tried.
pub fn run(
    reader: &dyn BlobReader,
    nodes: &mut dyn NodeSource,
    tree: NodeId,
    options: &RestoreOptions,
    progress: &dyn Progress,
) -> Result<RestoreReport, RestoreError> {
    let context = Context::new(reader, options, progress);
    let failed =
        |error: Errno| RestoreError::Target { path: options.target.clone(), source: error.into() };
    let root = target(options)?;
    Walk::new(&context, nodes, tree, root).map_err(failed)?.run()?;
    match context.take_stop() {
        Some(reason) => Err(reason),
        None => Ok(context.tally.report()),
    }
}

/// Opens the target folder, or makes it.
fn target(options: &RestoreOptions) -> Result<Arc<Folder>, RestoreError> {
    let path = &options.target;
    let failed = |source: std::io::Error| RestoreError::Target { path: path.clone(), source };
    match open_target(path) {
        Ok(fd) => Ok(Folder::root(path, Some(fd), false)),
        Err(Errno::NOENT) if options.dry_run => Ok(Folder::root(path, None, true)),
        Err(Errno::NOENT) => {
            std::fs::create_dir_all(path).map_err(failed)?;
            let fd = open_target(path).map_err(|error| failed(error.into()))?;
            Ok(Folder::root(path, Some(fd), true))
        }
        Err(error) => Err(failed(error.into())),
    }
}

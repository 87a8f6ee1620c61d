//! `heirloom cat`.

use clap::{Args, Subcommand};
use heirloom_engine::snapshot::Selector;

use super::values;

/// Print the repository's own objects, for experts.
#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    #[command(subcommand)]
    pub(crate) object: CatObject,
}

/// What to print.
#[derive(Debug, Subcommand)]
pub(crate) enum CatObject {
    /// heirloom.json
    Config,
    /// The key slots
    Slots,
    /// The sessions that run, or were broken off
    Session,
    /// The record of a snapshot
    Snapshot {
        /// Snapshot
        #[arg(value_parser = values::selector())]
        snapshot: Selector,
    },
    /// What was forgotten, and by whom
    Tombstones,
    /// Any object by its name, as it lies in the store: packs/ID, condemned/ID, policies/ID, ...
    Raw {
        /// Name of the object
        name: String,
    },
    /// An index segment
    Index {
        /// Name of the segment: SESSION.NUMBER
        name: String,
    },
    /// The table of a packfile
    Pack {
        /// Id of the pack
        id: String,
    },
    /// A node of a tree
    Tree {
        /// Id of the node
        id: String,
    },
    /// The bytes of a blob of file content
    Blob {
        /// Id of the blob
        id: String,
    },
}

//! `heirloom ls`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use clap::Args;
use heirloom_engine::snapshot::Selector;

use super::values;

/// List the files in a snapshot.
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Snapshot, or a folder or file in it: latest, latest:/home/me
    #[arg(
        value_name = "SNAPSHOT[:PATH]",
        value_parser = values::selector()
    )]
    pub(crate) snapshot: Selector,

    /// Also mode, owner, size and time
    #[arg(short, long)]
    pub(crate) long: bool,

    /// Folders with the size of everything in them
    #[arg(short, long)]
    pub(crate) sizes: bool,

    /// Also what is below the folders
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
}

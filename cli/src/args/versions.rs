//! `heirloom history`.

use std::path::PathBuf;

use clap::Args;

use super::pick::PickArgs;

/// List the versions of one file or folder.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The file or folder; where it was when it was backed up
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) pick: PickArgs,
}

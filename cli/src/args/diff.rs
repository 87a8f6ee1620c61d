//! `heirloom diff`.

use clap::Args;
use heirloom_engine::snapshot::Selector;

use super::values::{self, Side};

/// Say what differs between two snapshots, or a snapshot and a folder.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The earlier one, or a folder or file in it: latest~1, latest~1:/home/me
    #[arg(value_name = "BEFORE[:PATH]", value_parser = values::selector())]
    pub(crate) before: Selector,

    /// The later one, or a folder or file of this machine: /home/me, ./notes.txt
    #[arg(value_name = "AFTER|FOLDER", value_parser = values::side())]
    pub(crate) after: Side,

    /// Also name entries of which only times, owners, permissions or attributes differ
    #[arg(long)]
    pub(crate) metadata: bool,

    /// Read files of the folder even if size and time are those of the snapshot
    #[arg(long)]
    pub(crate) content: bool,
}

//! `heirloom diff`.

use clap::Args;
use heirloom_engine::snapshot::Selector;

use super::values;

/// Say what differs between two snapshots.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The earlier one, or a folder or file in it: latest~1, latest~1:/home/me
    #[arg(value_name = "BEFORE[:PATH]", value_parser = values::selector())]
    pub(crate) before: Selector,

    /// The later one
    #[arg(value_name = "AFTER", value_parser = values::selector())]
    pub(crate) after: Selector,

    /// Also name entries of which only times, owners, permissions or attributes differ
    #[arg(long)]
    pub(crate) metadata: bool,
}

//! `heirloom snapshots`.

use clap::Args;
use heirloom_engine::snapshot::Selector;

use super::pick::PickArgs;
use super::values;

/// List the snapshots.
#[derive(Debug, Args)]
pub(crate) struct SnapshotsArgs {
    /// Only these snapshots: latest, an id, a date, LABEL@latest
    #[arg(value_name = "SNAPSHOT", value_parser = values::selector())]
    pub(crate) snapshots: Vec<Selector>,

    #[command(flatten)]
    pub(crate) pick: PickArgs,

    /// Those that were forgotten and can still be brought back, and who forgot them
    #[arg(long)]
    pub(crate) forgotten: bool,
}

//! `heirloom stats`.

use clap::Args;
use heirloom_engine::snapshot::Selector;

use super::pick::PickArgs;
use super::values;

/// Say what snapshots take.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// These snapshots: latest, an id, a date, LABEL@latest; all if none is named
    #[arg(value_name = "SNAPSHOT", value_parser = values::selector())]
    pub(crate) snapshots: Vec<Selector>,

    #[command(flatten)]
    pub(crate) pick: PickArgs,

    /// Only how the snapshots grew, one by one
    #[arg(long, conflicts_with = "if_forgotten")]
    pub(crate) growth: bool,

    /// Also what a prune could free if they were forgotten
    #[arg(long)]
    pub(crate) if_forgotten: bool,
}

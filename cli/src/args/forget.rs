//! `heirloom forget`.

use clap::Args;
use heirloom_engine::id::SessionId;
use heirloom_engine::snapshot::Selector;

use super::keep::KeepArgs;
use super::pick::PickArgs;
use super::prune::HowArgs;
use super::values;

/// Forget snapshots.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// Exactly these snapshots: latest, an id, a date, LABEL@latest
    #[arg(value_name = "SNAPSHOT", value_parser = values::selector())]
    pub(crate) snapshots: Vec<Selector>,

    #[command(flatten)]
    pub(crate) pick: PickArgs,

    /// Say that this snapshot, which has vanished from the store, is not to be missed any more (the whole id)
    #[arg(long, value_name = "ID", value_parser = values::session, conflicts_with_all = ["snapshots", "dry_run"])]
    pub(crate) lost: Vec<SessionId>,

    /// Free the space afterwards
    #[arg(long)]
    pub(crate) prune: bool,

    /// Why; stands in the record of what was forgotten
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,

    /// Only say what would be forgotten
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) keep: KeepArgs,

    #[command(flatten)]
    pub(crate) how: HowArgs,
}

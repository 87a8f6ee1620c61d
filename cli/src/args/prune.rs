//! `heirloom prune`.

use clap::Args;
use heirloom_engine::prune::Limit;
use jiff::Span;

use super::keep::KeepArgs;
use super::values;

/// What `prune` takes.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) how: HowArgs,

    /// Only show what would be done
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

/// How to free space; `forget --prune` takes it, too.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to prune")]
pub(crate) struct HowArgs {
    /// How much unneeded data may stay in packs that are in use: a share (5%), a size (500M) or "unlimited"
    #[arg(long, value_name = "LIMIT", default_value = "5%", value_parser = values::limit, allow_hyphen_values = true)]
    pub(crate) max_unused: Limit,

    /// How much may be copied at most: a share of the repository (10%), a size (2G) or "unlimited"
    #[arg(long, value_name = "LIMIT", default_value = "unlimited", value_parser = values::limit, allow_hyphen_values = true)]
    pub(crate) max_repack: Limit,

    /// Stop copying after this time (90min, 2h); the next prune goes on
    #[arg(long, value_name = "DURATION", value_parser = values::duration, allow_hyphen_values = true)]
    pub(crate) time_budget: Option<Span>,

    /// Declare programs dead that began to write this long ago and did not end; 0s: all, if you know that none is
    /// running
    #[arg(long, value_name = "DURATION", default_value = "3d", value_parser = values::duration, allow_hyphen_values = true)]
    pub(crate) dead_after: Span,
}

//! `heirloom policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::keep::RuleArgs;

/// Keep rules in the repository, for `forget` and `prune` without rules.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) action: PolicyAction,
}

/// What to do with the policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyAction {
    /// Show the policies, and how many snapshots each decides on
    Show,
    /// Store rules for all snapshots, or for those of a label, machine or path
    Set(Box<PolicySetArgs>),
    /// Remove the policy of exactly this label, machine and path, or by id
    Remove(PolicyRemoveArgs),
}

/// Store rules.
#[derive(Debug, Args)]
pub(crate) struct PolicySetArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,

    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

/// Remove a policy.
#[derive(Debug, Args)]
pub(crate) struct PolicyRemoveArgs {
    /// Id of the policy, or its first digits; damaged ones, too
    #[arg(value_name = "ID", conflicts_with_all = ["label", "host", "path"])]
    pub(crate) ids: Vec<String>,

    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

/// Whom a policy is for. The most specific policy decides: more of these win, then label, machine, path.
#[derive(Debug, Args)]
#[command(next_help_heading = "Whom it is for")]
pub(crate) struct ScopeArgs {
    /// Only snapshots with this label
    #[arg(long)]
    pub(crate) label: Option<String>,

    /// Only snapshots of this machine
    #[arg(short = 'H', long)]
    pub(crate) host: Option<String>,

    /// Only snapshots that have this path
    #[arg(long)]
    pub(crate) path: Option<PathBuf>,
}

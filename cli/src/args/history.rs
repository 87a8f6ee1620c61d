//! `heirloom unforget`, `pin`, `tag` and `rewrite`: snapshots of snapshots.

use clap::Args;
use heirloom_engine::snapshot::Selector;

use super::pick::PickArgs;
use super::values::{self, Until};

/// Bring forgotten snapshots back.
#[derive(Debug, Args)]
pub(crate) struct UnforgetArgs {
    /// Forgotten or disputed snapshots: an id, latest, a date, LABEL@latest
    #[arg(value_name = "SNAPSHOT", value_parser = values::selector(), required = true)]
    pub(crate) snapshots: Vec<Selector>,
}

/// Keep snapshots whatever the rules say.
#[derive(Debug, Args)]
pub(crate) struct PinArgs {
    /// These snapshots: latest, an id, a date, LABEL@latest
    #[arg(value_name = "SNAPSHOT", value_parser = values::selector(), required = true)]
    pub(crate) snapshots: Vec<Selector>,

    /// Only until this date, or for this long: 2030-01-01, 10y
    #[arg(long, value_name = "WHEN", value_parser = values::until, conflicts_with = "remove")]
    pub(crate) until: Option<Until>,

    /// No longer; the rules decide again
    #[arg(long)]
    pub(crate) remove: bool,
}

/// Change the tags and labels of snapshots.
#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// These snapshots: latest, an id, a date, LABEL@latest
    #[arg(value_name = "SNAPSHOT", value_parser = values::selector(), required = true)]
    pub(crate) snapshots: Vec<Selector>,

    #[command(flatten)]
    pub(crate) changes: TagChanges,
}

/// What is to change; at least one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct TagChanges {
    /// Tags that they get as well
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) add: Vec<String>,

    /// Tags that they lose
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) remove: Vec<String>,

    /// Their only tags from now on; --set "" takes all away
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) set: Option<Vec<String>>,

    /// The series that they belong to from now on
    #[arg(long)]
    pub(crate) label: Option<String>,

    /// They belong to no series any more
    #[arg(long, conflicts_with = "label")]
    pub(crate) no_label: bool,
}

/// Take files out of old snapshots.
#[derive(Debug, Args)]
pub(crate) struct RewriteArgs {
    /// Files and folders to leave out: /home/me/secret, or *.iso for those of this name anywhere; may be repeated
    #[arg(long, value_name = "PATTERN", required = true)]
    pub(crate) drop: Vec<String>,

    /// These snapshots: latest, an id, a date, LABEL@latest
    #[arg(value_name = "SNAPSHOT", value_parser = values::selector())]
    pub(crate) snapshots: Vec<Selector>,

    /// All snapshots
    #[arg(long, conflicts_with = "snapshots")]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) pick: PickArgs,

    /// Only say what would be left out
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

//! `heirloom snapshots`.

use std::path::PathBuf;

use clap::Args;
use heirloom_engine::snapshot::Selector;

use super::values;

/// List the snapshots.
#[derive(Debug, Args)]
pub(crate) struct SnapshotsArgs {
    /// Only these snapshots: latest, an id, a date, LABEL@latest
    #[arg(value_name = "SNAPSHOT", value_parser = values::selector())]
    pub(crate) snapshots: Vec<Selector>,

    /// Only those of this machine; may be repeated
    #[arg(short = 'H', long)]
    pub(crate) host: Vec<String>,

    /// Only those with this label; may be repeated
    #[arg(long)]
    pub(crate) label: Vec<String>,

    /// Only those with all of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) tag: Vec<String>,

    /// Only those that have all of these paths
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Vec<PathBuf>,
}

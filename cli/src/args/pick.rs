//! Which snapshots a command is about, by what they say about themselves.

use std::path::PathBuf;

use clap::Args;

/// Which snapshots a command is about.
#[derive(Debug, Args)]
pub(crate) struct PickArgs {
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

impl PickArgs {
    /// Whether it restricts anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.host.is_empty() && self.label.is_empty() && self.tag.is_empty() && self.path.is_empty()
    }
}

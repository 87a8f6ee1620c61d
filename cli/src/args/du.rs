//! `heirloom du`.

use clap::Args;
use heirloom_engine::snapshot::{Pick, Selector};

use super::values;

/// Show the biggest folders of a snapshot.
#[derive(Debug, Args)]
pub(crate) struct DuArgs {
    /// Snapshot, or a folder in it; the latest if none is named
    #[arg(value_name = "SNAPSHOT[:PATH]", value_parser = values::selector())]
    snapshot: Option<Selector>,

    /// Only folders at most so many levels below
    #[arg(short, long, value_name = "LEVELS")]
    pub(crate) depth: Option<usize>,

    /// So many of them
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    pub(crate) top: usize,

    /// Also files
    #[arg(short, long)]
    pub(crate) all: bool,
}

impl DuArgs {
    /// What to measure.
    pub(crate) fn snapshot(&self) -> Selector {
        let latest = Selector { label: None, pick: Pick::Latest { back: 0 }, path: None };
        self.snapshot.clone().unwrap_or(latest)
    }
}

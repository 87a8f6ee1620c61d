//! `heirloom browse`.

use std::net::SocketAddr;

use clap::Args;
use heirloom_engine::snapshot::Selector;

use super::values;

/// Look at snapshots in a web browser.
#[derive(Debug, Args)]
pub(crate) struct BrowseArgs {
    /// Where to begin: a snapshot, or a folder or file in it; without it, the list of the snapshots
    #[arg(value_name = "SNAPSHOT[:PATH]", value_parser = values::selector())]
    pub(crate) snapshot: Option<Selector>,

    /// Where to listen; this machine only, and port 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,

    /// Open the page in the default browser, too
    #[arg(long)]
    pub(crate) open: bool,
}

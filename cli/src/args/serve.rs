//! `heirloom serve`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use heirloom_engine::snapshot::Selector;

use super::values;

/// Show the snapshots to other programs.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(subcommand)]
    pub(crate) how: ServeCommand,
}

/// How programs reach the snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum ServeCommand {
    /// As a read-only WebDAV folder, for file managers where nothing can be mounted
    Webdav(WebdavArgs),
}

/// Show the snapshots as a read-only WebDAV folder.
#[derive(Debug, Args)]
pub(crate) struct WebdavArgs {
    /// Where to listen; port 0 means any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,

    /// Listen where other machines can reach it; nothing is encrypted on the way
    #[arg(long)]
    pub(crate) allow_remote: bool,

    /// Only this snapshot, or a folder in it: latest, 3fa9, latest:/home/me; else all snapshots
    #[arg(
        long,
        value_name = "SNAPSHOT[:PATH]",
        value_parser = values::selector()
    )]
    pub(crate) snapshot: Option<Selector>,
}

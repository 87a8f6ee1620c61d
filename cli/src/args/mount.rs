//! `heirloom mount`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use heirloom_engine::snapshot::Selector;

use super::values;

/// Show the snapshots as a folder.
#[derive(Debug, Args)]
pub(crate) struct MountArgs {
    /// Empty folder in which the snapshots appear
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,

    /// Only this snapshot, or a folder in it: latest, 3fa9, latest:/home/me; else all snapshots
    #[arg(
        long,
        value_name = "SNAPSHOT[:PATH]",
        value_parser = values::selector()
    )]
    pub(crate) snapshot: Option<Selector>,

    /// To whom files and folders belong
    #[arg(long, value_name = "WHOM", default_value = "recorded")]
    pub(crate) owner: Owner,

    /// Let other users of this machine in, each with the rights that the snapshot says
    #[arg(long)]
    pub(crate) allow_other: bool,

    /// Return when the snapshots are there, and go on in the background
    #[arg(short, long)]
    pub(crate) background: bool,
}

/// To whom files and folders belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Owner {
    /// To the users and groups that the snapshot says
    Recorded,
    /// To whoever runs this command
    Me,
}

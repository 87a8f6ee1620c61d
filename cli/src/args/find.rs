//! `heirloom find`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use heirloom_engine::snapshot::Selector;

use super::pick::PickArgs;
use super::values::{self, SizeRange, Until};

/// Find files in all snapshots, each version once.
#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    /// Names: *.jpg; with a slash paths: /home/*/notes, music/*.ogg; everything if none is given
    #[arg(value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,

    #[command(flatten)]
    pub(crate) what: FindWhat,

    /// Only in these snapshots: latest, an id, a date, LABEL@latest; may be repeated
    #[arg(short, long, value_name = "SNAPSHOT", value_parser = values::selector())]
    pub(crate) snapshot: Vec<Selector>,

    #[command(flatten)]
    pub(crate) pick: PickArgs,

    /// Also mode and owner, and every snapshot that has it
    #[arg(short, long)]
    pub(crate) long: bool,
}

/// What else must be true of what is found.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to find")]
pub(crate) struct FindWhat {
    /// Upper and lower case are the same in patterns
    #[arg(long)]
    pub(crate) ignore_case: bool,

    /// Only at and below this path of the snapshots
    #[arg(long, value_name = "PATH")]
    pub(crate) below: Option<PathBuf>,

    /// Only this kind; may be repeated
    #[arg(long, value_name = "KIND")]
    pub(crate) r#type: Vec<FindKind>,

    /// Only files of this size: 10M for at least, -10M for at most, 1M..2M
    #[arg(long, value_name = "RANGE", value_parser = values::size_range, allow_hyphen_values = true)]
    pub(crate) size: Option<SizeRange>,

    /// Only what changed at this time or later: 2026-11-01, or 7d for seven days ago
    #[arg(long, value_name = "WHEN", value_parser = values::until)]
    pub(crate) newer: Option<Until>,

    /// Only what changed before this time
    #[arg(long, value_name = "WHEN", value_parser = values::until)]
    pub(crate) older: Option<Until>,

    /// Only files with this content: its BLAKE3 hash as b3sum prints it
    #[arg(long, value_name = "HASH", value_parser = values::blake3)]
    pub(crate) hash: Option<[u8; 32]>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindKind {
    /// A file
    #[value(alias = "f")]
    File,
    /// A folder
    #[value(alias = "d")]
    Folder,
    /// A symbolic link
    #[value(alias = "l")]
    Symlink,
    /// A pipe, a socket or a device
    Other,
}

//! `heirloom restore`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use heirloom_engine::snapshot::Selector;

use super::values;
use crate::commands::restore::First;

/// Bring files back.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Snapshot, or a folder or file in it: latest, 3fa9, home@latest, 2026-11-01, latest:/home/me
    #[arg(
        value_name = "SNAPSHOT[:PATH]",
        value_parser = values::selector()
    )]
    pub(crate) snapshot: Selector,

    /// Folder to restore into
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) target: PathBuf,

    #[command(flatten)]
    pub(crate) what: WhatArgs,

    #[command(flatten)]
    pub(crate) how: HowArgs,

    #[command(flatten)]
    pub(crate) owners: OwnerArgs,
}

/// Which entries to restore.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to restore")]
pub(crate) struct WhatArgs {
    /// Restore only what matches the pattern; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,

    /// Do not restore what matches the pattern; may be repeated
    #[arg(short, long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,

    /// Restore this first, and the rest after it: text is everything but pictures, sounds and films
    #[arg(long, value_name = "WHAT")]
    pub(crate) first: Option<First>,

    /// What to do with files that exist
    #[arg(long, value_name = "WHEN", default_value = "if-changed")]
    pub(crate) overwrite: Overwrite,

    /// Delete what is in the target and not in the snapshot
    #[arg(long)]
    pub(crate) delete: bool,

    /// Restore what files hold instead of them: a database, not its encrypted backup
    #[arg(long, conflicts_with = "delete")]
    pub(crate) decoded: bool,
}

/// How to restore.
#[derive(Debug, Args)]
#[command(next_help_heading = "How")]
pub(crate) struct HowArgs {
    /// Only say what would be restored
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Read the restored files back and compare
    #[arg(long)]
    pub(crate) verify: bool,

    /// Write long runs of zeros as holes
    #[arg(long)]
    pub(crate) sparse: bool,
}

/// Who owns what was restored.
#[derive(Debug, Args)]
#[command(next_help_heading = "Owners")]
pub(crate) struct OwnerArgs {
    /// Everything belongs to whoever restores
    #[arg(long, conflicts_with = "numeric_owner")]
    pub(crate) no_owner: bool,

    /// Go by the numbers of users and groups, not by their names
    #[arg(long)]
    pub(crate) numeric_owner: bool,
}

/// What to do with files that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Overwrite {
    /// Replace them
    Always,
    /// Leave what is equal in size and time, leave and report what differs: nothing is destroyed
    IfChanged,
    /// Replace what is older than in the snapshot
    IfNewer,
    /// Leave them alone
    Never,
}

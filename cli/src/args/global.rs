//! Flags that every command understands.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args};

/// Flags that every command understands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Where the snapshots are kept: a folder or a URL [env: HEIRLOOM_REPOSITORY]
    #[arg(short, long, visible_alias = "repo", global = true, value_name = "REPO")]
    pub(crate) repository: Option<OsString>,

    /// File that holds the passphrase [env: HEIRLOOM_PASSWORD_FILE]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "password_command")]
    pub(crate) password_file: Option<PathBuf>,

    /// Program that prints the passphrase; started directly, without a shell [env: HEIRLOOM_PASSWORD_COMMAND]
    #[arg(long, global = true, value_name = "COMMAND")]
    pub(crate) password_command: Option<String>,

    /// age identity or SSH private key that opens the repository; may be repeated [env: HEIRLOOM_IDENTITY_FILE]
    #[arg(short, long, global = true, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) identity_file: Vec<PathBuf>,

    /// Folder for the local cache [env: HEIRLOOM_CACHE_DIR]
    #[arg(long, global = true, value_name = "FOLDER", conflicts_with = "no_cache")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Keep no local cache
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,

    /// Print one JSON object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Only what was asked for, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Number of threads that compress, encrypt and read files
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

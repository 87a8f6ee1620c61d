//! Flags that every command understands.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::values;

/// Flags that every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Where the snapshots are kept: a folder or a URL [env: HEIRLOOM_REPOSITORY]
    #[arg(short, long, visible_alias = "repo", global = true, value_name = "REPO")]
    pub(crate) repository: Option<OsString>,

    /// Take settings from the file NAME.toml in the folder for profiles [env: HEIRLOOM_PROFILE]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// An option of the store, such as endpoint=https://...; may be repeated. No secrets: see docs/stores.md
    #[arg(short = 'o', long = "option", global = true, value_name = "KEY=VALUE", value_parser = values::option)]
    pub(crate) options: Vec<(String, String)>,

    /// Send at most so many bytes a second to the store, as 500K or 2M
    #[arg(long, global = true, value_name = "SIZE", value_parser = values::rate)]
    pub(crate) limit_upload: Option<NonZeroU64>,

    /// Receive at most so many bytes a second from the store
    #[arg(long, global = true, value_name = "SIZE", value_parser = values::rate)]
    pub(crate) limit_download: Option<NonZeroU64>,

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

    /// Say more; twice to log what happens inside
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Number of threads that compress, encrypt and read files
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

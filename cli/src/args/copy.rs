//! `heirloom copy`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args};
use heirloom_engine::snapshot::Selector;

use super::pick::PickArgs;
use super::snapshot::Compression;
use super::values;

/// Copy snapshots into another repository.
#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// These snapshots: latest, an id, a date, LABEL@latest; all if none is named
    #[arg(value_name = "SNAPSHOT", value_parser = values::selector())]
    pub(crate) snapshots: Vec<Selector>,

    #[command(flatten)]
    pub(crate) pick: PickArgs,

    #[command(flatten)]
    pub(crate) destination: DestinationArgs,

    /// How much time compression may take
    #[arg(long, value_enum, default_value_t = Compression::Default)]
    pub(crate) compression: Compression,
}

/// Where to, and what opens it. The source is named and opened as everywhere.
#[derive(Debug, Args)]
#[command(next_help_heading = "Destination")]
pub(crate) struct DestinationArgs {
    /// Where to; there has to be a repository [env: HEIRLOOM_TO_REPOSITORY]
    #[arg(long, value_name = "REPO")]
    pub(crate) to: Option<OsString>,

    /// Take the settings of the destination from this profile
    #[arg(long, value_name = "NAME")]
    pub(crate) to_profile: Option<String>,

    /// An option of the destination's store; may be repeated. Secrets: HEIRLOOM_TO_STORE_KEY
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::option)]
    pub(crate) to_option: Vec<(String, String)>,

    /// File that holds the destination's passphrase [env: HEIRLOOM_TO_PASSWORD_FILE]
    #[arg(long, value_name = "FILE", conflicts_with = "to_password_command")]
    pub(crate) to_password_file: Option<PathBuf>,

    /// Program that prints the destination's passphrase [env: HEIRLOOM_TO_PASSWORD_COMMAND]
    #[arg(long, value_name = "COMMAND")]
    pub(crate) to_password_command: Option<String>,

    /// age identity or SSH private key that opens the destination; may be repeated [env: HEIRLOOM_TO_IDENTITY_FILE]
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) to_identity_file: Vec<PathBuf>,
}

//! `heirloom chats key`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Keep the keys of encrypted backups in the repository.
#[derive(Debug, Args)]
pub(crate) struct KeyringArgs {
    #[command(subcommand)]
    pub(crate) action: KeyringAction,
}

/// What to do with the keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyringAction {
    /// Keep a key, sealed: from then on it opens backups without being asked for
    Add(KeyringAddArgs),
    /// List the keys that are kept, without showing them
    List,
    /// Show the 64 digits, or write a key file
    Show(KeyringShowArgs),
    /// Keep a key no longer
    Remove(KeyringRemoveArgs),
}

/// Keep a key.
#[derive(Debug, Args)]
pub(crate) struct KeyringAddArgs {
    /// The file encrypted_backup.key or key of the phone, or one with the 64 digits; - is standard input. Without it,
    /// the digits are asked for
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// What the list of keys says about it
    #[arg(long, default_value = "")]
    pub(crate) label: String,
}

/// Show a key.
#[derive(Debug, Args)]
pub(crate) struct KeyringShowArgs {
    /// Id of the key, or its first digits, from `heirloom chats key list`; not needed if there is only one
    pub(crate) id: Option<String>,

    /// Write a key file as the phone has it, instead; it must not exist yet
    #[arg(long, value_name = "FILE")]
    pub(crate) target: Option<PathBuf>,
}

/// Keep a key no longer.
#[derive(Debug, Args)]
pub(crate) struct KeyringRemoveArgs {
    /// Id of the key, or its first digits, from `heirloom chats key list`
    pub(crate) id: String,

    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

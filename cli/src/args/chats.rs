//! `heirloom chats`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use heirloom_engine::snapshot::Selector;
use jiff::Timestamp;

use super::values;
use crate::chat_changes::flags::{
    ChatsDiffArgs, ChatsRecoverArgs, ChatsTimelineArgs, ChatsVerifyArgs,
};
use crate::chats::export::ExportFormat;
use crate::keyring::KeyringArgs;

/// Look into the conversations of a snapshot.
#[derive(Debug, Args)]
pub(crate) struct ChatsArgs {
    #[command(subcommand)]
    pub(crate) action: ChatsAction,
}

/// What to do with the conversations.
#[derive(Debug, Subcommand)]
pub(crate) enum ChatsAction {
    /// Name every conversation that is found
    List(ChatsListArgs),
    /// Show the messages of a conversation
    Show(ChatsShowArgs),
    /// Find messages
    Search(ChatsSearchArgs),
    /// Write a conversation to a folder, with its pictures and sounds
    Export(ChatsExportArgs),
    /// Keep the keys of encrypted backups in the repository
    Key(KeyringArgs),
    /// Say what changed in them from snapshot to snapshot
    Timeline(ChatsTimelineArgs),
    /// Say what changed in them between two snapshots
    Diff(ChatsDiffArgs),
    /// Get back what older snapshots have and the newest has not
    Recover(ChatsRecoverArgs),
    /// Check that they and their files are complete and can be read
    Verify(ChatsVerifyArgs),
}

/// Where to look.
#[derive(Debug, Args)]
pub(crate) struct ChatsPlaceArgs {
    /// In this snapshot, or a folder of it: latest, latest:/home/me/WhatsApp
    #[arg(long, value_name = "SNAPSHOT[:PATH]", value_parser = values::selector(), default_value = "latest")]
    pub(crate) snapshot: Selector,

    #[command(flatten)]
    pub(crate) keys: ChatsKeyArgs,
}

/// What opens encrypted backups.
#[derive(Debug, Args)]
pub(crate) struct ChatsKeyArgs {
    /// File with a key of encrypted backups, beside those that are kept: the 64 digits, encrypted_backup.key, or key;
    /// may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) chat_key: Vec<PathBuf>,
}

/// Name every conversation that is found.
#[derive(Debug, Args)]
pub(crate) struct ChatsListArgs {
    /// Snapshot, or a folder of it: latest, latest:/home/me/WhatsApp
    #[arg(value_name = "SNAPSHOT[:PATH]", value_parser = values::selector(), default_value = "latest")]
    pub(crate) snapshot: Selector,

    /// Count the messages of large databases instead of estimating them; on a store far away this takes long
    #[arg(long)]
    pub(crate) count: bool,

    #[command(flatten)]
    pub(crate) keys: ChatsKeyArgs,
}

/// Show the messages of a conversation.
#[derive(Debug, Args)]
pub(crate) struct ChatsShowArgs {
    /// The conversation: its name or its id, as `chats list` says them, or a part of it that no other has
    #[arg(value_name = "CHAT")]
    pub(crate) chat: String,

    #[command(flatten)]
    pub(crate) place: ChatsPlaceArgs,

    /// From this time on: 2026-11-01, "2026-11-01 18:30"
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) since: Option<Timestamp>,

    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) until: Option<Timestamp>,

    /// Only so many, from the end
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<NonZeroU64>,
}

/// Find messages.
#[derive(Debug, Args)]
pub(crate) struct ChatsSearchArgs {
    /// What they say; case and accents do not matter
    #[arg(value_name = "TEXT")]
    pub(crate) text: String,

    /// Only in this conversation
    #[arg(long, value_name = "CHAT")]
    pub(crate) chat: Option<String>,

    #[command(flatten)]
    pub(crate) place: ChatsPlaceArgs,
}

/// Write a conversation to a folder.
#[derive(Debug, Args)]
pub(crate) struct ChatsExportArgs {
    /// The conversation: its name or its id, as chats list says them
    #[arg(value_name = "CHAT")]
    pub(crate) chat: String,

    /// A folder that is empty, or not there yet
    #[arg(long, value_name = "FOLDER")]
    pub(crate) target: PathBuf,

    /// How it is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ExportFormat::Html)]
    pub(crate) format: ExportFormat,

    /// Without pictures, sounds and other files
    #[arg(long)]
    pub(crate) no_media: bool,

    /// From this time on
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) since: Option<Timestamp>,

    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) until: Option<Timestamp>,

    #[command(flatten)]
    pub(crate) place: ChatsPlaceArgs,
}

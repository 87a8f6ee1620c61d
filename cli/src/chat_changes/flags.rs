//! The flags of `heirloom chats diff`, `timeline`, `recover` and `verify`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use heirloom_engine::snapshot::Selector;
use jiff::{Span, Timestamp};

use crate::args::chats::ChatsKeyArgs;
use crate::args::pick::PickArgs;
use crate::args::values;
use crate::chats::export::ExportFormat;

/// What may become of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChangeKind {
    /// Messages and conversations that were not there before
    New,
    /// Messages that say something else
    Edited,
    /// Messages and conversations that are gone, or were taken back
    Deleted,
    /// Files of messages that are gone
    Media,
}

/// Which changes are shown.
#[derive(Debug, Args)]
pub(crate) struct ChatsOnlyArgs {
    /// Only these changes; new messages are shown one by one if they are named here, and counted otherwise
    #[arg(long, value_name = "CHANGE", value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<ChangeKind>,
}

/// Say what changed in the conversations between two snapshots.
#[derive(Debug, Args)]
pub(crate) struct ChatsDiffArgs {
    /// The earlier one, or a folder of it: latest~1, latest~1:/home/me/WhatsApp
    #[arg(value_name = "BEFORE[:PATH]", value_parser = values::selector())]
    pub(crate) before: Selector,

    /// The later one
    #[arg(value_name = "AFTER[:PATH]", value_parser = values::selector())]
    pub(crate) after: Selector,

    /// Only in this conversation: its name or its id, as chats list says them
    #[arg(value_name = "CHAT")]
    pub(crate) chat: Option<String>,

    #[command(flatten)]
    pub(crate) only: ChatsOnlyArgs,

    #[command(flatten)]
    pub(crate) keys: ChatsKeyArgs,
}

/// Say what changed in the conversations from snapshot to snapshot.
#[derive(Debug, Args)]
pub(crate) struct ChatsTimelineArgs {
    /// Only in this conversation: its name or its id, as chats list says them
    #[arg(value_name = "CHAT")]
    pub(crate) chat: Option<String>,

    /// What snapshots from this time on changed: 2026-11-01, "2026-11-01 18:30"
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) since: Option<Timestamp>,

    /// Only snapshots up to this time
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) until: Option<Timestamp>,

    #[command(flatten)]
    pub(crate) only: ChatsOnlyArgs,

    #[command(flatten)]
    pub(crate) pick: PickArgs,

    #[command(flatten)]
    pub(crate) keys: ChatsKeyArgs,
}

/// Write what older snapshots have of the conversations, and the newest has not, to a folder.
#[derive(Debug, Args)]
pub(crate) struct ChatsRecoverArgs {
    /// Only of this conversation: its name or its id, as chats list says them
    #[arg(value_name = "CHAT")]
    pub(crate) chat: Option<String>,

    /// A folder that is empty, or not there yet
    #[arg(long, value_name = "FOLDER")]
    pub(crate) target: PathBuf,

    /// How it is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ExportFormat::Html)]
    pub(crate) format: ExportFormat,

    /// Without pictures, sounds and other files
    #[arg(long)]
    pub(crate) no_media: bool,

    /// Only what snapshots from this time on have
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pub(crate) since: Option<Timestamp>,

    #[command(flatten)]
    pub(crate) pick: PickArgs,

    #[command(flatten)]
    pub(crate) keys: ChatsKeyArgs,
}

/// Check that conversations and their files are complete and can be read.
#[derive(Debug, Args)]
pub(crate) struct ChatsVerifyArgs {
    /// Snapshot, or a folder of it: latest, latest:/home/me/WhatsApp
    #[arg(value_name = "SNAPSHOT[:PATH]", value_parser = values::selector(), default_value = "latest")]
    pub(crate) snapshot: Selector,

    /// Read every file of a message, compare it with its hash, and decrypt every copy of a database
    #[arg(long, visible_alias = "read-data")]
    pub(crate) read_media: bool,

    /// How much older than the snapshot its newest database may be
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "7d")]
    pub(crate) max_age: Span,

    #[command(flatten)]
    pub(crate) keys: ChatsKeyArgs,
}

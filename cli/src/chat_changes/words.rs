//! Words about what became of conversations.

use std::collections::BTreeMap;

use heirloom_chats::model::{Conversation, Message};
use serde_json::{Value, json};

use super::compare::{Change, Fate, What};
use crate::chats::words::{app_name, said};
use crate::render::numbers::{count, counted};
use crate::render::{key, names, time};

/// Which snapshot.
pub(super) fn heading(taken: i128, snapshot: &str) -> String {
    format!("\n-- {} ({}) --\n", time::local(taken), key::short(snapshot))
}

/// Which snapshot messages were found in.
pub(super) fn origin(taken: i128, snapshot: &str) -> String {
    format!("From the snapshot of {} ({})", time::local(taken), key::short(snapshot))
}

fn what(what: What) -> (&'static str, &'static str, &'static str) {
    match what {
        What::New => ("new", "new message", "new messages"),
        What::Edited => ("edited", "edited", "edited"),
        What::Revoked => ("taken back", "taken back", "taken back"),
        What::Gone => ("gone", "gone", "gone"),
        What::MediaGone => ("file gone", "file gone", "files gone"),
    }
}

fn list(counts: &BTreeMap<What, u64>) -> String {
    let parts = counts.iter().map(|(kind, number)| {
        let (_, one, many) = what(*kind);
        counted(*number, one, many)
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// One line for a conversation.
pub(super) fn conversation(
    one: &Conversation,
    fate: &Fate,
    counts: &BTreeMap<What, u64>,
) -> String {
    let became = match fate {
        Fate::New { messages } => {
            format!("a new conversation with {}", counted(*messages, "message", "messages"))
        }
        Fate::Vanished { messages } => {
            format!("the conversation is gone, with {}", counted(*messages, "message", "messages"))
        }
        Fate::Changed { .. } => list(counts),
    };
    let name = if one.name.is_empty() { &one.id } else { &one.name };
    format!("{} ({}): {became}\n", names::shown(name.as_bytes()), app_name(one.app))
}

pub(super) fn conversation_fields(
    one: &Conversation,
    fate: &Fate,
    counts: &BTreeMap<What, u64>,
) -> Value {
    let (became, messages) = match fate {
        Fate::New { messages } => ("new", Some(*messages)),
        Fate::Vanished { messages } => ("vanished", Some(*messages)),
        Fate::Changed { .. } => ("changed", None),
    };
    let number = |what| counts.get(&what).copied().unwrap_or(0);
    json!({
        "conversation": one.id,
        "name": one.name,
        "app": app_name(one.app),
        "became": became,
        "messages": messages,
        "new": number(What::New),
        "edited": number(What::Edited),
        "revoked": number(What::Revoked),
        "gone": number(What::Gone),
        "media_gone": number(What::MediaGone),
    })
}

pub(super) fn change_id(what: What) -> &'static str {
    match what {
        What::New => "chats.message-new",
        What::Edited => "chats.message-edited",
        What::Revoked => "chats.message-revoked",
        What::Gone => "chats.message-gone",
        What::MediaGone => "chats.media-gone",
    }
}

/// A message and what became of it.
pub(super) fn change(change: &Change) -> String {
    let (word, _, _) = what(change.what);
    let line = |word: &str, message: &Message| format!("  {word:<10} {}", said(message));
    let before = change.before.as_ref().map(|message| line(word, message));
    let word = if before.is_some() { "now" } else { word };
    let after = change.after.as_ref().map(|message| line(word, message));
    before.into_iter().chain(after).collect()
}

/// The end of a comparison.
pub(super) fn totals(
    snapshots: u64,
    (new, vanished): (u64, u64),
    counts: &BTreeMap<What, u64>,
) -> String {
    let mut parts = Vec::new();
    if new > 0 {
        parts.push(counted(new, "new conversation", "new conversations"));
    }
    if vanished > 0 {
        parts.push(format!("{} gone", counted(vanished, "conversation", "conversations")));
    }
    if !counts.is_empty() {
        parts.push(list(counts));
    }
    let what = if parts.is_empty() { "nothing changed".to_owned() } else { parts.join(", ") };
    format!("{} snapshots compared: {what}\n", count(snapshots))
}

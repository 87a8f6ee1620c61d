//! What `chats verify` found, counted and told.

use std::collections::BTreeMap;
use std::path::Path;

use heirloom_chats::error::ChatError;
use heirloom_chats::files::Item;
use heirloom_chats::model::{Conversation, Found, Media, Message};
use serde_json::{Value, json};

use super::files::{Checked, State};
use crate::chats::words;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::render::numbers::{bytes, count, counted, duration};
use crate::render::{names, time};
use crate::store::Store;

/// Counts and tells.
pub(super) struct Told {
    output: Output,
    databases: u64,
    damaged: u64,
    decrypted: u64,
    fitting: u64,
    locked: u64,
    orphans: u64,
    orphan_bytes: u64,
    messages: u64,
    is_old: bool,
    /// Of the conversation that is being looked at.
    current: BTreeMap<State, u64>,
    current_messages: u64,
    totals: BTreeMap<State, u64>,
}

impl Told {
    pub(super) fn new(output: Output) -> Self {
        Self {
            output,
            databases: 0,
            damaged: 0,
            decrypted: 0,
            fitting: 0,
            locked: 0,
            orphans: 0,
            orphan_bytes: 0,
            messages: 0,
            is_old: false,
            current: BTreeMap::new(),
            current_messages: 0,
            totals: BTreeMap::new(),
        }
    }

    pub(super) fn has_seen_nothing(&self) -> bool {
        self.decrypted + self.fitting + self.locked == 0
    }

    pub(super) fn count_locked(&mut self) {
        self.locked += 1;
    }

    pub(super) fn count_message(&mut self) {
        self.current_messages += 1;
    }

    /// An encrypted backup that a key opens.
    pub(super) fn decrypted(&mut self, path: &Path, is_whole: bool) -> Result<(), Failure> {
        let (counter, what) = if is_whole {
            (&mut self.decrypted, "is whole, and the key opens it")
        } else {
            (&mut self.fitting, "has a header that the key fits")
        };
        *counter += 1;
        if self.output.verbose > 0 {
            self.output.text(&format!("{} {what}\n", names::path(path)))?;
        }
        let fields = json!({ "path": path.to_string_lossy(), "whole": is_whole });
        self.output.event(Event::File, "chats.decrypted", fields)
    }

    pub(super) fn not_decrypted(&mut self, fault: &ChatError) {
        self.locked += 1;
        self.not_understood(fault);
    }

    pub(super) fn not_understood(&mut self, fault: &ChatError) {
        self.damaged += 1;
        let (text, fields) = words::fault(fault);
        self.output.warning(words::fault_id(fault), &text, fields);
    }

    pub(super) fn database(&mut self, found: &Found, findings: &[String]) -> Result<(), Failure> {
        self.databases += u64::from(found.form == "database");
        self.damaged += u64::from(!findings.is_empty());
        let path = names::path(&found.path);
        for finding in findings {
            let finding = names::shown(finding.as_bytes());
            self.output.text(&format!("{path} is damaged: {finding}\n"))?;
            let fields = json!({ "path": found.path.to_string_lossy(), "message": finding });
            self.output.event(Event::Finding, "chats.database-damaged", fields)?;
        }
        Ok(())
    }

    /// The file of a message.
    pub(super) fn media(
        &mut self,
        conversation: &Conversation,
        message: &Message,
        media: &Media,
        checked: &Checked,
    ) -> Result<(), Failure> {
        *self.current.entry(checked.state).or_default() += 1;
        let Some((id, what)) = wrong(checked.state) else { return Ok(()) };
        if self.output.verbose > 0 {
            let name = names::shown(conversation.name.as_bytes());
            self.output.text(&format!("{what}: [{name}] {}", words::said(message)))?;
        }
        let path = checked.path.as_deref().or(media.path.as_deref());
        let fields = json!({
            "conversation": conversation.id,
            "message": message.id,
            "path": path.map(Path::to_string_lossy),
            "why": what,
        });
        self.output.event(Event::Finding, id, fields)
    }

    /// One conversation was looked through.
    pub(super) fn conversation(&mut self, conversation: &Conversation) -> Result<(), Failure> {
        let current = std::mem::take(&mut self.current);
        let messages = std::mem::take(&mut self.current_messages);
        self.messages += messages;
        for (state, number) in &current {
            *self.totals.entry(*state).or_default() += number;
        }
        let is_wrong = current.keys().any(|state| wrong(*state).is_some());
        if is_wrong || self.output.verbose > 0 {
            let name = names::shown(conversation.name.as_bytes());
            let sum = counted(messages, "message", "messages");
            self.output.text(&format!("{name}: {sum}, {}\n", media_words(&current)))?;
        }
        let mut fields = media_fields(&current);
        if let Value::Object(map) = &mut fields {
            map.insert("conversation".to_owned(), json!(conversation.id));
            map.insert("name".to_owned(), json!(conversation.name));
            map.insert("messages".to_owned(), json!(messages));
        }
        self.output.event(Event::File, "chats.conversation-verified", fields)
    }

    /// A file that no message has.
    pub(super) fn orphan(&mut self, item: &Item) -> Result<(), Failure> {
        self.orphans += 1;
        self.orphan_bytes = self.orphan_bytes.saturating_add(item.size);
        if self.output.verbose > 0 {
            self.output.text(&format!("no message has: {}\n", names::path(&item.path)))?;
        }
        let fields = json!({ "path": item.path.to_string_lossy(), "bytes": item.size });
        self.output.event(Event::File, "chats.media-orphaned", fields)
    }

    /// The newest database is older than it may be.
    pub(super) fn old(&mut self, written: i128, age: i128) -> Result<(), Failure> {
        self.is_old = true;
        let seconds = u64::try_from(age / 1_000_000_000).unwrap_or(u64::MAX);
        let age = duration(std::time::Duration::from_secs(seconds));
        let written = time::local(written);
        self.output.text(&format!(
            "the newest database is of {written}, {age} before the snapshot: does the phone still make backups?\n"
        ))?;
        let fields = json!({ "age_seconds": seconds });
        self.output.event(Event::Finding, "chats.backup-old", fields)
    }

    /// The end; the exit code that the findings call for.
    pub(super) fn finish(&self, store: &Store) -> Result<Exit, Failure> {
        let mut parts = vec![
            counted(self.messages, "message", "messages"),
            counted(self.databases, "database", "databases"),
        ];
        if self.damaged > 0 {
            parts.push(format!("{} wrong", count(self.damaged)));
        }
        if self.decrypted + self.fitting + self.locked > 0 {
            let number = count(self.decrypted + self.fitting);
            let of = count(self.decrypted + self.fitting + self.locked);
            parts.push(format!("keys for {number} of {of} encrypted files"));
        }
        parts.push(media_words(&self.totals));
        if self.orphans > 0 {
            let size = bytes(self.orphan_bytes);
            let orphans = counted(self.orphans, "file", "files");
            parts.push(format!("{orphans} ({size}) that no message has"));
        }
        self.output.done(&format!("{}\n", parts.join(", ")))?;
        store.tell_traffic(self.output)?;
        let mut fields = media_fields(&self.totals);
        if let Value::Object(map) = &mut fields {
            for (name, number) in [
                ("messages", self.messages),
                ("databases", self.databases),
                ("damaged", self.damaged),
                ("decrypted", self.decrypted),
                ("fitting", self.fitting),
                ("locked", self.locked),
                ("orphaned", self.orphans),
                ("orphaned_bytes", self.orphan_bytes),
            ] {
                map.insert(name.to_owned(), json!(number));
            }
        }
        self.output.event(Event::Summary, "chats.verified", store.with_traffic(fields))?;
        let is_wrong = self.totals.keys().any(|state| wrong(*state).is_some());
        let is_wrong = is_wrong || self.is_old || self.damaged + self.locked > 0;
        Ok(if is_wrong { Exit::Warnings } else { Exit::Success })
    }
}

/// The event, and a word.
fn wrong(state: State) -> Option<(&'static str, &'static str)> {
    match state {
        State::Present | State::Elsewhere => None,
        State::Missing => Some(("chats.media-missing", "missing")),
        State::OtherSize => Some(("chats.media-changed", "of another size")),
        State::OtherContent => Some(("chats.media-changed", "of other content")),
        State::Unreadable => Some(("chats.media-changed", "unreadable")),
    }
}

fn number(counts: &BTreeMap<State, u64>, states: &[State]) -> u64 {
    states.iter().filter_map(|state| counts.get(state)).sum()
}

const CHANGED: [State; 3] = [State::OtherSize, State::OtherContent, State::Unreadable];

fn media_words(counts: &BTreeMap<State, u64>) -> String {
    let all: u64 = counts.values().sum();
    let all = counted(all, "media file", "media files");
    let parts = [
        (number(counts, &[State::Missing]), "missing"),
        (number(counts, &CHANGED), "changed"),
        (number(counts, &[State::Elsewhere]), "that the phone did not have"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts = parts.map(|(number, what)| format!("{} {what}", count(number)));
    std::iter::once(all).chain(parts).collect::<Vec<_>>().join(", ")
}

fn media_fields(counts: &BTreeMap<State, u64>) -> Value {
    json!({
        "present": number(counts, &[State::Present]),
        "missing": number(counts, &[State::Missing]),
        "changed": number(counts, &CHANGED),
        "elsewhere": number(counts, &[State::Elsewhere]),
    })
}

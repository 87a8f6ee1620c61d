//! What is kept of a message so that it is recognised elsewhere: in another file, in another snapshot.
//!
//! A trace takes 64 bytes, whatever the message says. [`align`] pairs the traces of two tellings of a conversation.

mod align;

pub use self::align::{Alignment, align};

use std::num::NonZeroU128;

use sha2::{Digest as _, Sha256};

use crate::model::{Message, MessageKind, Time};

/// What is kept of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// Of its id.
    id: Option<NonZeroU128>,
    /// Of its words; nothing if it has none.
    words: Option<u64>,
    /// Of what an export shows of it: its words, or what it is.
    content: u64,
    /// Of who said it.
    sender: u64,
    time: Option<i64>,
    is_local: bool,
    flags: Flags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flags(u8);

impl Flags {
    const DELETED: u8 = 1;
    const SYSTEM: u8 = 2;
    const EDITED: u8 = 4;
    const MEDIA: u8 = 8;
    const LONG: u8 = 16;

    fn of(message: &Message, words: Option<&str>) -> Self {
        let is = [
            (message.kind == MessageKind::Deleted, Self::DELETED),
            (message.kind == MessageKind::System, Self::SYSTEM),
            (message.edit.is_some(), Self::EDITED),
            (!message.media.is_empty(), Self::MEDIA),
            (words.is_some_and(|words| words.chars().count() >= LONG_CHARS), Self::LONG),
        ];
        Self(is.iter().filter(|(is, _)| *is).fold(0, |all, (_, flag)| all | flag))
    }

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

/// Words of this length are hardly said twice by chance.
const LONG_CHARS: usize = 12;
const MINUTE_MS: i64 = 60_000;

/// What became of a message between an earlier telling and a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Became {
    /// It says the same.
    Same,
    /// It says something else.
    Edited,
    /// It was taken back: that it was there is still said.
    Revoked,
}

impl Trace {
    /// Of a message.
    pub fn of(message: &Message) -> Self {
        let words = message.text.as_deref().map(plain).filter(|words| !words.is_empty());
        let sender = message.sender.as_ref().map(|who| who.id.as_str()).unwrap_or_default();
        let is_own = matches!(
            message.kind,
            MessageKind::Deleted
                | MessageKind::Call
                | MessageKind::Location
                | MessageKind::LiveLocation
                | MessageKind::Contact
                | MessageKind::Poll
        );
        let media = if message.media.is_empty() { "" } else { "media" };
        let content = match &words {
            // Databases and exports say these in other words.
            _ if is_own => short_hash(&[&format!("{:?}", message.kind)]),
            Some(words) => short_hash(&[words, media]),
            None => short_hash(&["", media]),
        };
        Self {
            id: message.id.as_deref().and_then(|id| NonZeroU128::new(hash(&[id]))),
            words: words.as_deref().map(|words| short_hash(&[words])),
            content,
            sender: short_hash(&[sender]),
            time: message.time.map(Time::millis),
            is_local: matches!(message.time, Some(Time::Local(_))),
            flags: Flags::of(message, words.as_deref()),
        }
    }

    /// Whether the app says it, and not a person.
    pub fn is_system(&self) -> bool {
        self.flags.has(Flags::SYSTEM)
    }

    /// Whether it was taken back.
    pub fn is_deleted(&self) -> bool {
        self.flags.has(Flags::DELETED)
    }

    /// Whether a file belongs to it.
    pub fn has_media(&self) -> bool {
        self.flags.has(Flags::MEDIA)
    }

    /// Whether the app has an id for it.
    pub fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// When it was said, in ms, by whichever clock.
    pub fn time(&self) -> Option<i64> {
        self.time
    }

    fn minute(&self) -> i64 {
        self.time.map_or(i64::MIN, |time| time.div_euclid(MINUTE_MS))
    }

    /// What became of it, if `later` is the same message.
    pub fn became(&self, later: &Self) -> Became {
        if later.is_deleted() && !self.is_deleted() {
            return Became::Revoked;
        }
        let both_say = !self.is_system() && !later.is_system() && !self.is_deleted();
        // What had no words yet was not read yet, or is described in a better way now.
        if both_say && self.words.is_some() && self.words != later.words {
            Became::Edited
        } else {
            Became::Same
        }
    }
}

/// Words without marks that nobody sees, which one telling has and another has not.
fn plain(text: &str) -> String {
    let is_seen = |c: &char| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\r');
    text.chars().filter(is_seen).collect::<String>().trim().to_owned()
}

/// Messages are written by others: no id may be made to look like another.
fn hash(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let bytes = hash.finalize();
    bytes.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes))
}

fn short_hash(parts: &[&str]) -> u64 {
    let bytes = hash(parts).to_le_bytes();
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

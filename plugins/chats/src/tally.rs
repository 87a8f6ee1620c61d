//! Sums over the messages of a conversation, counted as they pass.

use std::collections::BTreeMap;

use crate::model::{Message, Participant, Time};

/// So many people are counted in one conversation.
const PARTICIPANTS_MAX: usize = 50_000;

/// Sums over messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) media: u64,
    pub(crate) first: Option<Time>,
    pub(crate) last: Option<Time>,
    people: BTreeMap<String, Participant>,
}

impl Tally {
    /// Counts one message, in any order.
    pub(crate) fn add(&mut self, message: &Message) {
        self.messages += 1;
        self.media += u64::from(!message.media.is_empty());
        if let Some(time) = message.time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        if let Some(sender) = &message.sender {
            self.meet(sender);
        }
    }

    /// Remembers somebody who takes part.
    pub(crate) fn meet(&mut self, who: &Participant) {
        if self.people.len() < PARTICIPANTS_MAX && !self.people.contains_key(&who.id) {
            self.people.insert(who.id.clone(), who.clone());
        }
    }

    /// Everybody, by their ids.
    pub(crate) fn people(&self) -> Vec<Participant> {
        self.people.values().cloned().collect()
    }
}

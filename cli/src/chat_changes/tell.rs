//! Tells what became of conversations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::compare::{Change, Fate, Report, What};
use super::flags::ChangeKind;
use super::moments::Moment;
use super::words;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::render::time;
use crate::store::Store;

/// Tells changes, of those kinds that somebody wants to know.
pub(super) struct Teller {
    output: Output,
    only: Vec<ChangeKind>,
    totals: BTreeMap<What, u64>,
    new: u64,
    vanished: u64,
    snapshots: u64,
}

impl Teller {
    pub(super) fn new(output: Output, only: &[ChangeKind]) -> Self {
        let (only, totals) = (only.to_vec(), BTreeMap::new());
        Self { output, only, totals, new: 0, vanished: 0, snapshots: 1 }
    }

    /// Whether new messages are shown one by one.
    pub(super) fn shows_new(&self) -> bool {
        self.only.contains(&ChangeKind::New)
    }

    pub(super) fn count_snapshot(&mut self) {
        self.snapshots += 1;
    }

    fn wants(&self, what: What) -> bool {
        let kind = match what {
            What::New => ChangeKind::New,
            What::Edited => ChangeKind::Edited,
            What::Revoked | What::Gone => ChangeKind::Deleted,
            What::MediaGone => ChangeKind::Media,
        };
        self.wants_kind(kind)
    }

    fn wants_kind(&self, kind: ChangeKind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }

    /// What happened between two snapshots.
    pub(super) fn tell(
        &mut self,
        (before, after): (&Moment, &Moment),
        reports: &[Report],
    ) -> Result<(), Failure> {
        let mut has_heading = false;
        for report in reports {
            let Some(counts) = self.counts(report) else { continue };
            if !has_heading {
                has_heading = true;
                let heading = words::heading(after.time.into(), &after.snapshot.to_string());
                self.output.text(&heading)?;
            }
            self.output.text(&words::conversation(
                &report.one.conversation,
                &report.fate,
                &counts,
            ))?;
            let mut fields =
                words::conversation_fields(&report.one.conversation, &report.fate, &counts);
            between(&mut fields, before, after);
            self.output.event(Event::File, "chats.changed", fields)?;
            self.tell_changes((before, after), report)?;
        }
        Ok(())
    }

    /// The changes that are wanted; nothing if there are none.
    fn counts(&mut self, report: &Report) -> Option<BTreeMap<What, u64>> {
        let counts = match &report.fate {
            Fate::New { .. } if self.wants_kind(ChangeKind::New) => {
                self.new += 1;
                return Some(BTreeMap::new());
            }
            Fate::Vanished { .. } if self.wants_kind(ChangeKind::Deleted) => {
                self.vanished += 1;
                return Some(BTreeMap::new());
            }
            Fate::New { .. } | Fate::Vanished { .. } => return None,
            Fate::Changed { counts, .. } => counts,
        };
        let wanted = counts.iter().filter(|(what, _)| self.wants(**what));
        let counts: BTreeMap<What, u64> = wanted.map(|(what, count)| (*what, *count)).collect();
        for (what, count) in &counts {
            *self.totals.entry(*what).or_default() += count;
        }
        (!counts.is_empty()).then_some(counts)
    }

    fn tell_changes(
        &self,
        (before, after): (&Moment, &Moment),
        report: &Report,
    ) -> Result<(), Failure> {
        let Fate::Changed { changes, .. } = &report.fate else { return Ok(()) };
        let id = &report.one.conversation.id;
        for change in changes.iter().filter(|change| self.wants(change.what)) {
            self.output.text(&words::change(change))?;
            let mut fields = change_fields(id, change);
            between(&mut fields, before, after);
            self.output.event(Event::File, words::change_id(change.what), fields)?;
        }
        Ok(())
    }

    pub(super) fn finish(&self, store: &Store) -> Result<(), Failure> {
        let text = words::totals(self.snapshots, (self.new, self.vanished), &self.totals);
        self.output.done(&text)?;
        store.tell_traffic(self.output)?;
        let count = |what| self.totals.get(&what).copied().unwrap_or(0);
        let fields = json!({
            "snapshots": self.snapshots,
            "conversations_new": self.new,
            "conversations_vanished": self.vanished,
            "new": count(What::New),
            "edited": count(What::Edited),
            "revoked": count(What::Revoked),
            "gone": count(What::Gone),
            "media_gone": count(What::MediaGone),
        });
        self.output.event(Event::Summary, "chats.compared", store.with_traffic(fields))
    }
}

fn change_fields(conversation: &str, change: &Change) -> Value {
    let fields = |message: &heirloom_chats::model::Message| {
        crate::chats::words::message_fields(conversation, message)
    };
    json!({
        "conversation": conversation,
        "before": change.before.as_ref().map(fields),
        "after": change.after.as_ref().map(fields),
    })
}

/// Between which snapshots it happened.
fn between(fields: &mut Value, before: &Moment, after: &Moment) {
    if let Value::Object(map) = fields {
        map.insert("snapshot".to_owned(), json!(after.snapshot.to_string()));
        map.insert("snapshot_time".to_owned(), json!(time::rfc3339(after.time.into())));
        map.insert("earlier_snapshot".to_owned(), json!(before.snapshot.to_string()));
    }
}

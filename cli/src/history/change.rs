//! One snapshot after the other becomes another one; a damaged one does not keep the rest from it.

use std::sync::Arc;

use heirloom_engine::id::SessionId;
use heirloom_engine::progress::Progress;
use heirloom_engine::repository::Repository;
use heirloom_engine::rewrite::{self, Author, Edit, Outcome, RewriteError};
use serde_json::{Value, json};

use super::words::{self, Verb};
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::progress::Meter;
use crate::settings::Settings;
use crate::store::Store;
use crate::system::watch_interrupts;

/// Changes snapshots and counts.
pub(super) struct Changer<'a> {
    store: &'a Store,
    repository: &'a Repository,
    author: Author,
    output: Output,
    verb: Verb,
    pub(super) meter: Arc<Meter>,
    changed: u64,
    unchanged: u64,
    refused: u64,
    exit: Exit,
}

impl<'a> Changer<'a> {
    pub(super) fn new(
        settings: &Settings,
        (store, repository): (&'a Store, &'a Repository),
        verb: Verb,
        exit: Exit,
    ) -> Result<Self, Failure> {
        let cancelled = watch_interrupts().map_err(Failure::System)?;
        let output = settings.output;
        Ok(Self {
            store,
            repository,
            author: super::author(verb.command()),
            output,
            verb,
            meter: Arc::new(Meter::start(output, cancelled)),
            changed: 0,
            unchanged: 0,
            refused: 0,
            exit,
        })
    }

    /// Makes a new snapshot of this one, and says so before the old one is forgotten.
    pub(super) fn change(
        &mut self,
        snapshot: SessionId,
        edit: Edit<'_>,
        about: &Value,
    ) -> Result<(), Failure> {
        let mut told = Ok(());
        let progress: Arc<dyn Progress> = Arc::<Meter>::clone(&self.meter);
        let result = rewrite::replace(
            self.repository,
            (snapshot, edit),
            &self.author,
            &progress,
            &mut |outcome| told = self.verb.tell(self.output, (snapshot, outcome), about.clone()),
        );
        match result {
            Ok(Outcome::Committed(_)) => self.changed += 1,
            Ok(Outcome::Present(_) | Outcome::Unchanged) => self.unchanged += 1,
            Err(error) => self.refuse(error)?,
        }
        told
    }

    /// This one needs no change.
    pub(super) fn leave(&mut self, snapshot: SessionId) -> Result<(), Failure> {
        self.unchanged += 1;
        self.verb.tell(self.output, (snapshot, &Outcome::Unchanged), json!({}))
    }

    /// This one would change if this were not a dry run.
    pub(super) fn would_change(&mut self, text: &str, fields: Value) -> Result<(), Failure> {
        self.changed += 1;
        self.output.event(Event::Snapshot, "snapshot.would-change", fields)?;
        self.output.text(text)
    }

    /// Says why there is no new snapshot, if it is the snapshot's fault; anything else ends the command.
    pub(super) fn refuse(&mut self, error: RewriteError) -> Result<(), Failure> {
        let exit = words::refusal(self.output, &error);
        self.exit = choose::worse(self.exit, exit.ok_or_else(|| Failure::from(error))?);
        self.refused += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Exit, Failure> {
        let taken = self.meter.finish();
        if self.verb == Verb::Rewrite && self.changed > 0 {
            self.output.note("What was left out is there until the next `heirloom prune`.");
        }
        self.store.tell_traffic(self.output)?;
        let fields = json!({
            "snapshots": self.changed,
            "unchanged": self.unchanged,
            "refused": self.refused,
            "seconds": taken.as_secs_f64(),
        });
        let fields = self.store.with_traffic(fields);
        self.output.event(Event::Summary, self.verb.summary(), fields)?;
        let nothing = self.changed == 0 && self.refused == 0;
        let exit =
            choose::worse(self.exit, if nothing { Exit::NothingToDo } else { Exit::Success });
        Ok(if self.refused > 0 { exit } else { choose::worse(exit, self.meter.exit()) })
    }
}

//! The walk: pulls entries from the source, decides which are unchanged, and hands the rest to the readers.

use std::collections::HashSet;
use std::mem;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::compare::{Comparison, Relation, Tally};
use super::links::has_links;
use super::read::{Batch, Event, Task};
use super::source::{Found, Source};
use crate::error::Problem;
use crate::tree::{Kind, LeafRun};

/// A batch ends with this many entries ...
const BATCH_ENTRIES: usize = 128;

/// ... where entries of one leaf of the parent that are taken over count as this many ...
const RUN_ENTRIES: usize = 16;

/// ... or with this many bytes to read.
const BATCH_BYTES: u64 = 1 << 20;

/// Events that may wait in one batch's queue.
const RESULTS_WAITING: usize = 1;

/// What the walk hands to the collector, in order.
#[derive(Debug)]
pub(super) enum Step {
    /// Finished without a reader.
    Done(Vec<Event>),
    /// Results come from a reader.
    Pending(Receiver<Vec<Event>>),
}

/// The walking side of the pipeline.
pub(super) struct Walk<'a> {
    comparison: Comparison<'a>,
    batches: Sender<Batch>,
    steps: Sender<Step>,
    tasks: Vec<Task>,
    /// Entries in the tasks, as batches count them.
    task_entries: usize,
    task_bytes: u64,
    to_read: bool,
    linked: HashSet<(u64, u64)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        comparison: Comparison<'a>,
        batches: Sender<Batch>,
        steps: Sender<Step>,
    ) -> Self {
        Self {
            comparison,
            batches,
            steps,
            tasks: Vec::new(),
            task_entries: 0,
            task_bytes: 0,
            to_read: false,
            linked: HashSet::new(),
        }
    }

    /// Walks to the end, or until the collector is gone or the caller wants to stop.
    pub(super) fn run(mut self, source: &mut dyn Source) -> Tally {
        while let Some(found) = source.next() {
            let wanted = match found {
                Ok(found) => self.take(found),
                Err(problem) => self.fail(problem),
            };
            if wanted.is_none() || self.comparison.progress.cancelled() {
                return self.comparison.tally;
            }
        }
        // An error here means that the collector is gone and has its own to report.
        self.flush().unwrap_or_default();
        self.comparison.tally.excluded = source.excluded();
        self.comparison.tally
    }

    fn fail(&mut self, problem: Problem) -> Option<()> {
        self.flush()?;
        self.steps.send(Step::Done(vec![Event::Failed(problem)])).ok()
    }

    fn take(&mut self, found: Found) -> Option<()> {
        match self.comparison.relation(&found) {
            Relation::Unchanged => return self.take_over(found.entry.size),
            Relation::Changed | Relation::Added => {}
        }
        let task = self.task_to_read(found);
        self.tasks.push(task);
        self.task_entries += 1;
        if self.is_full() { self.flush() } else { Some(()) }
    }

    /// Takes over the parent's entry that was just compared.
    fn take_over(&mut self, size: u64) -> Option<()> {
        let Some(parent) = &self.comparison.earlier else { return Some(()) };
        if let Some(Task::Same(run)) = self.tasks.last_mut()
            && run.extend(parent.cursor(), size)
        {
            return Some(());
        }
        // Before a run begins, not after: it shall have the whole leaf.
        let run = LeafRun::new(parent.cursor(), size)?;
        if self.is_full() {
            self.flush()?;
        }
        self.tasks.push(Task::Same(Box::new(run)));
        self.task_entries += RUN_ENTRIES;
        Some(())
    }

    fn is_full(&self) -> bool {
        self.task_entries >= BATCH_ENTRIES || self.task_bytes >= BATCH_BYTES
    }

    fn task_to_read(&mut self, found: Found) -> Task {
        self.to_read = true;
        let inode = (found.entry.device, found.entry.inode);
        if has_links(&found.entry) && !self.linked.insert(inode) {
            return Task::Link(found);
        }
        if found.entry.kind == Kind::File {
            self.task_bytes += found.entry.size;
            if found.entry.size >= BATCH_BYTES {
                self.comparison.progress.current(found.handle.path());
            }
        }
        Task::Read(found)
    }

    fn flush(&mut self) -> Option<()> {
        let tasks = mem::take(&mut self.tasks);
        (self.task_entries, self.task_bytes) = (0, 0);
        if tasks.is_empty() {
            return Some(());
        }
        if !mem::take(&mut self.to_read) {
            let events = tasks.into_iter().filter_map(finished).collect();
            return self.steps.send(Step::Done(events)).ok();
        }
        let (results, receiver) = bounded(RESULTS_WAITING);
        self.steps.send(Step::Pending(receiver)).ok()?;
        self.batches.send(Batch { tasks, results }).ok()
    }
}

fn finished(task: Task) -> Option<Event> {
    match task {
        Task::Same(run) => Some(Event::Same(run)),
        Task::Read(_) | Task::Link(_) => None,
    }
}

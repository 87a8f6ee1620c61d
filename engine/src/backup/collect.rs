//! The collecting side: puts results in order, stores what is new, builds the tree.

use std::io;

use crossbeam_channel::Receiver;

use super::links::Links;
use super::read::Event;
use super::walk::Step;
use super::{BackupError, OnError};
use crate::error::Problem;
use crate::id::NodeId;
use crate::progress::{Counter, Progress};
use crate::repository::{RepositoryError, Session};
use crate::tree::{
    BlobRef, BuildError, ContentListBuilder, Entry, FileContent, Kind, NodeSink, TreeBuilder,
    TreeTotals, path_from_key,
};

/// Why a further name of a file has no content: the first one could not be read.
#[derive(Debug, thiserror::Error)]
#[error("it could not be read under its other name")]
struct OtherNameFailed;

impl From<OtherNameFailed> for io::Error {
    fn from(error: OtherNameFailed) -> Self {
        Self::other(error)
    }
}

/// What became of the walk.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Collected {
    /// The tree's root; `None` when nothing was stored.
    pub(super) root: Option<NodeId>,
    pub(super) entries: u64,
    pub(super) problems: u64,
    pub(super) read_bytes: u64,
    /// Sizes of all files, as they were read; a stream's size is not known before.
    pub(super) content_bytes: u64,
}

impl NodeSink for Session<'_> {
    type Error = RepositoryError;

    fn put(&mut self, node: &[u8]) -> Result<NodeId, RepositoryError> {
        self.put_node(node)
    }

    fn put_again(&mut self, id: &NodeId, node: &[u8]) -> Result<NodeId, RepositoryError> {
        if self.is_known(&id.prefix()) { Ok(*id) } else { self.put_node(node) }
    }

    fn split(&self, level: u8, key: &[u8]) -> u32 {
        self.keys().split_value(level, key)
    }
}

/// The collecting side of the pipeline.
pub(super) struct Collector<'a, 's, 'r> {
    session: &'s mut Session<'r>,
    progress: &'a dyn Progress,
    on_error: OnError,
    tree: TreeBuilder,
    links: Links,
    pieces: Vec<BlobRef>,
    list: Option<ContentListBuilder>,
    problems: u64,
    entries: u64,
    read_bytes: u64,
}

impl<'a, 's, 'r> Collector<'a, 's, 'r> {
    pub(super) fn new(
        session: &'s mut Session<'r>,
        progress: &'a dyn Progress,
        on_error: OnError,
    ) -> Self {
        Self {
            session,
            progress,
            on_error,
            tree: TreeBuilder::new(),
            links: Links::default(),
            pieces: Vec::new(),
            list: None,
            problems: 0,
            entries: 0,
            read_bytes: 0,
        }
    }

    /// Takes results until the walk has ended.
    pub(super) fn run(mut self, steps: &Receiver<Step>) -> Result<Collected, BackupError> {
        for step in steps {
            if self.progress.cancelled() {
                return Err(BackupError::Cancelled);
            }
            match step {
                Step::Done(events) => self.take_all(events)?,
                Step::Pending(results) => {
                    for events in results {
                        self.take_all(events)?;
                    }
                }
            }
        }
        if self.progress.cancelled() {
            return Err(BackupError::Cancelled);
        }
        let Self { session, tree, .. } = self;
        let (root, totals) = tree.finish(session)?;
        Ok(Collected {
            root: Some(root),
            entries: self.entries,
            problems: self.problems,
            read_bytes: self.read_bytes,
            content_bytes: totals.bytes,
        })
    }

    fn take_all(&mut self, events: Vec<Event>) -> Result<(), BackupError> {
        let entries_before = self.entries;
        for event in events {
            self.take(event)?;
        }
        self.progress.add(Counter::Entries, self.entries - entries_before);
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), BackupError> {
        match event {
            Event::Same(run) => {
                self.tree.push_run(&run, self.session)?;
                let TreeTotals { entries, bytes } = run.totals();
                self.entries += entries;
                self.progress.add(Counter::ContentBytes, bytes);
            }
            Event::Chunk { lane, id, data } => {
                self.session.put_content(lane, &id, &data)?;
                let bytes = u64::try_from(data.len()).expect("a chunk is smaller than 2^64 bytes");
                self.read_bytes += bytes;
                self.add_piece(BlobRef { id, bytes })?;
            }
            Event::Side { lane, id, data } => {
                self.session.put_content(lane, &id, &data)?;
            }
            Event::Restart => self.forget_pieces(),
            Event::Entry { key, mut entry } => {
                self.finish_content(&mut entry)?;
                if let FileContent::Inline(bytes) = &entry.content {
                    self.read_bytes += u64::try_from(bytes.len()).expect("at most 512 bytes");
                }
                if let Some(transform) = &entry.transform {
                    // What was cut is not what was read.
                    let read = self.read_bytes.saturating_add(entry.size);
                    self.read_bytes = read.saturating_sub(transform.stored_bytes);
                }
                self.links.remember(&entry);
                self.push(&key, &entry)?;
            }
            Event::Link { key, mut entry } => {
                if self.links.fill(&mut entry) {
                    self.push(&key, &entry)?;
                } else {
                    let path = path_from_key(&key);
                    self.report(Problem::Unreadable { path, source: OtherNameFailed.into() })?;
                }
            }
            Event::Failed(problem) => {
                self.forget_pieces();
                self.report(problem)?;
            }
            Event::Problem(problem) => self.report(problem)?,
        }
        Ok(())
    }

    fn report(&mut self, problem: Problem) -> Result<(), BackupError> {
        self.problems += 1;
        self.progress.problem(&problem);
        match self.on_error {
            OnError::Skip => Ok(()),
            OnError::Fail => Err(BackupError::Problem(problem)),
        }
    }

    fn push(&mut self, key: &[u8], entry: &Entry) -> Result<(), BackupError> {
        match self.tree.push(key, entry, self.session) {
            Ok(()) => self.entries += 1,
            Err(BuildError::KeyTooLong | BuildError::EntryTooLarge) => {
                self.report(Problem::TooLarge { path: path_from_key(key) })?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn add_piece(&mut self, piece: BlobRef) -> Result<(), BackupError> {
        if let Some(list) = &mut self.list {
            return Ok(list.push(&piece, self.session)?);
        }
        self.pieces.push(piece);
        if self.pieces.len() > FileContent::LIST_BLOBS_MAX {
            let mut list = ContentListBuilder::new();
            for piece in self.pieces.drain(..) {
                list.push(&piece, self.session)?;
            }
            self.list = Some(list);
        }
        Ok(())
    }

    /// List nodes that were stored already stay behind unused; a later prune removes them.
    fn forget_pieces(&mut self) {
        self.pieces.clear();
        self.list = None;
    }

    fn finish_content(&mut self, entry: &mut Entry) -> Result<(), BackupError> {
        if let Some(list) = self.list.take() {
            entry.content = FileContent::Tree(list.finish(self.session)?);
        } else if !self.pieces.is_empty() {
            entry.content = FileContent::List(std::mem::take(&mut self.pieces));
        }
        debug_assert!(entry.kind == Kind::File || matches!(entry.content, FileContent::Empty));
        Ok(())
    }
}

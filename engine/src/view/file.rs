//! The content of one file, at any offset.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::ahead::Habit;
use super::reader::Shared;
use super::rebuilt::Rebuilt;
use crate::error::{FormatError, ReadError};
use crate::id::NodeId;
use crate::transform::{Form, StoredContent};
use crate::tree::{BlobRef, ContentListCursor, Entry, FileContent};

/// Blobs of a content list that are looked up at once ...
const RUN_BLOBS: usize = 256;
/// ... and how many such runs a file remembers.
const RUNS_MAX: usize = 8;

/// A file of a snapshot. Several threads may read it.
#[derive(Debug)]
pub struct File(Way);

/// How a file comes from what is stored.
#[derive(Debug)]
enum Way {
    Stored(Stored),
    /// It is made again of what is stored instead of it.
    Rebuilt(Box<Rebuilt>),
}

/// What is stored of a file, or its beginning.
#[derive(Debug)]
struct Stored(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    shared: Arc<Shared>,
    size: u64,
    stretches: Vec<Stretch>,
    content_bytes: u64,
    content: Content,
    habit: Habit,
}

/// A part of a file that is all data or all hole.
#[derive(Debug, Clone)]
struct Stretch {
    /// In the file.
    range: Range<u64>,
    /// Where its data begin in the content; `None` for a hole.
    content: Option<u64>,
}

#[derive(Debug)]
enum Content {
    Inline(Vec<u8>),
    Listed(Run),
    Tree { root: NodeId, runs: Mutex<VecDeque<Run>> },
}

/// Blobs that follow each other, and where each begins in the content.
type Run = Arc<[(u64, BlobRef)]>;

impl File {
    pub(super) fn new(shared: Arc<Shared>, entry: &Entry) -> Self {
        if entry.transform.is_some() {
            return Self(Way::Rebuilt(Box::new(Rebuilt::new(shared, entry, Form::Original))));
        }
        Self(Way::Stored(Stored::new(shared, entry, entry.size)))
    }

    /// What a transformed file holds; `None` if that is nothing, or cannot be had.
    pub(super) fn decoded(shared: Arc<Shared>, entry: &Entry) -> Option<Self> {
        let transform = entry.transform.as_ref()?;
        if let Some(bytes) = transform.decoded_bytes {
            return Some(Self(Way::Stored(Stored::new(shared, &stored_entry(entry), bytes))));
        }
        Rebuilt::decoded(shared, entry).map(|rebuilt| Self(Way::Rebuilt(Box::new(rebuilt))))
    }

    /// Its bytes, holes included.
    pub fn size(&self) -> u64 {
        match &self.0 {
            Way::Stored(stored) => stored.0.size,
            Way::Rebuilt(rebuilt) => rebuilt.size(),
        }
    }

    /// At most so many bytes from this offset on; fewer only at the end of the file.
    pub fn read(&self, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        match &self.0 {
            Way::Stored(stored) => stored.read_at(offset, bytes),
            Way::Rebuilt(rebuilt) => rebuilt.read(offset, bytes),
        }
    }
}

/// What is stored instead of a file, as an entry of its own.
fn stored_entry(entry: &Entry) -> Entry {
    let mut stored = Entry::new(entry.kind);
    stored.size = entry.stored_bytes();
    stored.content = entry.content.clone();
    stored
}

/// What is stored instead of a file.
pub(super) fn stored_content(shared: Arc<Shared>, entry: &Entry) -> Arc<dyn StoredContent> {
    let stored = stored_entry(entry);
    Arc::new(Stored::new(shared, &stored, stored.size))
}

impl Stored {
    fn new(shared: Arc<Shared>, entry: &Entry, size: u64) -> Self {
        let content = match &entry.content {
            FileContent::Empty => Content::Inline(Vec::new()),
            FileContent::Inline(bytes) => Content::Inline(bytes.clone()),
            FileContent::List(blobs) => Content::Listed(run(0, blobs.iter().copied())),
            FileContent::Tree(root) => Content::Tree { root: *root, runs: Mutex::default() },
        };
        let content_bytes = entry.content_bytes();
        let (stretches, habit) = (stretches(entry), Habit::default());
        Self(Arc::new(Inner { shared, size, stretches, content_bytes, content, habit }))
    }
}

impl StoredContent for Stored {
    fn size(&self) -> u64 {
        self.0.size
    }

    fn read_at(&self, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        let file = &self.0;
        let end = offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)).min(file.size);
        let mut out = Vec::with_capacity(length(offset..end));
        let first = file.stretches.partition_point(|stretch| stretch.range.end <= offset);
        for stretch in file.stretches.iter().skip(first) {
            let part = stretch.range.start.max(offset)..stretch.range.end.min(end);
            if part.is_empty() {
                break;
            }
            match stretch.content {
                None => out.resize(out.len() + length(part), 0),
                Some(content) => {
                    let start = content + (part.start - stretch.range.start);
                    let part = start..start + (part.end - part.start);
                    file.habit.note(&file.shared.ahead, file, &part, file.content_bytes);
                    file.content(part, &mut out)?;
                }
            }
        }
        Ok(out.into())
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.0.habit.stop(&self.0.shared.ahead);
    }
}

impl Inner {
    /// Makes sure that this part of the content will be at hand.
    pub(super) fn prepare(&self, mut content: Range<u64>) {
        // Whoever reads it will be told what is wrong with it.
        while let Ok(Some(run)) = self.run_at(content.start) {
            let first = run.partition_point(|(start, blob)| start + blob.bytes <= content.start);
            let wanted = run.iter().skip(first).take_while(|(start, _)| *start < content.end);
            self.shared.frames.prepare(&self.shared.repository, wanted.map(|(_, blob)| &blob.id));
            content.start = run.last().map_or(u64::MAX, |(start, blob)| start + blob.bytes);
            if content.is_empty() {
                return;
            }
        }
    }

    fn content(&self, mut range: Range<u64>, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let short = || ReadError::Node(FormatError::OutOfBounds { what: "content of a file" });
        if let Content::Inline(bytes) = &self.content {
            let part = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
            let part = part.and_then(|(start, end)| bytes.get(start..end));
            out.extend_from_slice(part.ok_or_else(short)?);
            return Ok(());
        }
        while !range.is_empty() {
            let run = self.run_at(range.start)?.ok_or_else(short)?;
            let first = run.partition_point(|(start, blob)| start + blob.bytes <= range.start);
            for (start, blob) in run.iter().skip(first).take_while(|(at, _)| *at < range.end) {
                let part = range.start - start..blob.bytes.min(range.end - start);
                let mut taken = None;
                self.shared.frames.content(&self.shared.repository, &blob.id, &mut |bytes| {
                    let part = usize::try_from(part.start).ok().zip(usize::try_from(part.end).ok());
                    let part = part.and_then(|(start, end)| bytes.get(start..end));
                    taken = part.map(|part| out.extend_from_slice(part));
                })?;
                taken.ok_or_else(short)?;
                range.start = start + part.end;
            }
        }
        Ok(())
    }

    /// Blobs from the one on that holds this byte of the content; `None` behind the last.
    fn run_at(&self, offset: u64) -> Result<Option<Run>, ReadError> {
        let holds = |run: &Run| {
            let end = run.last().map_or(0, |(start, blob)| start + blob.bytes);
            run.first().is_some_and(|(start, _)| (*start..end).contains(&offset))
        };
        match &self.content {
            Content::Inline(_) => Ok(None),
            Content::Listed(run) => Ok(Some(run).filter(|run| holds(run)).map(Arc::clone)),
            Content::Tree { root, runs } => {
                if let Some(run) = lock(runs).iter().find(|run| holds(run)) {
                    return Ok(Some(Arc::clone(run)));
                }
                let mut cursor = ContentListCursor::new(*root);
                cursor.seek(offset);
                let (mut nodes, mut blobs) = (self.shared.nodes(), Vec::new());
                while blobs.len() < RUN_BLOBS
                    && let Some(blob) = cursor.next(&mut nodes)?
                {
                    blobs.push(blob);
                }
                let run: Run = blobs.into();
                let mut runs = lock(runs);
                runs.push_front(Arc::clone(&run));
                runs.truncate(RUNS_MAX);
                Ok(Some(run).filter(|run| holds(run)))
            }
        }
    }
}

fn run(mut start: u64, blobs: impl Iterator<Item = BlobRef>) -> Run {
    let placed = blobs.map(|blob| {
        let at = start;
        start = start.saturating_add(blob.bytes);
        (at, blob)
    });
    placed.collect()
}

/// Data and holes in turn, up to the size of the file.
fn stretches(entry: &Entry) -> Vec<Stretch> {
    let mut stretches = Vec::with_capacity(entry.holes.len() * 2 + 1);
    let (mut at, mut content) = (0_u64, 0_u64);
    let mut push = |bytes: u64, is_data: bool| {
        let end = at.saturating_add(bytes).min(entry.size);
        if end > at {
            let data = is_data.then_some(content);
            stretches.push(Stretch { range: at..end, content: data });
            content += if is_data { end - at } else { 0 };
            at = end;
        }
    };
    for (data, hole) in &entry.holes {
        push(*data, true);
        push(*hole, false);
    }
    push(u64::MAX, true);
    stretches
}

fn length(range: Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Readers: open what the walk found, read it, cut it, name the pieces.
//!
//! What they hand on is a stream of events in the order of the batch, whatever the number of readers.

use std::io;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};

use super::section::{Section, Share, transform_of};
use super::source::{CannotTakeApart, Content, Found};
use super::window::{Buffers, Window};
use crate::chunker::{Chunker, Class, GearTables, classify, looks_incompressible};
use crate::crypto::Keys;
use crate::error::Problem;
use crate::id::ContentId;
use crate::progress::{Counter, Progress};
use crate::repository::Lane;
use crate::tree::{BlobRef, Entry, FileContent, LeafRun, Xattr, XattrValue};

/// How often a file that changes under our hands is read again.
const ATTEMPTS: u32 = 3;

/// Results are handed on when they hold this many bytes.
const EVENT_BYTES: usize = 1 << 20;

/// What becomes of one found entry.
#[derive(Debug)]
pub(super) enum Task {
    /// Taken over from the parent.
    Same(Box<LeafRun>),
    /// To be read.
    Read(Found),
    /// A further name of a file that is read under its first one.
    Link(Found),
}

/// Some entries, in order; what they become goes to `results`, in the same order.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) tasks: Vec<Task>,
    pub(super) results: Sender<Vec<Event>>,
}

/// What the collector is told, in order.
#[derive(Debug)]
pub(super) enum Event {
    /// Entries taken over from the parent.
    Same(Box<LeafRun>),
    /// A piece of the next file.
    Chunk { lane: Lane, id: ContentId, data: Bytes },
    /// A value beside the content, such as a large attribute of the next file.
    Side { lane: Lane, id: ContentId, data: Bytes },
    /// The pieces since the last entry are void: the file changed and is read again.
    Restart,
    /// An entry; its content, if not set, is the pieces since the last one.
    Entry { key: Vec<u8>, entry: Box<Entry> },
    /// A further name of a file.
    Link { key: Vec<u8>, entry: Box<Entry> },
    /// The entry could not be read; its pieces are void.
    Failed(Problem),
    /// Something about an entry could not be read.
    Problem(Problem),
}

/// What every reader needs.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    pub(super) keys: &'a Keys,
    pub(super) gear: &'a GearTables,
    pub(super) buffers: Arc<Buffers>,
    pub(super) progress: &'a dyn Progress,
}

/// Works until there are no more batches.
pub(super) fn read_batches(tools: &Tools<'_>, batches: &Receiver<Batch>) {
    for Batch { tasks, results } in batches {
        let mut reader = Reader { tools, results, events: Vec::new(), waiting_bytes: 0 };
        if tasks.into_iter().try_for_each(|task| reader.perform(task)).is_some() {
            reader.send();
        }
    }
}

struct Reader<'a> {
    tools: &'a Tools<'a>,
    results: Sender<Vec<Event>>,
    events: Vec<Event>,
    waiting_bytes: usize,
}

/// `None` means that nobody wants the results any more.
type Wanted = Option<()>;

impl Reader<'_> {
    fn emit(&mut self, event: Event) {
        self.waiting_bytes += match &event {
            Event::Chunk { data, .. } | Event::Side { data, .. } => data.len(),
            Event::Same(_)
            | Event::Restart
            | Event::Entry { .. }
            | Event::Link { .. }
            | Event::Failed(_)
            | Event::Problem(_) => 0,
        };
        self.events.push(event);
    }

    fn send(&mut self) -> Wanted {
        self.waiting_bytes = 0;
        self.results.send(mem::take(&mut self.events)).ok()
    }

    fn send_if_large(&mut self) -> Wanted {
        if self.waiting_bytes >= EVENT_BYTES { self.send() } else { Some(()) }
    }

    fn perform(&mut self, task: Task) -> Wanted {
        match task {
            Task::Same(run) => self.emit(Event::Same(run)),
            Task::Link(found) => self.link(found),
            Task::Read(found) => self.read(found)?,
        }
        self.send_if_large()
    }

    fn open(&mut self, found: &mut Found) -> io::Result<Option<Box<dyn Content>>> {
        let mut problems = Vec::new();
        let opened = found.handle.open(&mut found.entry, &mut |problem| problems.push(problem));
        for problem in problems {
            self.emit(Event::Problem(problem));
        }
        for xattr in &mut found.entry.xattrs {
            self.store_large_value(xattr);
        }
        opened
    }

    fn store_large_value(&mut self, xattr: &mut Xattr) {
        let XattrValue::Inline(value) = &mut xattr.value else { return };
        if value.len() <= Xattr::INLINE_BYTES_MAX {
            return;
        }
        let data = Bytes::from(mem::take(value));
        let id = self.tools.keys.content_id(&data);
        let bytes = u64::try_from(data.len()).expect("a value is smaller than 2^64 bytes");
        xattr.value = XattrValue::Blob(BlobRef { id, bytes });
        self.emit(Event::Side { lane: lane_of(Class::Other, &data), id, data });
    }

    fn link(&mut self, mut found: Found) {
        match self.open(&mut found) {
            Ok(_) => self.emit(Event::Link { key: found.key, entry: Box::new(found.entry) }),
            Err(source) => self.fail(&found, source),
        }
    }

    fn fail(&mut self, found: &Found, source: io::Error) {
        let path = found.handle.path().to_owned();
        self.emit(Event::Failed(Problem::Unreadable { path, source }));
    }

    fn read(&mut self, mut found: Found) -> Wanted {
        let outcome = match self.open(&mut found) {
            Ok(None) => Ok(Some(())),
            Ok(Some(mut content)) => self.read_until_stable(&mut found, content.as_mut()),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(wanted) => {
                wanted?;
                self.emit(Event::Entry { key: found.key, entry: Box::new(found.entry) });
            }
            Err(source) => self.fail(&found, source),
        }
        Some(())
    }

    fn read_until_stable(
        &mut self,
        found: &mut Found,
        content: &mut dyn Content,
    ) -> io::Result<Wanted> {
        let mut attempt = 1;
        let mut declined = false;
        loop {
            let is_apart = content.parts().is_some();
            match self.read_once(&mut found.entry, content) {
                Ok(Some(())) => {}
                Ok(None) => return Ok(None),
                // Whatever went wrong with what it was taken apart into, the file itself may still be read.
                Err(_) if is_apart && !declined => {
                    declined = true;
                    content.decline_parts();
                    content.rewind(&mut found.entry)?;
                    self.emit(Event::Restart);
                    continue;
                }
                Err(error) => return Err(error),
            }
            if content.unchanged(&mut found.entry)? {
                return Ok(Some(()));
            }
            // A source that can be read only once gives what it gave.
            attempt += 1;
            if attempt == ATTEMPTS {
                // What never comes to rest is kept as it was read, whatever it was.
                declined = true;
                content.decline_parts();
            }
            if attempt > ATTEMPTS || content.rewind(&mut found.entry).is_err() {
                break;
            }
            self.emit(Event::Restart);
        }
        found.entry.changed = true;
        let path = found.handle.path().to_owned();
        self.emit(Event::Problem(Problem::ChangedWhileRead { path }));
        Ok(Some(()))
    }

    /// Reads the content from start to end; `None` when nobody wants it any more.
    fn read_once(&mut self, entry: &mut Entry, content: &mut dyn Content) -> io::Result<Wanted> {
        entry.content = FileContent::Empty;
        entry.hash = None;
        entry.transform = None;
        if content.parts().is_some() {
            return self.read_parts(entry, content);
        }
        let mut window = Window::new(&self.tools.buffers, content, entry.size)?;
        if window.ended() && window.data().len() <= FileContent::INLINE_BYTES_MAX {
            if !window.data().is_empty() {
                entry.content = FileContent::Inline(window.data().to_vec());
            }
            let bytes = u64::try_from(window.data().len()).expect("a small number");
            self.tools.progress.add(Counter::ContentBytes, bytes);
            return Ok(Some(()));
        }
        let mut cut = Cut::new(false, Share::whole());
        let Some(()) = self.cut(&mut window, (content, entry.size), &mut cut)? else {
            return Ok(None);
        };
        if cut.chunks > 1 {
            entry.hash = Some(*cut.hasher.finalize().as_bytes());
        }
        Ok(Some(()))
    }

    /// Reads what a file was taken apart into: every section as if it were a file.
    fn read_parts(&mut self, entry: &mut Entry, content: &mut dyn Content) -> io::Result<Wanted> {
        let Some(parts) = content.parts().cloned() else { return Err(CannotTakeApart.into()) };
        let mut transform = transform_of(&parts, entry).ok_or(CannotTakeApart)?;
        let mut cut = Cut::new(true, Share::of(entry.size, transform.stored_bytes));
        for bytes in parts.sections.into_iter().filter(|bytes| *bytes > 0) {
            let mut section = Section::new(content, bytes);
            let mut window = Window::new(&self.tools.buffers, &mut section, bytes)?;
            let Some(()) = self.cut(&mut window, (&mut section, bytes), &mut cut)? else {
                return Ok(None);
            };
        }
        if content.read(&mut [0])? > 0 {
            return Err(CannotTakeApart.into());
        }
        transform.stored_hash = *cut.hasher.finalize().as_bytes();
        entry.hash = Some(parts.hash);
        entry.transform = Some(transform);
        Ok(Some(()))
    }

    /// Cuts what is in the window and what follows; `None` when nobody wants it any more.
    fn cut(
        &mut self,
        window: &mut Window,
        (content, size): (&mut dyn Content, u64),
        cut: &mut Cut,
    ) -> io::Result<Wanted> {
        let class = classify(window.data(), Some(size));
        let chunker = Chunker::new(class, self.tools.gear);
        loop {
            let mut pieces = Vec::new();
            let mut rest = window.data();
            while let Some(bytes) = chunker.cut(rest, window.ended()) {
                pieces.push(bytes);
                rest = rest.get(bytes..).unwrap_or_default();
            }
            let cut_bytes = window.data().len() - rest.len();
            if pieces.is_empty() && !window.ended() {
                window.grow(content, chunker.max_bytes())?;
                continue;
            }
            cut.chunks += u64::try_from(pieces.len()).expect("a count of chunks fits");
            if cut.always || cut.chunks > 1 || !window.ended() {
                cut.hasher.update(window.data().get(..cut_bytes).unwrap_or_default());
            }
            let data = window.advance(content, cut_bytes)?;
            self.tools.progress.add(Counter::ContentBytes, cut.share.of_file(cut_bytes));
            let Some(()) = self.emit_chunks(class, &data, &pieces) else { return Ok(None) };
            if window.ended() && window.data().is_empty() {
                return Ok(Some(()));
            }
        }
    }

    fn emit_chunks(&mut self, class: Class, data: &Bytes, pieces: &[usize]) -> Wanted {
        let mut start = 0;
        for bytes in pieces {
            let piece = data.slice(start..start + bytes);
            start += bytes;
            let id = self.tools.keys.content_id(&piece);
            self.emit(Event::Chunk { lane: lane_of(class, &piece), id, data: piece });
        }
        self.send_if_large()
    }
}

/// What is known of content that is being cut.
struct Cut {
    hasher: blake3::Hasher,
    /// The hash is wanted even of a single chunk.
    always: bool,
    chunks: u64,
    share: Share,
}

impl Cut {
    fn new(always: bool, share: Share) -> Self {
        Self { hasher: blake3::Hasher::new(), always, chunks: 0, share }
    }
}

fn lane_of(class: Class, chunk: &[u8]) -> Lane {
    match class {
        Class::Media => Lane::Stored,
        Class::Pages { .. } => Lane::of_pages(chunk),
        Class::Text => Lane::Text,
        Class::DiskImage | Class::Other if looks_incompressible(chunk) => Lane::Stored,
        Class::DiskImage | Class::Other => Lane::Other,
    }
}

//! From the file to the sections: a source whose files are taken apart where that gains anything.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use heirloom_chats::crypt::Key;
use heirloom_chats::files;
use heirloom_chats::transform::{self, NotTaken, TakenApart, is_candidate, take_apart};
use heirloom_engine::backup::source::{
    CannotTakeApart, Content, Found, Handle, Parts, ReadAt, Source,
};
use heirloom_engine::error::Problem;
use heirloom_engine::tree::{Entry, Kind, file_name};

use super::{KeySource, Outcomes};

/// A source, and what is known about the files that can be taken apart.
#[derive(Debug)]
pub(crate) struct Taking {
    source: Box<dyn Source>,
    shared: Arc<Shared>,
}

struct Shared {
    keys: KeySource,
    asked: OnceLock<Vec<Key>>,
    outcomes: Arc<Outcomes>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("outcomes", &self.outcomes).finish_non_exhaustive()
    }
}

impl Taking {
    pub(crate) fn new(source: Box<dyn Source>, keys: KeySource, outcomes: &Arc<Outcomes>) -> Self {
        let outcomes = Arc::clone(outcomes);
        Self { source, shared: Arc::new(Shared { keys, asked: OnceLock::new(), outcomes }) }
    }
}

impl Source for Taking {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        Some(self.source.next()?.map(|found| {
            if found.entry.kind != Kind::File || !is_candidate(file_name(&found.key)) {
                return found;
            }
            let Found { key, entry, handle: inner } = found;
            let handle = Box::new(TakingHandle { inner, shared: Arc::clone(&self.shared) });
            Found { key, entry, handle }
        }))
    }

    fn excluded(&self) -> u64 {
        self.source.excluded()
    }
}

#[derive(Debug)]
struct TakingHandle {
    inner: Box<dyn Handle>,
    shared: Arc<Shared>,
}

impl Handle for TakingHandle {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn open(
        &mut self,
        entry: &mut Entry,
        problem: &mut dyn FnMut(Problem),
    ) -> io::Result<Option<Box<dyn Content>>> {
        let Some(content) = self.inner.open(entry, problem)? else { return Ok(None) };
        let Some(file) = content.at().filter(|_| content.holes().is_empty()) else {
            return Ok(Some(content));
        };
        let file: Arc<dyn files::ReadAt> = Arc::new(OpenFile(file));
        let keys = self.shared.asked.get_or_init(&self.shared.keys);
        let path = self.inner.path();
        let taken = match take_apart(path, &file, keys) {
            Ok(None) => return Ok(Some(content)),
            Ok(Some(taken)) => taken,
            Err(reason) => {
                self.shared.outcomes.add(path.to_owned(), Err(reason));
                return Ok(Some(content));
            }
        };
        self.shared.outcomes.add(path.to_owned(), Ok(&taken));
        Ok(Some(Box::new(Sections::new(content, file, taken))))
    }
}

/// An open file, as readers of chats want it.
#[derive(Debug)]
struct OpenFile(Arc<dyn ReadAt>);

impl files::ReadAt for OpenFile {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let rest = usize::try_from(self.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut read = vec![0; bytes.min(rest)];
        let filled = self.0.read_at(offset, &mut read)?;
        read.truncate(filled);
        Ok(read.into())
    }
}

/// The parts of a file, until it turns out not to be the one that was taken apart.
struct Sections {
    inner: Box<dyn Content>,
    parts: Option<Parts>,
    read: Box<dyn Read + Send>,
}

impl fmt::Debug for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sections").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Sections {
    fn new(inner: Box<dyn Content>, file: Arc<dyn files::ReadAt>, taken: TakenApart) -> Self {
        let read = taken.content(file);
        let TakenApart { sections, decoded_bytes, hash, .. } = taken;
        let parts = Parts { name: transform::NAME.to_owned(), sections, decoded_bytes, hash };
        Self { inner, parts: Some(parts), read }
    }
}

impl Content for Sections {
    fn holes(&self) -> &[(u64, u64)] {
        self.inner.holes()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.parts.is_none() {
            return self.inner.read(buffer);
        }
        self.read.read(buffer).map_err(|error| {
            let is_changed = error
                .get_ref()
                .and_then(|inside| inside.downcast_ref::<NotTaken>())
                .is_some_and(|reason| matches!(reason, NotTaken::Changed));
            if is_changed { CannotTakeApart.into() } else { error }
        })
    }

    fn at(&self) -> Option<Arc<dyn ReadAt>> {
        self.inner.at()
    }

    fn parts(&self) -> Option<&Parts> {
        self.parts.as_ref()
    }

    fn decline_parts(&mut self) {
        // What is read between now and the rewind is void anyhow.
        self.parts = None;
    }

    fn unchanged(&mut self, entry: &mut Entry) -> io::Result<bool> {
        self.inner.unchanged(entry)
    }

    fn rewind(&mut self, entry: &mut Entry) -> io::Result<()> {
        // It is another file now, of which nothing is known.
        self.parts = None;
        self.inner.rewind(entry)
    }
}

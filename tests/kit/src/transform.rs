//! A transform for tests: files that hold other files in disguise, taken apart by a source and put together by an undo.
//!
//! A [`KitFile`] is `KITX` or `KITY`, the number of its sections (`u32`), their lengths (`u64` each), and their bytes, each
//! one xored. What is stored is the sections as they are, then as recipe the beginning of the file and its length (`u64`).
//! Of `KITX` the first section is the decoded file; of `KITY` all sections together are, so it has to be made.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heirloom_engine::backup::source::{
    CannotTakeApart, Content, Found, Handle, Parts, ReadAt, Source,
};
use heirloom_engine::error::Problem;
use heirloom_engine::transform::{Form, StoredContent, Undo};
use heirloom_engine::tree::{Entry, Transform};

/// The name of the transform.
pub const KIT_TRANSFORM: &str = "kit/1";

const DISGUISE: u8 = 0x5a;
const STEP: usize = 60_000;

/// Makes files that can be taken apart.
#[derive(Debug)]
pub struct KitFile;

impl KitFile {
    /// A file whose first section is what it holds.
    pub fn with(sections: &[&[u8]]) -> Vec<u8> {
        disguised(*b"KITX", sections)
    }

    /// A file whose decoded form has to be made: all sections.
    pub fn to_be_made(sections: &[&[u8]]) -> Vec<u8> {
        disguised(*b"KITY", sections)
    }
}

fn disguised(magic: [u8; 4], sections: &[&[u8]]) -> Vec<u8> {
    let mut file = magic.to_vec();
    let count = u32::try_from(sections.len()).expect("a test has few sections");
    file.extend(count.to_le_bytes());
    for section in sections {
        file.extend((section.len() as u64).to_le_bytes());
    }
    file.extend(sections.iter().flat_map(|section| section.iter().map(|byte| byte ^ DISGUISE)));
    file
}

/// Another source, of whose files those that can be are taken apart.
#[derive(Debug)]
pub struct KitSource<S> {
    inner: S,
    gives_up: GivesUp,
}

/// After how many bytes, and how.
#[derive(Debug, Clone, Copy)]
struct GivesUp {
    after: u64,
    with: Option<io::ErrorKind>,
}

impl<S: Source> KitSource<S> {
    /// Takes apart what it can.
    pub fn new(inner: S) -> Self {
        Self { inner, gives_up: GivesUp { after: u64::MAX, with: None } }
    }

    /// The same, which finds after so many bytes that it cannot, and says so or fails like this.
    #[must_use]
    pub fn giving_up_after(mut self, bytes: u64, with: Option<io::ErrorKind>) -> Self {
        self.gives_up = GivesUp { after: bytes, with };
        self
    }
}

impl<S: Source> Source for KitSource<S> {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        let gives_up = self.gives_up;
        self.inner.next().map(|found| {
            let Found { key, entry, handle } = found?;
            let handle = Box::new(KitHandle { inner: handle, gives_up });
            Ok(Found { key, entry, handle })
        })
    }

    fn excluded(&self) -> u64 {
        self.inner.excluded()
    }
}

#[derive(Debug)]
struct KitHandle {
    inner: Box<dyn Handle>,
    gives_up: GivesUp,
}

impl Handle for KitHandle {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn open(
        &mut self,
        entry: &mut Entry,
        problem: &mut dyn FnMut(Problem),
    ) -> io::Result<Option<Box<dyn Content>>> {
        let Some(inner) = self.inner.open(entry, problem)? else { return Ok(None) };
        let apart = Apart::of(inner.as_ref());
        let gives_up = self.gives_up;
        Ok(Some(Box::new(KitContent { inner, apart, gives_up, declined: false })))
    }
}

/// A file that was taken apart.
#[derive(Debug)]
struct Apart {
    parts: Parts,
    file: Arc<dyn ReadAt>,
    header: Vec<u8>,
    position: u64,
}

impl Apart {
    fn of(content: &dyn Content) -> Option<Self> {
        let file = content.at()?;
        let mut whole = vec![0; usize::try_from(file.size()).ok()?];
        let read = file.read_at(0, &mut whole).ok()?;
        whole.truncate(read);
        let (header, mut sections) = header_of(&whole)?;
        let recipe = header.len() as u64 + 8;
        let decoded_bytes = (whole[3] == b'X').then(|| sections.first().copied()).flatten();
        sections.push(recipe);
        let parts = Parts {
            name: KIT_TRANSFORM.to_owned(),
            sections,
            decoded_bytes,
            hash: *blake3::hash(&whole).as_bytes(),
        };
        Some(Self { parts, file, header, position: 0 })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let header = self.header.len() as u64;
        let body = self.file.size() - header;
        let read = if self.position < body {
            let left = usize::try_from(body - self.position).unwrap_or(usize::MAX);
            let room = buffer.len().min(left);
            let read = self.file.read_at(header + self.position, &mut buffer[..room])?;
            buffer[..read].iter_mut().for_each(|byte| *byte ^= DISGUISE);
            read
        } else {
            let recipe = [&self.header[..], &header.to_le_bytes()].concat();
            let skipped = usize::try_from(self.position - body).map_err(io::Error::other)?;
            (&recipe[skipped.min(recipe.len())..]).read(buffer)?
        };
        self.position += read as u64;
        if read == 0 {
            let mut whole = vec![0; usize::try_from(self.file.size()).map_err(io::Error::other)?];
            let read = self.file.read_at(0, &mut whole)?;
            if read < whole.len() || blake3::hash(&whole) != self.parts.hash {
                return Err(CannotTakeApart.into());
            }
        }
        Ok(read)
    }
}

/// The beginning of a file of this kind, and the lengths of its sections.
fn header_of(file: &[u8]) -> Option<(Vec<u8>, Vec<u64>)> {
    if !matches!(file.get(..4)?, b"KITX" | b"KITY") {
        return None;
    }
    let count = u32::from_le_bytes(file.get(4..8)?.try_into().ok()?) as usize;
    let header = file.get(..8 + 8 * count)?;
    let sections: Vec<u64> = header[8..]
        .chunks(8)
        .map(|length| u64::from_le_bytes(length.try_into().expect("eight bytes")))
        .collect();
    let whole = sections.iter().try_fold(header.len() as u64, |sum, part| sum.checked_add(*part));
    (whole == Some(file.len() as u64)).then(|| (header.to_vec(), sections))
}

#[derive(Debug)]
struct KitContent {
    inner: Box<dyn Content>,
    apart: Option<Apart>,
    gives_up: GivesUp,
    declined: bool,
}

impl Content for KitContent {
    fn holes(&self) -> &[(u64, u64)] {
        self.inner.holes()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(apart) = &mut self.apart else { return self.inner.read(buffer) };
        if apart.position >= self.gives_up.after {
            return Err(self.gives_up.with.map_or_else(|| CannotTakeApart.into(), io::Error::from));
        }
        apart.read(buffer)
    }

    fn at(&self) -> Option<Arc<dyn ReadAt>> {
        self.inner.at()
    }

    fn parts(&self) -> Option<&Parts> {
        self.apart.as_ref().map(|apart| &apart.parts)
    }

    fn decline_parts(&mut self) {
        self.declined = true;
    }

    fn unchanged(&mut self, entry: &mut Entry) -> io::Result<bool> {
        self.inner.unchanged(entry)
    }

    fn rewind(&mut self, entry: &mut Entry) -> io::Result<()> {
        self.inner.rewind(entry)?;
        self.apart = if self.declined { None } else { Apart::of(self.inner.as_ref()) };
        Ok(())
    }
}

/// How putting together goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UndoFault {
    /// Not at all.
    #[default]
    None,
    /// The transform is not known.
    Unknown,
    /// It does not even begin.
    Refusal,
    /// It fails in the middle.
    Error,
    /// A byte in the middle is another one.
    WrongByte,
    /// The last byte does not come.
    TooFew,
    /// A byte more than there should be comes at the end.
    TooMany,
    /// Bytes come without end.
    Endless,
}

/// Puts together what [`KitSource`] took apart.
#[derive(Debug, Default)]
pub struct KitUndo {
    fault: UndoFault,
    begun: AtomicU64,
}

impl KitUndo {
    /// One that works.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// One that fails.
    pub fn failing(fault: UndoFault) -> Arc<Self> {
        Arc::new(Self { fault, begun: AtomicU64::new(0) })
    }

    /// How often it began with a file.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }
}

impl Undo for KitUndo {
    fn undo(
        &self,
        transform: &Transform,
        stored: Arc<dyn StoredContent>,
        form: Form,
    ) -> Option<io::Result<Box<dyn Read + Send>>> {
        if transform.name != KIT_TRANSFORM || self.fault == UndoFault::Unknown {
            return None;
        }
        self.begun.fetch_add(1, Ordering::Relaxed);
        Some(Together::new(stored, form, self.fault).map(|together| Box::new(together) as Box<_>))
    }
}

/// A file on its way back.
#[derive(Debug)]
struct Together {
    stored: Arc<dyn StoredContent>,
    /// What comes before the sections.
    header: Vec<u8>,
    disguise: u8,
    body: u64,
    position: u64,
    fault: UndoFault,
}

impl Together {
    fn new(stored: Arc<dyn StoredContent>, form: Form, fault: UndoFault) -> io::Result<Self> {
        if fault == UndoFault::Refusal {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let end = stored.size();
        let at = |offset: u64, bytes: u64| {
            let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
            stored.read_at(offset, bytes).map_err(io::Error::other)
        };
        let length = at(end - 8, 8)?;
        let length = u64::from_le_bytes(length[..].try_into().map_err(io::Error::other)?);
        let body = end - 8 - length;
        let mut header = at(body, length)?.to_vec();
        let mut disguise = DISGUISE;
        if form == Form::Decoded {
            (header, disguise) = (Vec::new(), 0);
        }
        Ok(Self { stored, header, disguise, body, position: 0, fault })
    }

    fn size(&self) -> u64 {
        self.header.len() as u64 + self.body
    }

    fn rightly(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let header = self.header.len() as u64;
        if self.position < header {
            let skipped = usize::try_from(self.position).map_err(io::Error::other)?;
            return (&self.header[skipped..]).read(buffer);
        }
        let left = usize::try_from(self.size() - self.position).unwrap_or(usize::MAX);
        let room = left.min(buffer.len()).min(STEP);
        let part = self.stored.read_at(self.position - header, room).map_err(io::Error::other)?;
        for (to, from) in buffer.iter_mut().zip(&part[..]) {
            *to = from ^ self.disguise;
        }
        Ok(part.len())
    }
}

impl Read for Together {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (size, start) = (self.size(), self.position);
        let mut read = self.rightly(buffer)?;
        self.position += read as u64;
        let holds = |offset: u64| (start..start + read as u64).contains(&offset);
        match self.fault {
            UndoFault::Error if holds(size / 2) => return Err(io::ErrorKind::InvalidData.into()),
            UndoFault::WrongByte if holds(size / 2) => {
                let at = usize::try_from(size / 2 - start).map_err(io::Error::other)?;
                buffer[at] ^= 1;
            }
            UndoFault::TooFew if read > 0 && self.position == size => read -= 1,
            UndoFault::TooMany if start == size => {
                self.position += 1;
                self.body += 1;
                self.fault = UndoFault::None;
                read = 1;
            }
            UndoFault::Endless if read == 0 => read = buffer.len(),
            _ => {}
        }
        Ok(read)
    }
}

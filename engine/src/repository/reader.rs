//! Reading blobs: where they are, their frames, and what to do when a copy is lost.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;

use super::catalogue::Catalogue;
use super::{Repository, RepositoryError};
use crate::crypto::{Encapsulation, PackKey, SessionKey};
use crate::error::{ErrorKind, FormatError, ReadError};
use crate::id::{BlobPrefix, ContentId, NodeId, PackId};
use crate::index::{FrameInfo, Location};
use crate::pack::{BlobKind, Codec, OpenFrame, open_frame, open_part};
use crate::tree::NodeSource;

/// Plain bytes of frames that are kept for the next blobs of the same frame.
const FRAMES_BYTES_MAX: usize = 16 << 20;

/// Neighbouring frames are fetched together up to this size.
const FETCH_BYTES_MAX: u64 = 8 << 20;

/// Recently opened frames.
#[derive(Debug, Default)]
pub(super) struct FrameCache {
    frames: Mutex<Recent>,
    sessions: Mutex<HashMap<Encapsulation, SessionKey>>,
    packs: Mutex<HashMap<PackId, Located>>,
    /// Packs that the index named and the store did not have.
    missed: Mutex<HashSet<PackId>>,
}

/// A pack in which something was found: its key, and the way to its other frames.
#[derive(Debug, Clone)]
struct Located {
    key: Arc<PackKey>,
    catalogue: Arc<Catalogue>,
    location: Location,
}

#[derive(Debug, Default)]
struct Recent {
    order: VecDeque<((PackId, u32), Arc<OpenFrame>)>,
    bytes: usize,
}

impl FrameCache {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, pack: &PackId, frame: u32) -> Option<Arc<OpenFrame>> {
        let recent = self.recent();
        let found = recent.order.iter().rev().find(|((p, f), _)| p == pack && *f == frame);
        found.map(|(_, open)| Arc::clone(open))
    }

    fn keep(&self, pack: PackId, frame: u32, open: &Arc<OpenFrame>) {
        let mut recent = self.recent();
        recent.bytes += open.held_bytes();
        recent.order.push_back(((pack, frame), Arc::clone(open)));
        while recent.bytes > FRAMES_BYTES_MAX && recent.order.len() > 1 {
            if let Some((_, oldest)) = recent.order.pop_front() {
                recent.bytes -= oldest.held_bytes();
            }
        }
    }
}

/// Where the frame of a blob lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameRef {
    /// The pack.
    pub pack: PackId,
    /// Which frame.
    pub frame: u32,
    /// Which blob of the frame.
    pub slot: u32,
    /// The frame's bytes in the pack.
    pub range: Range<u64>,
    /// Whether the frame is compressed.
    pub codec: Codec,
}

impl Repository {
    /// Where a piece of content can be read, best place first. Empty if it is lost.
    pub fn locate(&self, id: &ContentId) -> Result<Vec<FrameRef>, ReadError> {
        let (catalogue, places) = self.find(&id.prefix())?;
        // Now, while the key's place is known; a pack whose key cannot be had is no place to read from.
        let readable = places.iter().filter(|place| self.pack_key(&catalogue, place).is_ok());
        Ok(readable.map(frame_ref).collect())
    }

    /// The places of a blob; looks again, and into packs that no segment knows, before it gives up.
    fn find(&self, prefix: &BlobPrefix) -> Result<(Arc<Catalogue>, Vec<Location>), ReadError> {
        let catalogue = self.catalogue().map_err(read_error)?;
        let places = catalogue.places(prefix);
        if !places.is_empty() {
            return Ok((catalogue, places));
        }
        let catalogue = self.complete_catalogue().map_err(read_error)?;
        let places = catalogue.places(prefix);
        Ok((catalogue, places))
    }

    fn pack_key(
        &self,
        catalogue: &Arc<Catalogue>,
        location: &Location,
    ) -> Result<Arc<PackKey>, ReadError> {
        let pack = location.pack.id;
        if let Some(located) = self.located(&pack) {
            return Ok(located.key);
        }
        let damaged = |source| ReadError::Damaged { pack, source };
        let bytes = catalogue
            .set()
            .encapsulation(location)
            .ok_or_else(|| damaged(FormatError::OutOfBounds { what: "encapsulated key" }))?;
        let sealed =
            Encapsulation::from_slice(bytes).ok_or_else(|| damaged(FormatError::Truncated))?;
        let mut sessions = self.frames.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = if let Some(session) = sessions.get(&sealed) {
            session.clone()
        } else {
            let session = self.keys.open_session_key(&sealed).map_err(damaged)?;
            sessions.insert(sealed, session.clone());
            session
        };
        let key = Arc::new(session.pack_key(&location.pack.salt));
        let mut packs = self.frames.packs.lock().unwrap_or_else(PoisonError::into_inner);
        let catalogue = Arc::clone(catalogue);
        let located = Located { key: Arc::clone(&key), catalogue, location: location.clone() };
        packs.insert(pack, located);
        Ok(key)
    }

    fn located(&self, pack: &PackId) -> Option<Located> {
        let packs = self.frames.packs.lock().unwrap_or_else(PoisonError::into_inner);
        packs.get(pack).cloned()
    }

    /// A frame, from memory, the local cache or the store.
    fn open_at(
        &self,
        catalogue: &Arc<Catalogue>,
        location: &Location,
    ) -> Result<Arc<OpenFrame>, ReadError> {
        let pack = location.pack.id;
        if let Some(open) = self.frames.get(&pack, location.frame) {
            return Ok(open);
        }
        let key = self.pack_key(catalogue, location)?;
        let open = |sealed| {
            open_frame(&key, location.frame, sealed, &location.entry)
                .map_err(|source| ReadError::Damaged { pack, source })
        };
        let open = match self.cached_frame(location).map(&open) {
            Some(Ok(open)) => open,
            Some(Err(_)) => {
                self.cache.drop_pack(&pack);
                open(self.object_range(&format!("packs/{pack}"), location.range.clone())?.into())?
            }
            None => open(self.fetch_frame(location)?)?,
        };
        let open = Arc::new(open);
        self.frames.keep(pack, location.frame, &open);
        Ok(open)
    }

    fn cached_frame(&self, location: &Location) -> Option<Vec<u8>> {
        let bytes = usize::try_from(location.range.end - location.range.start).ok()?;
        (location.pack.kind == BlobKind::Tree)
            .then(|| self.cache.pack_range(&location.pack.id, location.range.start, bytes))
            .flatten()
    }

    /// A frame from the store; tree packs come whole, because their other nodes are wanted next.
    fn fetch_frame(&self, location: &Location) -> Result<Vec<u8>, ReadError> {
        let name = format!("packs/{}", location.pack.id);
        if location.pack.kind == BlobKind::Tree && self.cache.is_kept() {
            let pack = self.object(&name)?;
            self.cache.keep_tree_pack(&location.pack.id, &pack);
            let range = usize::try_from(location.range.start)
                .ok()
                .zip(usize::try_from(location.range.end).ok());
            let frame = range.and_then(|(start, end)| pack.get(start..end));
            return frame.map(<[u8]>::to_vec).ok_or(ReadError::Damaged {
                pack: location.pack.id,
                source: FormatError::Truncated,
            });
        }
        Ok(self.object_range(&name, location.range.clone())?.into())
    }

    /// Hands the blob to `accept`, which checks that it is the right one. Tries every place before it gives up.
    fn read_blob<T>(
        &self,
        prefix: &BlobPrefix,
        accept: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, ReadError> {
        let (catalogue, places) = self.find(prefix)?;
        self.read_any(prefix, (&catalogue, &places), &accept).or_else(|failure| {
            // The pack may have been replaced by another since the index was read.
            if self.is_news(&failure, &places) {
                self.forget_catalogue();
            }
            let catalogue = self.complete_catalogue().map_err(read_error)?;
            let mut further = catalogue.places(prefix);
            further.retain(|place| !places.iter().any(|known| known.pack.id == place.pack.id));
            if further.is_empty() {
                return Err(failure);
            }
            self.read_any(prefix, (&catalogue, &further), &accept)
        })
    }

    /// Whether a pack turned out to be gone that nobody missed before: then even an index that was read only just now is old.
    fn is_news(&self, failure: &ReadError, places: &[Location]) -> bool {
        let gone =
            matches!(failure, ReadError::Storage(error) if error.kind == ErrorKind::NotFound);
        let mut missed = self.frames.missed.lock().unwrap_or_else(PoisonError::into_inner);
        // Not `any`: all of them are to be noted.
        gone && places.iter().filter(|place| missed.insert(place.pack.id)).count() > 0
    }

    fn read_any<T>(
        &self,
        prefix: &BlobPrefix,
        (catalogue, places): (&Arc<Catalogue>, &[Location]),
        accept: &impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, ReadError> {
        let mut failure = ReadError::Missing { prefix: prefix.to_string() };
        for location in places {
            let wrong = ReadError::Damaged { pack: location.pack.id, source: FormatError::WrongId };
            match self.open_at(catalogue, location) {
                Ok(open) => {
                    let slot = usize::try_from(location.slot).unwrap_or(usize::MAX);
                    match open.blob(slot).and_then(accept) {
                        Some(value) => return Ok(value),
                        None => failure = wrong,
                    }
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// A blob of which only the prefix is known, verified as far as that goes.
    pub fn blob(&self, kind: BlobKind, prefix: &BlobPrefix) -> Result<Vec<u8>, ReadError> {
        let prefix_of = |blob: &[u8]| match kind {
            BlobKind::Content => self.keys.content_id(blob).prefix(),
            BlobKind::Tree => self.keys.node_id(blob).prefix(),
        };
        self.read_blob(prefix, |blob| (prefix_of(blob) == *prefix).then(|| blob.to_vec()))
    }

    /// A piece of content, verified.
    pub fn content(&self, id: &ContentId) -> Result<Vec<u8>, ReadError> {
        self.read_blob(&id.prefix(), |blob| {
            (self.keys.content_id(blob) == *id).then(|| blob.to_vec())
        })
    }

    /// Frames of a pack in which [`Repository::locate`] found something, in ascending order.
    ///
    /// Neighbours are fetched together; each goes to `take` when it is open, or with the reason why it cannot be.
    pub fn read_frames(
        &self,
        pack: PackId,
        frames: &[u32],
        take: &mut dyn FnMut(u32, Result<OpenFrame, ReadError>),
    ) {
        self.sealed_frames(pack, frames, &mut |frame, sealed| {
            let open = sealed.and_then(|SealedFrame { key, info, bytes }| {
                let damaged = |source| ReadError::Damaged { pack, source };
                open_part(key, frame, bytes, &info.entry).map_err(damaged)
            });
            take(frame, open);
        });
    }

    /// The same frames as they are in the pack, with what opens them.
    pub fn sealed_frames(
        &self,
        pack: PackId,
        frames: &[u32],
        take: &mut dyn FnMut(u32, Result<SealedFrame<'_>, ReadError>),
    ) {
        let damaged = |source| ReadError::Damaged { pack, source };
        let Some(located) = self.located(&pack) else {
            let nowhere = FormatError::Unrecognised { expected: "located pack" };
            return frames.iter().for_each(|frame| take(*frame, Err(damaged(nowhere.clone()))));
        };
        let set = located.catalogue.set();
        let mut found = Vec::with_capacity(frames.len());
        for frame in frames {
            match set.frame(&located.location, *frame) {
                Some(info) => found.push((*frame, info)),
                None => take(*frame, Err(damaged(FormatError::OutOfBounds { what: "frame" }))),
            }
        }
        let name = format!("packs/{pack}");
        let mut hand_on = |(frame, info): &(u32, FrameInfo),
                           sealed: Result<BytesMut, ReadError>| {
            take(*frame, sealed.map(|bytes| SealedFrame { key: &located.key, info, bytes }));
        };
        for run in found.chunk_by(neighbours()) {
            let Some(range) = span(run) else { continue };
            match self.object_range(&name, range) {
                // Each is handed on where it lies, without a copy.
                Ok(bytes) => cut_run(run, BytesMut::from(bytes))
                    .for_each(|(frame, sealed)| hand_on(frame, Ok(sealed))),
                // One of them may lie beyond a truncated end; the others need not suffer.
                Err(_) => {
                    for frame in run {
                        let sealed = self.object_range(&name, frame.1.range.clone());
                        hand_on(frame, sealed.map(BytesMut::from).map_err(ReadError::from));
                    }
                }
            }
        }
    }

    /// Makes the frames of a pack readable, as [`locate`](Self::locate) does for the pack of a blob.
    pub fn locate_pack(
        &self,
        catalogue: &Arc<Catalogue>,
        location: &Location,
    ) -> Result<(), ReadError> {
        self.pack_key(catalogue, location).map(|_key| ())
    }

    /// Forgets the frames that were kept for the next blobs in them; for whoever has walked trees and does not again.
    pub fn forget_frames(&self) {
        *self.frames.recent() = Recent::default();
    }

    /// Forgets the key of a pack; for whoever goes through many, each once.
    pub fn forget_pack(&self, pack: &PackId) {
        self.frames.packs.lock().unwrap_or_else(PoisonError::into_inner).remove(pack);
    }
}

/// A frame as it lies in its pack.
#[derive(Debug)]
pub struct SealedFrame<'a> {
    /// What opens it.
    pub key: &'a PackKey,
    /// What the index says about it.
    pub info: &'a FrameInfo,
    /// The sealed bytes.
    pub bytes: BytesMut,
}

type FrameRun = [(u32, FrameInfo)];

fn span(run: &FrameRun) -> Option<Range<u64>> {
    Some(run.first()?.1.range.start..run.last()?.1.range.end)
}

fn cut_run(
    run: &FrameRun,
    mut rest: BytesMut,
) -> impl Iterator<Item = (&(u32, FrameInfo), BytesMut)> {
    run.iter().map(move |frame| {
        let length = usize::try_from(frame.1.range.end - frame.1.range.start).unwrap_or(usize::MAX);
        // A store that answers with less than it was asked for makes the last frames unreadable, nothing else.
        let sealed = rest.split_to(length.min(rest.len()));
        (frame, sealed)
    })
}

/// Whether two frames of a run are fetched together: no gap between them, and not too much at once.
fn neighbours() -> impl FnMut(&(u32, FrameInfo), &(u32, FrameInfo)) -> bool {
    let mut run_bytes = 0;
    move |(_, a), (_, b)| {
        run_bytes += a.range.end - a.range.start;
        let together = a.range.end == b.range.start
            && run_bytes + (b.range.end - b.range.start) <= FETCH_BYTES_MAX;
        if !together {
            run_bytes = 0;
        }
        together
    }
}

impl NodeSource for &Repository {
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        self.read_blob(&id.prefix(), |node| {
            (self.keys.node_id(node) == *id).then(|| Arc::from(node))
        })
    }
}

fn frame_ref(location: &Location) -> FrameRef {
    FrameRef {
        pack: location.pack.id,
        frame: location.frame,
        slot: location.slot,
        range: location.range.clone(),
        codec: location.entry.codec,
    }
}

fn read_error(error: RepositoryError) -> ReadError {
    match error {
        RepositoryError::Storage(error) => ReadError::Storage(error),
        RepositoryError::Read(error) => error,
        RepositoryError::Damaged { source, .. } => ReadError::Node(source),
        RepositoryError::Newer { version, .. } => ReadError::Node(FormatError::Newer { version }),
        // Reading the index gives none of these.
        RepositoryError::Absent
        | RepositoryError::Exists
        | RepositoryError::Replaced
        | RepositoryError::WrongKey
        | RepositoryError::NoSlots
        | RepositoryError::LastSlot
        | RepositoryError::SecretTooLarge { .. }
        | RepositoryError::UnknownSlot { .. }
        | RepositoryError::Slot(_)
        | RepositoryError::UnknownFeature { .. }
        | RepositoryError::Fenced { .. }
        | RepositoryError::Compressor(_)
        | RepositoryError::Cancelled => {
            ReadError::Node(FormatError::Unrecognised { expected: "index" })
        }
    }
}

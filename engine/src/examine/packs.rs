//! Reads packs whole: name, header, table, and every blob of every frame. One pass over the bytes, on several threads.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::BytesMut;

use super::report::{Fault, Finding, Weight};
use super::survey::{Indexed, Survey, digest};
use crate::crypto::{Encapsulation, PackKey, SessionKey};
use crate::error::{ErrorKind, FormatError, StorageError};
use crate::id::{BlobPrefix, PackId};
use crate::pack::{BlobKind, FrameOpener, PackRecord, record_from_pack};
use crate::progress::{Counter, Progress};
use crate::repository::{Repository, RepositoryError};

/// Whole packs in memory at once, whatever the number of threads.
const HELD_BYTES_MAX: u64 = 128 << 20;

/// A store that failed for so many packs one after the other is not asked again.
const FAILURES_MAX: u32 = 3;

/// What is wrong with a pack, and what of it can still be read.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    /// Blobs that were read and have their ids.
    pub(crate) intact: HashSet<BlobPrefix>,
}

/// What became of a pack that was to be read.
#[derive(Debug)]
pub(crate) enum Verdict {
    Intact,
    /// Gone since it was listed.
    Gone,
    Broken(Broken),
}

/// What a look at the blobs of a pack gives away, one by one: prefix and plain bytes.
pub(crate) type Salvage<'a> =
    dyn FnMut(BlobKind, BlobPrefix, &[u8]) -> Result<(), RepositoryError> + 'a;

/// Reads packs; shared by the threads that do.
pub(crate) struct PackReader<'a> {
    pub(crate) repository: &'a Repository,
    indexed: Arc<HashMap<PackId, Vec<Indexed>>>,
    sessions: Mutex<HashMap<Encapsulation, SessionKey>>,
}

impl<'a> PackReader<'a> {
    pub(crate) fn new(repository: &'a Repository, survey: &Survey) -> Self {
        let indexed = Arc::clone(&survey.indexed);
        Self { repository, indexed, sessions: Mutex::default() }
    }

    fn key(&self, record: &PackRecord) -> Result<PackKey, FormatError> {
        let mut sessions = lock(&self.sessions);
        if let Some(session) = sessions.get(&*record.encapsulation) {
            return Ok(session.pack_key(&record.salt));
        }
        let session = self.repository.keys().open_session_key(&record.encapsulation)?;
        let key = session.pack_key(&record.salt);
        sessions.insert((*record.encapsulation).clone(), session);
        Ok(key)
    }

    fn said(&self, pack: &PackId) -> &[Indexed] {
        self.indexed.get(pack).map(Vec::as_slice).unwrap_or_default()
    }

    /// What a segment says about the pack, for a pack that says nothing about itself any more.
    fn record_from_index(&self, pack: &PackId) -> Option<PackRecord> {
        self.said(pack).iter().find_map(|said| {
            let segment = self.repository.stored_segment(said.segment).ok()?;
            segment.packs.into_iter().find(|record| record.id == *pack)
        })
    }

    /// Reads one pack, and gives every blob that is right to `salvage`.
    pub(crate) fn read(
        &self,
        pack: PackId,
        opener: &mut FrameOpener,
        salvage: Option<&mut Salvage<'_>>,
    ) -> Result<(Verdict, u64), RepositoryError> {
        let bytes = match self.repository.object(&format!("packs/{pack}")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok((Verdict::Gone, 0)),
            Err(error) => return unread(error).map(|broken| (Verdict::Broken(broken), 0)),
        };
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // What nobody else holds is decrypted where it lies.
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let verdict = self.judge(pack, &mut bytes, opener, salvage)?;
        Ok((verdict, size))
    }

    fn judge(
        &self,
        pack: PackId,
        bytes: &mut [u8],
        opener: &mut FrameOpener,
        salvage: Option<&mut Salvage<'_>>,
    ) -> Result<Verdict, RepositoryError> {
        let said = self.said(&pack);
        let own = record_from_pack(self.repository.keys(), None, bytes);
        let mut what = own.as_ref().err().cloned();
        let mut contradicted = false;
        if let Ok(record) = &own {
            if record.id != pack {
                what = Some(FormatError::WrongId);
            }
            let own_digest = digest(record);
            contradicted = said.iter().any(|said| said.digest != own_digest);
        }
        let Some(record) = own.ok().or_else(|| self.record_from_index(&pack)) else {
            let what = what.unwrap_or(FormatError::Truncated);
            let fault = Fault::Pack { what, unreadable: 0, pieces: 0 };
            return Ok(Verdict::Broken(Broken { fault, intact: HashSet::new() }));
        };
        let frames = self.open_all(&record, bytes, opener, salvage)?;
        let fault = match what.or(frames.first) {
            Some(what) => Fault::Pack {
                what,
                unreadable: u64::try_from(frames.bad.len()).unwrap_or(u64::MAX),
                pieces: u64::try_from(record.table.prefixes.len()).unwrap_or(u64::MAX),
            },
            None if contradicted => Fault::Contradicted,
            None => return Ok(Verdict::Intact),
        };
        // Readers go by the index: what it says elsewhere is not found there.
        let readable = if contradicted { &[][..] } else { &record.table.prefixes };
        let intact = readable.iter().filter(|prefix| !frames.bad.contains(prefix)).copied();
        Ok(Verdict::Broken(Broken { fault, intact: intact.collect() }))
    }

    /// Opens every frame and compares every blob with its id.
    fn open_all(
        &self,
        record: &PackRecord,
        bytes: &mut [u8],
        opener: &mut FrameOpener,
        mut salvage: Option<&mut Salvage<'_>>,
    ) -> Result<Opened, RepositoryError> {
        let (mut state, table) = (Opened::default(), &record.table);
        let key = match self.key(record) {
            Ok(key) => key,
            Err(error) => {
                state.fail(error, &table.prefixes);
                return Ok(state);
            }
        };
        let frames = (0..).zip(&table.frames).zip(table.frame_ranges()).zip(table.blobs_by_frame());
        for (((ordinal, entry), range), prefixes) in frames {
            let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
            let sealed = range.and_then(|(start, end)| bytes.get_mut(start..end));
            let blobs = sealed
                .ok_or(FormatError::Truncated)
                .and_then(|sealed| opener.open(&key, ordinal, sealed, entry));
            match blobs {
                Ok(blobs) => {
                    for (prefix, blob) in prefixes.iter().zip(blobs) {
                        if self.prefix(table.kind, blob) != *prefix {
                            state.fail(FormatError::WrongId, &[*prefix]);
                        } else if let Some(salvage) = &mut salvage {
                            salvage(table.kind, *prefix, blob)?;
                        }
                    }
                }
                Err(error) => state.fail(error, prefixes),
            }
        }
        Ok(state)
    }

    fn prefix(&self, kind: BlobKind, blob: &[u8]) -> BlobPrefix {
        match kind {
            BlobKind::Content => self.repository.keys().content_id(blob).prefix(),
            BlobKind::Tree => self.repository.keys().node_id(blob).prefix(),
        }
    }

    /// Reads many packs, in this order, until `enough` says so.
    pub(crate) fn read_all(
        &self,
        packs: &[PackId],
        progress: &dyn Progress,
        enough: &(dyn Fn() -> bool + Sync),
    ) -> Result<Sweep, RepositoryError> {
        let mut packs = packs.to_vec();
        packs.sort_unstable();
        let state = Mutex::new((packs.iter(), Sweep::default(), 0_u32));
        let work = || -> Result<(), RepositoryError> {
            let mut opener = FrameOpener::default();
            loop {
                if progress.cancelled() || enough() {
                    return Ok(());
                }
                let Some(pack) = lock(&state).0.next().copied() else { return Ok(()) };
                let (verdict, bytes) = self.read(pack, &mut opener, None)?;
                progress.add(Counter::ContentBytes, bytes);
                let (_, sweep, failures) = &mut *lock(&state);
                let failed = matches!(&verdict, Verdict::Broken(Broken { fault: Fault::Unreadable(kind), .. }) if *kind != ErrorKind::Protocol);
                *failures = if failed { *failures + 1 } else { 0 };
                if *failures >= FAILURES_MAX {
                    return Err(RepositoryError::Storage(silent(pack)));
                }
                sweep.note(pack, bytes, verdict);
            }
        };
        let held = HELD_BYTES_MAX / u64::from(self.repository.pack_bytes()).max(1);
        let workers = usize::try_from(held.max(2)).unwrap_or(2).min(self.repository.threads() + 1);
        // Each has one call on its way.
        let workers = workers.min(self.repository.parallel_calls());
        let results = thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let joined = threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            joined.collect::<Vec<_>>()
        });
        let (rest, mut sweep, _) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        sweep.unread = rest.len();
        results.into_iter().collect::<Result<Vec<()>, _>>().map(|_| sweep)
    }
}

#[derive(Debug, Default)]
struct Opened {
    first: Option<FormatError>,
    bad: HashSet<BlobPrefix>,
}

impl Opened {
    fn fail(&mut self, error: FormatError, prefixes: &[BlobPrefix]) {
        self.first.get_or_insert(error);
        self.bad.extend(prefixes);
    }
}

/// What came of reading many packs.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// Packs that were read, and whether they are what was put.
    pub(crate) verdicts: Vec<(PackId, bool)>,
    pub(crate) bytes: u64,
    pub(crate) broken: HashMap<PackId, Broken>,
    /// Packs that were not read.
    pub(crate) unread: usize,
}

impl Sweep {
    fn note(&mut self, pack: PackId, bytes: u64, verdict: Verdict) {
        self.bytes += bytes;
        match verdict {
            Verdict::Intact => self.verdicts.push((pack, true)),
            Verdict::Gone => {}
            Verdict::Broken(broken) => {
                self.verdicts.push((pack, false));
                self.broken.insert(pack, broken);
            }
        }
    }
}

/// What nothing refers to, or what is to be deleted, may be as broken as it likes.
pub(crate) fn finding(pack: PackId, fault: &Fault, survey: &Survey) -> Finding {
    let matters = survey.indexed.contains_key(&pack) && !survey.condemned.contains(&pack);
    let weight = if matters { Weight::Damage } else { Weight::Remark };
    Finding { object: format!("packs/{pack}"), weight, fault: fault.clone() }
}

fn unread(error: StorageError) -> Result<Broken, RepositoryError> {
    match error.kind {
        ErrorKind::Protocol | ErrorKind::Unreachable | ErrorKind::PermissionDenied => {
            Ok(Broken { fault: Fault::Unreadable(error.kind), intact: HashSet::new() })
        }
        ErrorKind::NotFound
        | ErrorKind::NoSpace
        | ErrorKind::RateLimited
        | ErrorKind::Configuration
        | ErrorKind::Unsupported => Err(error.into()),
    }
}

fn silent(pack: PackId) -> StorageError {
    let (operation, object) = ("read", format!("packs/{pack}"));
    StorageError { kind: ErrorKind::Unreachable, temporary: true, operation, object, source: None }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

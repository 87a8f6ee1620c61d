//! What deleting needs of a store: who is running, what is condemned and whom that waits for, fences, a new index.
//!
//! Each function is one step of the protocol of `docs/concurrency.md`; who calls them keeps their order.

use std::collections::HashSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::random;
use crate::crypto::{ObjectKind, padded_map, parse_padded_map};
use crate::error::{ErrorKind, FormatError, Problem, StorageError};
use crate::id::{GenerationId, PackId, SessionId};
use crate::index::{Segment, SegmentName, Trust};
use crate::looks::{Look, is_left_out};
use crate::pack::PackRecord;
use crate::repository::{
    Catalogue, CondemnedList, Repository, RepositoryError, Session, SessionNote, Snapshots,
};
use crate::snapshot::{self, Snapshot};

/// A rewritten index has at most this many blobs in a segment, so that it stays below the limit of an object.
const SEGMENT_BLOBS_MAX: usize = 1 << 20;

/// Segments with at most this many blobs are put together when the index is rewritten.
const SMALL_SEGMENT_BLOBS: usize = 1 << 16;

/// A session object in the store: something that writes, or died writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The session.
    pub id: SessionId,
    /// What it says about itself; `None` if that cannot be read.
    pub note: Option<SessionNote>,
}

/// A condemned list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its name.
    pub id: GenerationId,
    /// The packs that are to be deleted.
    pub packs: Vec<PackId>,
}

/// Everything in the folder of condemned lists.
#[derive(Debug, Default)]
pub struct Generations {
    /// The lists.
    pub lists: Vec<Generation>,
    /// Lists that cannot be read: any pack may be in them.
    pub damaged: Vec<Problem>,
    /// Generations that only their waits list is left of.
    pub carried_out: Vec<GenerationId>,
}

/// What became of a session that was declared dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It had committed; the fence is gone again.
    Committed,
    /// It had not, and can not any more.
    Dead,
}

/// What there is of a session's snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commitment {
    Made,
    Torn,
    None,
}

#[derive(Serialize, Deserialize)]
struct WaitsList {
    #[serde(with = "serde_bytes")]
    sessions: Vec<u8>,
}

#[derive(Serialize)]
struct FenceNote<'a> {
    time: i64,
    host: &'a str,
}

impl Repository {
    /// Every session object.
    pub fn running(&self) -> Result<Vec<Running>, RepositoryError> {
        let listed = self.list("sessions/")?;
        let id = |name: &str| name.strip_prefix("sessions/").and_then(SessionId::from_hex);
        let names: Vec<&str> = listed.iter().map(|object| object.name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| id(name).is_some()).collect();
        let mut running = Vec::with_capacity(names.len());
        for (name, bytes) in names.iter().zip(self.objects(names.iter().copied())) {
            let parse = |bytes: &Bytes| {
                let body = self.keys.open_object(ObjectKind::Session, name, bytes)?;
                parse_padded_map::<SessionNote>(&body)
            };
            match bytes.and_then(|bytes| self.parsed(name, Some(bytes), parse)) {
                Ok(note) => running.extend(id(name).map(|id| Running { id, note: note.ok() })),
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(running)
    }

    /// Every condemned list.
    pub fn generations(&self) -> Result<Generations, RepositoryError> {
        let mut found = Generations::default();
        let mut waits = HashSet::new();
        for object in self.list("condemned/")? {
            let Some(name) = object.name.strip_prefix("condemned/") else { continue };
            if let Some(name) = name.strip_suffix(".waits") {
                waits.extend(GenerationId::from_hex(name));
                continue;
            }
            match self.sealed_map::<CondemnedList>(ObjectKind::Condemned, &object.name) {
                Ok(list) => {
                    let packs = list.packs.chunks(PackId::BYTES).filter_map(PackId::from_slice);
                    let packs = packs.collect();
                    found
                        .lists
                        .extend(GenerationId::from_hex(name).map(|id| Generation { id, packs }));
                }
                // Carried out and removed since the listing.
                Err(RepositoryError::Storage(error)) if error.kind == ErrorKind::NotFound => {}
                Err(RepositoryError::Damaged { object, source }) => {
                    found.damaged.push(Problem::ObjectDamaged { object, source });
                }
                Err(error) => return Err(error),
            }
        }
        let has_list = |id: &GenerationId| found.lists.iter().any(|list| list.id == *id);
        found.carried_out = waits.into_iter().filter(|id| !has_list(id)).collect();
        found.carried_out.sort_unstable();
        Ok(found)
    }

    /// The sessions that there are, by their names alone.
    pub fn session_ids(&self) -> Result<Vec<SessionId>, RepositoryError> {
        let listed = self.list("sessions/")?;
        let id = |name: &str| name.strip_prefix("sessions/").and_then(SessionId::from_hex);
        Ok(listed.iter().filter_map(|object| id(&object.name)).collect())
    }
}

/// Whether there was a record of this name, one that cannot be read included.
fn has_record(found: &Snapshots, id: SessionId) -> bool {
    let Snapshots { taken, disputed, forgotten, problems, .. } = found;
    let name = snapshot::object_name(id);
    let mut records = [taken, disputed, forgotten].into_iter().flatten();
    records.any(|snapshot| snapshot.session == id)
        || problems.iter().any(|problem| problem.damaged_object() == Some(name.as_str()))
}

fn waits_name(generation: GenerationId) -> String {
    format!("condemned/{generation}.waits")
}

impl Session<'_> {
    /// Packs that this session has ever seen in a condemned list.
    pub fn condemned(&self) -> &HashSet<PackId> {
        &self.condemned.packs
    }

    /// Seals and puts a small object.
    fn put_map<T: Serialize>(
        &self,
        kind: ObjectKind,
        name: &str,
        map: &T,
    ) -> Result<(), RepositoryError> {
        let body = padded_map(map, 256);
        let clock = self.shared.clock.as_ref();
        let sealed = self.shared.keys.seal_object(kind, name, &body, clock);
        self.repository.put(name, Bytes::from(sealed))
    }

    /// Finds out whether the store lets this session delete, before it does anything in vain.
    pub fn try_deleting(&self) -> Result<(), RepositoryError> {
        let nonce: [u8; 16] = random(self.shared.clock.as_ref());
        let name = format!("condemned/{}", GenerationId(nonce));
        self.put_map(ObjectKind::Condemned, &name, &CondemnedList { packs: Vec::new() })?;
        self.repository.delete(&name)
    }

    /// Condemns packs: the list first, and then the look for sessions that may not have seen it.
    pub fn condemn(&mut self, packs: &[PackId]) -> Result<Generation, RepositoryError> {
        let id = GenerationId(random(self.shared.clock.as_ref()));
        let early = is_left_out(Look::WaitsAfterCondemned).then(|| self.others()).transpose()?;
        let name = format!("condemned/{id}");
        let list = CondemnedList { packs: packs.iter().flat_map(|pack| pack.0).collect() };
        self.put_map(ObjectKind::Condemned, &name, &list)?;
        self.remember_condemned(packs);
        let waits = early.map_or_else(|| self.others(), Ok)?;
        self.put_waits(id, &waits)?;
        Ok(Generation { id, packs: packs.to_vec() })
    }

    /// Whom the deletion of a generation waits for. Where nothing says so: whoever is running now, which are all that
    /// may have been running then, and more.
    pub fn waits_of(&self, generation: GenerationId) -> Result<Vec<SessionId>, RepositoryError> {
        match self.repository.sealed_map::<WaitsList>(ObjectKind::Waits, &waits_name(generation)) {
            Ok(list) => {
                let ids = list.sessions.chunks(SessionId::BYTES);
                Ok(ids.filter_map(SessionId::from_slice).collect())
            }
            Err(RepositoryError::Damaged { .. }) => self.others(),
            Err(RepositoryError::Storage(error)) if error.kind == ErrorKind::NotFound => {
                let others = self.others()?;
                self.put_waits(generation, &others)?;
                Ok(others)
            }
            Err(error) => Err(error),
        }
    }

    /// From now on these packs are no safe place for this session, whatever becomes of the list.
    pub fn remember_condemned(&mut self, packs: &[PackId]) {
        self.condemned.packs =
            self.condemned.packs.iter().chain(packs).copied().collect::<HashSet<_>>().into();
    }

    fn put_waits(&self, id: GenerationId, waits: &[SessionId]) -> Result<(), RepositoryError> {
        let list = WaitsList { sessions: waits.iter().flat_map(|session| session.0).collect() };
        self.put_map(ObjectKind::Waits, &waits_name(id), &list)
    }

    /// Whoever sees the snapshot, or that the session object is gone, takes the session for ended, and its segments for
    /// known: they may list packs that are about to be deleted.
    pub(crate) fn let_segments_be_seen(&self) -> Result<(), StorageError> {
        if is_left_out(Look::SegmentsBeforeEnd) {
            return Ok(());
        }
        self.shared.runtime.block_on(self.shared.storage.settle())
    }

    /// Sessions other than this one.
    pub fn others(&self) -> Result<Vec<SessionId>, RepositoryError> {
        let mut ids = self.repository.session_ids()?;
        ids.retain(|id| *id != self.id);
        Ok(ids)
    }

    /// Declares another session dead: the fence first, and then the look for its snapshot.
    ///
    /// A record that makes no sense was never reported, because its writer looks for fences when it is complete: what
    /// a killed one left behind is taken away.
    pub fn declare_dead(&self, session: SessionId, host: &str) -> Result<Death, RepositoryError> {
        let own = !is_left_out(Look::OwnFence);
        let nonce = SessionId(if own { random(self.shared.clock.as_ref()) } else { [0; 16] });
        let fence = format!("fences/{session}.{nonce}");
        let early = is_left_out(Look::SnapshotAfterFence).then(|| self.commitment(session));
        let time = i64::try_from(self.shared.clock.now_ns()).unwrap_or(i64::MAX);
        self.put_map(ObjectKind::Fence, &fence, &FenceNote { time, host })?;
        let commitment = early.unwrap_or_else(|| self.commitment(session))?;
        match commitment {
            Commitment::Made => {
                self.repository.delete(&fence)?;
                // Others, who miss its session object, might not see the record yet, if it was only just put. Then the
                // object is left to its writer, or to the next prune.
                if !has_record(self.snapshots(), session) {
                    return Ok(Death::Committed);
                }
            }
            Commitment::Torn => self.repository.delete(&snapshot::object_name(session))?,
            Commitment::None => {}
        }
        self.repository.delete(&format!("sessions/{session}"))?;
        Ok(if commitment == Commitment::Made { Death::Committed } else { Death::Dead })
    }

    fn commitment(&self, session: SessionId) -> Result<Commitment, RepositoryError> {
        let name = snapshot::object_name(session);
        let keys = &self.repository.keys;
        // Where listings come late, this one waits until everybody can see the fence. A record that it does not show does
        // not count, even if it can be read by name: its writer is going to see the fence, and whoever lists the snapshots
        // next, this session included, might not see the record.
        if !self.repository.list("snapshots/")?.iter().any(|object| object.name == name) {
            return Ok(Commitment::None);
        }
        match self.repository.parsed(&name, None, |bytes| Snapshot::open(bytes, keys, session)) {
            // Whatever a newer program wrote was written to its end.
            Ok(Ok(_) | Err(FormatError::Newer { .. })) => Ok(Commitment::Made),
            Ok(Err(_)) => Ok(Commitment::Torn),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Commitment::None),
            Err(error) => Err(error.into()),
        }
    }

    /// Fails if somebody declared this session dead.
    pub fn still_counts(&mut self) -> Result<(), RepositoryError> {
        if is_left_out(Look::FencesAtReclaim) {
            return Ok(());
        }
        if self.repository.fenced(&mut self.problems)?.contains(&self.id) {
            return Err(RepositoryError::Fenced { session: self.id });
        }
        Ok(())
    }
}

impl Session<'_> {
    /// Waits for what was uploaded so far and puts it into the index. Returns the bytes that this took.
    pub fn index_uploads(&mut self) -> Result<u64, RepositoryError> {
        let bytes = self.flush()?;
        Ok(bytes + self.shared.segments.checkpoint(&self.shared)?)
    }

    /// Writes the segments anew that list a pack that is not to stay, or that nobody may rely on: with the packs that
    /// stay. Small ones are put together on this occasion. Returns the segments that are superseded; they are to be
    /// deleted when it is certain that this session still counts.
    pub fn rewrite_index(
        &mut self,
        catalogue: &Catalogue,
        stays: &dyn Fn(&PackId) -> bool,
    ) -> Result<Vec<SegmentName>, RepositoryError> {
        let mut seen = HashSet::new();
        let replaces = catalogue.replaced().to_vec();
        let (mut to_write, mut superseded) = (Segment { replaces, packs: Vec::new() }, Vec::new());
        let (mut blobs, mut touched) = (0, false);
        for (name, segment, trust) in catalogue.set().segments() {
            let packs = (0..segment.packs()).filter_map(|pack| Some(segment.pack(pack)?.id));
            let packs: Vec<PackId> = packs.collect();
            let stays_as_it_is = trust == Trust::Trusted && packs.iter().all(stays);
            if stays_as_it_is && segment.blobs() > SMALL_SEGMENT_BLOBS {
                seen.extend(packs);
                continue;
            }
            // A segment that cannot be unfolded stays as it is; readers cope with packs that are gone.
            let Ok(unfolded) = segment.to_segment() else { continue };
            if blobs > 0 && blobs + segment.blobs() > SEGMENT_BLOBS_MAX {
                self.put_rewritten(&mut to_write, &mut superseded)?;
                blobs = 0;
            }
            touched |= !stays_as_it_is;
            blobs += segment.blobs();
            let stay = |record: &PackRecord| stays(&record.id) && seen.insert(record.id);
            to_write.packs.extend(unfolded.packs.into_iter().filter(stay));
            if !Catalogue::is_unindexed(name) {
                to_write.replaces.push(*name);
            }
        }
        if touched || !superseded.is_empty() {
            self.put_rewritten(&mut to_write, &mut superseded)?;
        } else {
            // They may list packs that go away, and would count again if their replacement were distrusted one day.
            superseded.extend(catalogue.replaced());
        }
        Ok(superseded)
    }

    fn put_rewritten(
        &mut self,
        segment: &mut Segment,
        superseded: &mut Vec<SegmentName>,
    ) -> Result<(), RepositoryError> {
        let segment = std::mem::take(segment);
        if segment.replaces.is_empty() && segment.packs.is_empty() {
            return Ok(());
        }
        self.shared.segments.put(&self.shared, &segment)?;
        superseded.extend(segment.replaces);
        Ok(())
    }

    /// Deletes segments that a rewritten index replaces.
    pub fn delete_segments(&self, superseded: &[SegmentName]) -> Result<(), RepositoryError> {
        superseded.iter().try_for_each(|name| self.repository.delete(&name.to_string()))?;
        self.repository.forget_catalogue();
        Ok(())
    }

    /// Deletes condemned packs, several at a time.
    pub fn delete_packs(&self, packs: &[PackId]) -> Result<(), RepositoryError> {
        self.repository.delete_all(packs.iter().map(|pack| format!("packs/{pack}")))
    }

    /// Deletes the records of forgotten snapshots; their tombstones stay.
    pub fn delete_records(&self, snapshots: &[SessionId]) -> Result<(), RepositoryError> {
        self.repository.delete_all(snapshots.iter().map(|id| snapshot::object_name(*id)))
    }

    /// Takes a condemned list away that was carried out, then the list of those that it waited for.
    pub fn close_generation(&self, generation: GenerationId) -> Result<(), RepositoryError> {
        self.repository.delete(&format!("condemned/{generation}"))?;
        self.repository.delete(&waits_name(generation))
    }
}

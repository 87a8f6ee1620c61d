//! Sessions: everything that writes. The order of operations is what keeps concurrent sessions safe; it is the
//! protocol of `docs/concurrency.md`, and no step may move.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::{Repository, RepositoryError, Saying, Snapshots};
use crate::cache::ClientState;
use crate::clock::random;
use crate::crypto::{Keys, ObjectKind, padded_map};
use crate::error::{ErrorKind, Problem};
use crate::id::{BlobPrefix, ClientId, ContentId, NodeId, PackId, SessionId};
use crate::index::{IndexSet, SegmentName};
use crate::looks::{Look, is_left_out};
use crate::pack::{BlobKind, Frame};
use crate::progress::Progress;
use crate::snapshot::{self, Record, Snapshot, heads_of, merge_heads, next_link};
use crate::upload::{Compression, Lane, SegmentLog, Shared, Upload};

/// After so many noted blobs a session looks whether a segment with some of them was written.
const NOTED_BLOBS: usize = if cfg!(feature = "weakened") { 4 } else { 1 << 14 };

/// What a session says about itself in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionNote {
    /// When it started, in nanoseconds since 1970.
    pub started: i64,
    /// The machine it runs on.
    pub host: String,
    /// Name and version of the program.
    pub program: String,
    /// What it does.
    pub command: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CondemnedList {
    #[serde(with = "serde_bytes")]
    pub(crate) packs: Vec<u8>,
}

/// What nobody may refer to any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condemned {
    pub(crate) packs: Arc<HashSet<PackId>>,
    /// A list exists that cannot be read: any pack may be in it, so none that is there already is trusted.
    unreadable: bool,
}

/// What a session may refer to; a copy for the threads that need to ask.
#[derive(Debug, Clone)]
pub struct Known {
    catalogue: Arc<Catalogue>,
    condemned: Condemned,
}

impl Known {
    /// Whether this blob may be referred to.
    pub fn contains(&self, prefix: &BlobPrefix) -> bool {
        is_trusted(&self.catalogue, &self.condemned, prefix)
    }
}

fn is_trusted(catalogue: &Catalogue, condemned: &Condemned, prefix: &BlobPrefix) -> bool {
    !condemned.unreadable && catalogue.contains_trusted(prefix)
}

/// A running writer.
#[derive(Debug)]
pub struct Session<'r> {
    pub(crate) repository: &'r Repository,
    pub(crate) id: SessionId,
    pub(crate) shared: Shared,
    upload: Option<Upload>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(crate) condemned: Condemned,
    fresh: IndexSet,
    fresh_bytes: u64,
    snapshots: Snapshots,
    /// The snapshot's record is on its way.
    half_done: bool,
    /// Odd objects that were met on the way.
    pub problems: Vec<Problem>,
}

/// A committed snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its name.
    pub snapshot: SessionId,
    /// What it says.
    pub record: Record,
    /// Bytes that the session put into the store, the snapshot record included.
    pub stored_bytes: u64,
}

impl<'r> Session<'r> {
    /// Announces the session, then looks at what others condemned, then loads the index: in this order.
    pub fn start(
        repository: &'r Repository,
        note: &SessionNote,
        compression: Compression,
        progress: Arc<dyn Progress>,
    ) -> Result<Self, RepositoryError> {
        repository.check_writable()?;
        let clock = Arc::clone(&repository.context.clock);
        let id = SessionId(random(clock.as_ref()));
        let name = format!("sessions/{id}");
        let body = padded_map(note, 256);
        let sealed = repository.keys.seal_object(ObjectKind::Session, &name, &body, clock.as_ref());
        if !is_left_out(Look::PrunerAnnounced) || note.command != "prune" {
            repository.put(&name, Bytes::from(sealed))?;
        }
        let mut problems = Vec::new();
        let (condemned, catalogue, snapshots) = match look_around(repository, &mut problems) {
            Ok(prepared) => prepared,
            Err(error) => {
                // Nothing refers to this session yet; if this fails too, a later prune clears it away.
                drop(repository.delete(&name));
                return Err(error);
            }
        };
        problems.extend(catalogue.problems());
        let shared = Shared {
            storage: Arc::clone(&repository.storage),
            runtime: repository.context.runtime.clone(),
            session_key: repository.keys.new_session_key(clock.as_ref()),
            clock,
            keys: repository.keys.clone(),
            cache: Arc::clone(&repository.cache),
            pack_bytes: repository.pack_bytes,
            threads: repository.threads(),
            compression,
            is_increment: false,
            segments: Arc::new(SegmentLog::new(id)),
            progress,
        };
        Ok(Self {
            repository,
            id,
            shared,
            upload: None,
            catalogue,
            condemned,
            fresh: IndexSet::new(),
            fresh_bytes: 0,
            snapshots,
            half_done: false,
            problems,
        })
    }

    /// Its name; also the name of the snapshot that it will commit.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The repository that it writes into.
    pub fn repository(&self) -> &'r Repository {
        self.repository
    }

    /// The repository's keys.
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// The snapshots that were there when this session had announced itself. A parent among those that count keeps its
    /// blobs until the session ends; one that was found earlier may have been forgotten and pruned meanwhile.
    pub fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Whether a committed snapshot's blobs may be referred to without looking each of them up.
    ///
    /// A pack with blobs of a live snapshot can only vanish after somebody condemned it. Nothing was condemned when this
    /// session had already announced itself, so whatever is condemned later waits for this session.
    pub fn may_trust_live_snapshots(&self) -> bool {
        let nothing_condemned = self.condemned.packs.is_empty() && !self.condemned.unreadable;
        nothing_condemned || is_left_out(Look::NothingCondemnedForParent)
    }

    /// What may be referred to, apart from what this session stores itself; for other threads.
    pub fn known(&self) -> Known {
        Known { catalogue: Arc::clone(&self.catalogue), condemned: self.condemned.clone() }
    }

    /// Whether this blob may be referred to: stored by this session, or indexed by one that was not declared dead, in
    /// a pack that nobody condemned.
    pub fn is_known(&self, prefix: &BlobPrefix) -> bool {
        self.fresh.contains_trusted(prefix) || is_trusted(&self.catalogue, &self.condemned, prefix)
    }

    /// Stores a piece of content unless it is known. Returns whether it was new.
    pub fn put_content(
        &mut self,
        lane: Lane,
        id: &ContentId,
        blob: &Bytes,
    ) -> Result<bool, RepositoryError> {
        self.put_blob(lane, id.prefix(), blob)
    }

    /// Stores a tree node unless it is known.
    pub fn put_node(&mut self, node: &[u8]) -> Result<NodeId, RepositoryError> {
        let id = self.shared.keys.node_id(node);
        if !self.is_known(&id.prefix()) {
            self.put_blob(Lane::Tree, id.prefix(), &Bytes::copy_from_slice(node))?;
        }
        Ok(id)
    }

    fn put_blob(
        &mut self,
        lane: Lane,
        prefix: BlobPrefix,
        blob: &Bytes,
    ) -> Result<bool, RepositoryError> {
        if self.is_known(&prefix) {
            return Ok(false);
        }
        self.push_blob(lane, prefix, blob)?;
        Ok(true)
    }

    fn push_blob(
        &mut self,
        lane: Lane,
        prefix: BlobPrefix,
        blob: &Bytes,
    ) -> Result<(), RepositoryError> {
        self.upload().push(lane, prefix, blob)?;
        self.note(prefix);
        self.fresh_bytes += u64::try_from(blob.len()).expect("a blob is smaller than 2^64 bytes");
        Ok(())
    }

    /// Stores a blob once more, wherever else it may be: from there it is to go away.
    pub fn put_copy(
        &mut self,
        lane: Lane,
        prefix: BlobPrefix,
        blob: &Bytes,
    ) -> Result<(), RepositoryError> {
        self.push_blob(lane, prefix, blob)
    }

    /// Stores a frame as it is, whether or not its blobs are known: what is copied from one pack into another.
    pub fn put_frame(&mut self, kind: BlobKind, frame: Frame) -> Result<(), RepositoryError> {
        let prefixes = frame.prefixes().to_vec();
        let plain_bytes = u64::from(frame.entry().plain_bytes);
        self.upload().push_frame(kind, frame)?;
        for prefix in prefixes {
            self.note(prefix);
        }
        self.fresh_bytes += plain_bytes;
        Ok(())
    }

    /// Keeps a new blob in mind, until a segment that was written does so.
    fn note(&mut self, prefix: BlobPrefix) {
        self.fresh.insert_new(prefix);
        if self.fresh.own_blobs().is_multiple_of(NOTED_BLOBS) {
            for (name, segment) in self.shared.segments.take_merged() {
                self.fresh.add_own(name, segment);
            }
        }
    }

    /// What is stored from now on adds to a snapshot: it is little, and worth more time.
    pub fn add_to_a_snapshot(&mut self) {
        self.shared.is_increment = true;
    }

    fn upload(&mut self) -> &mut Upload {
        self.upload.get_or_insert_with(|| Upload::start(&self.shared))
    }

    /// Plain bytes of the new blobs so far.
    pub fn new_bytes(&self) -> u64 {
        self.fresh_bytes
    }

    /// Ends without a snapshot. What was uploaded is indexed, so that the next session finds it.
    pub fn suspend(mut self) -> Result<(), RepositoryError> {
        let uploaded = self.upload.take().map_or(Ok(0), Upload::finish);
        let indexed = self.shared.segments.checkpoint(&self.shared);
        self.clear_away(&[]);
        uploaded.and(indexed)?;
        Ok(())
    }

    /// Deletes what nobody needs any more: these segments, and the session object. Only a courtesy to others, and some
    /// clients may not delete: a segment that is replaced counts for nobody, and a session object that stays blocks nobody.
    fn clear_away(&self, superseded: &[SegmentName]) {
        let refused = |name: &str| {
            let Err(RepositoryError::Storage(source)) = self.repository.delete(name) else {
                return None;
            };
            let kind = source.kind;
            let object = name.to_owned();
            self.shared.progress.problem(&Problem::NotDeleted { object, source });
            Some(kind)
        };
        let names = superseded.iter().map(ToString::to_string);
        let failed = names.into_iter().find_map(|name| refused(&name));
        if failed == Some(ErrorKind::PermissionDenied) {
            return;
        }
        let object = format!("sessions/{}", self.id);
        match self.let_segments_be_seen() {
            Ok(()) => drop(refused(&object)),
            Err(source) => {
                self.shared.progress.problem(&Problem::NotDeleted { object, source });
            }
        }
    }

    /// Waits until every blob is in the store. Returns the bytes that this took.
    pub fn flush(&mut self) -> Result<u64, RepositoryError> {
        Ok(self.upload.take().map_or(Ok(0), Upload::finish)?)
    }

    /// Commits: index, snapshot record, and only then the look for fences that decides.
    ///
    /// The record's chain (client, sequence, previous, heads) and byte counts are filled in here. A record that stands
    /// for an earlier snapshot keeps what that one cost.
    pub fn commit(mut self, record: Record) -> Result<Committed, RepositoryError> {
        let committed = self.try_commit(record);
        if committed.is_err() && !self.half_done && self.let_segments_be_seen().is_ok() {
            // Only a courtesy: a session object that stays blocks nobody.
            drop(self.repository.delete(&format!("sessions/{}", self.id)));
        }
        committed
    }

    fn try_commit(&mut self, mut record: Record) -> Result<Committed, RepositoryError> {
        let mut stored_bytes = self.flush()?;
        let (merged, merged_names) = self.catalogue.worth_merging(&self.condemned.packs);
        let segments = Arc::clone(&self.shared.segments);
        let (index_bytes, superseded) = segments.finish(&self.shared, merged, merged_names)?;
        stored_bytes += index_bytes;
        self.let_segments_be_seen()?;
        self.chain(&mut record);
        if record.original.is_none() {
            record.stats.new_bytes = self.fresh_bytes;
            record.stats.stored_bytes = stored_bytes;
        }
        record.finished = i64::try_from(self.shared.clock.now_ns()).unwrap_or(i64::MAX);
        let name = snapshot::object_name(self.id);
        let snapshot = Snapshot::new(self.id, record);
        let signing = (&self.shared.keys, &self.shared.session_key);
        let sealed = snapshot.seal(signing, self.shared.clock.as_ref());
        let size = u64::try_from(sealed.len()).expect("a record is smaller than 2^64 bytes");
        stored_bytes += size;
        // If this fails, part of it may be there: whoever declares this session dead takes that away. Nobody would dare to
        // if there were no session any more.
        self.half_done = true;
        self.repository.put(&name, Bytes::from(sealed))?;
        self.half_done = false;
        // The second look: whoever declared this session dead before the record was visible has left a fence.
        let fenced = self.repository.fenced(&mut self.problems)?.contains(&self.id);
        if fenced && !is_left_out(Look::FencesAtCommit) {
            // Somebody may have seen the snapshot: it goes on record that it was taken back, or others would miss it.
            let Record { host, user, .. } = snapshot.record;
            let time_ns = snapshot.record.finished;
            let reason = "declared dead while it was written".to_owned();
            self.repository.forget(&[self.id], &Saying { time_ns, host, user, reason })?;
            // What is forgotten counts no more, whether or not this client may delete.
            drop(self.repository.delete(&name));
            return Err(RepositoryError::Fenced { session: self.id });
        }
        self.clear_away(&superseded);
        self.repository.forget_catalogue();
        self.remember(&snapshot);
        self.repository.keep_record(snapshot.clone(), size);
        Ok(Committed { snapshot: self.id, record: snapshot.record, stored_bytes })
    }

    /// What another process of this installation committed meanwhile is known from the state on disk.
    fn chain(&self, record: &mut Record) {
        let Snapshots { taken, disputed, forgotten, .. } = &self.snapshots;
        let seen: Vec<_> = [taken, disputed, forgotten].into_iter().flatten().cloned().collect();
        let state = self.shared.cache.client_state(&self.shared.keys);
        let client = state.as_ref().map(|state| state.client);
        record.client = client.unwrap_or_else(|| ClientId(random(self.shared.clock.as_ref())));
        let remembered = state.map(|state| state.heads).unwrap_or_default();
        let link = next_link(record.client, &seen, &remembered);
        record.sequence = link.sequence;
        record.previous = link.previous;
        record.heads = link.heads;
    }

    /// Keeps the newest snapshot in mind, so that its loss is noticed.
    fn remember(&self, snapshot: &Snapshot) {
        let Snapshots { taken, forgotten, .. } = &self.snapshots;
        let seen: Vec<_> = taken.iter().chain(forgotten).chain([snapshot]).cloned().collect();
        let state = self.shared.cache.client_state(&self.shared.keys);
        let mut heads = state.map(|state| state.heads).unwrap_or_default();
        // Another process of this installation may have committed meanwhile.
        heads.retain(|head| head.client == snapshot.record.client);
        let heads = merge_heads(heads, heads_of(&seen));
        let state = ClientState { client: snapshot.record.client, heads };
        self.shared.cache.keep_client_state(&self.shared.keys, &state);
    }
}

impl Repository {
    /// What a session that starts now might refer to; for estimates.
    pub fn known(&self) -> Result<Known, RepositoryError> {
        Ok(Known { catalogue: self.catalogue()?, condemned: Condemned::default() })
    }

    pub(crate) fn put(&self, name: &str, bytes: Bytes) -> Result<(), RepositoryError> {
        Ok(self.context.runtime.block_on(self.storage.put(name, bytes))?)
    }

    /// Deletes several objects, as many at a time as the store likes.
    pub(crate) fn delete_all(
        &self,
        names: impl Iterator<Item = String>,
    ) -> Result<(), RepositoryError> {
        let parallel = self.storage.capabilities().parallel.max(1);
        let deletions = names.map(|name| async move { self.storage.delete(&name).await });
        let done =
            stream::iter(deletions).buffered(parallel).try_for_each(|()| future::ready(Ok(())));
        Ok(self.context.runtime.block_on(done)?)
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), RepositoryError> {
        Ok(self.context.runtime.block_on(self.storage.delete(name))?)
    }
}

/// What a session that has announced itself must know, in the order in which it must ask: condemned lists, index, fences.
fn look_around(
    repository: &Repository,
    problems: &mut Vec<Problem>,
) -> Result<(Condemned, Arc<Catalogue>, Snapshots), RepositoryError> {
    let folders = repository.context.runtime.block_on(repository.storage.folders())?;
    let may_have = |folder: &str| folders.as_ref().is_none_or(|folders| folders.contains(folder));
    let condemned = if may_have("condemned") && !is_left_out(Look::CondemnedAtStart) {
        condemned(repository, problems)?
    } else {
        Condemned::default()
    };
    let found = repository.records(may_have("tombstones"))?;
    let catalogue = repository.reload_catalogue(&condemned.packs)?;
    let snapshots = Snapshots::sort(found, catalogue.fenced());
    Ok((condemned, catalogue, snapshots))
}

/// Packs in any condemned list.
fn condemned(
    repository: &Repository,
    problems: &mut Vec<Problem>,
) -> Result<Condemned, RepositoryError> {
    let mut packs = HashSet::new();
    let mut unreadable = false;
    for object in repository.list("condemned/")? {
        if object.name.split_once('.').is_some_and(|(_, suffix)| suffix == "waits") {
            continue;
        }
        match repository.sealed_map::<CondemnedList>(ObjectKind::Condemned, &object.name) {
            Ok(list) => {
                packs.extend(list.packs.chunks(PackId::BYTES).filter_map(PackId::from_slice));
            }
            // Carried out and removed since the listing.
            Err(RepositoryError::Storage(error)) if error.kind == ErrorKind::NotFound => {}
            Err(RepositoryError::Damaged { object, source }) => {
                unreadable = true;
                problems.push(Problem::ObjectDamaged { object, source });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Condemned { packs: Arc::new(packs), unreadable })
}

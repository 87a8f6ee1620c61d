//! Snapshot records and tombstones: read from the store once, kept sealed in the local cache from then on.
//!
//! Both never change under their name, so a record that was verified once needs neither a request nor an asymmetric
//! decryption again. A listing still decides which of them are there; one whose size differs is read anew.

use std::collections::{HashMap, HashSet};
use std::sync::{MutexGuard, PoisonError};

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};

use super::{Listed, Repository, RepositoryError};
use crate::cache::{Records, Verified};
use crate::error::{ErrorKind, FormatError, Problem, StorageError};
use crate::id::SessionId;
use crate::snapshot::{Snapshot, Tombstone, heads_of, object_name, rollback};

/// The records that a store has, before anybody asked which of them count.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) tombstones: Vec<Tombstone>,
    pub(super) problems: Vec<Problem>,
}

type Opener<T> = fn(&Bytes, &crate::crypto::Keys, SessionId) -> Result<T, FormatError>;

/// The objects of a folder.
pub(crate) struct Signed<I, T> {
    /// Those that can be read, in the order of their ids.
    pub(crate) stored: Vec<T>,
    /// Those that cannot.
    pub(crate) unreadable: Vec<I>,
    /// What is wrong with those, and objects that do not belong there.
    pub(crate) problems: Vec<Problem>,
}

impl Repository {
    /// Every record. `has_tombstones` is false if the store is known to have none.
    pub(super) fn records(&self, has_tombstones: bool) -> Result<Found, RepositoryError> {
        let mut found = Found::default();
        let listed = self.list("snapshots/")?;
        self.doubt_catalogue();
        let mut records = self.known_records();
        let open: Opener<Snapshot> = |bytes, keys, session| Snapshot::open(bytes, keys, session);
        let (kept, mut changed) =
            self.verify(&listed, &records.snapshots, open, &mut found.problems)?;
        self.confirm(kept.is_empty())?;
        records.snapshots = kept;
        let stones = if has_tombstones { self.list("tombstones/")? } else { Vec::new() };
        let open: Opener<Tombstone> = |bytes, keys, session| Tombstone::open(bytes, keys, session);
        let (kept, more) = self.verify(&stones, &records.tombstones, open, &mut found.problems)?;
        records.tombstones = kept;
        changed |= more;
        if changed {
            self.cache.keep_records(&self.keys, &records, self.clock());
        }
        found.snapshots = records.snapshots.values().map(|one| one.record.clone()).collect();
        found.snapshots.sort_by_key(|snapshot| (snapshot.record.time, snapshot.session));
        found.tombstones = records.tombstones.values().map(|one| one.record.clone()).collect();
        drop(records);
        self.check_rollback(&mut found);
        Ok(found)
    }

    /// What a listing names, taken from `known` or read; and whether that differs from `known`.
    fn verify<T: Clone>(
        &self,
        listed: &[Listed],
        known: &HashMap<SessionId, Verified<T>>,
        open: Opener<T>,
        problems: &mut Vec<Problem>,
    ) -> Result<(HashMap<SessionId, Verified<T>>, bool), RepositoryError> {
        let mut kept = HashMap::with_capacity(listed.len());
        let mut missing = Vec::new();
        for object in listed {
            let session = object.name.split_once('/').and_then(|(_, id)| SessionId::from_hex(id));
            match session {
                None => problems.push(Problem::ForeignObject { object: object.name.clone() }),
                Some(session) => match known.get(&session).filter(|one| one.size == object.size) {
                    Some(one) => drop(kept.insert(session, one.clone())),
                    None => missing.push((session, object)),
                },
            }
        }
        let names = missing.iter().map(|(_, object)| object.name.as_str());
        for ((session, object), bytes) in missing.iter().zip(self.objects(names)) {
            let parse = |bytes: &Bytes| open(bytes, &self.keys, *session);
            let parsed = bytes.and_then(|bytes| self.parsed(&object.name, Some(bytes), parse));
            match parsed {
                // Gone since the listing.
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
                Ok(Ok(record)) => {
                    drop(kept.insert(*session, Verified { record, size: object.size }));
                }
                Ok(Err(source)) => {
                    let object = object.name.clone();
                    problems.push(Problem::ObjectDamaged { object, source });
                }
            }
        }
        let changed = kept.len() != known.len() || kept.keys().any(|id| !known.contains_key(id));
        Ok((kept, changed))
    }

    /// Several objects, fetched as many at a time as the store likes; in the order of their names.
    pub(crate) fn objects<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Vec<Result<Bytes, StorageError>> {
        let parallel = self.storage.capabilities().parallel.max(1);
        let reads = names.map(|name| self.storage.read(name, None));
        self.context.runtime.block_on(stream::iter(reads).buffered(parallel).collect())
    }

    /// Opens every object of a folder whose objects are named by ids.
    pub(crate) fn signed<I: Copy, T>(
        &self,
        folder: &str,
        id: impl Fn(&str) -> Option<I>,
        open: impl Fn(&Bytes, I) -> Result<T, FormatError>,
    ) -> Result<Signed<I, T>, RepositoryError> {
        let mut found = Signed { stored: Vec::new(), unreadable: Vec::new(), problems: Vec::new() };
        let mut names = Vec::new();
        for object in self.list(folder)? {
            match object.name.strip_prefix(folder).and_then(&id) {
                Some(id) => names.push((id, object.name)),
                None => found.problems.push(Problem::ForeignObject { object: object.name }),
            }
        }
        self.confirm(names.is_empty())?;
        let read = self.objects(names.iter().map(|(_, name)| name.as_str()));
        for ((id, name), bytes) in names.iter().zip(read) {
            let parse = |bytes: &Bytes| open(bytes, *id);
            match bytes.and_then(|bytes| self.parsed(name, Some(bytes), parse)) {
                // Gone since the listing: replaced or removed.
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
                Ok(Ok(one)) => found.stored.push(one),
                Ok(Err(source)) => {
                    found.unreadable.push(*id);
                    let object = name.clone();
                    found.problems.push(Problem::ObjectDamaged { object, source });
                }
            }
        }
        Ok(found)
    }

    /// One snapshot; `None` if there is none of this name.
    pub fn snapshot(&self, session: SessionId) -> Result<Option<Snapshot>, RepositoryError> {
        if let Some(known) = self.known_records().snapshots.get(&session) {
            return Ok(Some(known.record.clone()));
        }
        let name = object_name(session);
        let bytes = match self.object(&name) {
            Ok(bytes) => bytes,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Snapshot::open(&bytes, &self.keys, session)
            .map(Some)
            .map_err(RepositoryError::damaged(name))
    }

    /// Remembers a snapshot that this process just committed.
    pub(super) fn keep_record(&self, record: Snapshot, size: u64) {
        let mut records = self.known_records();
        records.snapshots.insert(record.session, Verified { record, size });
        self.cache.keep_records(&self.keys, &records, self.clock());
    }

    /// Remembers tombstones that this process just put.
    pub(super) fn keep_tombstones(&self, stones: Vec<Verified<Tombstone>>) {
        let mut records = self.known_records();
        for stone in stones {
            records.tombstones.insert(stone.record.snapshot, stone);
        }
        self.cache.keep_records(&self.keys, &records, self.clock());
    }

    fn known_records(&self) -> MutexGuard<'_, Records> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if !records.loaded {
            *records = self.cache.records(&self.keys);
        }
        records
    }

    fn check_rollback(&self, found: &mut Found) {
        let state = self.cache.client_state(&self.keys);
        let remembered = state.as_ref().map(|state| state.heads.as_slice()).unwrap_or_default();
        let lost = rollback(remembered, &found.snapshots, &found.tombstones);
        found.problems.extend(lost.iter().map(|lost| Problem::Rollback { snapshot: *lost }));
        if let Some(mut state) = state.filter(|_| lost.is_empty()) {
            let heads = heads_of(&found.snapshots);
            if heads != state.heads {
                state.heads = heads;
                self.cache.keep_client_state(&self.keys, &state);
            }
        }
    }
}

/// The ids of snapshots that were forgotten.
pub(super) fn forgotten(tombstones: &[Tombstone]) -> HashSet<SessionId> {
    tombstones.iter().map(|stone| stone.snapshot).collect()
}

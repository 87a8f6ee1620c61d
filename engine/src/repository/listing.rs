//! Reading the snapshots of a repository, with everything odd that is found on the way.

use std::collections::{HashMap, HashSet};
use std::sync::{MutexGuard, PoisonError};

use super::{Repository, RepositoryError};
use crate::crypto::ObjectKind;
use crate::error::{ErrorKind, FormatError, Problem};
use crate::id::{PackId, SessionId};
use crate::index::SegmentName;
use crate::snapshot::{self, Snapshot, Tombstone, heads_of, rollback};

/// The snapshots of a repository, oldest first.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// Those that count.
    pub taken: Vec<Snapshot>,
    /// Those whose session was declared dead while they were written. Not to be relied on, but not lost.
    pub disputed: Vec<Snapshot>,
    /// Those that were forgotten and can still be read.
    pub forgotten: Vec<Snapshot>,
    /// Damaged and foreign objects, lost snapshots.
    pub problems: Vec<Problem>,
}

impl Repository {
    /// Reads every snapshot record.
    pub fn snapshots(&self) -> Result<Snapshots, RepositoryError> {
        let mut found = Snapshots::default();
        let tombstones = self.tombstones(&mut found.problems)?;
        let mut snapshots = Vec::new();
        for object in self.list("snapshots/")? {
            let Some(session) = session_of(&object.name, "snapshots/") else {
                found.problems.push(Problem::ForeignObject { object: object.name });
                continue;
            };
            match self.snapshot(session) {
                Ok(Some(snapshot)) => snapshots.push(snapshot),
                Ok(None) => {}
                Err(RepositoryError::Damaged { object, source }) => {
                    found.problems.push(Problem::ObjectDamaged { object, source });
                }
                Err(RepositoryError::Newer { object, version }) => {
                    let source = FormatError::Newer { version };
                    found.problems.push(Problem::ObjectDamaged { object, source });
                }
                Err(error) => return Err(error),
            }
        }
        // Listed after the records were read, as the rules of sessions ask for.
        let fenced = self.fenced(&mut found.problems)?;
        self.check_rollback(&snapshots, &tombstones, &mut found.problems);
        snapshots.sort_by_key(|snapshot| (snapshot.record.time, snapshot.session));
        let forgotten: HashSet<SessionId> = tombstones.iter().map(|stone| stone.snapshot).collect();
        for snapshot in snapshots {
            if forgotten.contains(&snapshot.session) {
                found.forgotten.push(snapshot);
            } else if fenced.contains(&snapshot.session) {
                found.disputed.push(snapshot);
            } else {
                found.taken.push(snapshot);
            }
        }
        Ok(found)
    }

    /// One snapshot; `None` if there is none of this name.
    pub fn snapshot(&self, session: SessionId) -> Result<Option<Snapshot>, RepositoryError> {
        if let Some(snapshot) = self.opened_snapshots().get(&session) {
            return Ok(Some(snapshot.clone()));
        }
        let name = snapshot::object_name(session);
        let bytes = match self.object(&name) {
            Ok(bytes) => bytes,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let snapshot =
            Snapshot::open(&bytes, &self.keys, session).map_err(RepositoryError::damaged(name))?;
        self.opened_snapshots().insert(session, snapshot.clone());
        Ok(Some(snapshot))
    }

    /// Opening a record takes an asymmetric decryption; a backup looks at all of them several times.
    fn opened_snapshots(&self) -> MutexGuard<'_, HashMap<SessionId, Snapshot>> {
        self.opened_snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tombstones(&self, problems: &mut Vec<Problem>) -> Result<Vec<Tombstone>, RepositoryError> {
        let mut tombstones = Vec::new();
        for object in self.list("tombstones/")? {
            let Some(session) = session_of(&object.name, "tombstones/") else {
                problems.push(Problem::ForeignObject { object: object.name });
                continue;
            };
            let bytes = self.object(&object.name)?;
            match Tombstone::open(&bytes, &self.keys, session) {
                Ok(tombstone) => tombstones.push(tombstone),
                Err(source) => {
                    problems.push(Problem::ObjectDamaged { object: object.name, source });
                }
            }
        }
        Ok(tombstones)
    }

    /// Sessions that somebody declared dead.
    pub(super) fn fenced(
        &self,
        problems: &mut Vec<Problem>,
    ) -> Result<HashSet<SessionId>, RepositoryError> {
        let mut fenced = HashSet::new();
        for object in self.list("fences/")? {
            match object.name.strip_prefix("fences/").and_then(|name| name.split_once('.')) {
                Some((session, _)) if SessionId::from_hex(session).is_some() => {
                    fenced.extend(SessionId::from_hex(session));
                }
                _ => problems.push(Problem::ForeignObject { object: object.name }),
            }
        }
        Ok(fenced)
    }

    fn check_rollback(
        &self,
        present: &[Snapshot],
        tombstones: &[Tombstone],
        problems: &mut Vec<Problem>,
    ) {
        let state = self.cache.client_state(&self.keys);
        let remembered = state.as_ref().map(|state| state.heads.as_slice()).unwrap_or_default();
        let lost = rollback(remembered, present, tombstones);
        problems.extend(lost.iter().map(|snapshot| Problem::Rollback { snapshot: *snapshot }));
        if let Some(mut state) = state.filter(|_| lost.is_empty()) {
            let heads = heads_of(present);
            if heads != state.heads {
                state.heads = heads;
                self.cache.keep_client_state(&self.keys, &state);
            }
        }
    }

    /// Objects that are no part of a repository, at the top and in its folders; told by their names.
    pub fn foreign_objects(&self) -> Result<Vec<Problem>, RepositoryError> {
        let mut problems = Vec::new();
        for folder in ["", "keys/", "sessions/", "packs/", "index/", "snapshots/"]
            .into_iter()
            .chain(["fences/", "tombstones/", "condemned/"])
        {
            let objects = self.list(folder)?.into_iter().map(|object| object.name);
            let foreign = objects.filter(|name| !belongs(name));
            problems.extend(foreign.map(|object| Problem::ForeignObject { object }));
        }
        Ok(problems)
    }

    /// What was odd about the index when it was last read.
    pub fn index_problems(&self) -> Vec<Problem> {
        self.catalogue_slot().as_ref().map(|index| index.problems().collect()).unwrap_or_default()
    }

    /// Names a session that is writing, or died writing, and says since when, for reports.
    pub(super) fn sealed_map<T: serde::de::DeserializeOwned>(
        &self,
        kind: ObjectKind,
        name: &str,
    ) -> Result<T, RepositoryError> {
        let bytes = self.object(name)?;
        self.keys
            .open_object(kind, name, &bytes)
            .and_then(|body| crate::crypto::parse_padded_map(&body))
            .map_err(RepositoryError::damaged(name))
    }
}

/// Whether an object has a name that this format gives.
fn belongs(name: &str) -> bool {
    let Some((folder, name)) = name.split_once('/') else {
        return name == super::description::DESCRIPTION;
    };
    let is_id = |text: &str| SessionId::from_hex(text).is_some();
    match folder {
        "packs" => PackId::from_hex(name).is_some(),
        "keys" => is_id(name.strip_suffix(".note").unwrap_or(name)),
        "condemned" => is_id(name.strip_suffix(".waits").unwrap_or(name)),
        "index" => SegmentName::parse(&format!("index/{name}")).is_some(),
        "fences" => name.split_once('.').is_some_and(|(id, nonce)| is_id(id) && is_id(nonce)),
        "sessions" | "snapshots" | "tombstones" => is_id(name),
        _ => false,
    }
}

fn session_of(name: &str, folder: &str) -> Option<SessionId> {
    SessionId::from_hex(name.strip_prefix(folder)?)
}

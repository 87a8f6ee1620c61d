//! Reading the snapshots of a repository, with everything odd that is found on the way.

use std::collections::HashSet;

use bytes::Bytes;

use super::records::{Found, forgotten};
use super::{Repository, RepositoryError};
use crate::crypto::ObjectKind;
use crate::error::Problem;
use crate::id::{PackId, SessionId};
use crate::index::SegmentName;
use crate::snapshot::{Snapshot, Tombstone};

/// The snapshots of a repository, oldest first.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// Those that count.
    pub taken: Vec<Snapshot>,
    /// Those whose session was declared dead while they were written. Not to be relied on, but not lost.
    pub disputed: Vec<Snapshot>,
    /// Those that were forgotten and can still be read.
    pub forgotten: Vec<Snapshot>,
    /// Who forgot what, when and why; also what can no longer be read.
    pub tombstones: Vec<Tombstone>,
    /// Those whose records make no sense, and need none: they were forgotten, or their sessions were declared dead
    /// before they could report anything.
    pub moot: Vec<SessionId>,
    /// Damaged and foreign objects, lost snapshots.
    pub problems: Vec<Problem>,
}

impl Snapshots {
    /// Tells those that count from the others, by the tombstones and by fences that were listed after the records.
    pub(super) fn sort(found: Found, fenced: &HashSet<SessionId>) -> Self {
        let Found { snapshots, tombstones, problems } = found;
        let forgotten = forgotten(&tombstones);
        let mut sorted = Self { tombstones, ..Self::default() };
        for problem in problems {
            let record = problem.damaged_object().and_then(|name| name.strip_prefix("snapshots/"));
            let is_moot = |id: &SessionId| fenced.contains(id) || forgotten.contains(id);
            match record.and_then(SessionId::from_hex).filter(is_moot) {
                Some(session) => sorted.moot.push(session),
                None => sorted.problems.push(problem),
            }
        }
        for snapshot in snapshots {
            if forgotten.contains(&snapshot.session) {
                sorted.forgotten.push(snapshot);
            } else if fenced.contains(&snapshot.session) {
                sorted.disputed.push(snapshot);
            } else {
                sorted.taken.push(snapshot);
            }
        }
        sorted
    }
}

impl Repository {
    /// Every snapshot, with everything odd that was found on the way.
    pub fn snapshots(&self) -> Result<Snapshots, RepositoryError> {
        let mut found = self.records(true)?;
        // Listed after the records were read, as the rules of sessions ask for.
        let fenced = self.fenced(&mut found.problems)?;
        Ok(Snapshots::sort(found, &fenced))
    }

    /// Sessions that somebody declared dead.
    pub(crate) fn fenced(
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

    /// Objects that are no part of a repository, at the top and in its folders; told by their names.
    pub fn foreign_objects(&self) -> Result<Vec<Problem>, RepositoryError> {
        let mut problems = Vec::new();
        for folder in ["", "keys/", "sessions/", "packs/", "index/", "snapshots/"]
            .into_iter()
            .chain(["fences/", "tombstones/", "condemned/", "policies/", "secrets/"])
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
    pub(crate) fn sealed_map<T: serde::de::DeserializeOwned>(
        &self,
        kind: ObjectKind,
        name: &str,
    ) -> Result<T, RepositoryError> {
        let parse = |bytes: &Bytes| {
            self.keys
                .open_object(kind, name, bytes)
                .and_then(|body| crate::crypto::parse_padded_map(&body))
        };
        self.parsed(name, None, parse)?.map_err(RepositoryError::damaged(name))
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
        "sessions" | "snapshots" | "tombstones" | "policies" | "secrets" => is_id(name),
        _ => false,
    }
}

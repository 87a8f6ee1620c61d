//! Reads every object of a repository but the frames of packs, from the store and not from a cache.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::report::{Counts, Fault, Finding, Standing, Weight};
use crate::crypto::{ObjectKind, parse_padded_map, slot_kind};
use crate::error::{ErrorKind, FormatError, Problem, StorageError};
use crate::id::{GenerationId, PackId, PolicyId, SecretId, SessionId, SlotId};
use crate::index::SegmentName;
use crate::pack::{OBJECT_BYTES_MAX, PackRecord};
use crate::progress::Progress;
use crate::repository::{Listed, Repository, RepositoryError, SessionNote};
use crate::retention::StoredPolicy;
use crate::snapshot::{KeptSecret, Snapshot, Tombstone, object_name, open_policy};

/// How often the survey starts over because somebody replaced segments meanwhile.
const ATTEMPTS: u32 = 8;

/// Small objects that are fetched together.
const BATCH: usize = 256;

/// A session that has been there for longer is mentioned: a prune declares it dead.
pub(crate) const OLD_SESSION_NS: i128 = 3 * 24 * 3600 * 1_000_000_000;

/// What a segment of the store says about a pack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Indexed {
    pub(crate) segment: SegmentName,
    pub(crate) size: u64,
    /// Stands for all else that it says, see [`digest`].
    pub(crate) digest: [u8; 32],
    /// Whether writers rely on it.
    pub(crate) trusted: bool,
}

/// What a store holds.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) findings: Vec<Finding>,
    pub(crate) counts: Counts,
    pub(crate) snapshots: Vec<(Snapshot, Standing)>,
    pub(crate) stored: BTreeMap<PackId, u64>,
    pub(crate) indexed: Arc<HashMap<PackId, Vec<Indexed>>>,
    pub(crate) condemned: HashSet<PackId>,
    /// The names of all segments.
    pub(crate) segments: Vec<String>,
}

/// What fits in a list of ids; the field has another name in each kind of list.
#[derive(Deserialize)]
struct IdList {
    #[serde(alias = "packs", alias = "sessions", with = "serde_bytes")]
    ids: Vec<u8>,
}

/// All that a segment says about a pack, in 32 bytes.
pub(crate) fn digest(record: &PackRecord) -> [u8; 32] {
    let mut table = Vec::new();
    record.table.encode(&mut table);
    let mut hasher = blake3::Hasher::new();
    hasher.update(record.encapsulation.as_bytes()).update(&record.salt);
    hasher.update(&record.size.to_le_bytes()).update(&table);
    *hasher.finalize().as_bytes()
}

impl Survey {
    /// Looks at everything. Segments that are replaced meanwhile make it look again.
    pub(crate) fn take(
        repository: &Repository,
        progress: &dyn Progress,
    ) -> Result<Self, RepositoryError> {
        let mut attempt = 1;
        loop {
            let mut survey = Self::default();
            survey.top(repository)?;
            survey.keys(repository)?;
            survey.sessions(repository)?;
            survey.condemned(repository)?;
            survey.records(repository)?;
            survey.policies(repository)?;
            survey.secrets(repository)?;
            if progress.cancelled() {
                return Err(RepositoryError::Cancelled);
            }
            if survey.index(repository)?.is_continue() || attempt == ATTEMPTS {
                return Ok(survey);
            }
            attempt += 1;
        }
    }

    pub(crate) fn find(&mut self, object: impl Into<String>, weight: Weight, fault: Fault) {
        self.findings.push(Finding { object: object.into(), weight, fault });
    }

    /// The objects of a folder whose names say what they are; the others are foreign.
    fn list<I>(
        &mut self,
        repository: &Repository,
        folder: &str,
        id: impl Fn(&str) -> Option<I>,
    ) -> Result<Vec<(I, Listed)>, RepositoryError> {
        let mut own = Vec::new();
        for object in repository.list(folder)? {
            match object.name.strip_prefix(folder).and_then(&id) {
                Some(id) => own.push((id, object)),
                None => self.find(object.name, Weight::Remark, Fault::Foreign),
            }
        }
        Ok(own)
    }

    /// Opens small objects; those that make no sense are found with this weight.
    fn open<I: Copy, T>(
        &mut self,
        repository: &Repository,
        objects: &[(I, Listed)],
        weight: Weight,
        parse: impl Fn(&I, &str, &Bytes) -> Result<T, FormatError>,
    ) -> Result<Vec<(I, T)>, RepositoryError> {
        let mut opened = Vec::new();
        for batch in objects.chunks(BATCH) {
            let names = batch.iter().map(|(_, object)| object.name.as_str());
            for ((id, object), bytes) in batch.iter().zip(repository.objects(names)) {
                let name = &object.name;
                let parsed = bytes.and_then(|bytes| {
                    repository.parsed(name, Some(bytes), |bytes| parse(id, name, bytes))
                });
                match parsed {
                    Ok(Ok(value)) => opened.push((*id, value)),
                    Ok(Err(source)) => self.find(name, weight, Fault::Damaged(source)),
                    Err(error) => self.unread(name, weight, error)?,
                }
            }
        }
        Ok(opened)
    }

    /// An object that is gone by now is nobody's loss; one that the store has and does not give is a finding.
    fn unread(
        &mut self,
        object: &str,
        weight: Weight,
        error: StorageError,
    ) -> Result<(), RepositoryError> {
        match error.kind {
            ErrorKind::NotFound => {}
            ErrorKind::Protocol => self.find(object, weight, Fault::Unreadable(error.kind)),
            ErrorKind::PermissionDenied
            | ErrorKind::NoSpace
            | ErrorKind::Unreachable
            | ErrorKind::RateLimited
            | ErrorKind::Configuration
            | ErrorKind::Unsupported => return Err(error.into()),
        }
        Ok(())
    }

    /// The description that let us in may have come from the cache.
    fn top(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let id = |name: &str| (name == "heirloom.json").then_some(());
        let own = self.list(repository, "", id)?;
        if own.is_empty() {
            self.find("heirloom.json", Weight::Damage, Fault::Missing);
        }
        self.open(repository, &own, Weight::Damage, |(), _, bytes| {
            repository
                .is_description(bytes)
                .then_some(())
                .ok_or(FormatError::Unrecognised { expected: "description of this repository" })
        })?;
        Ok(())
    }

    fn keys(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let id = |name: &str| {
            let slot = name.strip_suffix(".note");
            Some((SlotId::from_hex(slot.unwrap_or(name))?, slot.is_some()))
        };
        let own = self.list(repository, "keys/", id)?;
        let (notes, slots): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|((_, is_note), _)| *is_note);
        let opened = self.open(repository, &notes, Weight::Warning, |_, name, bytes| {
            let body = repository.keys().open_object(ObjectKind::SlotNote, name, bytes)?;
            parse_padded_map::<SlotHash>(&body)
        })?;
        let hashes: HashMap<SlotId, Option<[u8; 32]>> =
            opened.into_iter().map(|((slot, _), note)| (slot, note.hash)).collect();
        self.open(repository, &slots, Weight::Damage, |(slot, _), _, bytes| {
            let known = hashes.get(slot).copied().flatten();
            let whole = known.is_none_or(|hash| *blake3::hash(bytes).as_bytes() == hash);
            let unauthentic = if whole { Ok(()) } else { Err(FormatError::WrongId) };
            slot_kind(bytes).map_err(|_says_no_more| FormatError::Truncated).and(unauthentic)
        })?;
        self.counts.keys = count(slots.len());
        let has = |side: &[((SlotId, bool), Listed)], slot: SlotId| {
            side.iter().any(|((other, _), _)| *other == slot)
        };
        for ((slot, is_note), object) in notes.iter().chain(&slots) {
            if !has(if *is_note { &slots } else { &notes }, *slot) {
                // A slot opens without its description.
                let weight = if *is_note { Weight::Warning } else { Weight::Remark };
                self.find(&object.name, weight, Fault::Alone);
            }
        }
        Ok(())
    }

    fn sessions(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let own = self.list(repository, "sessions/", SessionId::from_hex)?;
        let notes = self.open(repository, &own, Weight::Warning, |_, name, bytes| {
            let body = repository.keys().open_object(ObjectKind::Session, name, bytes)?;
            parse_padded_map::<SessionNote>(&body)
        })?;
        let now_ns = repository.clock().now_ns();
        for (session, SessionNote { started, .. }) in notes {
            if now_ns - i128::from(started) > OLD_SESSION_NS {
                let fault = Fault::OldSession { started_ns: started };
                self.find(format!("sessions/{session}"), Weight::Remark, fault);
            }
        }
        Ok(())
    }

    fn condemned(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let id = |name: &str| {
            let list = name.strip_suffix(".waits");
            Some((GenerationId::from_hex(list.unwrap_or(name))?, list.is_some()))
        };
        let own = self.list(repository, "condemned/", id)?;
        let lists = self.open(repository, &own, Weight::Damage, |(_, is_waits), name, bytes| {
            let kind = if *is_waits { ObjectKind::Waits } else { ObjectKind::Condemned };
            parse_padded_map::<IdList>(&repository.keys().open_object(kind, name, bytes)?)
        })?;
        let packs = lists
            .iter()
            .filter(|((_, is_waits), _)| !is_waits)
            .flat_map(|(_, list)| list.ids.chunks(PackId::BYTES).filter_map(PackId::from_slice));
        self.condemned = packs.collect();
        Ok(())
    }

    /// Snapshots and tombstones; then the fences, as the rules of sessions ask for.
    fn records(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let keys = repository.keys();
        let own = self.list(repository, "snapshots/", SessionId::from_hex)?;
        let snapshots = self.open(repository, &own, Weight::Damage, |session, _, bytes| {
            Snapshot::open(bytes, keys, *session)
        })?;
        let stones = self.list(repository, "tombstones/", SessionId::from_hex)?;
        let stones = self.open(repository, &stones, Weight::Damage, |session, _, bytes| {
            Tombstone::open(bytes, keys, *session)
        })?;
        let forgotten: HashSet<SessionId> =
            stones.into_iter().map(|(session, _)| session).collect();
        let fenced = self.fences(repository)?;
        // What was forgotten or declared dead needs no record that makes sense, and what is being written has none yet.
        let running: HashSet<SessionId> = repository.session_ids()?.into_iter().collect();
        for finding in &mut self.findings {
            let record = finding.object.strip_prefix("snapshots/").and_then(SessionId::from_hex);
            let is_moot = |id: &SessionId| {
                forgotten.contains(id) || fenced.contains(id) || running.contains(id)
            };
            if record.as_ref().is_some_and(is_moot) {
                finding.weight = finding.weight.min(Weight::Remark);
            }
        }
        for (session, snapshot) in snapshots {
            let standing = match (forgotten.contains(&session), fenced.contains(&session)) {
                (true, _) => Standing::Forgotten,
                (false, true) => Standing::Disputed,
                (false, false) => Standing::Taken,
            };
            if standing == Standing::Disputed {
                self.find(object_name(session), Weight::Warning, Fault::Disputed);
            }
            self.snapshots.push((snapshot, standing));
        }
        self.snapshots.sort_by_key(|(snapshot, _)| (snapshot.record.time, snapshot.session));
        let of = |standing| self.snapshots.iter().filter(|(_, other)| *other == standing).count();
        self.counts.forgotten = count(of(Standing::Forgotten));
        self.counts.snapshots = count(self.snapshots.len()) - self.counts.forgotten;
        // A damaged record is not one that somebody took away.
        for problem in repository.snapshots()?.problems {
            if let Problem::Rollback { snapshot } = problem
                && !own.iter().any(|(session, _)| *session == snapshot)
            {
                self.find(object_name(snapshot), Weight::Damage, Fault::Rollback);
            }
        }
        Ok(())
    }

    fn policies(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let own = self.list(repository, "policies/", PolicyId::from_hex)?;
        self.open(repository, &own, Weight::Damage, |id, _, bytes| {
            StoredPolicy::parse(&open_policy(bytes, *id, repository.keys())?, *id)
        })?;
        Ok(())
    }

    fn secrets(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let own = self.list(repository, "secrets/", SecretId::from_hex)?;
        self.open(repository, &own, Weight::Damage, |id, _, bytes| {
            KeptSecret::open(bytes, repository.keys(), *id)
        })?;
        Ok(())
    }

    /// Only the names of fences count; what they say is for people.
    fn fences(&mut self, repository: &Repository) -> Result<HashSet<SessionId>, RepositoryError> {
        let id = |name: &str| {
            let (session, nonce) = name.split_once('.')?;
            SessionId::from_hex(nonce)?;
            SessionId::from_hex(session)
        };
        let own = self.list(repository, "fences/", id)?;
        self.open(repository, &own, Weight::Remark, |_, name, bytes| {
            repository.keys().open_object(ObjectKind::Fence, name, bytes)
        })?;
        Ok(own.into_iter().map(|(session, _)| session).collect())
    }

    /// Segments and the list of packs. `Break`: somebody replaced segments while they were read.
    fn index(&mut self, repository: &Repository) -> Result<ControlFlow<()>, RepositoryError> {
        let parse = |name: &str| SegmentName::parse(&format!("index/{name}"));
        let own = self.list(repository, "index/", parse)?;
        self.segments = own.iter().map(|(_, object)| object.name.clone()).collect();
        let (mut listed, mut damaged, mut replacing) = (Vec::new(), Vec::new(), Vec::new());
        let mut vanished = false;
        for (name, object) in &own {
            match repository.stored_segment(*name) {
                Ok(segment) => {
                    replacing.push((name.session, segment.replaces));
                    listed.extend(segment.packs.iter().map(|record| {
                        let (segment, size) = (*name, record.size);
                        let said = Indexed { segment, size, digest: digest(record), trusted: true };
                        (record.id, said)
                    }));
                }
                Err(RepositoryError::Damaged { source, .. }) => damaged.push((*name, source)),
                Err(RepositoryError::Storage(error)) if error.kind == ErrorKind::NotFound => {
                    vanished = true;
                }
                Err(RepositoryError::Storage(error)) => {
                    self.unread(&object.name, Weight::Damage, error)?;
                }
                Err(error) => return Err(error),
            }
        }
        // After the segments were read: a fence that appears later does not concern what they say.
        let fenced: HashSet<SessionId> = repository.fenced_sessions()?;
        let counts = |(session, _): &(SessionId, _)| !fenced.contains(session);
        let replaced: HashSet<SegmentName> =
            replacing.into_iter().filter(counts).flat_map(|(_, names)| names).collect();
        for (name, source) in damaged {
            let weight = if replaced.contains(&name) { Weight::Remark } else { Weight::Damage };
            self.find(name.to_string(), weight, Fault::Damaged(source));
        }
        listed.retain(|(_, said): &(PackId, Indexed)| !replaced.contains(&said.segment));
        let mut indexed: HashMap<PackId, Vec<Indexed>> = HashMap::new();
        for (pack, said) in listed {
            let trusted = !fenced.contains(&said.segment.session);
            indexed.entry(pack).or_default().push(Indexed { trusted, ..said });
        }
        self.indexed = Arc::new(indexed);
        self.packs(repository)?;
        self.counts.segments = count(own.len());
        let same = !self.is_outdated(repository)?;
        Ok(if same && !vanished { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    /// Compares what the index says with what the store lists.
    fn packs(&mut self, repository: &Repository) -> Result<(), RepositoryError> {
        let own = self.list(repository, "packs/", PackId::from_hex)?;
        self.stored = own.into_iter().map(|(pack, object)| (pack, object.size)).collect();
        self.counts.packs = count(self.stored.len());
        self.counts.pack_bytes = self.stored.values().sum();
        let mut missing = Vec::new();
        for (pack, said) in self.indexed.iter() {
            if !self.stored.contains_key(pack) {
                // What nobody relies on, nobody misses; a needed blob in it is found another way.
                let matters = said.iter().any(|one| one.trusted) && !self.condemned.contains(pack);
                missing.push((*pack, if matters { Weight::Damage } else { Weight::Remark }));
            }
        }
        missing.sort_unstable();
        for (pack, weight) in missing {
            self.find(format!("packs/{pack}"), weight, Fault::Missing);
        }
        let unindexed = self.stored.keys().filter(|pack| !self.indexed.contains_key(pack));
        let unindexed: Vec<PackId> = unindexed.copied().collect();
        for pack in unindexed {
            self.find(format!("packs/{pack}"), Weight::Remark, Fault::Unindexed);
        }
        Ok(())
    }

    /// Packs that snapshots need ought to be in the index, though readers find them.
    pub(crate) fn weigh_unindexed(&mut self, needed: &HashSet<PackId>) {
        for finding in &mut self.findings {
            let pack = finding.object.strip_prefix("packs/").and_then(PackId::from_hex);
            if finding.fault == Fault::Unindexed && pack.is_some_and(|pack| needed.contains(&pack))
            {
                finding.weight = Weight::Warning;
            }
        }
    }

    /// Whether somebody has changed the index since.
    pub(crate) fn is_outdated(&self, repository: &Repository) -> Result<bool, RepositoryError> {
        let now = repository.list("index/")?.into_iter().map(|object| object.name);
        let now: Vec<String> = now.filter(|name| SegmentName::parse(name).is_some()).collect();
        Ok(now != self.segments)
    }

    /// Packs whose size is not what every segment says: to be read whole, whatever was asked for.
    pub(crate) fn suspicious(&self) -> Vec<PackId> {
        let differs = |(pack, size): &(&PackId, &u64)| {
            let said = self.indexed.get(*pack).map(Vec::as_slice).unwrap_or_default();
            said.iter().any(|said| said.size != **size) || **size > OBJECT_BYTES_MAX
        };
        self.stored.iter().filter(differs).map(|(pack, _)| *pack).collect()
    }
}

/// What a slot's description says about the slot's file.
#[derive(Deserialize)]
struct SlotHash {
    #[serde(default, with = "serde_bytes")]
    hash: Option<[u8; 32]>,
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

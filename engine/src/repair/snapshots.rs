//! Snapshots without what is lost.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::{RepairPlan, RepairReport, Repairer, Step, Work, is_damaged};
use crate::error::ReadError;
use crate::examine::{Damage, Fault, Found, Standing, Weight};
use crate::id::{NodeId, SessionId};
use crate::pack::Codec;
use crate::progress::Progress;
use crate::repository::{Lane, Repository, RepositoryError, Session};
use crate::snapshot::{Record, Snapshot, Stats, object_name};
use crate::tree::{
    BlobRef, BuildError, Entry, FileContent, Kind, NodeSource as _, Reference, TreeBuilder,
    XattrValue, references,
};

/// The tag of snapshots that were committed again without what is lost.
const REPAIRED: &str = "repaired";

pub(super) fn plan(
    work: &mut Work<'_>,
    forget_lost: bool,
    progress: &dyn Progress,
) -> Result<RepairPlan, RepositoryError> {
    let mut plan = RepairPlan::default();
    let mut damage = work.damage();
    let forget = |plan: &mut RepairPlan, snapshot, record| {
        if forget_lost {
            plan.steps.push(Step::ForgetLost { snapshot, record });
        } else {
            plan.lost.push(snapshot);
        }
    };
    for (snapshot, standing) in &work.examined.survey.snapshots {
        if *standing == Standing::Forgotten {
            continue;
        }
        match damage.affects(snapshot, *standing, progress)? {
            // It need not be complete; it may be forgotten, or a prune drops what is left of it when it is.
            Some(_) if *standing == Standing::Disputed => {}
            Some(affected) if affected.lost => forget(&mut plan, snapshot.session, false),
            Some(affected) => plan.steps.push(Step::Rebuild { affected }),
            None if *standing == Standing::Disputed => {
                plan.steps.push(Step::Adopt { snapshot: snapshot.session });
            }
            None => {}
        }
    }
    let known: HashSet<SessionId> =
        work.examined.survey.snapshots.iter().map(|(snapshot, _)| snapshot.session).collect();
    let unreadable: HashSet<&str> = work
        .findings()
        .filter(|(finding, folder, _)| *folder == "snapshots" && is_damaged(&finding.fault))
        .map(|(_, _, name)| name)
        .collect();
    for (finding, folder, name) in work.findings() {
        let damaged = is_damaged(&finding.fault);
        match (folder, SessionId::from_hex(name)) {
            ("snapshots", Some(session)) if damaged && finding.weight > Weight::Remark => {
                forget(&mut plan, session, true);
            }
            ("snapshots", Some(session)) if finding.fault == Fault::Rollback => {
                forget(&mut plan, session, false);
            }
            // The snapshot is there, and counts as long as nobody says otherwise in a way that can be read.
            ("tombstones", Some(session)) if damaged && known.contains(&session) => {
                plan.steps.push(Step::Delete { object: finding.object.clone() });
            }
            ("tombstones", Some(session)) if damaged && !unreadable.contains(name) => {
                plan.steps.push(Step::Restate { snapshot: session });
            }
            ("tombstones" | "snapshots", _) if damaged => {}
            _ if finding.weight == Weight::Damage => plan.left.push(finding.clone()),
            _ => {}
        }
    }
    // A tombstone that makes no sense goes before the one that takes its name.
    plan.steps.sort_by_key(|step| !matches!(step, Step::Delete { .. }));
    Ok(plan)
}

pub(super) fn apply(
    work: &Work<'_>,
    plan: &RepairPlan,
    who: &Repairer,
    progress: &Arc<dyn Progress>,
) -> Result<RepairReport, RepositoryError> {
    let mut report = RepairReport::default();
    let repository = work.repository;
    let mut damage = work.damage();
    let mut renewed = |snapshot: SessionId| {
        let new = renew(work, &mut damage, snapshot, (who, progress))?;
        if let Some(new) = new {
            repository.forget(&[snapshot], &who.says(repository, format!("replaced by {new}")))?;
            report.replaced.push((snapshot, new));
        }
        Ok::<_, RepositoryError>(new.is_some())
    };
    let forget = |snapshot: SessionId, why: &str| {
        repository.forget(&[snapshot], &who.says(repository, why.to_owned()))
    };
    for step in &plan.steps {
        if progress.cancelled() {
            return Err(RepositoryError::Cancelled);
        }
        let done = match step {
            Step::Rebuild { affected } => renewed(affected.snapshot)?,
            Step::Adopt { snapshot } => renewed(*snapshot)?,
            Step::ForgetLost { snapshot, record } => {
                forget(*snapshot, "nothing of it could be read")?;
                if *record {
                    delete(work, &object_name(*snapshot), who, progress)?;
                }
                true
            }
            Step::Restate { snapshot } => {
                forget(*snapshot, "its tombstone was damaged")?;
                true
            }
            Step::Delete { object } => {
                delete(work, object, who, progress)?;
                true
            }
            Step::PutDescription
            | Step::DropCondemned { .. }
            | Step::DeclareDead { .. }
            | Step::DropSegment { .. }
            | Step::DropPack { .. }
            | Step::AddPack { .. }
            | Step::Salvage { .. } => false,
        };
        if done {
            report.done.push(step.clone());
        } else {
            report.skipped.push(step.clone());
        }
    }
    Ok(report)
}

fn delete(
    work: &Work<'_>,
    object: &str,
    who: &Repairer,
    progress: &Arc<dyn Progress>,
) -> Result<(), RepositoryError> {
    let session = who.session(work.repository, progress)?;
    let deleted = session.delete_damaged(object);
    let ended = session.suspend();
    deleted.and(ended)
}

/// Commits a snapshot again, without what is lost. `None` if it does not count any more.
fn renew(
    work: &Work<'_>,
    damage: &mut Damage<'_>,
    snapshot: SessionId,
    (who, progress): (&Repairer, &Arc<dyn Progress>),
) -> Result<Option<SessionId>, RepositoryError> {
    let mut session = who.session(work.repository, progress)?;
    let counts = session.snapshots().taken.iter().chain(&session.snapshots().disputed);
    let old = counts.into_iter().find(|found| found.session == snapshot).cloned();
    let rebuilt = old.map(|old| {
        session.distrust(&work.broken())?;
        rebuild(&mut session, damage, &old)
    });
    match rebuilt {
        Some(Ok(record)) => Ok(Some(session.commit(record)?.snapshot)),
        Some(Err(error)) => {
            // The first error is the one to report.
            drop(session.suspend());
            Err(error)
        }
        None => session.suspend().map(|()| None),
    }
}

fn rebuild(
    session: &mut Session<'_>,
    damage: &mut Damage<'_>,
    old: &Snapshot,
) -> Result<Record, RepositoryError> {
    let mut tree = Rebuilt {
        session,
        builder: TreeBuilder::new(),
        folders: Vec::new(),
        stats: Stats { entries: 0, files: 0, folders: 0, ..old.record.stats },
        kept: HashSet::new(),
    };
    let mut lost = false;
    let lost_blobs = damage.lost();
    damage.walk(old.record.root, true, &mut |found| match found {
        Found::Whole(cursor, entry) => tree.push(cursor.key(), &entry),
        Found::Attributes(key, mut entry) => {
            lost = true;
            entry.xattrs.retain(|xattr| match &xattr.value {
                XattrValue::Inline(_) => true,
                XattrValue::Blob(blob) => !lost_blobs.contains(&blob.id.prefix()),
            });
            // The next backup must not take it for what it was.
            entry.ctime_ns = None;
            tree.push(key, &entry)
        }
        Found::Content(_) | Found::Gap { .. } => {
            lost = true;
            Ok(())
        }
    })?;
    let Rebuilt { builder, mut stats, session, .. } = tree;
    let (root, totals) = builder.finish(session).map_err(build_error)?;
    stats.content_bytes = totals.bytes;
    let mut record = old.record.clone();
    record.original = Some(record.original.unwrap_or(old.session));
    (record.root, record.stats) = (root, stats);
    if lost && !record.tags.iter().any(|tag| tag == REPAIRED) {
        record.tags.push(REPAIRED.to_owned());
    }
    Ok(record)
}

/// A tree that is built of what is left of another.
struct Rebuilt<'a, 'r> {
    session: &'a mut Session<'r>,
    builder: TreeBuilder,
    /// Keys of the folders that the last entry lies in.
    folders: Vec<Vec<u8>>,
    stats: Stats,
    /// Content lists that are known to be whole.
    kept: HashSet<NodeId>,
}

impl Rebuilt<'_, '_> {
    /// Adds an entry, with the folders on its way if their entries are lost.
    fn push(&mut self, key: &[u8], entry: &Entry) -> Result<(), RepositoryError> {
        self.folders.retain(|folder| is_below(key, folder));
        let borders = key.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
        for border in borders {
            let Some(folder) = key.get(..border) else { continue };
            if !self.folders.iter().any(|known| known == folder) {
                let mut lost = Entry::new(Kind::Folder);
                lost.mode = 0o700;
                self.add(folder, &lost)?;
            }
        }
        self.keep_content(entry)?;
        self.add(key, entry)
    }

    fn add(&mut self, key: &[u8], entry: &Entry) -> Result<(), RepositoryError> {
        if entry.kind == Kind::Folder {
            self.folders.push(key.to_vec());
        }
        self.stats.entries += 1;
        self.stats.files += u64::from(entry.kind == Kind::File);
        self.stats.folders += u64::from(entry.kind == Kind::Folder);
        self.builder.push(key, entry, self.session).map_err(build_error)
    }

    /// Makes sure that the session may refer to all that the entry needs.
    fn keep_content(&mut self, entry: &Entry) -> Result<(), RepositoryError> {
        for xattr in &entry.xattrs {
            if let XattrValue::Blob(blob) = &xattr.value {
                self.keep_blob(blob)?;
            }
        }
        match &entry.content {
            FileContent::Empty | FileContent::Inline(_) => Ok(()),
            FileContent::List(blobs) => blobs.iter().try_for_each(|blob| self.keep_blob(blob)),
            FileContent::Tree(list) => self.keep_list(*list),
        }
    }

    fn keep_blob(&mut self, blob: &BlobRef) -> Result<(), RepositoryError> {
        if !self.session.is_known(&blob.id.prefix()) {
            let content = Bytes::from(self.session.repository().content(&blob.id)?);
            self.session.put_content(Lane::of_copy(Codec::Zstd, &content), &blob.id, &content)?;
        }
        Ok(())
    }

    fn keep_list(&mut self, list: NodeId) -> Result<(), RepositoryError> {
        let mut waiting = vec![list];
        while let Some(id) = waiting.pop() {
            if !self.kept.insert(id) {
                continue;
            }
            let mut nodes: &Repository = self.session.repository();
            let node = nodes.node(&id)?;
            self.session.put_node(&node)?;
            let mut blobs = Vec::new();
            references(&node, &mut |reference| match reference {
                Reference::Node(node) => waiting.push(node),
                Reference::Blob(blob) => blobs.push(blob),
            })
            .map_err(ReadError::Node)?;
            blobs.iter().try_for_each(|blob| self.keep_blob(blob))?;
        }
        Ok(())
    }
}

fn is_below(key: &[u8], folder: &[u8]) -> bool {
    key.strip_prefix(folder).is_some_and(|rest| rest.first() == Some(&0))
}

fn build_error(error: BuildError<RepositoryError>) -> RepositoryError {
    match error {
        BuildError::Sink(error) => error,
        // The entries were in a tree before.
        BuildError::Order
        | BuildError::KeyTooLong
        | BuildError::EntryTooLarge
        | BuildError::TooDeep => {
            ReadError::Node(crate::error::FormatError::OutOfBounds { what: "order of a tree" })
                .into()
        }
    }
}

//! Copies what is needed out of packs that are worth it. A frame that is in use stays as it is, compressed once and
//! for all; only of the others the needed blobs are taken out and compressed anew.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::plan::{Action, PackPlan, PrunePlan, is_split};
use super::survey::{Survey, go_on};
use super::usage::{PackUse, Usage};
use super::{PruneError, PruneOptions, PruneReport};
use crate::error::{FormatError, ReadError};
use crate::id::{BlobPrefix, PackId};
use crate::index::Segment;
use crate::pack::{BlobKind, Codec, Frame, PackTable, open_part};
use crate::progress::{Counter, Progress};
use crate::repository::{Lane, Repository, RepositoryError, SealedFrame, Session};

/// What can be condemned once the needed blobs of the plan's packs are stored elsewhere.
pub(super) fn repack(
    (session, repository): (&mut Session<'_>, &Repository),
    (plan, survey, usage): (&PrunePlan, &Survey<'_>, &Usage),
    options: &PruneOptions,
    (progress, report): (&dyn Progress, &mut PruneReport),
) -> Result<Vec<PackId>, PruneError> {
    let mut drop: Vec<PackId> =
        plan.with(&[Action::Delete, Action::DeleteUnindexed]).map(|change| change.pack).collect();
    let wanted: Vec<&PackPlan> = plan.with(&[Action::Repack, Action::Merge]).collect();
    progress.add(Counter::ContentBytesTotal, wanted.iter().map(|change| change.size).sum());
    let ends =
        options.time_budget_ns.map(|budget| repository.clock().now_ns() + i128::from(budget));
    let wanted_packs: HashSet<PackId> = wanted.iter().map(|change| change.pack).collect();
    let catalogue = survey.reach.catalogue();
    let mut copied = Vec::new();
    // Segment by segment, because the order of the blobs in their packs is only had by unfolding one.
    for (number, (_, sorted, _)) in catalogue.set().segments().enumerate() {
        let here = |pack: &&PackUse| pack.segment == number && wanted_packs.contains(&pack.id);
        let packs: Vec<&PackUse> = usage.packs.iter().filter(here).collect();
        if packs.is_empty() {
            continue;
        }
        let Segment { packs: records, .. } =
            sorted.to_segment().map_err(RepositoryError::damaged(format!("segment {number}")))?;
        let mut tables: HashMap<PackId, PackTable> = records
            .into_iter()
            .filter(|record| wanted_packs.contains(&record.id))
            .map(|record| (record.id, record.table))
            .collect();
        for pack in packs {
            go_on(progress)?;
            if ends.is_some_and(|ends| repository.clock().now_ns() >= ends) {
                report.postponed_packs += 1;
                continue;
            }
            let Some(table) = tables.remove(&pack.id) else { continue };
            let taking = Copier { repository, survey, usage, pack, table: &table };
            match taking.copy(session)? {
                Ok(()) => copied.push(pack.id),
                Err(error) => report.damaged.push((pack.id, error)),
            }
            progress.add(Counter::ContentBytes, pack.size);
        }
    }
    report.repacked_packs = u64::try_from(copied.len()).unwrap_or(u64::MAX);
    drop.extend(copied);
    Ok(drop)
}

/// Copies the needed part of one pack.
struct Copier<'a> {
    repository: &'a Repository,
    survey: &'a Survey<'a>,
    usage: &'a Usage,
    pack: &'a PackUse,
    table: &'a PackTable,
}

impl Copier<'_> {
    /// The inner error is about the pack, which then stays as it is.
    fn copy(&self, session: &mut Session<'_>) -> Result<Result<(), ReadError>, RepositoryError> {
        let catalogue = self.survey.reach.catalogue();
        let set = catalogue.set();
        let Some(start) = set.start_of(self.pack.segment, self.pack.pack) else {
            return Ok(Err(FormatError::OutOfBounds { what: "pack" }.into()));
        };
        if let Err(error) = self.repository.locate_pack(catalogue, &start) {
            return Ok(Err(error));
        }
        let frames: Vec<_> =
            self.usage.frames_of(set, self.pack).filter(|(_, _, used)| *used > 0).collect();
        let numbers: Vec<u32> = frames.iter().map(|(number, ..)| *number).collect();
        let frames: HashMap<u32, (u32, u32)> = frames
            .iter()
            .map(|(number, info, used)| (*number, (*used, info.first_blob())))
            .collect();
        let (mut outcome, mut failure) = (Ok(()), None);
        self.repository.sealed_frames(self.pack.id, &numbers, &mut |number, sealed| {
            if failure.is_some() || outcome.is_err() {
                return;
            }
            let frame = frames.get(&number).copied().unwrap_or_default();
            match sealed.and_then(|sealed| self.needed(number, sealed, frame)) {
                Ok(needed) => outcome = self.store(session, needed),
                Err(error) => failure = Some(error),
            }
        });
        self.repository.forget_pack(&self.pack.id);
        outcome?;
        match failure {
            None => Ok(Ok(())),
            Some(error) if error.is_local() => Ok(Err(error)),
            Some(error) => Err(error.into()),
        }
    }

    /// A frame that is opened: whole, or the needed blobs of it.
    fn needed(
        &self,
        number: u32,
        SealedFrame { key, info, bytes }: SealedFrame<'_>,
        (used, first_blob): (u32, u32),
    ) -> Result<Needed, ReadError> {
        let damaged = |source| ReadError::Damaged { pack: self.pack.id, source };
        let prefixes = usize::try_from(number)
            .ok()
            .and_then(|number| self.table.blobs_by_frame().nth(number))
            .unwrap_or_default();
        if !is_split(info, used) {
            let frame = Frame::from_sealed(key, number, bytes, (&info.entry, prefixes.to_vec()));
            return frame.map(Needed::Frame).map_err(damaged);
        }
        let open = open_part(key, number, bytes, &info.entry).map_err(damaged)?;
        // Not what the reader's index says: that may be an older one, in which the pack stands elsewhere.
        let first = usize::try_from(first_blob).unwrap_or(usize::MAX);
        let mut blobs = Vec::with_capacity(usize::try_from(used).unwrap_or_default());
        for (slot, prefix) in prefixes.iter().enumerate() {
            if !self.usage.is_kept(self.pack, first.saturating_add(slot)) {
                continue;
            }
            let blob = open.blob_of_frame(slot).filter(|blob| self.id_of(blob) == *prefix);
            let blob = blob.ok_or_else(|| damaged(FormatError::WrongId))?;
            blobs.push((self.lane(info.entry.codec, &blob), *prefix, blob));
        }
        Ok(Needed::Blobs(blobs))
    }

    fn id_of(&self, blob: &[u8]) -> BlobPrefix {
        let keys = self.repository.keys();
        match self.pack.kind {
            BlobKind::Content => keys.content_id(blob).prefix(),
            BlobKind::Tree => keys.node_id(blob).prefix(),
        }
    }

    fn lane(&self, codec: Codec, blob: &[u8]) -> Lane {
        match self.pack.kind {
            BlobKind::Tree => Lane::Tree,
            BlobKind::Content => Lane::of_copy(codec, blob),
        }
    }

    fn store(&self, session: &mut Session<'_>, needed: Needed) -> Result<(), RepositoryError> {
        match needed {
            Needed::Frame(frame) => session.put_frame(self.pack.kind, frame),
            Needed::Blobs(blobs) => blobs
                .iter()
                .try_for_each(|(lane, prefix, blob)| session.put_copy(*lane, *prefix, blob)),
        }
    }
}

enum Needed {
    Frame(Frame),
    Blobs(Vec<(Lane, BlobPrefix, Bytes)>),
}

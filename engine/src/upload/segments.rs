//! Index segments of a running session: checkpoints while packs are uploaded, a merged segment whenever they fill one
//! and at the end. What is in a merged segment is not held in memory any more.

use std::mem;
use std::sync::Mutex;

use bytes::Bytes;

use super::{Shared, UploadError};
use crate::crypto::ObjectKind;
use crate::id::SessionId;
use crate::index::{Segment, SegmentName, SortedSegment};
use crate::pack::PackRecord;

/// What does not fit goes into further segments. Sorting and sealing one takes some 60 bytes of memory for each blob.
/// Simulated clients store little, and shall fill some.
const SEGMENT_BLOBS_MAX: usize = if cfg!(feature = "weakened") { 1 << 5 } else { 1 << 19 };

#[derive(Debug, Default)]
struct State {
    /// Uploaded, but in no segment yet.
    fresh: Vec<PackRecord>,
    /// In a checkpoint, and in no merged segment yet.
    written: Vec<PackRecord>,
    /// Segments with the packs in `written`.
    checkpoints: Vec<SegmentName>,
    /// Segments that a merged one replaces.
    superseded: Vec<SegmentName>,
    /// Merged segments that nobody has taken yet.
    merged: Vec<(SegmentName, SortedSegment<Bytes>)>,
    next: u32,
}

impl State {
    fn next_name(&mut self, session: SessionId) -> SegmentName {
        let name = SegmentName { session, n: self.next };
        self.next += 1;
        name
    }

    /// What was written, if there is no room for these packs beside it in one segment.
    fn take_full(&mut self, packs: &[PackRecord]) -> Option<Segment> {
        let is_full = blobs_of(&self.written) + blobs_of(packs) > SEGMENT_BLOBS_MAX;
        (is_full && !self.written.is_empty()).then(|| {
            let mut packs = mem::take(&mut self.written);
            packs.sort_by_key(|record| record.id);
            Segment { replaces: mem::take(&mut self.checkpoints), packs }
        })
    }
}

/// What this session has uploaded, and which of it is indexed.
#[derive(Debug)]
pub(crate) struct SegmentLog {
    session: SessionId,
    state: Mutex<State>,
}

impl SegmentLog {
    pub(crate) fn new(session: SessionId) -> Self {
        Self { session, state: Mutex::default() }
    }

    /// Notes an uploaded pack. When a full pack's worth is not indexed, writes a checkpoint, so that a killed run's
    /// packs are found by the next one. Returns the bytes put into the store.
    pub(crate) fn add(&self, shared: &Shared, record: PackRecord) -> Result<u64, UploadError> {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.fresh.push(record);
        let waiting: u64 = state.fresh.iter().map(|record| record.size).sum();
        if waiting < u64::from(shared.pack_bytes) / 2 {
            return Ok(0);
        }
        let packs = mem::take(&mut state.fresh);
        let name = state.next_name(self.session);
        drop(state);
        let checkpoint = Segment { replaces: Vec::new(), packs };
        let written = put_segment(shared, name, &checkpoint);
        let mut state = self.state.lock().expect("no holder of this lock panics");
        let full = state.take_full(&checkpoint.packs);
        state.written.extend(checkpoint.packs);
        state.checkpoints.push(name);
        let full = full.map(|segment| (state.next_name(self.session), segment));
        drop(state);
        let merged = full.map_or(Ok(0), |(name, segment)| self.merge(shared, name, segment));
        Ok(written? + merged?)
    }

    /// Writes a merged segment, which replaces its checkpoints, and lets go of what it says.
    fn merge(
        &self,
        shared: &Shared,
        name: SegmentName,
        segment: Segment,
    ) -> Result<u64, UploadError> {
        let bytes = put_segment(shared, name, &segment)?;
        let sorted = shared.cache.segment(&shared.keys, name).unwrap_or_else(|| {
            let sorted = SortedSegment::build(&segment).into_bytes();
            SortedSegment::from_bytes(Bytes::from(sorted)).expect("just built")
        });
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.superseded.extend(segment.replaces);
        state.merged.push((name, sorted));
        Ok(bytes)
    }

    /// Segments with everything that they list in the store, which were written since this was asked last.
    pub(crate) fn take_merged(&self) -> Vec<(SegmentName, SortedSegment<Bytes>)> {
        mem::take(&mut self.state.lock().expect("no holder of this lock panics").merged)
    }

    /// Indexes what is not indexed yet, without merging; for a session that ends early.
    pub(crate) fn checkpoint(&self, shared: &Shared) -> Result<u64, UploadError> {
        let (packs, name) = {
            let mut state = self.state.lock().expect("no holder of this lock panics");
            let name = state.next_name(self.session);
            (mem::take(&mut state.fresh), name)
        };
        if packs.is_empty() {
            return Ok(0);
        }
        put_segment(shared, name, &Segment { replaces: Vec::new(), packs })
    }

    /// Writes a segment as it is, beside what this session uploaded itself.
    pub(crate) fn put(&self, shared: &Shared, segment: &Segment) -> Result<u64, UploadError> {
        let name = {
            let mut state = self.state.lock().expect("no holder of this lock panics");
            state.next_name(self.session)
        };
        put_segment(shared, name, segment)
    }

    /// Writes the final segments, which replace this session's checkpoints and the given segments of others, whose
    /// packs are `merged`. Returns the bytes put and the segments that may be deleted once the session has committed.
    pub(crate) fn finish(
        &self,
        shared: &Shared,
        merged: Vec<PackRecord>,
        mut replaces: Vec<SegmentName>,
    ) -> Result<(u64, Vec<SegmentName>), UploadError> {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        let state = mem::take(&mut *state);
        let mut packs = state.written;
        packs.extend(state.fresh);
        packs.extend(merged);
        // Which worker finished first is chance; the index shall not depend on it.
        packs.sort_by_key(|record| record.id);
        replaces.extend(state.checkpoints);
        if packs.is_empty() && replaces.is_empty() {
            return Ok((0, state.superseded));
        }
        let mut groups = split(packs);
        let last = groups.pop().unwrap_or_default();
        let (mut bytes, mut n) = (0, state.next);
        for packs in groups {
            let name = SegmentName { session: self.session, n };
            bytes += put_segment(shared, name, &Segment { replaces: Vec::new(), packs })?;
            n += 1;
        }
        // Only the last one says what it replaces: when it can be read, so can the others.
        let name = SegmentName { session: self.session, n };
        let segment = Segment { replaces, packs: last };
        bytes += put_segment(shared, name, &segment)?;
        let mut superseded = segment.replaces;
        superseded.extend(state.superseded);
        Ok((bytes, superseded))
    }
}

fn blobs_of(packs: &[PackRecord]) -> usize {
    packs.iter().map(|record| record.table.prefixes.len()).sum()
}

fn split(packs: Vec<PackRecord>) -> Vec<Vec<PackRecord>> {
    let mut groups: Vec<Vec<PackRecord>> = Vec::new();
    let mut blobs = 0;
    for record in packs {
        blobs += record.table.prefixes.len();
        match groups.last_mut() {
            Some(group) if blobs <= SEGMENT_BLOBS_MAX => group.push(record),
            _ => {
                blobs = record.table.prefixes.len();
                groups.push(vec![record]);
            }
        }
    }
    groups
}

fn put_segment(shared: &Shared, name: SegmentName, segment: &Segment) -> Result<u64, UploadError> {
    let object = name.to_string();
    let sealed = shared.keys.seal_object(
        ObjectKind::IndexSegment,
        &object,
        &segment.encode_body(),
        shared.clock.as_ref(),
    );
    let bytes = u64::try_from(sealed.len()).expect("an object is smaller than 2^64 bytes");
    shared.runtime.block_on(shared.storage.put(&object, Bytes::from(sealed)))?;
    shared.cache.keep_segment(&shared.keys, name, segment);
    Ok(bytes)
}

//! Index segments of a running session: checkpoints while packs are uploaded, one merged segment at the end.

use std::mem;
use std::sync::Mutex;

use bytes::Bytes;

use super::{Shared, UploadError};
use crate::crypto::ObjectKind;
use crate::id::SessionId;
use crate::index::{Segment, SegmentName};
use crate::pack::PackRecord;

/// Packs whose index would exceed the size limit of an object go into further segments.
const SEGMENT_BLOBS_MAX: usize = 1 << 20;

#[derive(Debug, Default)]
struct State {
    /// Uploaded, but in no segment yet.
    fresh: Vec<PackRecord>,
    /// In a checkpoint.
    written: Vec<PackRecord>,
    checkpoints: Vec<SegmentName>,
    next: u32,
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
        let name = SegmentName { session: self.session, n: state.next };
        state.next += 1;
        drop(state);
        let written =
            put_segment(shared, name, &Segment { replaces: Vec::new(), packs: packs.clone() });
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.written.extend(packs);
        state.checkpoints.push(name);
        written
    }

    /// Indexes what is not indexed yet, without merging; for a session that ends early.
    pub(crate) fn checkpoint(&self, shared: &Shared) -> Result<u64, UploadError> {
        let (packs, name) = {
            let mut state = self.state.lock().expect("no holder of this lock panics");
            let name = SegmentName { session: self.session, n: state.next };
            state.next += 1;
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
            let name = SegmentName { session: self.session, n: state.next };
            state.next += 1;
            name
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
            return Ok((0, replaces));
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
        let segment = Segment { replaces: replaces.clone(), packs: last };
        bytes += put_segment(shared, name, &segment)?;
        Ok((bytes, replaces))
    }
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

//! The index of a repository as this process knows it: all segments, and which of them a writer may rely on.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Repository, RepositoryError};
use crate::crypto::ObjectKind;
use crate::error::{ErrorKind, FormatError, Problem};
use crate::id::{BlobPrefix, PackId, SessionId};
use crate::index::{IndexSet, Location, Segment, SegmentName, SortedSegment, Trust};
use crate::looks::{Look, is_left_out};
use crate::pack::{
    HEADER_BYTES, OBJECT_BYTES_MAX, PackRecord, parse_header, read_table, trailer_range,
};

/// How often loading starts over because somebody replaced segments meanwhile.
const ATTEMPTS: u32 = 8;

/// Segments of one size class that are merged into one when there are this many. Simulated clients write few of them.
const MERGE_COUNT: usize = if cfg!(feature = "weakened") { 2 } else { 8 };

/// A segment above this number of blobs is not merged any more: half of what one may have, or full ones would be merged
/// at each commit, and come out as they were.
const MERGE_BLOBS_MAX: usize = 1 << 18;

/// At most so many blobs are merged at a time, which bounds memory; the rest is for the next session.
const MERGED_BLOBS_MAX: usize = 1 << 22;

/// The name under which packs stand that no segment knows; no session has this id.
pub(super) const UNINDEXED: SegmentName = SegmentName { session: SessionId([0; 16]), n: 0 };

/// All segments of a repository.
#[derive(Debug, Default)]
pub struct Catalogue {
    set: IndexSet,
    /// Segments that are there still and that others replace. Whoever replaces those must replace these too, or they
    /// would count again, with packs that may be gone.
    replaced: Vec<SegmentName>,
    /// Sessions that were declared dead, listed after the segments were read.
    fenced: HashSet<SessionId>,
    damaged: Vec<(String, FormatError)>,
    foreign: Vec<String>,
    /// The packs that the store had then, and their sizes.
    stored: HashMap<PackId, u64>,
}

impl Catalogue {
    /// Whether a writer may refer to this blob.
    pub(super) fn contains_trusted(&self, prefix: &BlobPrefix) -> bool {
        self.set.contains_trusted(prefix)
    }

    /// Every place of a blob, trusted ones first.
    pub(super) fn places(&self, prefix: &BlobPrefix) -> Vec<Location> {
        self.set.places(prefix)
    }

    /// The segments.
    pub fn set(&self) -> &IndexSet {
        &self.set
    }

    /// The packs that the store has, and their sizes; empty unless the catalogue is a whole one.
    pub fn stored(&self) -> &HashMap<PackId, u64> {
        &self.stored
    }

    /// Whether a segment of the set stands for packs that no segment knows.
    pub fn is_unindexed(name: &SegmentName) -> bool {
        *name == UNINDEXED
    }

    /// Segments that are there still and that others replace.
    pub(crate) fn replaced(&self) -> &[SegmentName] {
        &self.replaced
    }

    pub(super) fn fenced(&self) -> &HashSet<SessionId> {
        &self.fenced
    }

    /// Damaged and foreign objects that were met.
    pub fn problems(&self) -> impl Iterator<Item = Problem> + '_ {
        let damaged = self.damaged.iter().map(|(object, source)| Problem::ObjectDamaged {
            object: object.clone(),
            source: source.clone(),
        });
        let foreign =
            self.foreign.iter().map(|object| Problem::ForeignObject { object: object.clone() });
        damaged.chain(foreign)
    }

    fn packs(&self) -> HashSet<PackId> {
        let segments = self.set.segments();
        segments
            .flat_map(|(_, segment, _)| {
                (0..segment.packs()).filter_map(|pack| Some(segment.pack(pack)?.id))
            })
            .collect()
    }

    /// Small segments that may be merged: their packs, and their names.
    pub(super) fn worth_merging(
        &self,
        condemned: &HashSet<PackId>,
    ) -> (Vec<PackRecord>, Vec<SegmentName>) {
        let mut classes: Vec<Vec<(SegmentName, &SortedSegment<Bytes>)>> = Vec::new();
        for (name, segment, trust) in self.set.segments() {
            let trusted = trust == Trust::Trusted || is_left_out(Look::FencesAtMerge);
            if !trusted || segment.blobs() > MERGE_BLOBS_MAX {
                continue;
            }
            let class = usize::try_from(segment.blobs().max(1).ilog2() / 3).unwrap_or_default();
            if classes.len() <= class {
                classes.resize_with(class + 1, Vec::new);
            }
            if let Some(class) = classes.get_mut(class) {
                class.push((*name, segment));
            }
        }
        let (mut packs, mut names) = (Vec::new(), Vec::new());
        let mut blobs = 0;
        for (name, segment) in
            classes.into_iter().filter(|class| class.len() >= MERGE_COUNT).flatten()
        {
            blobs += segment.blobs();
            if blobs > MERGED_BLOBS_MAX {
                break;
            }
            // A segment that cannot be unfolded stays as it is.
            let Ok(Segment { packs: records, .. }) = segment.to_segment() else { continue };
            let stays = |record: &PackRecord| {
                !condemned.contains(&record.id) || is_left_out(Look::CondemnedAtMerge)
            };
            packs.extend(records.into_iter().filter(stays));
            names.push(name);
        }
        if !names.is_empty() {
            names.splice(0..0, self.replaced.iter().copied());
        }
        (packs, names)
    }
}

impl Repository {
    /// The index; loaded when first asked for.
    pub(super) fn catalogue(&self) -> Result<Arc<Catalogue>, RepositoryError> {
        if let Some(catalogue) = self.catalogue_slot().as_ref() {
            return Ok(Arc::clone(catalogue));
        }
        self.reload_catalogue(&HashSet::new())
    }

    /// Loads the index anew. Blobs in `condemned` packs can be read, but not referred to.
    pub(super) fn reload_catalogue(
        &self,
        condemned: &HashSet<PackId>,
    ) -> Result<Arc<Catalogue>, RepositoryError> {
        let mut catalogue = self.load_catalogue()?;
        catalogue.set.distrust_packs(condemned.iter().copied());
        let catalogue = Arc::new(catalogue);
        self.doubt_catalogue();
        *self.catalogue_slot() = Some(Arc::clone(&catalogue));
        Ok(catalogue)
    }

    /// Whoever misses a blob looks again, however fresh the index is: it need not know what snapshots need that were
    /// listed later.
    pub(super) fn doubt_catalogue(&self) {
        *self.completed_slot() = None;
    }

    /// When the look into packs that no segment knows began and ended, if the index is from there; in ns since 1970.
    fn completed_slot(&self) -> MutexGuard<'_, Option<(i128, i128)>> {
        self.completed_ns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next look loads the index anew.
    pub(crate) fn forget_catalogue(&self) {
        *self.catalogue_slot() = None;
    }

    fn load_catalogue(&self) -> Result<Catalogue, RepositoryError> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.try_load_catalogue() {
                Err(RepositoryError::Storage(error)) if error.kind == ErrorKind::NotFound => {
                    last = Some(error);
                }
                result => return result,
            }
        }
        Err(last.map_or(RepositoryError::Cancelled, RepositoryError::Storage))
    }

    /// Fails with `NotFound` when a segment vanishes between the listing and the reading.
    fn try_load_catalogue(&self) -> Result<Catalogue, RepositoryError> {
        let mut catalogue = Catalogue::default();
        let mut segments = Vec::new();
        let mut present = HashSet::new();
        for object in self.list("index/")? {
            let Some(name) = SegmentName::parse(&object.name) else {
                catalogue.foreign.push(object.name);
                continue;
            };
            present.insert(name);
            match self.segment(name) {
                Ok(segment) => segments.push((name, segment)),
                Err(RepositoryError::Damaged { object, source }) => {
                    catalogue.damaged.push((object, source));
                }
                Err(error) => return Err(error),
            }
        }
        // After the segments were read: a fence that appears later does not concern what they say.
        catalogue.fenced = self.fenced(&mut Vec::new())?;
        let fenced = &catalogue.fenced;
        self.cache.retain_segments(&present);
        self.known_segments().retain(|name, _| present.contains(name));
        let trusted = |name: &SegmentName| {
            !fenced.contains(&name.session) || is_left_out(Look::FencesOfSegments)
        };
        let replaced: HashSet<SegmentName> = segments
            .iter()
            .filter(|(name, _)| trusted(name))
            .flat_map(|(_, segment)| segment.replaces().collect::<Vec<_>>())
            .collect();
        catalogue.replaced = present.intersection(&replaced).copied().collect();
        catalogue.replaced.sort_unstable();
        for (name, segment) in segments {
            if !replaced.contains(&name) {
                let trust = if trusted(&name) { Trust::Trusted } else { Trust::Untrusted };
                catalogue.set.add(name, segment, trust);
            }
        }
        let known = catalogue.packs();
        self.cache.retain_packs(|pack| known.contains(pack));
        Ok(catalogue)
    }

    /// Segments never change under their names: one that was read before is the same.
    fn segment(&self, name: SegmentName) -> Result<SortedSegment<Bytes>, RepositoryError> {
        if let Some(segment) = self.known_segments().get(&name) {
            return Ok(segment.clone());
        }
        let segment = self.read_segment(name)?;
        self.known_segments().insert(name, segment.clone());
        Ok(segment)
    }

    fn known_segments(&self) -> MutexGuard<'_, HashMap<SegmentName, SortedSegment<Bytes>>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_segment(&self, name: SegmentName) -> Result<SortedSegment<Bytes>, RepositoryError> {
        if let Some(segment) = self.cache.segment(&self.keys, name) {
            return Ok(segment);
        }
        let segment = self.stored_segment(name)?;
        self.cache.keep_segment(&self.keys, name, &segment);
        // Mapped if it could be kept, in memory if not.
        Ok(self.cache.segment(&self.keys, name).unwrap_or_else(|| in_memory(&segment)))
    }

    /// A segment as the store has it.
    pub fn stored_segment(&self, name: SegmentName) -> Result<Segment, RepositoryError> {
        let object = name.to_string();
        let parse = |bytes: &Bytes| {
            self.keys
                .open_object(ObjectKind::IndexSegment, &object, bytes)
                .and_then(|body| Segment::parse_body(&body))
        };
        self.parsed(&object, None, parse)?.map_err(RepositoryError::damaged(object.clone()))
    }

    /// The index with every pack that no segment knows; for readers that found no place for a blob.
    pub(super) fn complete_catalogue(&self) -> Result<Arc<Catalogue>, RepositoryError> {
        let now_ns = self.clock().now_ns();
        // Others may have stored something meanwhile. A reader that misses many blobs spends half of its time on looking.
        let completed = *self.completed_slot();
        let is_fresh = completed.is_some_and(|(began, ended)| now_ns - ended < ended - began);
        if let Some(catalogue) = self.catalogue_slot().as_ref().filter(|_| is_fresh) {
            return Ok(Arc::clone(catalogue));
        }
        self.whole_catalogue()
    }

    /// Loads the index anew, lists the packs, and reads the tables of those that no segment knows.
    pub fn whole_catalogue(&self) -> Result<Arc<Catalogue>, RepositoryError> {
        let now_ns = self.clock().now_ns();
        let mut catalogue = self.load_catalogue()?;
        let known = catalogue.packs();
        let mut records = Vec::new();
        for object in self.list("packs/")? {
            let Some(id) = object.name.strip_prefix("packs/").and_then(PackId::from_hex) else {
                catalogue.foreign.push(object.name);
                continue;
            };
            catalogue.stored.insert(id, object.size);
            if known.contains(&id) {
                continue;
            }
            match self.pack_record(id, object.size) {
                Ok(record) => records.push(record),
                Err(RepositoryError::Damaged { object, source }) => {
                    catalogue.damaged.push((object, source));
                }
                Err(RepositoryError::Storage(error)) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if !records.is_empty() {
            let segment = Segment { replaces: Vec::new(), packs: records };
            catalogue.set.add(UNINDEXED, in_memory(&segment), Trust::Untrusted);
        }
        let catalogue = Arc::new(catalogue);
        *self.completed_slot() = Some((now_ns, self.clock().now_ns()));
        *self.catalogue_slot() = Some(Arc::clone(&catalogue));
        Ok(catalogue)
    }

    /// What a pack says about itself: its header and trailer, without its frames.
    pub fn pack_record(&self, id: PackId, size: u64) -> Result<PackRecord, RepositoryError> {
        let name = format!("packs/{id}");
        let damaged = || RepositoryError::damaged(name.clone());
        let header_bytes = u64::try_from(HEADER_BYTES).expect("a small constant");
        if size < header_bytes + 4 || size > OBJECT_BYTES_MAX {
            return Err(damaged()(FormatError::OutOfBounds { what: "size of the pack" }));
        }
        let header = self.object_range(&name, 0..header_bytes)?;
        let (encapsulation, salt) = parse_header(&header).map_err(damaged())?;
        let last = self.object_range(&name, size - 4..size)?;
        let last = <[u8; 4]>::try_from(last.as_ref())
            .map_err(|_wrong_length| damaged()(FormatError::Truncated))?;
        let range = trailer_range(size, last).map_err(damaged())?;
        let trailer = self.object_range(&name, range)?;
        let table = read_table(&self.keys, &header, &trailer).map_err(damaged())?;
        Ok(PackRecord { id, encapsulation: Arc::new(encapsulation), salt, size, table })
    }
}

fn in_memory(segment: &Segment) -> SortedSegment<Bytes> {
    let sorted = SortedSegment::build(segment).into_bytes();
    SortedSegment::from_bytes(Bytes::from(sorted)).expect("just built")
}

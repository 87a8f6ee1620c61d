//! Several segments asked as one, and the blobs of the running session.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use bytes::Bytes;

use super::{ENCAPSULATION_BYTES, FrameInfo, PackInfo, Place, SegmentName, SortedSegment};
use crate::id::{BlobPrefix, PackId};
use crate::pack::FrameEntry;

/// Whether a writer may rely on a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Its blobs need not be stored again.
    Trusted,
    /// Its blobs can be read, but a writer stores them again.
    Untrusted,
}

/// Where a blob can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The pack.
    pub pack: PackInfo,
    /// Which frame of the pack.
    pub frame: u32,
    /// Which blob of the frame.
    pub slot: u32,
    /// Sizes, codec, number of blobs of the frame.
    pub entry: FrameEntry,
    /// Where the frame lies in the pack, tag included.
    pub range: Range<u64>,
    /// Whether a writer may rely on it.
    pub trust: Trust,
    /// Which of the set's segments says so, in the order in which they were added.
    pub segment: usize,
    /// The same place in the segment's numbers.
    pub place: Place,
}

/// Everything that is known about where blobs are.
#[derive(Debug, Default)]
pub struct IndexSet {
    members: Vec<Member>,
    distrusted: HashSet<PackId>,
    own: HashSet<BlobPrefix, BuildHasherDefault<PrefixHasher>>,
}

#[derive(Debug)]
struct Member {
    name: SegmentName,
    segment: SortedSegment<Bytes>,
    trust: Trust,
    /// Positions of distrusted packs.
    distrusted: BTreeSet<u32>,
}

impl IndexSet {
    /// Without a segment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a segment. A memory map becomes `Bytes` by `Bytes::from_owner`.
    pub fn add(&mut self, name: SegmentName, segment: SortedSegment<Bytes>, trust: Trust) {
        let mut member = Member { name, segment, trust, distrusted: BTreeSet::new() };
        if !self.distrusted.is_empty() {
            member.distrust(|pack| self.distrusted.contains(pack));
        }
        self.members.push(member);
    }

    /// Changes what a writer may rely on; an unknown name is ignored.
    pub fn set_trust(&mut self, name: &SegmentName, trust: Trust) {
        for member in self.members.iter_mut().filter(|member| member.name == *name) {
            member.trust = trust;
        }
    }

    /// A writer no longer relies on these packs, in whatever segment they stand: condemned, lost or damaged ones.
    pub fn distrust_packs(&mut self, packs: impl IntoIterator<Item = PackId>) {
        let packs: HashSet<_> = packs.into_iter().collect();
        for member in &mut self.members {
            member.distrust(|pack| packs.contains(pack));
        }
        self.distrusted.extend(packs);
    }

    /// The segments, in the order in which they were added.
    pub fn segments(&self) -> impl Iterator<Item = (&SegmentName, &SortedSegment<Bytes>, Trust)> {
        self.members.iter().map(|member| (&member.name, &member.segment, member.trust))
    }

    /// How many segments there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no segment.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// A segment by its position.
    pub fn segment(&self, at: usize) -> Option<&SortedSegment<Bytes>> {
        self.members.get(at).map(|member| &member.segment)
    }

    /// The packs of places that [`Marks::for_each`](super::Marks::for_each) gave.
    pub fn packs_of(&self, places: &[(usize, Place)]) -> impl Iterator<Item = PackId> {
        let pack =
            |(segment, place): &(usize, Place)| Some(self.segment(*segment)?.pack(place.pack)?.id);
        places.iter().filter_map(pack)
    }

    /// Whether the blob need not be stored: this session has it, or a segment and a pack that may be relied on.
    pub fn contains_trusted(&self, prefix: &BlobPrefix) -> bool {
        self.own.contains(prefix) || self.members.iter().any(|member| member.vouches_for(prefix))
    }

    /// Notes that this session stores the blob; `false` if it was noted before.
    pub fn insert_new(&mut self, prefix: BlobPrefix) -> bool {
        self.own.insert(prefix)
    }

    /// `true` if the caller has to store the blob, which is noted; one call for the question and the note.
    pub fn claim(&mut self, prefix: BlobPrefix) -> bool {
        let known = self.members.iter().any(|member| member.vouches_for(&prefix));
        !known && self.own.insert(prefix)
    }

    /// Adds a segment that this session has written, which now stands for those of its noted blobs that it has.
    pub fn add_own(&mut self, name: SegmentName, segment: SortedSegment<Bytes>) {
        self.own.retain(|prefix| !segment.contains(prefix));
        self.add(name, segment, Trust::Trusted);
    }

    /// How many blobs this session has noted that no segment of its own has.
    pub fn own_blobs(&self) -> usize {
        self.own.len()
    }

    /// Where the blob can be read, trusted places first. This session's own blobs are not among them.
    pub fn places(&self, prefix: &BlobPrefix) -> Vec<Location> {
        let mut found: Vec<_> = self
            .members
            .iter()
            .enumerate()
            .flat_map(|(segment, member)| {
                let places = member.segment.lookup(prefix);
                places.filter_map(move |place| member.locate(segment, place))
            })
            .collect();
        found.sort_by_key(|location| location.trust == Trust::Untrusted);
        found
    }

    /// The start of a pack, by its segment's and its own position.
    pub fn start_of(&self, segment: usize, pack: u32) -> Option<Location> {
        self.members.get(segment)?.locate(segment, Place { pack, frame: 0, slot: 0 })
    }

    /// Another frame of a location's pack.
    pub fn frame(&self, location: &Location, frame: u32) -> Option<FrameInfo> {
        self.members.get(location.segment)?.segment.frame(location.place.pack, frame)
    }

    /// The encapsulated session key of a location's pack.
    pub fn encapsulation(&self, location: &Location) -> Option<&[u8; ENCAPSULATION_BYTES]> {
        let member = self.members.get(location.segment)?;
        member.segment.encapsulation(location.pack.encapsulation)
    }
}

impl Member {
    fn distrust(&mut self, is_distrusted: impl Fn(&PackId) -> bool) {
        let distrusted = (0..self.segment.packs())
            .filter(|&pack| self.segment.pack(pack).is_some_and(|pack| is_distrusted(&pack.id)));
        self.distrusted.extend(distrusted);
    }

    fn vouches_for(&self, prefix: &BlobPrefix) -> bool {
        match self.trust {
            Trust::Untrusted => false,
            Trust::Trusted if self.distrusted.is_empty() => self.segment.contains(prefix),
            Trust::Trusted => {
                self.segment.lookup(prefix).any(|place| !self.distrusted.contains(&place.pack))
            }
        }
    }

    fn locate(&self, segment: usize, place: Place) -> Option<Location> {
        let frame = self.segment.frame(place.pack, place.frame)?;
        let trust = match self.trust {
            Trust::Trusted if !self.distrusted.contains(&place.pack) => Trust::Trusted,
            Trust::Trusted | Trust::Untrusted => Trust::Untrusted,
        };
        Some(Location {
            pack: self.segment.pack(place.pack)?,
            frame: place.frame,
            slot: place.slot,
            entry: frame.entry,
            range: frame.range,
            trust,
            segment,
            place,
        })
    }
}

/// Takes the first eight bytes as they are: prefixes are keyed hashes, evenly spread and not to be foreseen.
#[derive(Debug, Default, Clone, Copy)]
struct PrefixHasher(u64);

impl Hasher for PrefixHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(half) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*half);
        }
    }

    /// The length that arrays announce before their bytes says nothing.
    fn write_usize(&mut self, _length: usize) {}
}

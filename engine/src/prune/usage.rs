//! Which of several copies of a blob is kept, and how much of each pack and frame that leaves in use.

use std::collections::{HashMap, HashSet};

use crate::id::PackId;
use crate::index::{Bits, FrameInfo, IndexSet, Marks, Place};
use crate::pack::BlobKind;
use crate::reach::Reach;
use crate::repository::Catalogue;

/// A pack of the index, once for each.
#[derive(Debug, Clone)]
pub(super) struct PackUse {
    pub(super) id: PackId,
    /// Bytes of the object.
    pub(super) size: u64,
    pub(super) kind: BlobKind,
    /// The segment that lists it, and where.
    pub(super) segment: usize,
    pub(super) pack: u32,
    /// Blobs that it holds.
    pub(super) blobs: u64,
    /// Blobs that are needed, other copies or not.
    live: u64,
    /// The store has it, whole, and nobody condemned it.
    pub(super) usable: bool,
    /// The store has it, but it is condemned: what is needed from it is copied when it is deleted.
    pub(super) condemned: bool,
    first_frame: usize,
    frames: u32,
}

/// Where a copy of a blob is: number of the pack, segment, place in the segment.
type Spot = (usize, usize, Place);

/// How the needed blobs are spread over the packs.
pub(super) struct Usage {
    pub(super) packs: Vec<PackUse>,
    by_id: HashMap<PackId, usize>,
    /// Numbers of packs, by segment and position.
    numbers: Vec<Vec<usize>>,
    /// Blobs in use of each frame of each pack.
    frames: Vec<u32>,
    /// For each segment, the blobs whose copy there is the one that is kept.
    kept: Vec<Bits>,
    /// Needed, and in no pack that the store has.
    pub(super) lost: u64,
}

impl Usage {
    /// A blob that `undisputed` does not have may be lost; without that, none may.
    pub(super) fn of(
        reach: &Reach<'_>,
        undisputed: Option<&Marks>,
        condemned: &HashSet<PackId>,
    ) -> Self {
        let catalogue = reach.catalogue();
        let mut usage = Self::empty(catalogue, condemned);
        let set = catalogue.set();
        usage.kept = vec![Bits::default(); usage.numbers.len()];
        let mut copies = Vec::new();
        reach.marks().for_each(set, &mut |prefix, all| {
            let places = usage.by_pack(all);
            let usable = |(number, ..): &&Spot| usage.is_usable(*number);
            let mut found = places.iter().filter(usable);
            match (found.next().copied(), found.next()) {
                (Some(only), None) => usage.keep(set, only),
                (Some(_), Some(_)) => copies.push(places.clone()),
                (None, _) if places.iter().any(|place| usage.is_condemned(place.0)) => {}
                (None, _) if undisputed.is_some_and(|marks| !marks.contains(set, prefix)) => {}
                (None, _) => usage.lost += 1,
            }
            for (number, ..) in &places {
                usage.packs.get_mut(*number).into_iter().for_each(|pack| pack.live += 1);
            }
        });
        // Where there is a choice, the pack that is in use most stays.
        for places in copies {
            let best = places.iter().filter(|place| usage.is_usable(place.0));
            let best = best.max_by_key(|place| usage.density(place.0)).copied();
            if let Some(place) = best {
                usage.keep(set, place);
            }
        }
        usage
    }

    fn empty(catalogue: &Catalogue, condemned: &HashSet<PackId>) -> Self {
        let mut usage = Self {
            packs: Vec::new(),
            by_id: HashMap::new(),
            numbers: Vec::new(),
            frames: Vec::new(),
            kept: Vec::new(),
            lost: 0,
        };
        for (segment, (_, sorted, _)) in catalogue.set().segments().enumerate() {
            let mut numbers = Vec::new();
            for pack in 0..sorted.packs() {
                let Some(info) = sorted.pack(pack) else { continue };
                let next = usage.packs.len();
                let number = *usage.by_id.entry(info.id).or_insert(next);
                numbers.push(number);
                if number < next {
                    continue;
                }
                let stored = catalogue.stored().get(&info.id);
                let is_whole = stored == Some(&info.size);
                let is_condemned = condemned.contains(&info.id);
                let frames = sorted.frames(pack);
                let infos = (0..frames).filter_map(|frame| sorted.frame(pack, frame));
                usage.packs.push(PackUse {
                    id: info.id,
                    size: info.size,
                    kind: info.kind,
                    segment,
                    pack,
                    blobs: infos.map(|frame| u64::from(frame.entry.blobs)).sum(),
                    live: 0,
                    usable: is_whole && !is_condemned,
                    condemned: is_whole && is_condemned,
                    first_frame: usage.frames.len(),
                    frames,
                });
                let frames = usize::try_from(frames).unwrap_or_default();
                usage.frames.resize(usage.frames.len() + frames, 0);
            }
            usage.numbers.push(numbers);
        }
        usage
    }

    /// The places of a blob, one for each pack.
    fn by_pack(&self, places: &[(usize, Place)]) -> Vec<Spot> {
        let mut spots: Vec<Spot> = Vec::with_capacity(places.len());
        for (segment, place) in places {
            let numbers = self.numbers.get(*segment);
            let pack = usize::try_from(place.pack).ok();
            let number = numbers.zip(pack).and_then(|(numbers, pack)| numbers.get(pack));
            let Some(&number) = number else { continue };
            if !spots.iter().any(|(known, ..)| *known == number) {
                spots.push((number, *segment, *place));
            }
        }
        spots
    }

    fn is_usable(&self, number: usize) -> bool {
        self.packs.get(number).is_some_and(|pack| pack.usable)
    }

    fn is_condemned(&self, number: usize) -> bool {
        self.packs.get(number).is_some_and(|pack| pack.condemned)
    }

    /// Needed blobs in a million; of equal ones, the larger pack.
    fn density(&self, number: usize) -> (u64, u64, PackId) {
        let pack = self.packs.get(number);
        pack.map_or((0, 0, PackId([0; 32])), |pack| {
            (pack.live * 1_000_000 / pack.blobs.max(1), pack.size, pack.id)
        })
    }

    fn keep(&mut self, set: &IndexSet, (number, segment, place): Spot) {
        let Some(pack) = self.packs.get(number) else { return };
        let frame = pack.first_frame + usize::try_from(place.frame).unwrap_or_default();
        // The same pack may stand in two segments; one of them counts.
        let place = Place { pack: pack.pack, ..place };
        let segment = if pack.segment == segment { segment } else { pack.segment };
        let ordinal = set.segments().nth(segment).and_then(|(_, sorted, _)| sorted.ordinal(place));
        if let (Some(ordinal), Some(bits)) = (ordinal, self.kept.get_mut(segment))
            && bits.set(ordinal)
            && let Some(used) = self.frames.get_mut(frame)
        {
            *used += 1;
        }
    }

    /// Whether this copy of a blob is the one that is kept.
    pub(super) fn is_kept(&self, pack: &PackUse, ordinal: usize) -> bool {
        self.kept.get(pack.segment).is_some_and(|bits| bits.get(ordinal))
    }

    /// The frames of a pack: number, what the index says, blobs in use.
    pub(super) fn frames_of<'a>(
        &'a self,
        set: &'a IndexSet,
        pack: &'a PackUse,
    ) -> impl Iterator<Item = (u32, FrameInfo, u32)> + 'a {
        let used = self.frames.get(pack.first_frame..).unwrap_or_default();
        let sorted = set.segments().nth(pack.segment).map(|(_, sorted, _)| sorted);
        (0..pack.frames)
            .zip(used)
            .filter_map(move |(frame, used)| Some((frame, sorted?.frame(pack.pack, frame)?, *used)))
    }

    /// Blobs of a pack that are kept.
    pub(super) fn used(&self, pack: &PackUse) -> u64 {
        let frames = usize::try_from(pack.frames).unwrap_or_default();
        let used = self.frames.iter().skip(pack.first_frame).take(frames);
        used.map(|used| u64::from(*used)).sum()
    }

    /// Whether something is needed that only packs without a segment hold.
    pub(super) fn uses_unindexed(&self, set: &IndexSet) -> bool {
        let unindexed = set.segments().position(|(name, ..)| Catalogue::is_unindexed(name));
        let here = |pack: &&PackUse| Some(pack.segment) == unindexed;
        self.packs.iter().filter(here).any(|pack| self.used(pack) > 0)
    }

    /// A pack by its name.
    pub(super) fn pack(&self, id: &PackId) -> Option<&PackUse> {
        self.packs.get(*self.by_id.get(id)?)
    }
}

//! Lookups in an index of a million blobs, and of ten million in ten segments.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::Criterion;
use heirloom_engine::crypto::Encapsulation;
use heirloom_engine::id::{PackId, SessionId};
use heirloom_engine::index::{IndexSet, Segment, SegmentName, SortedSegment, Trust};
use heirloom_engine::pack::{BlobKind, Codec, FrameEntry, PackRecord, PackTable};

use crate::data::prefix;

const PACKS: u64 = 100;
const FRAMES_PER_PACK: u64 = 20;
const BLOBS_PER_FRAME: u64 = 500;
const BLOBS: u64 = PACKS * FRAMES_PER_PACK * BLOBS_PER_FRAME;

pub(crate) fn benches(c: &mut Criterion) {
    let segment = segment(0);
    let mut group = c.benchmark_group("index");
    group.sample_size(10);
    group.bench_function("sort a segment of a million", |b| {
        b.iter(|| SortedSegment::build(&segment));
    });

    group.sample_size(50);
    for (what, segments) in [("1 million", 1), ("10 million", 10)] {
        let set = set(segments);
        let all = BLOBS * segments;
        let known: Vec<_> = (0..1000).map(|n| prefix(n * 7919 * 1_299_709 % all)).collect();
        let new: Vec<_> = (all..all + 1000).map(prefix).collect();
        for (which, prefixes) in [("known", &known), ("new", &new)] {
            let name = format!("is a {which} blob among {what} stored, 1000 times");
            group.bench_function(name, |b| {
                b.iter(|| {
                    prefixes.iter().filter(|prefix| set.contains_trusted(black_box(prefix))).count()
                });
            });
        }
        group.bench_function(format!("places of a known blob among {what}, 1000 times"), |b| {
            b.iter(|| {
                known.iter().map(|prefix| set.places(black_box(prefix)).len()).sum::<usize>()
            });
        });
    }
}

fn set(segments: u64) -> IndexSet {
    let mut set = IndexSet::new();
    for (n, number) in (0..).zip(0..segments) {
        let sorted = Bytes::from(SortedSegment::build(&segment(number)).into_bytes());
        let sorted = SortedSegment::from_bytes(sorted).expect("just built");
        set.add(SegmentName { session: SessionId([1; 16]), n }, sorted, Trust::Trusted);
    }
    set
}

/// The numbered million.
fn segment(number: u64) -> Segment {
    let encapsulation = Arc::new(Encapsulation(Box::new([3; 1120])));
    let mut numbers = number * BLOBS..(number + 1) * BLOBS;
    let packs = (0..PACKS).map(|n| {
        let mut table = PackTable::new(BlobKind::Content);
        for _ in 0..FRAMES_PER_PACK {
            let blobs = u32::try_from(BLOBS_PER_FRAME).expect("fits");
            let bytes = 2 << 20;
            table.frames.push(FrameEntry {
                stored_bytes: bytes / 2,
                plain_bytes: bytes,
                codec: Codec::Zstd,
                blobs,
            });
            table.prefixes.extend(numbers.by_ref().take(500).map(prefix));
        }
        let id = PackId(*blake3::hash(&n.to_le_bytes()).as_bytes());
        let size = table.frames_end() + 20_000;
        PackRecord { id, encapsulation: Arc::clone(&encapsulation), salt: [4; 32], size, table }
    });
    Segment { replaces: Vec::new(), packs: packs.collect() }
}

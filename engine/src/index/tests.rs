use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::crypto::Encapsulation;
use crate::error::FormatError;
use crate::id::{BlobPrefix, PackId, SessionId};
use crate::pack::cursor::as_usize;
use crate::pack::{BlobKind, Codec, FrameEntry, PackRecord, PackTable};

fn prefix(n: u32) -> BlobPrefix {
    BlobPrefix(*blake3::hash(&n.to_le_bytes()).as_bytes().first_chunk().unwrap())
}

fn name(n: u32) -> SegmentName {
    SegmentName { session: SessionId([5; 16]), n }
}

fn key(n: u8) -> Arc<Encapsulation> {
    Arc::new(Encapsulation(Box::new([n; ENCAPSULATION_BYTES])))
}

/// A pack whose frames hold the numbered blobs.
fn pack(n: u8, frames: &[Vec<u32>]) -> PackRecord {
    let mut table =
        PackTable::new(if n.is_multiple_of(2) { BlobKind::Content } else { BlobKind::Tree });
    for blobs in frames {
        let count = u32::try_from(blobs.len()).unwrap();
        let (stored_bytes, plain_bytes) = (count * 10 + 1, count * 20 + 1);
        table.frames.push(FrameEntry {
            stored_bytes,
            plain_bytes,
            codec: Codec::Zstd,
            blobs: count,
        });
        table.prefixes.extend(blobs.iter().map(|&blob| prefix(blob)));
    }
    let size = table.frames_end() + 300;
    PackRecord { id: PackId([n; 32]), encapsulation: key(n / 3), salt: [n; 32], size, table }
}

fn segment(packs: Vec<PackRecord>) -> Segment {
    Segment { replaces: vec![name(7), name(1)], packs }
}

/// Frames of numbered blobs; small numbers, so that many blobs are in several places.
fn any_segment() -> impl Strategy<Value = Segment> {
    vec(vec(vec(0..200_u32, 0..12), 0..6), 0..8)
        .prop_map(|packs| segment((0..).zip(packs).map(|(n, frames)| pack(n, &frames)).collect()))
}

/// Every place of a blob, the slow way.
fn places_in(segment: &Segment, wanted: BlobPrefix) -> Vec<Place> {
    let mut places = Vec::new();
    for (pack, record) in (0..).zip(&segment.packs) {
        for (frame, blobs) in (0..).zip(record.table.blobs_by_frame()) {
            let slots = (0..).zip(blobs).filter(|(_, blob)| **blob == wanted);
            places.extend(slots.map(|(slot, _)| Place { pack, frame, slot }));
        }
    }
    places
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn segments_survive_a_round_trip(segment in any_segment()) {
        let body = segment.encode_body();
        prop_assert!(body.len() <= segment.encoded_bytes_max());
        prop_assert_eq!(Segment::parse_body(&body), Ok(segment.clone()));
        let sorted = SortedSegment::build(&segment);
        let again = SortedSegment::from_bytes(Bytes::from(sorted.into_bytes())).unwrap();
        prop_assert_eq!(again.to_segment(), Ok(segment));
    }

    #[test]
    fn every_place_of_every_blob_is_found(segment in any_segment()) {
        let sorted = SortedSegment::build(&segment);
        for blob in 0..210 {
            let expected = places_in(&segment, prefix(blob));
            prop_assert_eq!(sorted.contains(&prefix(blob)), !expected.is_empty());
            let found: Vec<_> = sorted.lookup(&prefix(blob)).collect();
            prop_assert_eq!(found, expected);
        }
        for (n, record) in (0..).zip(&segment.packs) {
            let info = sorted.pack(n).unwrap();
            prop_assert_eq!((info.id, info.salt, info.size), (record.id, record.salt, record.size));
            prop_assert_eq!(info.kind, record.table.kind);
            prop_assert_eq!(sorted.encapsulation(info.encapsulation), Some(&*record.encapsulation.0));
            for (m, (entry, range)) in (0..).zip(record.table.frames.iter().zip(record.table.frame_ranges())) {
                let frame = sorted.frame(n, m).unwrap();
                prop_assert_eq!((&frame.entry, frame.range), (entry, range));
            }
            prop_assert!(sorted.frame(n, u32::try_from(record.table.frames.len()).unwrap()).is_none());
        }
        prop_assert_eq!(sorted.replaces().collect::<Vec<_>>(), segment.replaces);
    }

    #[test]
    fn marked_blobs_are_handed_on_once_with_all_their_places(
        segments in vec(any_segment(), 0..5),
        wanted in vec(0..230_u32, 0..60),
    ) {
        let mut set = IndexSet::new();
        for (n, segment) in (0..).zip(&segments) {
            let sorted = SortedSegment::build(segment).into_bytes();
            let sorted = SortedSegment::from_bytes(Bytes::from(sorted)).unwrap();
            set.add(name(n), sorted, Trust::Trusted);
        }
        let mut marks = Marks::default();
        let mut expected = std::collections::BTreeMap::new();
        for blob in wanted {
            let places: Vec<_> = (0..).zip(&segments).flat_map(|(n, segment)| {
                places_in(segment, prefix(blob)).into_iter().map(move |place| (n, place))
            }).collect();
            let known = !places.is_empty();
            prop_assert_eq!(marks.mark(&set, &prefix(blob)) == Marked::Unknown, !known);
            prop_assert_eq!(marks.contains(&set, &prefix(blob)), known);
            if known {
                expected.insert(prefix(blob), places);
            }
        }
        let mut found = Vec::new();
        marks.for_each(&set, &mut |prefix, places| found.push((*prefix, places.to_vec())));
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn arbitrary_bytes_never_panic_a_segment(bytes in vec(any::<u8>(), 0..3000)) {
        let _segment = Segment::parse_body(&bytes);
        let _sorted = SortedSegment::from_bytes(&bytes[..]);
        let _sorted = SortedSegment::from_bytes([b"HLSORTED", &bytes[..]].concat());
    }
}

fn use_everything(sorted: &SortedSegment<&[u8]>) {
    for blob in 0..40 {
        for place in sorted.lookup(&prefix(blob)) {
            let _info = (sorted.pack(place.pack), sorted.frame(place.pack, place.frame));
        }
        sorted.contains(&prefix(blob));
    }
    let _segment = (sorted.to_segment(), sorted.replaces().count());
}

#[test]
fn torn_and_changed_sorted_segments_are_refused_or_harmless() {
    let packs = vec![pack(0, &[(0..9).collect(), vec![3, 4]]), pack(1, &[]), pack(5, &[vec![20]])];
    let good = SortedSegment::build(&segment(packs)).into_bytes();
    for bytes in 0..good.len() {
        assert!(SortedSegment::from_bytes(&good[..bytes]).is_err(), "{bytes}");
    }
    let mut bytes = good.clone();
    for at in 0..bytes.len() {
        for change in [0x01, 0x10, 0x80, 0xff] {
            bytes[at] ^= change;
            if let Ok(sorted) = SortedSegment::from_bytes(&bytes[..]) {
                use_everything(&sorted);
            }
            bytes[at] ^= change;
        }
    }
    for (from, to) in [(36, good.len()), (52, 400)] {
        let mut torn = good.clone();
        torn[from..to].fill(0);
        if let Ok(sorted) = SortedSegment::from_bytes(&torn[..]) {
            use_everything(&sorted);
        }
    }
}

#[test]
fn changed_segment_bodies_are_refused_or_parse_to_something_else() {
    let good = segment(vec![pack(0, &[vec![1, 2]]), pack(4, &[vec![3]])]).encode_body();
    let mut bytes = good.clone();
    for at in 0..bytes.len() {
        assert!(Segment::parse_body(&good[..at]).is_err(), "{at}");
        bytes[at] ^= 0x81;
        if let Ok(parsed) = Segment::parse_body(&bytes) {
            assert_eq!(parsed.encode_body(), bytes, "{at}");
        }
        bytes[at] ^= 0x81;
    }
}

#[test]
fn huge_counts_are_refused_by_the_length_of_the_input() {
    let max = u32::MAX.to_le_bytes();
    let zero = 0_u32.to_le_bytes();
    let many = (1_u32 << 24).to_le_bytes();
    for body in [
        max.to_vec(),
        [zero, max].concat(),
        [zero, many].concat(),
        [zero, zero, max].concat(),
        [zero, zero, many].concat(),
    ] {
        assert!(Segment::parse_body(&body).is_err());
    }
    for count in 0..6 {
        let mut bytes = b"HLSORTED".to_vec();
        bytes.resize(8 + 24 + 20, 0);
        bytes[8 + 4 * count..12 + 4 * count].copy_from_slice(&max);
        assert_eq!(SortedSegment::from_bytes(&bytes).err(), Some(FormatError::Truncated));
    }
}

#[test]
fn a_segment_has_the_documented_bytes() {
    let record = pack(4, &[vec![1]]);
    let segment =
        Segment { replaces: vec![name(0x0102)], packs: vec![record.clone(), record.clone()] };
    let mut expected =
        [&[1, 0, 0, 0][..], &[5; 16], &[2, 1, 0, 0], &[1, 0, 0, 0], &[1; 1120]].concat();
    expected.extend([2, 0, 0, 0]);
    for _ in 0..2 {
        expected.extend([&[4; 32][..], &[0; 4], &[4; 32], &record.size.to_le_bytes()].concat());
        record.table.encode(&mut expected);
    }
    assert_eq!(segment.encode_body(), expected);
}

#[test]
fn a_record_whose_frames_exceed_its_pack_is_refused() {
    let mut record = pack(0, &[vec![1]]);
    record.size = record.table.frames_end() + 19;
    let body = segment(vec![record]).encode_body();
    let error = FormatError::OutOfBounds { what: "size of a pack" };
    assert_eq!(Segment::parse_body(&body), Err(error));
}

#[test]
fn segment_names_have_one_form() {
    let text = "index/05050505050505050505050505050505.12";
    assert_eq!(SegmentName::parse(text), Some(name(12)));
    assert_eq!(name(12).to_string(), text);
    for bad in ["index/05.1", "05050505050505050505050505050505.12", &text.replace(".12", ".012")] {
        assert_eq!(SegmentName::parse(bad), None, "{bad}");
    }
    for end in ["", ".", ".+1", ".-1", ".4294967296", ".1.2", ".x"] {
        assert_eq!(SegmentName::parse(&text.replace(".12", end)), None, "{end}");
    }
}

#[test]
fn a_million_blobs_take_less_than_24_bytes_each_and_are_all_found() {
    let frames: Vec<Vec<u32>> = (0..50_000).map(|n| (n * 20..n * 20 + 20).collect()).collect();
    let packs = (0..).zip(frames.chunks(400)).map(|(n, frames)| pack(n, frames)).collect();
    let sorted = SortedSegment::build(&Segment { replaces: Vec::new(), packs });
    assert_eq!(sorted.blobs(), 1_000_000);
    let bytes = sorted.as_bytes().len();
    assert!(bytes < 23_000_000, "{bytes}");
    for blob in (0..1_000_000).step_by(53) {
        let expected = Place { pack: blob / 8000, frame: blob % 8000 / 20, slot: blob % 20 };
        assert_eq!(sorted.lookup(&prefix(blob)).collect::<Vec<_>>(), [expected]);
        assert!(!sorted.contains(&prefix(blob + 2_000_000)));
    }
}

fn set_of(members: &[(u32, Trust, Vec<PackRecord>)]) -> IndexSet {
    let mut set = IndexSet::new();
    for (n, trust, packs) in members {
        let sorted = SortedSegment::build(&segment(packs.clone()));
        set.add(name(*n), SortedSegment::from_bytes(sorted.into_bytes().into()).unwrap(), *trust);
    }
    set
}

#[test]
fn a_writer_relies_on_trusted_segments_and_packs_only() {
    let mut set = set_of(&[
        (0, Trust::Trusted, vec![pack(0, &[vec![1, 2]]), pack(1, &[vec![2, 3]])]),
        (1, Trust::Untrusted, vec![pack(2, &[vec![4, 1]])]),
    ]);
    let trusted =
        |set: &IndexSet| (0..6).filter(|&n| set.contains_trusted(&prefix(n))).collect::<Vec<_>>();
    assert_eq!(trusted(&set), [1, 2, 3]);
    set.distrust_packs([PackId([1; 32])]);
    assert_eq!(trusted(&set), [1, 2]);
    set.set_trust(&name(1), Trust::Trusted);
    assert_eq!(trusted(&set), [1, 2, 4]);
    let late = SortedSegment::build(&segment(vec![pack(1, &[vec![5]])])).into_bytes();
    set.add(name(2), SortedSegment::from_bytes(late.into()).unwrap(), Trust::Trusted);
    assert_eq!(trusted(&set), [1, 2, 4], "a distrusted pack stays so in later segments");
    set.set_trust(&name(0), Trust::Untrusted);
    assert_eq!(trusted(&set), [1, 4]);
}

#[test]
fn a_reader_sees_every_place_and_trusted_ones_first() {
    let mut set = set_of(&[
        (0, Trust::Untrusted, vec![pack(2, &[vec![9], vec![4, 1]])]),
        (1, Trust::Trusted, vec![pack(0, &[vec![1, 2]]), pack(3, &[vec![7], vec![8, 1]])]),
    ]);
    set.distrust_packs([PackId([0; 32])]);
    let places = set.places(&prefix(1));
    let found: Vec<_> =
        places.iter().map(|at| (at.pack.id.0[0], at.frame, at.slot, at.trust)).collect();
    assert_eq!(
        found,
        [(3, 1, 1, Trust::Trusted), (2, 1, 1, Trust::Untrusted), (0, 0, 0, Trust::Untrusted)]
    );
    assert_eq!(set.encapsulation(&places[0]), Some(&*key(1).0));
    assert_eq!(places[0].range, 1168 + 11 + 16..1168 + 11 + 16 + 21 + 16);
    let first = set.frame(&places[0], 0).map(|frame| frame.range);
    assert_eq!(first, Some(1168..1168 + 11 + 16), "the other frame of that pack");
    assert!(set.frame(&places[0], 2).is_none());
    assert_eq!(set.places(&prefix(50)), []);
}

#[test]
fn a_blob_is_claimed_once() {
    let mut set = set_of(&[(0, Trust::Trusted, vec![pack(0, &[vec![1]])])]);
    assert!(!set.claim(prefix(1)), "a trusted segment has it");
    assert!(set.claim(prefix(2)));
    assert!(!set.claim(prefix(2)));
    assert!(!set.insert_new(prefix(2)));
    assert!(set.insert_new(prefix(3)));
    assert!(set.contains_trusted(&prefix(2)) && set.contains_trusted(&prefix(3)));
    assert_eq!((set.own_blobs(), set.places(&prefix(2)).len()), (2, 0));
    for n in 0..100_000 {
        set.insert_new(prefix(n));
    }
    assert_eq!(set.own_blobs(), as_usize(100_000));
}

#[test]
fn a_segment_of_its_own_stands_for_the_blobs_that_a_session_noted() {
    let mut set = IndexSet::new();
    for n in 0..10 {
        set.insert_new(prefix(n));
    }
    let sorted = SortedSegment::build(&segment(vec![pack(0, &[vec![1, 2], vec![7]])])).into_bytes();
    set.add_own(name(0), SortedSegment::from_bytes(sorted.into()).unwrap());
    assert_eq!(set.own_blobs(), 7);
    assert!((0..10).all(|n| set.contains_trusted(&prefix(n))));
    assert!(!set.contains_trusted(&prefix(10)));
    assert_eq!(set.places(&prefix(7)).len(), 1);
}

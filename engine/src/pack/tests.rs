use std::sync::atomic::{AtomicU64, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;

use super::cursor::{as_u64, as_usize};
use super::*;
use crate::clock::Clock;
use crate::crypto::{Keys, RootSecret, SessionKey, padme};
use crate::id::{BlobPrefix, PackId, RepositoryId};

const MIB: u32 = 1 << 20;

/// Random bytes that are the same in every run.
#[derive(Debug, Default)]
struct SeededClock(AtomicU64);

impl Clock for SeededClock {
    fn now_ns(&self) -> i128 {
        0
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        let call = self.0.fetch_add(1, Ordering::Relaxed);
        blake3::Hasher::new().update(&call.to_le_bytes()).finalize_xof().fill(bytes);
    }

    fn sleep(&self, _: std::time::Duration) {}
}

struct Bench {
    clock: SeededClock,
    keys: Keys,
    session: SessionKey,
}

impl Bench {
    fn new() -> Self {
        let clock = SeededClock::default();
        let keys = Keys::derive(&RootSecret::from_bytes([7; 32]), RepositoryId([9; 16]));
        let session = keys.new_session_key(&clock);
        Self { clock, keys, session }
    }

    fn writer(&self, target_bytes: u32) -> PackWriter {
        PackWriter::new(BlobKind::Content, &self.session, target_bytes, &self.clock)
    }

    /// A pack whose frames hold the given blobs.
    fn pack(&self, frames: &[Vec<Vec<u8>>], level: Option<i32>) -> FinishedPack {
        let mut writer = self.writer(MIB);
        let mut compressor = Compressor::new().unwrap();
        for blobs in frames {
            let mut builder = FrameBuilder::new();
            for blob in blobs {
                builder.push(prefix_of(blob), blob);
            }
            writer.push(builder.finish().encode(level.map(Effort::level), &mut compressor));
        }
        writer.finish(&self.keys, &self.clock)
    }

    /// All blobs that the bytes of a pack give out, or the first error; nothing is compared with a hash.
    fn read(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, FormatError> {
        let record = record_from_pack(&self.keys, None, bytes)?;
        let session = self.keys.open_session_key(&record.encapsulation)?;
        let key = session.pack_key(&record.salt);
        let mut blobs = Vec::new();
        let entries = record.table.frames.iter().zip(record.table.frame_ranges());
        for (ordinal, (entry, range)) in (0..).zip(entries) {
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            let frame = open_frame(&key, ordinal, bytes[range].to_vec(), entry)?;
            blobs.extend((0..frame.len()).map(|slot| frame.blob(slot).unwrap().to_vec()));
            assert_eq!(frame.blob(frame.len()), None);
        }
        Ok(blobs)
    }
}

fn prefix_of(blob: &[u8]) -> BlobPrefix {
    BlobPrefix(*blake3::hash(blob).as_bytes().first_chunk().unwrap())
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().update(&as_u64(bytes).to_le_bytes()).finalize_xof().fill(&mut noise);
    noise
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn blobs_survive_packing(
        frames in vec(vec(vec(0_u8..4, 0..300), 0..20), 0..8),
        level in prop_oneof![Just(None), (1..6).prop_map(Some)],
    ) {
        let bench = Bench::new();
        let pack = bench.pack(&frames, level);
        let blobs = frames.concat();
        let prefixes: Vec<_> = blobs.iter().map(|blob| prefix_of(blob)).collect();
        prop_assert_eq!(&pack.record.table.prefixes, &prefixes);
        prop_assert_eq!(as_u64(pack.bytes.len()), padme(as_u64(pack.bytes.len())));
        prop_assert_eq!(record_from_pack(&bench.keys, Some(&pack.id), &pack.bytes), Ok(pack.record));
        prop_assert_eq!(bench.read(&pack.bytes), Ok(blobs));
    }

    #[test]
    fn arbitrary_bytes_never_panic_a_parser(bytes in vec(any::<u8>(), 0..2000), blobs in 0..2000_u32) {
        let _table = PackTable::parse(&bytes);
        let _frame = OpenFrame::from_plain(bytes.clone().into(), blobs);
        let _header = parse_header(&bytes);
        let bench = Bench::new();
        prop_assert!(record_from_pack(&bench.keys, None, &bytes).is_err());
        if let Some(last) = bytes.last_chunk() {
            let _range = trailer_range(as_u64(bytes.len()), *last);
        }
    }

    #[test]
    fn a_table_that_parses_encodes_to_the_same_bytes(
        mut bytes in vec(0_u8..3, 5..200),
        frames in 0..4_u8,
    ) {
        bytes[1..5].copy_from_slice(&[frames, 0, 0, 0]);
        if let Ok((table, rest)) = PackTable::parse(&bytes) {
            let mut again = Vec::new();
            table.encode(&mut again);
            again.extend_from_slice(rest);
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn a_directory_that_parses_gives_blobs_that_add_up(
        bytes in vec(0_u8..6, 0..60),
        blobs in 0..20_u32,
    ) {
        if let Ok(frame) = OpenFrame::from_plain(bytes.clone().into(), blobs) {
            let parts: Vec<u8> = (0..frame.len()).flat_map(|slot| frame.blob(slot).unwrap()).copied().collect();
            prop_assert_eq!(frame.len(), as_usize(blobs));
            prop_assert!(bytes.ends_with(&parts));
            prop_assert_eq!(parts.len() + as_usize(blobs), bytes.len());
        }
    }
}

#[test]
fn a_flipped_byte_anywhere_is_noticed_and_never_gives_a_wrong_blob() {
    let bench = Bench::new();
    let frames = [vec![noise(40), b"text".repeat(30)], vec![Vec::new(), noise(90)]];
    for level in [None, Some(3)] {
        let pack = bench.pack(&frames, level);
        let blobs = frames.concat();
        let mut bytes = pack.bytes.clone();
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                bytes[at] ^= change;
                assert_eq!(
                    record_from_pack(&bench.keys, Some(&pack.id), &bytes),
                    Err(FormatError::WrongId)
                );
                // Only padding can change without an error, and then everything reads as before.
                if let Ok(read) = bench.read(&bytes) {
                    assert_eq!(read, blobs, "byte {at}");
                    assert!(as_u64(at) >= pack.record.table.frames_end(), "byte {at}");
                }
                bytes[at] ^= change;
            }
        }
    }
}

#[test]
fn a_pack_that_is_cut_anywhere_is_refused() {
    let bench = Bench::new();
    let pack = bench.pack(&[vec![noise(700)]], None);
    for bytes in 0..pack.bytes.len() {
        assert!(bench.read(&pack.bytes[..bytes]).is_err(), "{bytes}");
    }
}

#[test]
fn frames_cannot_change_places() {
    let bench = Bench::new();
    let pack = bench.pack(&[vec![noise(100)], vec![noise(100)]], None);
    let key = bench.session.pack_key(&pack.record.salt);
    let entry = pack.record.table.frames[1];
    let range = pack.record.table.frame_range(1).unwrap();
    let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
    let sealed = pack.bytes[range].to_vec();
    assert_eq!(open_frame(&key, 0, sealed.clone(), &entry).err(), Some(FormatError::Unauthentic));
    assert!(open_frame(&key, 1, sealed, &entry).is_ok());
}

/// Seals bytes that no writer of ours would seal.
fn open_forged(stored: &[u8], entry: FrameEntry) -> Result<OpenFrame, FormatError> {
    let bench = Bench::new();
    let key = bench.session.pack_key(&[1; 32]);
    let mut sealed = stored.to_vec();
    let tag = key.seal_frame(0, &mut sealed);
    sealed.extend_from_slice(&tag);
    open_frame(&key, 0, sealed, &entry)
}

#[test]
fn a_bomb_in_an_authentic_frame_stops_at_the_stated_size() {
    let bomb = zstd::bulk::compress(&vec![0; 16 << 20], 3).unwrap();
    let stored_bytes = u32::try_from(bomb.len()).unwrap();
    let entry = FrameEntry { stored_bytes, plain_bytes: 1000, codec: Codec::Zstd, blobs: 1 };
    assert_eq!(open_forged(&bomb, entry).err(), Some(FormatError::Compression));
}

#[test]
fn a_directory_that_contradicts_its_blobs_is_refused() {
    let entry = |bytes: usize, blobs| {
        let bytes = u32::try_from(bytes).unwrap();
        FrameEntry { stored_bytes: bytes, plain_bytes: bytes, codec: Codec::Stored, blobs }
    };
    assert!(open_forged(&[2, 1, 7, 7, 7], entry(5, 2)).is_ok());
    for (plain, blobs) in [
        (&[2, 1, 7, 7, 7][..], 1),
        (&[2, 1, 7, 7, 7], 3),
        (&[2, 1, 7, 7, 7], 6),
        (&[2, 2, 7, 7, 7], 2),
        (&[0x80], 1),
        (&[0x81, 0x80, 0x80, 0x08, 7], 1),
        (&[7], 0),
    ] {
        assert!(open_forged(plain, entry(plain.len(), blobs)).is_err(), "{plain:?} {blobs}");
    }
    assert!(open_forged(&[0], entry(2, 1)).is_err(), "the size must fit the table");
}

fn encoded(table: &PackTable) -> Vec<u8> {
    let mut bytes = Vec::new();
    table.encode(&mut bytes);
    bytes
}

#[test]
fn a_table_has_the_documented_bytes() {
    let table = PackTable {
        kind: BlobKind::Tree,
        frames: vec![
            FrameEntry { stored_bytes: 3, plain_bytes: 0x0102, codec: Codec::Zstd, blobs: 1 },
            FrameEntry { stored_bytes: 9, plain_bytes: 9, codec: Codec::Stored, blobs: 1 },
        ],
        prefixes: vec![BlobPrefix([0xaa; 16]), BlobPrefix([0xbb; 16])],
    };
    let mut expected = vec![2, 2, 0, 0, 0];
    expected.extend([3, 0, 0, 0, 2, 1, 0, 0, 1, 1, 0, 0, 0]);
    expected.extend([9, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 0, 0]);
    expected.extend([[0xaa; 16], [0xbb; 16]].concat());
    assert_eq!(encoded(&table), expected);
    assert_eq!(table.encoded_bytes(), expected.len());
    assert_eq!(table.frame_range(0), Some(1168..1187));
    assert_eq!(table.frame_range(1), Some(1187..1212));
    assert_eq!(table.frame_range(2), None);
    assert_eq!(table.frames_end(), 1212);
    let blobs: Vec<_> = table.blobs_by_frame().collect();
    assert_eq!(blobs, [&[BlobPrefix([0xaa; 16])], &[BlobPrefix([0xbb; 16])]]);
    assert_eq!(PackTable::parse(&[&expected[..], b"rest"].concat()), Ok((table, &b"rest"[..])));
}

#[test]
fn tables_beyond_the_limits_are_refused() {
    let good = FrameEntry { stored_bytes: 9, plain_bytes: 99, codec: Codec::Zstd, blobs: 1 };
    let refused = |entry: FrameEntry, frames: usize| {
        let table =
            PackTable { kind: BlobKind::Content, frames: vec![entry; frames], prefixes: vec![] };
        let mut bytes = encoded(&table);
        bytes.resize(bytes.len() + 100, 0);
        PackTable::parse(&bytes).err()
    };
    assert_eq!(refused(good, 1), None);
    for bad in [
        FrameEntry { stored_bytes: FRAME_BYTES_MAX + 1, ..good },
        FrameEntry { plain_bytes: FRAME_BYTES_MAX + 1, ..good },
        FrameEntry { plain_bytes: FRAME_BYTES_MAX, blobs: FRAME_BLOBS_MAX + 1, ..good },
        FrameEntry { blobs: 100, ..good },
        FrameEntry { codec: Codec::Stored, ..good },
    ] {
        assert!(matches!(refused(bad, 1), Some(FormatError::OutOfBounds { .. })), "{bad:?}");
    }
    let many = FrameEntry { plain_bytes: FRAME_BYTES_MAX, blobs: FRAME_BLOBS_MAX, ..good };
    assert_eq!(refused(many, 4), Some(FormatError::Truncated));
    assert!(matches!(refused(many, 5), Some(FormatError::OutOfBounds { .. })));
    // An enormous count fails by the length of the input, before anything is reserved for it.
    let limit = PACK_BLOBS_MAX.to_le_bytes();
    assert_eq!(PackTable::parse(&[&[1], &limit[..]].concat()), Err(FormatError::Truncated));
    assert!(PackTable::parse(&[1, 0xff, 0xff, 0xff, 0xff]).is_err());
    let mut reserved = encoded(&PackTable { frames: vec![good], ..PackTable::new(BlobKind::Tree) });
    reserved[13] = 2;
    assert_eq!(PackTable::parse(&reserved), Err(FormatError::Unrecognised { expected: "codec" }));
}

#[test]
fn a_trailer_must_lie_between_header_and_end() {
    assert_eq!(trailer_range(2000, 300_u32.to_le_bytes()), Ok(1696..1996));
    assert_eq!(trailer_range(2000, 828_u32.to_le_bytes()), Ok(1168..1996));
    for (size, bytes) in
        [(2000, 829), (2000, u32::MAX), (2000, 15), (3, 16), (0, 0), (1 << 40, 300)]
    {
        assert!(trailer_range(size, bytes.to_le_bytes()).is_err(), "{size} {bytes}");
    }
}

#[test]
fn a_single_stored_blob_is_not_copied_before_it_reaches_the_pack() {
    let blob = bytes::Bytes::from(noise(300_000));
    let frame = PlainFrame::single(prefix_of(&blob), blob.clone());
    let frame = frame.encode(Some(Effort::level(1)), &mut Compressor::new().unwrap());
    assert_eq!(frame.codec, Codec::Stored, "noise does not compress");
    assert_eq!(frame.body.as_ptr(), blob.as_ptr());
    assert_eq!(frame.entry().stored_bytes, 300_003);
    let bench = Bench::new();
    let mut writer = bench.writer(MIB);
    writer.push(frame);
    let pack = writer.finish(&bench.keys, &bench.clock);
    assert_eq!(bench.read(&pack.bytes), Ok(vec![blob.to_vec()]));
}

#[test]
fn the_announced_padding_is_the_padding_and_the_buffer_is_not_moved() {
    let bench = Bench::new();
    let mut compressor = Compressor::new().unwrap();
    let mut writer = bench.writer(MIB);
    let start = writer.buffer_start();
    let frame = |bytes| PlainFrame::single(prefix_of(&[1]), noise(bytes));
    while !writer.should_close() {
        let next = frame(90_000).encode(None, &mut compressor);
        if !writer.has_room_for(&next) {
            break;
        }
        writer.push(next);
        assert!(writer.padding_if_finished() <= writer.bytes() / 8);
    }
    let (size, padding) = (writer.bytes(), writer.padding_if_finished());
    assert!((917_504..=1_179_648).contains(&size), "{size}");
    let pack = writer.finish(&bench.keys, &bench.clock);
    assert_eq!(as_u64(pack.bytes.len()), size + padding);
    assert_eq!(pack.record.size, size + padding);
    assert_eq!(pack.bytes.as_ptr(), start);
    assert_eq!(pack.id, PackId(*blake3::hash(&pack.bytes).as_bytes()));
    let kind = BlobKind::Tree;
    let reused = PackWriter::with_buffer(kind, &bench.session, MIB, &bench.clock, pack.bytes);
    assert_eq!((reused.buffer_start(), reused.is_empty()), (start, true));
}

#[test]
fn a_frame_larger_than_the_target_gets_a_pack_of_its_own() {
    let bench = Bench::new();
    let mut compressor = Compressor::new().unwrap();
    let mut frame = || {
        PlainFrame::single(prefix_of(&[1]), vec![1; BLOB_BYTES_MAX]).encode(None, &mut compressor)
    };
    let mut writer = bench.writer(MIB);
    assert!(writer.has_room_for(&frame()));
    writer.push(frame());
    assert!(!writer.has_room_for(&frame()));
    assert!(writer.should_close());
    let pack = writer.finish(&bench.keys, &bench.clock);
    assert_eq!(bench.read(&pack.bytes), Ok(vec![vec![1; BLOB_BYTES_MAX]]));
}

#[test]
fn a_builder_is_full_before_it_exceeds_the_frame_target() {
    let mut builder = FrameBuilder::new();
    assert!(!builder.is_full_for(BLOB_BYTES_MAX), "an empty frame takes any blob");
    while !builder.is_full_for(4096) {
        builder.push(BlobPrefix([0; 16]), &[3; 4096]);
    }
    assert_eq!(builder.blobs(), 63);
    assert_eq!(builder.plain_bytes(), 63 * 4098);
    let frame = builder.finish().encode(Some(Effort::level(1)), &mut Compressor::new().unwrap());
    assert_eq!((frame.codec, frame.entry().blobs), (Codec::Zstd, 63));
}

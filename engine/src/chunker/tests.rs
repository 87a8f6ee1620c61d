use proptest::prelude::*;

use super::*;

const CLASSES: [Class; 6] = [
    Class::Pages { bytes: 512 },
    Class::Pages { bytes: 4096 },
    Class::Media,
    Class::Text,
    Class::DiskImage,
    Class::Other,
];

/// Bytes that look random and are the same for ever.
pub(super) fn noise(seed: &str, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut out);
    out
}

fn tables(seed: &str) -> GearTables {
    let bytes = noise(seed, 2048);
    let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    GearTables::new(&std::array::from_fn(|_| words.next().expect("2048 bytes are 256 words")))
}

fn lengths(chunker: Chunker<'_>, mut data: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some(length) = chunker.cut(data, true) {
        lengths.push(length);
        data = &data[length..];
    }
    assert!(data.is_empty(), "everything must be cut");
    lengths
}

/// As a reader that gets the file in pieces would cut it.
fn lengths_of_pieces(chunker: Chunker<'_>, data: &[u8], pieces: &[usize]) -> Vec<usize> {
    let (mut lengths, mut start, mut end) = (Vec::new(), 0, 0);
    let mut pieces = pieces.iter().cycle();
    loop {
        let last = end == data.len();
        match chunker.cut(&data[start..end], last) {
            Some(length) => {
                lengths.push(length);
                start += length;
            }
            None if last => return lengths,
            None => end = data.len().min(end + pieces.next().expect("cycles for ever")),
        }
    }
}

fn chunks<'d>(chunker: Chunker<'_>, data: &'d [u8]) -> Vec<&'d [u8]> {
    let mut rest = data;
    lengths(chunker, data)
        .into_iter()
        .map(|length| {
            let (chunk, after) = rest.split_at(length);
            rest = after;
            chunk
        })
        .collect()
}

#[test]
fn the_cut_of_known_bytes_under_a_known_table_never_changes() {
    let gear = tables("golden table");
    let data = noise("golden data", 16 << 20);
    let cut = |class, bytes: usize| lengths(Chunker::new(class, &gear), &data[..bytes]);
    assert_eq!(cut(Class::Text, 256 << 10), GOLDEN_TEXT);
    assert_eq!(cut(Class::Other, 1 << 20), GOLDEN_OTHER);
    assert_eq!(cut(Class::Media, 16 << 20), GOLDEN_MEDIA);
    assert_eq!(cut(Class::DiskImage, 150_000), [65_536, 65_536, 18_928]);
    assert_eq!(cut(Class::Pages { bytes: 8192 }, 20_000), [8192, 8192, 3616]);
    assert_eq!(cut(Class::Pages { bytes: 1024 }, 9000), [4096, 4096, 808]);
}

const GOLDEN_TEXT: &[usize] = &[
    17_624, 38_957, 5363, 12_653, 34_697, 23_459, 20_527, 31_835, 18_760, 4327, 20_703, 21_798,
    11_441,
];
const GOLDEN_OTHER: &[usize] = &[
    74_597, 133_605, 75_316, 74_332, 35_649, 129_136, 96_790, 75_620, 95_833, 90_642, 61_787,
    105_269,
];
const GOLDEN_MEDIA: &[usize] = &[
    1_762_598, 1_332_059, 1_942_468, 1_486_710, 1_861_566, 1_695_115, 1_311_447, 1_052_375,
    691_721, 1_015_939, 1_612_720, 1_012_498,
];

#[test]
fn another_table_cuts_elsewhere() {
    let data = noise("data", 1 << 20);
    let (one, two) = (tables("one"), tables("two"));
    let cut = |gear| lengths(Chunker::new(Class::Text, gear), &data);
    assert_ne!(cut(&one), cut(&two));
}

#[test]
fn the_average_is_near_what_the_class_says() {
    let gear = tables("table");
    let data = noise("data", 32 << 20);
    for (class, average) in [(Class::Text, 16 << 10), (Class::Other, 64 << 10)] {
        let mean = data.len() / lengths(Chunker::new(class, &gear), &data).len();
        assert!((average * 3 / 4..average * 3 / 2).contains(&mean), "{class:?}: {mean}");
    }
}

#[test]
fn equal_bytes_give_chunks_of_the_largest_size() {
    let gear = tables("table");
    let data = vec![0; 1 << 20];
    assert!(lengths(Chunker::new(Class::Text, &gear), &data).iter().all(|n| *n == 64 << 10));
}

#[test]
fn a_file_up_to_the_minimum_is_one_chunk_and_an_empty_one_is_none() {
    let gear = tables("table");
    let data = noise("data", 1 << 20);
    for class in CLASSES {
        let chunker = Chunker::new(class, &gear);
        assert_eq!(lengths(chunker, &data[..chunker.min_bytes()]).len(), 1, "{class:?}");
        assert_eq!(chunker.cut(&[], true), None);
        assert_eq!(chunker.cut(&[], false), None);
    }
}

#[test]
fn as_many_bytes_as_the_longest_chunk_always_suffice() {
    let gear = tables("table");
    let data = vec![7; MAX_CHUNK_BYTES];
    for class in CLASSES {
        let chunker = Chunker::new(class, &gear);
        assert!(chunker.max_bytes() <= MAX_CHUNK_BYTES);
        assert_eq!(chunker.cut(&data[..chunker.max_bytes()], false), Some(chunker.max_bytes()));
        assert_eq!(chunker.cut(&data[..chunker.max_bytes() - 1], false), None);
    }
}

#[test]
fn no_page_size_makes_a_chunk_out_of_bounds() {
    let gear = tables("table");
    for bytes in [0, 1, 3, 511, 512, 4095, 4097, 65_536, u32::MAX] {
        let chunker = Chunker::new(Class::Pages { bytes }, &gear);
        assert!((1..=MAX_CHUNK_BYTES).contains(&chunker.max_bytes()), "{bytes}");
    }
}

#[test]
fn a_changed_page_changes_one_chunk() {
    let gear = tables("table");
    let old = noise("data", 100 * 4096);
    let mut new = old.clone();
    new[50 * 4096 + 17] ^= 1;
    let chunker = Chunker::new(Class::Pages { bytes: 4096 }, &gear);
    let differing = chunks(chunker, &old).into_iter().zip(chunks(chunker, &new));
    assert_eq!(differing.filter(|(old, new)| old != new).count(), 1);
}

#[test]
fn the_table_does_not_show_in_debug_output() {
    assert_eq!(format!("{:?}", tables("table")), "GearTables { .. }");
}

/// Data with structure at several scales: noise, repetition, equal bytes.
fn mixed_data(max_bytes: usize) -> impl Strategy<Value = Vec<u8>> {
    let run = (any::<u64>(), 0..3_u8, 1..60_000_usize).prop_map(|(seed, kind, bytes)| match kind {
        0 => noise(&seed.to_string(), bytes),
        1 => noise(&seed.to_string(), 50).into_iter().cycle().take(bytes).collect(),
        _ => vec![seed.to_le_bytes()[0]; bytes],
    });
    prop::collection::vec(run, 0..12).prop_map(move |runs| {
        let mut data = runs.concat();
        data.truncate(max_bytes);
        data
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_cut_does_not_depend_on_how_the_bytes_arrive(
        data in mixed_data(400_000),
        pieces in prop::collection::vec(1..40_000_usize, 1..8),
        class in prop::sample::select(&CLASSES[..]),
    ) {
        let gear = tables("table");
        let chunker = Chunker::new(class, &gear);
        prop_assert_eq!(lengths(chunker, &data), lengths_of_pieces(chunker, &data, &pieces));
    }

    #[test]
    fn every_chunk_but_the_last_is_within_bounds(
        data in mixed_data(2_000_000),
        class in prop::sample::select(&CLASSES[..]),
    ) {
        let gear = tables("table");
        let chunker = Chunker::new(class, &gear);
        let lengths = lengths(chunker, &data);
        prop_assert_eq!(lengths.iter().sum::<usize>(), data.len());
        prop_assert!(lengths.iter().all(|length| (1..=chunker.max_bytes()).contains(length)));
        let but_last = lengths.split_last().map_or(&[][..], |(_, rest)| rest);
        prop_assert!(but_last.iter().all(|length| *length >= chunker.min_bytes()));
    }

    #[test]
    fn after_an_insertion_most_chunks_are_the_same(
        seed in any::<u64>(),
        at in 0..1_000_000_usize,
        inserted in prop::collection::vec(any::<u8>(), 1..500),
    ) {
        let gear = tables("table");
        let chunker = Chunker::new(Class::Text, &gear);
        let old = noise(&seed.to_string(), 1_000_000);
        let mut new = old.clone();
        new.splice(at..at, inserted);
        let known: std::collections::HashSet<_> = chunks(chunker, &old).into_iter().collect();
        let fresh = chunks(chunker, &new).into_iter().filter(|chunk| !known.contains(chunk));
        prop_assert!(fresh.map(<[u8]>::len).sum::<usize>() < 400_000);
    }

    #[test]
    fn any_bytes_can_be_classified_and_cut(
        head in prop::collection::vec(any::<u8>(), 0..3000),
        size in any::<Option<u64>>(),
    ) {
        let gear = tables("table");
        let chunker = Chunker::new(classify(&head, size), &gear);
        prop_assert_eq!(lengths(chunker, &head).iter().sum::<usize>(), head.len());
    }
}

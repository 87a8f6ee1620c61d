//! Bytes of an entry.

use proptest::prelude::*;

use super::*;

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..max)
}

fn name() -> impl Strategy<Value = Option<Arc<[u8]>>> {
    prop::option::of(bytes(9).prop_map(Arc::from))
}

fn blobs() -> impl Strategy<Value = BlobRef> {
    (any::<[u8; 32]>(), any::<u64>()).prop_map(|(id, bytes)| BlobRef { id: ContentId(id), bytes })
}

fn content() -> impl Strategy<Value = FileContent> {
    prop_oneof![
        Just(FileContent::Empty),
        bytes(40).prop_map(FileContent::Inline),
        prop::collection::vec(blobs(), 0..4).prop_map(FileContent::List),
        any::<[u8; 32]>().prop_map(|id| FileContent::Tree(NodeId(id))),
    ]
}

fn xattrs() -> impl Strategy<Value = Vec<Xattr>> {
    let value =
        prop_oneof![bytes(9).prop_map(XattrValue::Inline), blobs().prop_map(XattrValue::Blob)];
    prop::collection::btree_map(bytes(6), value, 0..4)
        .prop_map(|map| map.into_iter().map(|(name, value)| Xattr { name, value }).collect())
}

fn unknown() -> impl Strategy<Value = Vec<UnknownField>> {
    let value = prop_oneof![
        any::<u128>().prop_map(UnknownValue::Number),
        bytes(9).prop_map(UnknownValue::Bytes)
    ];
    let number = prop_oneof![26..40_u64, Just(u64::MAX >> 2)];
    prop::collection::vec((number, value), 0..4).prop_map(|mut fields| {
        fields.sort_by_key(|(number, _)| *number);
        fields.into_iter().map(|(number, value)| UnknownField { number, value }).collect()
    })
}

fn transform() -> impl Strategy<Value = Option<Transform>> {
    let decoded = any::<Option<prop::sample::Index>>();
    let transform = ("[ -~]{1,64}", any::<u64>(), any::<[u8; 32]>(), decoded).prop_map(
        |(name, stored_bytes, stored_hash, decoded)| Transform {
            name,
            stored_bytes,
            stored_hash,
            decoded_bytes: decoded.map(|part| {
                let most = usize::try_from(stored_bytes).unwrap().saturating_add(1);
                u64::try_from(part.index(most)).unwrap()
            }),
        },
    );
    prop::option::of(transform)
}

prop_compose! {
    fn stat()(
        kind in (0_u8..7).prop_map(|kind| Kind::from_byte(kind).expect("a kind")),
        ids in any::<(u32, u32, u32, u32)>(),
        numbers in any::<(u64, u64, u64)>(),
        links in prop_oneof![Just(0_u64), 2_u64..],
        times in any::<(i128, Option<i128>, Option<i128>)>(),
        rdev in any::<Option<(u32, u32)>>(),
        changed in any::<bool>(),
    ) -> Entry {
        let mut entry = Entry::new(kind);
        (entry.mode, entry.uid, entry.gid, entry.flags) = ids;
        (entry.size, entry.inode, entry.device) = numbers;
        (entry.mtime_ns, entry.ctime_ns, entry.btime_ns) = times;
        (entry.links, entry.rdev, entry.changed) = (links, rdev, changed);
        entry
    }
}

prop_compose! {
    pub(super) fn any_entry()(
        mut entry in stat(),
        user in name(),
        group in name(),
        target in prop::option::of(bytes(9)),
        xattrs in xattrs(),
        holes in prop::collection::vec(any::<(u64, u64)>(), 0..3),
        hash in any::<Option<[u8; 32]>>(),
        content in content(),
        transform in transform(),
        unknown in unknown(),
    ) -> Entry {
        (entry.user, entry.group, entry.target, entry.xattrs) = (user, group, target, xattrs);
        (entry.holes, entry.hash, entry.content, entry.unknown) = (holes, hash, content, unknown);
        entry.transform = transform;
        entry
    }
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    entry.encode(&mut out);
    out
}

proptest! {
    #[test]
    fn any_entry_survives_a_round_trip_and_its_view_agrees(entry in any_entry()) {
        let bytes = encoded(&entry);
        prop_assert_eq!(EntryView::parse(&bytes).expect("well formed"), EntryView::from(&entry));
        prop_assert_eq!(Entry::parse(&bytes).expect("well formed"), entry);
    }

    #[test]
    fn parsing_any_bytes_does_not_panic(bytes in bytes(300)) {
        drop(Entry::parse(&bytes));
        drop(EntryView::parse(&bytes));
    }

    #[test]
    fn a_changed_byte_does_not_panic(entry in any_entry(), at in any::<usize>(), to in any::<u8>()) {
        let mut bytes = encoded(&entry);
        let at = at % bytes.len();
        bytes[at] = to;
        drop(Entry::parse(&bytes));
        drop(EntryView::parse(&bytes));
        bytes.truncate(at);
        drop(Entry::parse(&bytes));
    }
}

#[test]
fn times_of_a_nanosecond_before_1970_and_in_the_far_future_survive() {
    for mtime in
        [1, -1, -62_135_596_800_000_000_001, i128::from(u64::MAX) * 1_000_000_000, i128::MIN]
    {
        for other in [1, -1, i128::MAX] {
            let mut entry = Entry::new(Kind::File);
            (entry.mtime_ns, entry.ctime_ns, entry.btime_ns) = (mtime, Some(other), Some(mtime));
            assert_eq!(Entry::parse(&encoded(&entry)), Ok(entry));
        }
    }
}

#[test]
fn a_whiteout_keeps_its_device_number_of_zero() {
    let mut entry = Entry::new(Kind::CharDevice);
    entry.rdev = Some((0, 0));
    assert_eq!(Entry::parse(&encoded(&entry)), Ok(entry));
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let mut entry = Entry::new(Kind::File);
    entry.mode = 0o644;
    entry.size = 3;
    entry.mtime_ns = 1;
    entry.ctime_ns = Some(0);
    entry.content = FileContent::Inline(b"abc".to_vec());
    let expected = [0, 4, 0xa4, 0x03, 24, 3, 28, 2, 32, 1, 0x55, 3, b'a', b'b', b'c'];
    assert_eq!(encoded(&entry), expected);
}

#[test]
fn fields_out_of_order_twice_or_of_the_wrong_wire_type_are_refused() {
    for bad in [
        &[][..],
        &[9],
        &[0, 12, 1, 8, 1],
        &[0, 4, 1, 4, 1],
        &[0, 5, 1, 1],
        &[0, 16, 1],
        &[0, 6, 0],
        &[0, 7, 0],
        &[0, 0x51, 1, 0],
        &[0, 0x55, 1, 0, 0x59, 0],
        &[0, 0x60, 1],
        &[0, 4, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ] {
        assert!(Entry::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_bytes_of_a_transform_are_those_of_the_format() {
    let mut entry = Entry::new(Kind::File);
    let (name, stored_hash) = ("chats/1".to_owned(), [9; 32]);
    entry.transform =
        Some(Transform { name, stored_bytes: 300, stored_hash, decoded_bytes: Some(0) });
    let mut expected = vec![0, 0x61, 43, 7];
    expected.extend_from_slice(b"chats/1\xac\x02");
    expected.extend_from_slice(&[9; 32]);
    expected.push(0);
    assert_eq!(encoded(&entry), expected);
    assert_eq!((entry.stored_bytes(), entry.content_bytes()), (300, 0));
}

#[test]
fn a_transform_without_a_name_too_long_or_too_short_is_refused() {
    let field = |name: &[u8], rest: &[u8]| {
        let mut value = vec![u8::try_from(name.len()).unwrap()];
        value.extend_from_slice(name);
        value.push(5);
        value.extend_from_slice(rest);
        let mut entry = vec![0, 0x61, u8::try_from(value.len()).unwrap()];
        entry.extend(value);
        Entry::parse(&entry)
    };
    let hash = [0; 32];
    let with = |more: &[u8]| [&hash[..], more].concat();
    assert!(field(b"x", &hash).is_ok());
    assert!(field(&[b'x'; 64], &with(&[5])).is_ok());
    assert!(field(b"", &hash).is_err(), "no name");
    assert!(field(&[b'x'; 65], &hash).is_err(), "a name too long");
    assert!(field(b"\xff", &hash).is_err(), "a name that is no text");
    assert!(field(b"x", &hash[1..]).is_err(), "half a hash");
    assert!(field(b"x", &with(&[6])).is_err(), "more decoded than stored");
    assert!(field(b"x", &with(&[5, 0])).is_err(), "something behind");
}

#[test]
fn attributes_are_written_in_the_order_of_their_names() {
    let attribute = |name: &[u8]| Xattr { name: name.to_vec(), value: XattrValue::Inline(vec![1]) };
    let long = Xattr { name: b"b".to_vec(), value: XattrValue::Blob(blob(1)) };
    let mut entry = Entry::new(Kind::File);
    entry.xattrs = vec![attribute(b"c"), long.clone(), attribute(b"a")];
    let parsed = Entry::parse(&encoded(&entry)).expect("well formed");
    assert_eq!(parsed.xattrs, [attribute(b"a"), long, attribute(b"c")]);
}

/// What a writer that compares with an earlier snapshot reads of an entry.
fn plain(encoded: &[u8]) -> Result<Option<(EntryView, Vec<BlobRef>)>, FormatError> {
    let mut blobs = Vec::new();
    let view = EntryView::parse_plain(encoded, &mut |blob| blobs.push(*blob))?;
    Ok(view.map(|view| (view, blobs)))
}

proptest! {
    #[test]
    fn plain_entries_are_read_in_one_go_and_others_are_left_alone(entry in any_entry(), simple in any::<bool>()) {
        let mut entry = entry;
        if simple {
            (entry.xattrs, entry.holes, entry.unknown) = Default::default();
            (entry.target, entry.rdev, entry.transform) = Default::default();
            (entry.flags, entry.changed) = (0, false);
        }
        let mut encoded = Vec::new();
        entry.encode(&mut encoded);
        let has_more = !entry.xattrs.is_empty() || !entry.holes.is_empty() || !entry.unknown.is_empty()
            || entry.target.is_some() || entry.rdev.is_some() || entry.transform.is_some()
            || entry.flags != 0 || entry.changed || matches!(entry.content, FileContent::Tree(_));
        let expected = (!has_more).then(|| {
            let blobs = match &entry.content {
                FileContent::List(blobs) => blobs.clone(),
                FileContent::Empty | FileContent::Inline(_) | FileContent::Tree(_) => Vec::new(),
            };
            (EntryView::from(&entry), blobs)
        });
        prop_assert_eq!(plain(&encoded), Ok(expected));
    }

    #[test]
    fn what_is_no_entry_is_no_plain_one_either(
        entry in any_entry(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut encoded = Vec::new();
        entry.encode(&mut encoded);
        let at = at.index(encoded.len());
        encoded[at] = byte;
        if let Ok(Some((view, _))) = plain(&encoded) {
            prop_assert_eq!(Entry::parse(&encoded).map(|entry| EntryView::from(&entry)), Ok(view));
        }
    }
}

//! Sealing, the chain, and names.

use proptest::prelude::*;
use serde_bytes::ByteBuf;

use crate::clock::Clock;
use crate::crypto::{Enveloped, Keys, ObjectKind, RootSecret, padded_map};
use crate::error::FormatError;
use crate::id::{ClientId, NodeId, RepositoryId, SessionId};

use super::*;

#[derive(Debug)]
pub(super) struct Frozen;

impl Clock for Frozen {
    fn now_ns(&self) -> i128 {
        0
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn sleep(&self, _: std::time::Duration) {}
}

pub(super) fn keys(root: u8, repository: u8) -> Keys {
    Keys::derive(&RootSecret::from_bytes([root; 32]), RepositoryId([repository; 16]))
}

const HOUR_NS: i64 = 3_600_000_000_000;

fn record(client: u8, sequence: u64) -> Record {
    Record {
        time: 1_793_534_400_000_000_000 + i64::try_from(sequence).expect("small") * HOUR_NS,
        started: 1,
        finished: 1_793_534_401_000_000_000 + i64::try_from(sequence).expect("small") * HOUR_NS,
        host: "desk".into(),
        user: "me".into(),
        paths: vec![ByteBuf::from(b"/home/\xff"), ByteBuf::from(b"/etc")],
        label: Some("daily".into()),
        tags: vec!["b".into(), "a".into()],
        root: NodeId([3; 32]),
        parent: Some(SessionId([4; 16])),
        stats: Stats { entries: 9, files: 5, ..Stats::default() },
        program: "heirloom 0.1.0".into(),
        keep_until: Some(1),
        pinned: true,
        client: ClientId([client; 16]),
        sequence,
        previous: Some([5; 32]),
        heads: vec![],
        original: None,
    }
}

fn snapshot(client: u8, sequence: u64, session: u8) -> Snapshot {
    let record = record(client, sequence);
    let record_bytes = rmp_serde::to_vec_named(&record).expect("plain data");
    Snapshot { session: SessionId([session; 16]), record, record_bytes }
}

fn tombstone(session: SessionId) -> Tombstone {
    let (host, user, reason) = ("desk".into(), "me".into(), "policy".into());
    Tombstone { snapshot: session, time: -5, host, user, reason }
}

const SESSION: SessionId = SessionId([9; 16]);

fn sealed(keys: &Keys, record: &Record) -> Vec<u8> {
    let snapshot = Snapshot::new(SESSION, record.clone());
    snapshot.seal((keys, &keys.new_session_key(&Frozen)), &Frozen)
}

#[test]
fn a_snapshot_survives_a_round_trip_with_its_lists_sorted() {
    let keys = keys(1, 1);
    let mut record = record(1, 0);
    record.heads = vec![snapshot(2, 7, 8).head()];
    let opened = Snapshot::open(&sealed(&keys, &record), &keys, SESSION).expect("just sealed");
    record.paths.sort();
    record.tags.sort();
    assert_eq!(opened.record, record);
    let bytes = rmp_serde::to_vec_named(&record).expect("plain data");
    assert_eq!(opened.record_hash(), record_hash(&bytes));
    assert_eq!(opened.session, SESSION);
}

#[test]
fn the_record_has_the_types_of_the_format() {
    let keys = keys(1, 1);
    let mut record = record(1, 0);
    record.heads = vec![snapshot(2, 7, 8).head()];
    let object = sealed(&keys, &record);
    let body = keys
        .open_enveloped(Enveloped::Snapshot, &object_name(SESSION), &object)
        .expect("just sealed");
    let contains = |bytes: &[u8]| body.windows(bytes.len()).any(|window| window == bytes);
    assert!(contains(&[b"\xa4root\xc4\x20".as_slice(), &[3; 32]].concat()));
    assert!(contains(b"\xa5paths\x92\xc4\x04/etc\xc4\x07/home/\xff"));
    let head = b"\xa5heads\x91\x94\xc4\x10";
    let hash = snapshot(2, 7, 8).record_hash();
    let rest = [[8; 16].as_slice(), b"\xc4\x20", &hash].concat();
    assert!(contains(&[head.as_slice(), &[2; 16], b"\x07\xc4\x10", &rest].concat()));
    assert!(contains(&[b"\xa8previous\xc4\x20".as_slice(), &[5; 32]].concat()));
    assert!(contains(
        &[b"\xa4time\xcf".as_slice(), &1_793_534_400_000_000_000_u64.to_be_bytes()].concat()
    ));
    assert_eq!(object.len(), 16 + 1120 + 32 + 608 + 16);
}

#[test]
fn only_a_record_that_stands_for_another_snapshot_names_it() {
    let keys = keys(1, 1);
    let holds_key = |record: &Record| {
        let body = keys
            .open_enveloped(Enveloped::Snapshot, &object_name(SESSION), &sealed(&keys, record))
            .expect("ours");
        body.windows(9).any(|window| window == b"\xa8original")
    };
    let mut record = record(1, 0);
    assert!(!holds_key(&record));
    record.original = Some(SessionId([6; 16]));
    assert!(holds_key(&record));
    let opened = Snapshot::open(&sealed(&keys, &record), &keys, SESSION).expect("ours");
    assert_eq!(opened.record.original, record.original);
}

#[test]
fn a_snapshot_cannot_be_moved_changed_or_cut() {
    let keys_here = keys(1, 1);
    let object = sealed(&keys_here, &record(1, 0));
    let other_session = Snapshot::open(&object, &keys_here, SessionId([8; 16]));
    assert_eq!(other_session, Err(FormatError::Unauthentic));
    for (root, repository) in [(2, 1), (1, 2)] {
        let result = Snapshot::open(&object, &keys(root, repository), SESSION);
        assert!(result.is_err(), "keys of another repository");
    }
    for at in (0..object.len()).step_by(37).chain(0..16) {
        let mut changed = object.clone();
        changed[at] ^= 1;
        assert!(Snapshot::open(&changed, &keys_here, SESSION).is_err(), "byte {at}");
        assert!(Snapshot::open(&object[..at], &keys_here, SESSION).is_err(), "cut at {at}");
    }
}

#[derive(serde::Serialize)]
struct Forged {
    #[serde(with = "serde_bytes")]
    record: Vec<u8>,
    #[serde(with = "serde_bytes")]
    signer: Vec<u8>,
    #[serde(with = "serde_bytes")]
    signature: Vec<u8>,
}

#[test]
fn what_the_owner_did_not_sign_is_refused_although_it_is_sealed_well() {
    let (owner, stranger) = (keys(1, 1), keys(2, 1));
    let good = rmp_serde::to_vec_named(&record(1, 0)).expect("plain data");
    let proof = owner.sign("heirloom v1 snapshot", SESSION, &good);
    let elsewhere = owner.sign("heirloom v1 snapshot", SessionId([8; 16]), &good);
    let other_domain = owner.sign("heirloom v1 tombstone", SESSION, &good);
    let foreign = stranger.sign("heirloom v1 snapshot", SESSION, &good);
    let mut changed = good.clone();
    let place = changed.windows(4).position(|window| window == b"desk").expect("the host");
    changed[place] = b'D';
    let open_forged = |record: &[u8], signer: &[u8], signature: &[u8]| {
        let (record, signer, signature) = (record.to_vec(), signer.to_vec(), signature.to_vec());
        let body = padded_map(&Forged { record, signer, signature }, 512);
        let key = owner.new_session_key(&Frozen);
        let object =
            key.seal_enveloped(Enveloped::Snapshot, &object_name(SESSION), &[1; 32], &body);
        Snapshot::open(&object, &owner, SESSION)
    };
    assert!(open_forged(&good, &proof.signer, &proof.signature).is_ok());
    for (record, proof) in
        [(&changed, proof), (&good, elsewhere), (&good, other_domain), (&good, foreign)]
    {
        let result = open_forged(record, &proof.signer, &proof.signature);
        assert_eq!(result, Err(FormatError::Signature));
    }
    let mixed = open_forged(&good, &proof.signer, &foreign.signature);
    assert_eq!(mixed, Err(FormatError::Signature));
    assert!(open_forged(&good, &proof.signer[1..], &proof.signature).is_err());
}

#[test]
fn a_record_with_too_many_heads_is_refused() {
    let keys = keys(1, 1);
    let mut record = record(1, 0);
    record.heads = vec![snapshot(2, 7, 8).head(); HEADS_MAX];
    assert!(Snapshot::open(&sealed(&keys, &record), &keys, SESSION).is_ok());
    record.heads.push(snapshot(2, 7, 8).head());
    let expected = FormatError::OutOfBounds { what: "number of heads" };
    assert_eq!(Snapshot::open(&sealed(&keys, &record), &keys, SESSION), Err(expected));
}

#[test]
fn keys_of_a_later_version_are_ignored_but_hashed() {
    #[derive(serde::Serialize)]
    struct Later {
        #[serde(flatten)]
        record: Record,
        mood: &'static str,
    }
    let keys = keys(1, 1);
    let later = Later { record: record(1, 0), mood: "sunny" };
    let record = rmp_serde::to_vec_named(&later).expect("plain data");
    let proof = keys.sign("heirloom v1 snapshot", SESSION, &record);
    let hash = record_hash(&record);
    let (signer, signature) = (proof.signer.to_vec(), proof.signature.to_vec());
    let body = padded_map(&Forged { record, signer, signature }, 512);
    let key = keys.new_session_key(&Frozen);
    let object = key.seal_enveloped(Enveloped::Snapshot, &object_name(SESSION), &[1; 32], &body);
    let opened = Snapshot::open(&object, &keys, SESSION).expect("unknown keys are fine");
    assert_eq!((opened.record_hash(), opened.record), (hash, later.record));
}

#[test]
fn a_tombstone_counts_only_for_its_snapshot_and_signed_by_the_owner() {
    let keys_here = keys(1, 1);
    let object = tombstone(SESSION).seal(&keys_here, &Frozen);
    assert_eq!(Tombstone::open(&object, &keys_here, SESSION), Ok(tombstone(SESSION)));
    assert!(Tombstone::open(&object, &keys_here, SessionId([8; 16])).is_err());
    assert!(Tombstone::open(&object, &keys(1, 2), SESSION).is_err());

    let seal = |record: &Tombstone, keys: &Keys| {
        let record = rmp_serde::to_vec_named(record).expect("plain data");
        let proof = keys.sign("heirloom v1 tombstone", SESSION, &record);
        let (signer, signature) = (proof.signer.to_vec(), proof.signature.to_vec());
        let body = padded_map(&Forged { record, signer, signature }, 256);
        keys_here.seal_object(ObjectKind::Tombstone, &tombstone_name(SESSION), &body, &Frozen)
    };
    let foreign = seal(&tombstone(SESSION), &keys(2, 1));
    assert_eq!(Tombstone::open(&foreign, &keys_here, SESSION), Err(FormatError::Signature));
    let other = seal(&tombstone(SessionId([8; 16])), &keys_here);
    assert!(Tombstone::open(&other, &keys_here, SESSION).is_err());
}

#[test]
fn a_chain_goes_on_after_its_newest_record_even_if_only_the_client_remembers_it() {
    let client = ClientId([1; 16]);
    let start = next_link(client, &[], &[]);
    assert_eq!((start.sequence, start.previous, start.heads), (0, None, vec![]));
    let present = [snapshot(1, 3, 13), snapshot(1, 4, 14), snapshot(2, 9, 29), snapshot(2, 8, 28)];
    let link = next_link(client, &present, &[]);
    assert_eq!((link.sequence, link.previous), (5, Some(present[1].record_hash())));
    assert_eq!(link.heads, [present[2].head()]);
    let remembered = snapshot(1, 6, 16).head();
    let link = next_link(client, &present, &[remembered, snapshot(2, 50, 1).head()]);
    assert_eq!((link.sequence, link.previous), (7, Some(remembered.hash)));
    assert_eq!(heads_of(&present), [present[1].head(), present[2].head()]);

    let many: Vec<Snapshot> = (0..100).map(|n| snapshot(n, n.into(), n)).collect();
    let heads = next_link(client, &many, &[]).heads;
    assert_eq!(heads.len(), HEADS_MAX);
    assert!(heads.iter().all(|head| head.sequence >= 68), "those that wrote last");
}

#[test]
fn a_lost_snapshot_is_noticed_and_a_forgotten_one_is_not() {
    let (a, b, c) = (snapshot(1, 1, 11), snapshot(2, 1, 21), snapshot(3, 1, 31));
    let remembered = [a.head(), b.head()];
    let all = [a.clone(), b.clone()];
    assert_eq!(rollback(&remembered, &all, &[]), []);
    assert_eq!(rollback(&[], &[], &[]), []);
    assert_eq!(rollback(&remembered, std::slice::from_ref(&b), &[]), [a.session]);
    assert_eq!(rollback(&remembered, &[], &[]), [a.session, b.session]);
    assert_eq!(rollback(&remembered, std::slice::from_ref(&b), &[tombstone(a.session)]), []);

    let mut changed = a.clone();
    changed.record_bytes.push(0);
    assert_eq!(rollback(&remembered, &[changed, b.clone()], &[tombstone(a.session)]), [a.session]);

    let mut witness = b;
    witness.record.heads = vec![c.head(), a.head()];
    assert_eq!(rollback(&[], &[witness.clone(), a.clone()], &[]), [c.session]);
    assert_eq!(rollback(&[], &[witness, a, c], &[]), []);
}

fn parsed(text: &str) -> Selector {
    Selector::parse(text).expect("a name")
}

#[test]
fn names_are_read_with_label_and_path() {
    let prefix = |text: &str| Pick::Prefix(text.into());
    for (text, label, pick, path) in [
        ("latest", None, Pick::Latest { back: 0 }, None),
        ("latest~12", None, Pick::Latest { back: 12 }, None),
        ("abcd", None, prefix("abcd"), None),
        ("ABCD12:sub/path", None, prefix("abcd12"), Some("sub/path")),
        ("latest:/a@b:c", None, Pick::Latest { back: 0 }, Some("/a@b:c")),
        ("work@latest~1:/", Some("work"), Pick::Latest { back: 1 }, Some("/")),
        ("me@home@abcd", Some("me@home"), prefix("abcd"), None),
        ("latest:", None, Pick::Latest { back: 0 }, None),
    ] {
        let selector = parsed(text);
        assert_eq!(selector.label.as_deref(), label, "{text}");
        assert_eq!(selector.pick, pick, "{text}");
        assert_eq!(selector.path.as_deref(), path.map(std::path::Path::new), "{text}");
    }
    let selector = parsed("work@2026-11-01T12:05:/sub:1");
    let moment = Moment { year: 2026, month: 11, day: 1, time: Some((12, 5)) };
    assert_eq!((selector.pick.clone(), selector.key()), (Pick::Until(moment), b"sub:1".to_vec()));
    assert_eq!(selector.label.as_deref(), Some("work"));
    let whole_day = Moment { time: None, ..moment };
    assert_eq!(parsed("2026-11-01:a/b").pick, Pick::Until(whole_day));
    assert_eq!(parsed("2026-11-01:a/b").key(), b"a\0b");
}

#[test]
fn other_texts_are_no_names() {
    for bad in [
        "",
        ":",
        ":/a",
        "@",
        "a@",
        "latest~",
        "latest~x",
        "latest~-1",
        "latest2",
        "latest~1~2",
        "xyz1",
        "2026-11-1",
        "2026-02-30",
        "2026-11-01x",
        "2026-11-01T12",
        "latest~99999999999999999999",
        "00112233445566778899aabbccddeeff0",
    ] {
        let result = Selector::parse(bad);
        assert!(matches!(result, Err(SelectorError::Unrecognised { .. })), "{bad:?}: {result:?}");
    }
    let short = Err(SelectorError::TooShort { name: "abc".into() });
    assert_eq!(Selector::parse("abc"), short);
}

#[test]
fn a_name_selects_the_snapshot_that_it_means() {
    // At 12:00, 13:00, 14:00 and 15:00 UTC on 2026-11-01, in the list in another order.
    let mut all: Vec<Snapshot> = [2, 0, 3, 1].map(|n: u8| snapshot(1, n.into(), 0xa0 + n)).into();
    all[0].record.label = None;
    all.push(snapshot(1, 60, 0xb0));
    all[4].session.0[0] = 0xa0;
    let found = |name: &str, offset| {
        select(&all, &parsed(name), offset).map(|snapshot| snapshot.record.sequence)
    };
    assert_eq!(found("latest", 0), Ok(60));
    assert_eq!(found("latest~1", 0), Ok(3));
    assert_eq!(found("latest~5", 0), Err(SelectError::NotFound));
    assert_eq!(found("daily@latest~2", 0), Ok(1));
    assert_eq!(found("weekly@latest", 0), Err(SelectError::NotFound));
    assert_eq!(found("2026-11-01", 0), Ok(3));
    assert_eq!(found("2026-11-01", 11 * 3600), Ok(0));
    assert_eq!(found("2026-10-31", 0), Err(SelectError::NotFound));
    assert_eq!(found("2026-10-31", -13 * 3600), Ok(0));
    assert_eq!(found("2026-11-01T12:59", 0), Ok(0));
    assert_eq!(found("2026-11-01T13:00", 0), Ok(1));
    assert_eq!(found("2026-11-01T14:00", 3600), Ok(1));
    assert_eq!(found("2027-01-01", 0), Ok(60));
    assert_eq!(found("a3a3", 0), Ok(3));
    assert_eq!(found("A0A0", 0), Ok(0));
    assert_eq!(found("ffff", 0), Err(SelectError::NotFound));
    all[0].session = SessionId([0xa3; 16]);
    all[0].session.0[15] = 0;
    let ambiguous = select(&all, &parsed("a3a3"), 0).expect_err("two begin so");
    let candidates = vec![all[0].session, SessionId([0xa3; 16])];
    assert_eq!(ambiguous, SelectError::Ambiguous { prefix: "a3a3".into(), candidates });
    let whole = "a3".repeat(16);
    assert_eq!(select(&all, &parsed(&whole), 0).map(|found| found.record.sequence), Ok(3));
}

#[test]
fn a_filter_restricts_by_what_it_names() {
    let snapshot = snapshot(1, 1, 1);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let accepts = |filter: Filter| filter.accepts(&snapshot);
    assert!(accepts(Filter::default()));
    assert!(accepts(Filter { hosts: words(&["x", "desk"]), ..Filter::default() }));
    assert!(!accepts(Filter { hosts: words(&["x"]), ..Filter::default() }));
    assert!(accepts(Filter { labels: words(&["daily"]), ..Filter::default() }));
    assert!(!accepts(Filter { labels: words(&["weekly"]), ..Filter::default() }));
    assert!(accepts(Filter { tags: words(&["a", "b"]), ..Filter::default() }));
    assert!(!accepts(Filter { tags: words(&["a", "c"]), ..Filter::default() }));
    assert!(accepts(Filter { paths: vec![b"/etc".to_vec()], ..Filter::default() }));
    assert!(!accepts(Filter { paths: vec![b"/".to_vec()], ..Filter::default() }));
}

proptest! {
    #[test]
    fn any_text_is_a_name_or_refused(text in ".{0,40}") {
        drop(Selector::parse(&text));
        drop(Selector::parse(format!("2026-11-01{text}")));
        drop(Selector::parse(format!("latest{text}")));
    }

    #[test]
    fn any_signed_bytes_are_a_record_or_refused(record in prop::collection::vec(any::<u8>(), 0..200)) {
        let keys = keys(1, 1);
        let proof = keys.sign("heirloom v1 tombstone", SESSION, &record);
        let (signer, signature) = (proof.signer.to_vec(), proof.signature.to_vec());
        let body = padded_map(&Forged { record, signer, signature }, 256);
        let name = tombstone_name(SESSION);
        let object = keys.seal_object(ObjectKind::Tombstone, &name, &body, &Frozen);
        prop_assert!(Tombstone::open(&object, &keys, SESSION).is_err());
    }
}

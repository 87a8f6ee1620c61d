//! Known answers for everything that the format derives and seals, and attempts to cheat with sealed bytes.
//!
//! `docs/format-vectors.md` holds the answers, so that readers in other languages meet the same ones.

use crate::clock::Clock;
use crate::crypto::bundle::tests::sample;
use crate::crypto::secret::Secret;
use crate::crypto::{
    Encapsulation, Enveloped, Keys, ObjectKind, RootSecret, Salt, SessionKey, Signed,
};
use crate::error::FormatError;
use crate::id::{RepositoryId, SessionId};

const PAGE: &str = include_str!("../../../docs/format-vectors.md");
const NAME: &str = "sessions/404142434445464748494a4b4c4d4e4f";
const DOMAIN: &str = "heirloom v1 snapshot";

/// Its randomness is 0, 1, 2 ... on every call.
#[derive(Debug)]
struct Counting;

impl Clock for Counting {
    fn now_ns(&self) -> i128 {
        0
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.iter_mut().zip((0..=u8::MAX).cycle()).for_each(|(byte, value)| *byte = value);
    }

    fn sleep(&self, _: std::time::Duration) {}
}

/// Consecutive bytes from `first`.
fn run<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|i| first + u8::try_from(i).unwrap())
}

fn keys() -> Keys {
    Keys::derive(&RootSecret::from_bytes(run(0)), RepositoryId(run(0x20)))
}

/// The keys of another repository with the same root secret.
fn foreign_keys() -> Keys {
    Keys::derive(&RootSecret::from_bytes(run(0)), RepositoryId(run(0x21)))
}

fn session() -> SessionId {
    SessionId(run(0x40))
}

fn salt() -> Salt {
    run(0x60)
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    bytes.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The answer that the page gives under this name.
fn answer(name: &str) -> String {
    let start = format!("| {name} | `");
    let line = PAGE.lines().find(|line| line.starts_with(&start));
    let value = line.and_then(|line| line.strip_prefix(&start)?.strip_suffix("` |"));
    value.unwrap_or_default().to_owned()
}

fn pack_header(session_key: &SessionKey) -> Vec<u8> {
    let header = super::object_header(ObjectKind::Pack);
    [header.as_slice(), session_key.encapsulation().as_bytes(), &salt()].concat()
}

fn frame(session_key: &SessionKey, ordinal: u32) -> Vec<u8> {
    let mut frame = b"heirloom".to_vec();
    let tag = session_key.pack_key(&salt()).seal_frame(ordinal, &mut frame);
    [frame.as_slice(), &tag].concat()
}

/// Every row of the page, computed.
fn rows() -> Vec<(&'static str, String)> {
    let keys = keys();
    let session_key = keys.new_session_key(&Counting);
    let header = pack_header(&session_key);
    let signed = keys.sign(DOMAIN, session(), b"record");
    let snapshot_name = "snapshots/404142434445464748494a4b4c4d4e4f";
    let snapshot = session_key.seal_enveloped(Enveloped::Snapshot, snapshot_name, &salt(), b"body");
    let sealed_snapshot = &snapshot[16 + Encapsulation::BYTES + 32..];
    vec![
        ("content id of `heirloom`", keys.content_id(b"heirloom").to_string()),
        ("node id of `heirloom`", keys.node_id(b"heirloom").to_string()),
        ("content id of nothing", keys.content_id(b"").to_string()),
        ("gear[0], as `u64` in hexadecimal", format!("{:016x}", keys.gear()[0])),
        ("gear[255], as `u64` in hexadecimal", format!("{:016x}", keys.gear()[255])),
        (
            "split value of level 0, key `home 00 me`, as `u32` in hexadecimal",
            format!("{:08x}", keys.split_value(0, b"home\0me")),
        ),
        (
            "sealed object of kind 4, whole",
            hex(keys.seal_object(ObjectKind::Session, NAME, b"body", &Counting)),
        ),
        ("public key of the signing key", hex(signed.signer)),
        ("signature", hex(signed.signature)),
        ("hash of the 1216 bytes of the X-Wing public key", hash(&keys.sealing_key())),
        ("encapsulated key", hex(session_key.encapsulation().as_bytes())),
        ("session key", hex(session_key.secret_bytes())),
        ("pack key", hex(session_key.pack_key(&salt()).secret_bytes())),
        ("frame 0", hex(frame(&session_key, 0))),
        ("frame 258", hex(frame(&session_key, 258))),
        ("trailer", hex(keys.seal_trailer(&salt(), &header, b"table"))),
        ("sealed body of the snapshot", hex(sealed_snapshot)),
        ("key bundle", hex(bundle().encode())),
    ]
}

fn bundle() -> super::Bundle {
    super::Bundle {
        role: super::Role::Owner,
        repository: RepositoryId(run(0x20)),
        root: RootSecret::from_bytes(run(0)),
        pack_bytes: 16 << 20,
    }
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[test]
fn every_answer_is_the_one_of_the_page() {
    let wrong: Vec<String> = rows()
        .into_iter()
        .filter(|(name, computed)| answer(name) != *computed)
        .map(|(name, computed)| format!("| {name} | `{computed}` |"))
        .collect();
    assert!(wrong.is_empty(), "computed instead:\n{}", wrong.join("\n"));
}

#[test]
fn the_page_has_no_other_answers() {
    let on_page = PAGE.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    assert_eq!(on_page.count(), rows().len());
}

#[test]
fn what_the_page_says_is_sealed_opens() {
    let keys = keys();
    let sealed_key = Encapsulation::from_slice(&unhex(&answer("encapsulated key"))).unwrap();
    let session_key = keys.open_session_key(&sealed_key).unwrap();
    assert_eq!(hex(session_key.secret_bytes()), answer("session key"));
    let mut frame = unhex(&answer("frame 258"));
    let length = session_key.pack_key(&salt()).open_frame(258, &mut frame).unwrap();
    assert_eq!(frame[..length], *b"heirloom");
    let trailer = unhex(&answer("trailer"));
    let table = keys.open_trailer(&salt(), &pack_header(&session_key), &trailer);
    assert_eq!(table, Ok(b"table".to_vec()));
    let object = unhex(&answer("sealed object of kind 4, whole"));
    assert_eq!(keys.open_object(ObjectKind::Session, NAME, &object), Ok(b"body".to_vec()));
    let bundle = super::Bundle::decode(&unhex(&answer("key bundle"))).unwrap();
    assert_eq!(bundle.root.as_bytes(), &run(0));
}

#[test]
fn a_sealed_object_is_refused_under_another_name_kind_or_repository() {
    let object = keys().seal_object(ObjectKind::Session, NAME, b"body", &Counting);
    let open = |keys: Keys, kind, name| keys.open_object(kind, name, &object);
    let other_name = "sessions/404142434445464748494a4b4c4d4e50";
    let unauthentic = Err(FormatError::Unauthentic);
    assert_eq!(open(keys(), ObjectKind::Session, other_name), unauthentic);
    assert_eq!(open(foreign_keys(), ObjectKind::Session, NAME), unauthentic);
    let other_kind = open(keys(), ObjectKind::Fence, NAME);
    assert_eq!(other_kind, Err(FormatError::Unrecognised { expected: "fence" }));
    let mut relabelled = object.clone();
    relabelled[..16].copy_from_slice(&super::object_header(ObjectKind::Fence));
    assert_eq!(keys().open_object(ObjectKind::Fence, NAME, &relabelled), unauthentic);
}

/// Every truncation, every changed byte and every swap of two unequal neighbours.
fn cheats(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let cut = (0..bytes.len()).map(|end| bytes[..end].to_vec());
    let flipped = (0..bytes.len()).flat_map(|offset| {
        [1, 0x80].map(|bit| {
            let mut changed = bytes.to_vec();
            changed[offset] ^= bit;
            changed
        })
    });
    let swapped = (1..bytes.len()).filter(|i| bytes[i - 1] != bytes[*i]).map(|i| {
        let mut changed = bytes.to_vec();
        changed.swap(i - 1, i);
        changed
    });
    let longer = std::iter::once([bytes, &[0]].concat());
    cut.chain(flipped).chain(swapped).chain(longer)
}

#[test]
fn a_sealed_object_is_refused_when_any_byte_is_changed_swapped_or_missing() {
    let object = keys().seal_object(ObjectKind::Session, NAME, b"body", &Counting);
    for cheat in cheats(&object) {
        assert!(keys().open_object(ObjectKind::Session, NAME, &cheat).is_err(), "{}", hex(cheat));
    }
}

#[test]
fn a_frame_is_refused_when_changed_or_at_another_place() {
    let session_key = keys().new_session_key(&Counting);
    let pack_key = session_key.pack_key(&salt());
    let sealed = frame(&session_key, 1);
    for mut cheat in cheats(&sealed) {
        assert!(pack_key.open_frame(1, &mut cheat).is_err());
    }
    let other_ordinal = pack_key.open_frame(2, &mut sealed.clone());
    assert_eq!(other_ordinal, Err(FormatError::Unauthentic));
    let other_pack = session_key.pack_key(&run(0x61)).open_frame(1, &mut sealed.clone());
    assert_eq!(other_pack, Err(FormatError::Unauthentic));
}

#[test]
fn a_trailer_is_refused_when_it_or_its_header_is_changed() {
    let session_key = keys().new_session_key(&Counting);
    let header = pack_header(&session_key);
    let sealed = keys().seal_trailer(&salt(), &header, b"table");
    for cheat in cheats(&sealed) {
        assert!(keys().open_trailer(&salt(), &header, &cheat).is_err());
    }
    for offset in [0, 16, 500, header.len() - 1] {
        let mut changed = header.clone();
        changed[offset] ^= 1;
        let result = keys().open_trailer(&salt(), &changed, &sealed);
        assert_eq!(result, Err(FormatError::Unauthentic), "{offset}");
    }
}

#[test]
fn a_snapshot_opens_under_its_name_only() {
    let session_key = keys().new_session_key(&Counting);
    let object = session_key.seal_enveloped(Enveloped::Snapshot, "snapshots/a", &salt(), b"body");
    assert_eq!(
        keys().open_enveloped(Enveloped::Snapshot, "snapshots/a", &object),
        Ok(b"body".to_vec())
    );
    let unauthentic = Err(FormatError::Unauthentic);
    assert_eq!(keys().open_enveloped(Enveloped::Snapshot, "snapshots/b", &object), unauthentic);
    assert_eq!(
        foreign_keys().open_enveloped(Enveloped::Snapshot, "snapshots/a", &object),
        unauthentic
    );
}

#[test]
fn a_snapshot_is_refused_when_any_part_is_changed_or_missing() {
    let session_key = keys().new_session_key(&Counting);
    let object = session_key.seal_enveloped(Enveloped::Snapshot, "snapshots/a", &salt(), b"body");
    // Opening costs a decapsulation: not every byte of the encapsulated key, but all others.
    let offsets = (0..16).chain((16..1136).step_by(140)).chain([1135]).chain(1136..object.len());
    for offset in offsets {
        let mut changed = object.clone();
        changed[offset] ^= 1;
        assert!(
            keys().open_enveloped(Enveloped::Snapshot, "snapshots/a", &changed).is_err(),
            "changed at {offset}"
        );
        assert!(
            keys().open_enveloped(Enveloped::Snapshot, "snapshots/a", &object[..offset]).is_err(),
            "cut at {offset}"
        );
    }
}

#[test]
fn a_signature_fits_one_domain_session_record_and_repository() {
    let signed = keys().sign(DOMAIN, session(), b"record");
    let refused = Err(FormatError::Signature);
    assert_eq!(keys().verify(DOMAIN, session(), b"record", &signed), Ok(()));
    assert_eq!(keys().verify("heirloom v1 tombstone", session(), b"record", &signed), refused);
    assert_eq!(keys().verify(DOMAIN, SessionId(run(0x41)), b"record", &signed), refused);
    assert_eq!(keys().verify(DOMAIN, session(), b"Record", &signed), refused);
    assert_eq!(foreign_keys().verify(DOMAIN, session(), b"record", &signed), refused);
    for offset in 0..64 {
        let mut changed = signed;
        changed.signature[offset] ^= 1;
        assert_eq!(keys().verify(DOMAIN, session(), b"record", &changed), refused, "{offset}");
    }
}

#[test]
fn a_signature_of_somebody_else_is_refused() {
    let stranger = Keys::derive(&RootSecret::from_bytes(run(1)), RepositoryId(run(0x20)));
    let signed = stranger.sign(DOMAIN, session(), b"record");
    assert_eq!(stranger.verify(DOMAIN, session(), b"record", &signed), Ok(()));
    let refused = Err(FormatError::Signature);
    assert_eq!(keys().verify(DOMAIN, session(), b"record", &signed), refused);
    let renamed = Signed { signer: keys().sign(DOMAIN, session(), b"").signer, ..signed };
    assert_eq!(keys().verify(DOMAIN, session(), b"record", &renamed), refused);
}

#[test]
fn debug_output_holds_no_secret() {
    let keys = keys();
    let session_key = keys.new_session_key(&Counting);
    let pack_key = session_key.pack_key(&salt());
    let root = RootSecret::from_bytes([0xa7; 32]);
    let secret = Secret::derive("heirloom test", &[]);
    let shown = format!("{keys:?} {session_key:?} {pack_key:?} {root:?} {:?} {secret:?}", sample());
    for bytes in [&[0xa7; 32], session_key.secret_bytes(), pack_key.secret_bytes(), &run(0)] {
        let (head, _) = bytes.split_at(3);
        let listed = format!("{head:?}");
        for form in [hex(head), listed.trim_matches(['[', ']']).to_owned()] {
            assert!(!shown.to_lowercase().contains(&form), "{form} in {shown}");
        }
    }
    assert!(shown.contains("Keys {") && shown.contains("RootSecret(..)"), "{shown}");
}

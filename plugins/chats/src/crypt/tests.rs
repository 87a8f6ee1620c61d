//! Backups as a phone writes them, by a second implementation. Real ones are opened in `tests/chats`.

use std::io::{self, Write as _};

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U16;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::aes::Aes256;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use md5::Digest as _;
use proptest::prelude::*;

use super::*;
use crate::files::ReadAt;

const DIGITS: &str = "00112233 44556677 8899aabb ccddeeff 00112233 44556677 8899aabb ccddeeff";
const NONCE: [u8; 16] = [0x5a; 16];

#[derive(Debug)]
struct Memory(Vec<u8>);

impl ReadAt for Memory {
    fn size(&self) -> u64 {
        u64::try_from(self.0.len()).expect("memory")
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let end = start.saturating_add(bytes).min(self.0.len());
        Ok(Bytes::copy_from_slice(&self.0[start..end]))
    }
}

fn root_key(digits: &str) -> Key {
    Key::parse(digits.as_bytes()).expect("64 digits")
}

fn account_key(salt: u8) -> Key {
    let check = sha2::Sha256::digest([salt; 16]);
    let data = [&[0, 1, 2][..], &[salt; 32], &[salt; 16], check.as_slice(), &[0; 16], &[9; 32]];
    Key::parse(&data.concat()).expect("an account key")
}

fn secret(key: &Key) -> [u8; 32] {
    match key {
        Key::Root(root) => *root.backup_key(),
        Key::Account(account) => *account.backup_key(),
    }
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).expect("short")], bytes].concat()
}

fn header(form: Form, key_type: u8) -> Vec<u8> {
    let described = [field(1, b"2.26.1.75"), field(2, b"Pixel 9"), field(3, b"42")].concat();
    let message = match form {
        Form::Crypt12 => return [&[0, 1, 2][..], &[7; 32], &[7; 16], &NONCE].concat(),
        Form::Crypt14 => {
            let account = [
                field(1, &[0, 1]),
                field(2, b"2"),
                field(3, &[7; 32]),
                field(4, &[7; 16]),
                field(5, &NONCE),
            ];
            [vec![8, 0], field(2, &account.concat()), field(4, &described)].concat()
        }
        Form::Crypt15 => {
            [vec![8, 1], field(3, &field(1, &NONCE)), field(4, &described), vec![6 << 3, key_type]]
                .concat()
        }
    };
    [&[u8::try_from(message.len()).expect("short")][..], &message].concat()
}

fn sealed(form: Form, key: &Key, plain: &[u8], with_md5: bool) -> Memory {
    let mut file = header(form, 3);
    let cipher = AesGcm::<Aes256, U16>::new(&secret(key).into());
    file.extend(cipher.encrypt(&NONCE.into(), plain).expect("short enough"));
    if with_md5 {
        let md5 = md5::Md5::digest(&file);
        file.extend_from_slice(md5.as_slice());
    }
    if form == Form::Crypt12 {
        file.extend_from_slice(b"--42");
    }
    Memory(file)
}

fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::new(6));
    zlib.write_all(plain).and_then(|()| zlib.finish()).expect("memory")
}

fn read(opened: &Opened<'_>) -> Result<Vec<u8>, CryptFault> {
    let mut content = Vec::new();
    opened.read(|piece| {
        content.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(content)
}

fn all_forms() -> [(Form, Key); 3] {
    [
        (Form::Crypt12, account_key(7)),
        (Form::Crypt14, account_key(7)),
        (Form::Crypt15, root_key(DIGITS)),
    ]
}

#[test]
fn every_form_is_opened_with_its_key() {
    let plain: Vec<u8> = b"SQLite format 3\0".iter().copied().cycle().take(1_000_000).collect();
    for (form, key) in all_forms() {
        let file = sealed(form, &key, &compressed(&plain), true);
        let opened = open(&file, &key).expect("the right key");
        assert_eq!((opened.header.form, opened.checksum), (form, Checksum::Right));
        assert_eq!(opened.payload().expect("it is there"), Payload::Zlib);
        assert!(read(&opened).expect("whole") == plain);
    }
}

#[test]
fn the_header_tells_what_is_needed_without_any_key() {
    let header = Header::parse(&header(Form::Crypt15, 2)).expect("a header");
    assert_eq!(header.key_type, KeyType::Password);
    assert_eq!(header.app_version.as_deref(), Some("2.26.1.75"));
    assert_eq!(header.device.as_deref(), Some("Pixel 9"));
    assert_eq!(header.number_suffix.as_deref(), Some("42"));
}

#[test]
fn five_faults_are_told_apart() {
    let plain = compressed(&[1; 5000]);
    let (root, account) = (root_key(DIGITS), account_key(7));
    let fault = |file: &Memory, key: &Key| open(file, key).expect_err("a fault");
    let file = sealed(Form::Crypt15, &root, &plain, true);
    let wrong = root_key(&DIGITS.replace('0', "1"));
    assert!(matches!(fault(&file, &wrong), CryptFault::WrongKey { key_type: KeyType::Digits }));
    assert!(matches!(fault(&file, &account), CryptFault::OtherKind { form: Form::Crypt15, .. }));
    let old = sealed(Form::Crypt14, &account, &plain, true);
    assert!(matches!(fault(&old, &account_key(8)), CryptFault::OtherRegistration));
    assert!(matches!(fault(&old, &root), CryptFault::OtherKind { form: Form::Crypt14, .. }));
    let mut damaged = sealed(Form::Crypt15, &root, &plain, true);
    let middle = damaged.0.len() / 2;
    damaged.0[middle] ^= 1;
    assert!(matches!(fault(&damaged, &root), CryptFault::Damaged));
    let short = Memory(file.0[..header(Form::Crypt15, 3).len() + 10].to_vec());
    assert!(matches!(fault(&short, &root), CryptFault::Truncated));
    assert!(matches!(
        fault(&Memory(b"SQLite format 3\0".repeat(40)), &root),
        CryptFault::Header(_)
    ));
}

#[test]
fn a_damaged_checksum_is_no_reason_to_withhold_authentic_content() {
    for (form, key) in all_forms() {
        let mut file = sealed(form, &key, &compressed(b"authentic"), true);
        let behind = if form == Form::Crypt12 { 5 } else { 1 };
        let at = file.0.len() - behind;
        file.0[at] ^= 0x80;
        let opened = open(&file, &key).expect("authentic");
        assert_eq!(opened.checksum, Checksum::Wrong);
        assert_eq!(read(&opened).expect("whole"), b"authentic");
    }
}

#[test]
fn archives_of_several_files_have_no_checksum() {
    let key = root_key(DIGITS);
    let file = sealed(Form::Crypt15, &key, b"PK\x03\x04 and so on", false);
    let opened = open(&file, &key).expect("the right key");
    assert_eq!(opened.checksum, Checksum::Absent);
    assert_eq!(opened.payload().expect("it is there"), Payload::Zip);
    assert_eq!(read(&opened).expect("whole"), b"PK\x03\x04 and so on");
}

#[test]
fn content_that_ends_too_early_is_not_taken_for_whole() {
    let key = root_key(DIGITS);
    let whole = compressed(&vec![3; 100_000]);
    for cut in [whole.len() - 1, whole.len() / 2, 2] {
        let file = sealed(Form::Crypt15, &key, &whole[..cut], true);
        let opened = open(&file, &key).expect("authentic");
        assert!(matches!(read(&opened), Err(CryptFault::Content)), "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_change_is_noticed_or_harmless(at: prop::sample::Index, mask in 1_u8.., form in 0_usize..3) {
        let (form, key) = all_forms()[form].clone();
        let plain = compressed(b"what they said");
        let mut file = sealed(form, &key, &plain, true);
        let at = at.index(file.0.len());
        file.0[at] ^= mask;
        if let Ok(opened) = open(&file, &key) {
            prop_assert_eq!(read(&opened).expect("authentic"), b"what they said");
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(open(&Memory(bytes.clone()), &root_key(DIGITS)));
        drop(open(&Memory(bytes.clone()), &account_key(7)));
        drop(Key::parse(&bytes));
    }
}

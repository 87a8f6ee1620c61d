//! The keys of encrypted backups: the 64 digits, and the files that a phone keeps them in.

use std::fmt;

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

use super::header::Header;

/// A larger file is no key.
pub const KEY_FILE_BYTES_MAX: usize = 64 << 10;
/// What Java writes before the bytes of an array, up to their number.
const JAVA_ARRAY: [u8; 23] = [
    0xac, 0xed, 0x00, 0x05, 0x75, 0x72, 0x00, 0x02, 0x5b, 0x42, 0xac, 0xf3, 0x17, 0xf8, 0x06, 0x08,
    0x54, 0xe0, 0x02, 0x00, 0x00, 0x78, 0x70,
];
const ROOT_BYTES: usize = 32;
const ACCOUNT_BYTES: usize = 131;
const DIGITS: usize = 64;
/// Java's words, a length, the key.
const ROOT_FILE_BYTES: usize = JAVA_ARRAY.len() + 4 + ROOT_BYTES;
const ACCOUNT_FILE_BYTES: usize = JAVA_ARRAY.len() + 4 + ACCOUNT_BYTES;
const FINGERPRINT: &[u8] = b"heirloom fingerprint of a chats key";

/// A key that opens encrypted backups.
#[derive(Debug, Clone)]
pub enum Key {
    /// Of `crypt15`: the 64 digits.
    Root(RootKey),
    /// Of `crypt12` and `crypt14`: what WhatsApp gave to the phone when its number was registered.
    Account(AccountKey),
}

/// The secret that the 64 digits are.
#[derive(Clone)]
pub struct RootKey(Zeroizing<[u8; ROOT_BYTES]>);

/// What a phone was given, and by what it can be told for which registration.
#[derive(Clone)]
pub struct AccountKey {
    /// Which of the account's keys.
    pub version: u8,
    /// Also in the header of each backup.
    pub server_salt: [u8; 32],
    /// Also in the header of each backup.
    pub google_id_salt: [u8; 16],
    secret: Zeroizing<[u8; 32]>,
    /// All of it, as the phone has it.
    data: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey")
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKey").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Why something is no key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// Digits, but not as many.
    #[error("{digits} digits instead of {DIGITS}")]
    Digits {
        /// How many there are.
        digits: usize,
    },
    /// Text in which something else is than digits.
    #[error("character {at} is none of 0-9 and a-f")]
    NotHex {
        /// Which character, from 1, blanks and dashes not counted.
        at: usize,
    },
    /// What the key is for.
    #[error("an encrypted backup, not the key to one")]
    Backup,
    /// No key file is so long, or so short.
    #[error("{}; key files have {ROOT_FILE_BYTES} or {ACCOUNT_FILE_BYTES} bytes", length(*bytes))]
    Length {
        /// What was given; of large files, more than [`KEY_FILE_BYTES_MAX`].
        bytes: usize,
    },
    /// A password is checked against such a file; the key is not in it.
    #[error("a file that checks a password; the key is not in it")]
    PasswordCheck,
    /// The file contradicts itself.
    #[error("a damaged key file")]
    Damaged,
}

fn length(bytes: usize) -> String {
    if bytes > KEY_FILE_BYTES_MAX {
        format!("more than {KEY_FILE_BYTES_MAX} bytes")
    } else {
        format!("{bytes} bytes")
    }
}

impl Key {
    /// Reads a key file, or the 64 digits as people write them: with blanks, dashes and line ends, in either case.
    /// The first [`KEY_FILE_BYTES_MAX`] bytes and one more are enough of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFault> {
        if let Some(rest) = bytes.strip_prefix(JAVA_ARRAY.as_slice()) {
            let (length, data) = rest.split_first_chunk().ok_or(KeyFault::Damaged)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            return Self::from_bytes(data.get(..length).ok_or(KeyFault::Damaged)?);
        }
        if bytes.starts_with(&[0xac, 0xed]) {
            // Another object of Java: the one that a password is checked against.
            return Err(KeyFault::PasswordCheck);
        }
        if let Some(text) = text(bytes) {
            return Self::from_digits(text);
        }
        match bytes.len() {
            ROOT_BYTES | ACCOUNT_BYTES => Self::from_bytes(bytes),
            _ if Header::parse(bytes).is_ok() => Err(KeyFault::Backup),
            bytes => Err(KeyFault::Length { bytes }),
        }
    }

    /// What [`Self::to_bytes`] gave.
    pub fn from_bytes(data: &[u8]) -> Result<Self, KeyFault> {
        if let Ok(root) = <[u8; ROOT_BYTES]>::try_from(data) {
            return Ok(Self::Root(RootKey(Zeroizing::new(root))));
        }
        account(data).map(Self::Account).ok_or(KeyFault::Damaged)
    }

    fn from_digits(text: &str) -> Result<Self, KeyFault> {
        let is_filling =
            |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2013}' | ':' | '\u{feff}');
        let mut root = Zeroizing::new([0; ROOT_BYTES]);
        let mut digits = 0;
        for c in text.chars().filter(|c| !is_filling(*c)) {
            let digit = c.to_digit(16).ok_or(KeyFault::NotHex { at: digits + 1 })?;
            if let Some(byte) = root.get_mut(digits / 2) {
                *byte = *byte << 4 | u8::try_from(digit).unwrap_or_default();
            }
            digits += 1;
        }
        if digits == DIGITS {
            Ok(Self::Root(RootKey(root)))
        } else {
            Err(KeyFault::Digits { digits })
        }
    }

    /// The key itself, in the fewest bytes.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Root(root) => root.0.to_vec(),
            Self::Account(account) => account.data.to_vec(),
        })
    }

    /// The file that a phone keeps it in: `encrypted_backup.key` or `key`.
    pub fn to_file(&self) -> Zeroizing<Vec<u8>> {
        let data = self.to_bytes();
        let length = u32::try_from(data.len()).expect("a key is short").to_be_bytes();
        Zeroizing::new([JAVA_ARRAY.as_slice(), &length, &data].concat())
    }

    /// Eight digits that tell keys apart and give nothing away.
    pub fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(FINGERPRINT);
        hasher.update(self.to_bytes().as_slice());
        let hash = hasher.finalize();
        let (head, _) = hash.split_first_chunk().expect("a hash has more than 4 bytes");
        format!("{:08x}", u32::from_be_bytes(*head))
    }
}

/// What somebody may have typed: a key in bytes has others, too.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_typed = |c: char| c.is_whitespace() || !c.is_control();
    (bytes.len() <= KEY_FILE_BYTES_MAX && text.chars().all(is_typed)).then_some(text)
}

fn account(data: &[u8]) -> Option<AccountKey> {
    let whole = data;
    let (&[0, 1, version], rest) = data.split_first_chunk()? else { return None };
    let (server_salt, rest) = rest.split_first_chunk::<32>()?;
    let (google_id_salt, rest) = rest.split_first_chunk::<16>()?;
    let (check, rest) = rest.split_first_chunk::<32>()?;
    let (_, rest) = rest.split_first_chunk::<16>()?;
    let secret: [u8; 32] = rest.try_into().ok()?;
    let is_whole = bool::from(Sha256::digest(google_id_salt).as_slice().ct_eq(check));
    let (server_salt, google_id_salt) = (*server_salt, *google_id_salt);
    is_whole.then_some(AccountKey {
        version,
        server_salt,
        google_id_salt,
        secret: Zeroizing::new(secret),
        data: Zeroizing::new(whole.to_vec()),
    })
}

impl RootKey {
    /// The key that backups are encrypted with.
    pub(super) fn backup_key(&self) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, self.0.as_slice())
            .expand(b"backup encryption", key.as_mut_slice())
            .expect("32 bytes are one block");
        key
    }

    /// The 64 digits, in groups of four.
    pub fn digits(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(DIGITS + DIGITS / 4));
        for (n, byte) in self.0.iter().enumerate() {
            if n > 0 && n % 2 == 0 {
                text.push(' ');
            }
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(digit.into(), 16));
            }
        }
        text
    }
}

impl AccountKey {
    pub(super) fn backup_key(&self) -> Zeroizing<[u8; 32]> {
        self.secret.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "6730a595a1484d0c39c101dc0ac82ec5e401bb6f0e1b8ee2dc104a6b3687f017";

    fn root(text: &str) -> Result<[u8; 32], KeyFault> {
        match Key::parse(text.as_bytes())? {
            Key::Root(root) => Ok(*root.0),
            Key::Account(_) => panic!("an account key from text"),
        }
    }

    fn account_file(google_id_salt: [u8; 16]) -> Vec<u8> {
        let check = Sha256::digest(google_id_salt);
        let data =
            [&[0, 1, 2][..], &[7; 32], &google_id_salt, check.as_slice(), &[0; 16], &[9; 32]];
        [&JAVA_ARRAY[..], &131_u32.to_be_bytes(), &data.concat()].concat()
    }

    #[test]
    fn the_digits_are_read_however_they_are_written() {
        let plain = root(TEXT).expect("64 digits");
        let grouped = |length: usize, between: &str| {
            let groups: Vec<_> =
                TEXT.as_bytes().chunks(length).map(|g| str::from_utf8(g).expect("ASCII")).collect();
            groups.join(between)
        };
        for text in
            [grouped(4, " "), grouped(8, "-"), grouped(16, "\r\n") + "\n", TEXT.to_uppercase()]
        {
            assert_eq!(root(&text), Ok(plain), "{text}");
        }
        let Ok(Key::Root(key)) = Key::parse(TEXT.as_bytes()) else { panic!("a root key") };
        assert_eq!(key.digits().replace(' ', ""), TEXT);
    }

    #[test]
    fn the_key_of_backups_is_derived_as_the_phone_does_it() {
        let Ok(Key::Root(key)) = Key::parse(TEXT.as_bytes()) else { panic!("a root key") };
        let expected =
            Key::parse(b"17ec312152f6f84fd13a3ec6b9c9279aac60bb84405f0685d1fae27293757bc7");
        let Ok(Key::Root(expected)) = expected else { panic!("64 digits") };
        assert_eq!(*key.backup_key(), *expected.0);
    }

    #[test]
    fn files_of_java_are_read() {
        let Ok(Key::Account(account)) = Key::parse(&account_file([3; 16])) else {
            panic!("an account key")
        };
        assert_eq!((account.version, account.server_salt, *account.secret), (2, [7; 32], [9; 32]));
        let file = [&JAVA_ARRAY[..], &32_u32.to_be_bytes(), &[5; 32]].concat();
        assert!(matches!(Key::parse(&file), Ok(Key::Root(_))));
        assert!(matches!(Key::parse(&[5; 32]), Ok(Key::Root(_))));
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        let fault = |bytes: &[u8]| Key::parse(bytes).expect_err("no key");
        assert_eq!(fault(&TEXT.as_bytes()[1..]), KeyFault::Digits { digits: 63 });
        assert_eq!(fault(TEXT.repeat(2).as_bytes()), KeyFault::Digits { digits: 128 });
        assert_eq!(fault(b""), KeyFault::Digits { digits: 0 });
        assert_eq!(fault(b"ab12-O0"), KeyFault::NotHex { at: 5 });
        assert_eq!(fault(&[b'x'; 32]), KeyFault::NotHex { at: 1 });
        assert_eq!(fault(&[0xff; 4000]), KeyFault::Length { bytes: 4000 });
        let large = fault(&vec![b'a'; KEY_FILE_BYTES_MAX + 1]);
        assert_eq!(large.to_string(), "more than 65536 bytes; key files have 59 or 158 bytes");
        let mut damaged = account_file([3; 16]);
        damaged[70] ^= 1;
        assert_eq!(fault(&damaged), KeyFault::Damaged);
        assert_eq!(fault(&account_file([3; 16])[..100]), KeyFault::Damaged);
        assert_eq!(fault(b"\xac\xed\x00\x05sr\x00\x10password"), KeyFault::PasswordCheck);
        let crypt12 = [&[0, 1, 2][..], &[0xee; 200]].concat();
        assert_eq!(fault(&crypt12), KeyFault::Backup);
    }

    #[test]
    fn a_key_comes_back_from_its_bytes_and_from_its_file() {
        for key in [Key::parse(TEXT.as_bytes()), Key::parse(&account_file([3; 16]))] {
            let key = key.expect("a key");
            let bytes = key.to_bytes();
            assert_eq!(Key::from_bytes(&bytes).expect("its bytes").to_bytes(), bytes);
            assert_eq!(Key::parse(&key.to_file()).expect("its file").to_bytes(), bytes);
            assert_eq!(key.fingerprint().len(), 8);
            assert!(!format!("{key:?}").contains(&key.fingerprint()));
        }
        let file = account_file([3; 16]);
        assert_eq!(*Key::parse(&file).expect("a key").to_file(), file);
    }

    #[test]
    fn keys_have_fingerprints_of_their_own() {
        let of = |text: &str| Key::parse(text.as_bytes()).expect("64 digits").fingerprint();
        assert_eq!(of(TEXT), of(&TEXT.to_uppercase()));
        assert_ne!(of(TEXT), of(&TEXT.replace('1', "2")));
    }
}

//! Encrypted backups as a phone writes them: `crypt12`, `crypt14`, `crypt15`, by another implementation than the one that reads them.

use std::io::{self, Read, Write};

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U16;
use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::aes::Aes256;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use hkdf::Hkdf;
use md5::{Digest as _, Md5};
use sha2::Sha256;

/// What Java writes before the bytes of an array, up to their number.
const JAVA_ARRAY: [u8; 23] = [
    0xac, 0xed, 0x00, 0x05, 0x75, 0x72, 0x00, 0x02, 0x5b, 0x42, 0xac, 0xf3, 0x17, 0xf8, 0x06, 0x08,
    0x54, 0xe0, 0x02, 0x00, 0x00, 0x78, 0x70,
];

/// Which kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CryptForm {
    /// Fixed header, key of the account.
    Crypt12,
    /// Described header, key of the account.
    Crypt14,
    /// Described header, key of the user.
    Crypt15,
}

impl CryptForm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Crypt12, Self::Crypt14, Self::Crypt15];

    /// What names of such files end in.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Crypt12 => "crypt12",
            Self::Crypt14 => "crypt14",
            Self::Crypt15 => "crypt15",
        }
    }
}

/// What a file is encrypted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CryptKey {
    /// The 64 digits: for `crypt15`.
    Root([u8; 32]),
    /// For `crypt12` and `crypt14`.
    Account {
        /// Also in the header.
        server_salt: [u8; 32],
        /// Also in the header.
        google_id_salt: [u8; 16],
        /// The key itself.
        secret: [u8; 32],
    },
}

impl CryptKey {
    /// One that fits a form, another for each number.
    pub fn of(form: CryptForm, number: u8) -> Self {
        match form {
            CryptForm::Crypt15 => Self::Root([number; 32]),
            CryptForm::Crypt12 | CryptForm::Crypt14 => Self::Account {
                server_salt: [number; 32],
                google_id_salt: [number; 16],
                secret: [number ^ 0x5a; 32],
            },
        }
    }

    /// The file that a phone keeps it in: `encrypted_backup.key` or `key`.
    pub fn file(&self) -> Vec<u8> {
        let data = match self {
            Self::Root(root) => root.to_vec(),
            Self::Account { server_salt, google_id_salt, secret } => {
                let check = Sha256::digest(google_id_salt);
                [&[0, 1, 2][..], server_salt, google_id_salt, &check, &[0; 16], secret].concat()
            }
        };
        let length = u32::try_from(data.len()).expect("short").to_be_bytes();
        [&JAVA_ARRAY[..], &length, &data].concat()
    }

    fn secret(&self) -> [u8; 32] {
        match self {
            Self::Root(root) => {
                let mut key = [0; 32];
                let hkdf = Hkdf::<Sha256>::new(None, root);
                hkdf.expand(b"backup encryption", &mut key).expect("32 bytes are one block");
                key
            }
            Self::Account { secret, .. } => *secret,
        }
    }
}

/// A backup of one file, compressed by zlib.
pub fn write(
    form: CryptForm,
    key: &CryptKey,
    plain: &[u8],
    level: u32,
    nonce: [u8; 16],
) -> Vec<u8> {
    let mut out = Vec::new();
    let packing = Packing { form, key, level, nonce };
    packing.write(plain, &mut out).expect("memory takes all that is written");
    out
}

/// How [`write()`] does it, for files that are too large for memory.
#[derive(Debug, Clone, Copy)]
pub struct Packing<'k> {
    /// Which kind of file.
    pub form: CryptForm,
    /// What it is encrypted with.
    pub key: &'k CryptKey,
    /// Of zlib.
    pub level: u32,
    /// Another one for each file, if they are to be as on a phone.
    pub nonce: [u8; 16],
}

impl Packing<'_> {
    /// Writes a backup. Only what is compressed is in memory.
    pub fn write(self, mut plain: impl Read, mut out: impl Write) -> io::Result<()> {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::new(self.level));
        io::copy(&mut plain, &mut zlib)?;
        out.write_all(&seal(self.form, self.key, zlib.finish()?, true, self.nonce))
    }
}

/// A backup with this inside, whatever it is. Those of several files have no MD5.
pub fn seal(
    form: CryptForm,
    key: &CryptKey,
    mut inside: Vec<u8>,
    with_md5: bool,
    nonce: [u8; 16],
) -> Vec<u8> {
    let cipher = AesGcm::<Aes256, U16>::new(&key.secret().into());
    let tag = cipher
        .encrypt_inout_detached(&nonce.into(), &[], inside.as_mut_slice().into())
        .expect("short enough");
    let mut file = header(form, key, nonce);
    file.extend_from_slice(&inside);
    file.extend_from_slice(&tag);
    if with_md5 {
        let md5 = Md5::digest(&file);
        file.extend_from_slice(&md5);
    }
    if form == CryptForm::Crypt12 {
        file.extend_from_slice(b"--42");
    }
    file
}

/// What stands before the ciphertext.
pub fn header(form: CryptForm, key: &CryptKey, nonce: [u8; 16]) -> Vec<u8> {
    let (server_salt, google_id_salt) = match key {
        CryptKey::Account { server_salt, google_id_salt, .. } => (*server_salt, *google_id_salt),
        CryptKey::Root(_) => ([0; 32], [0; 16]),
    };
    let described = [field(1, b"2.26.1.75"), field(2, b"Pixel 9"), field(3, b"42")].concat();
    let message = match form {
        CryptForm::Crypt12 => {
            return [&[0, 1, 2][..], &server_salt, &google_id_salt, &nonce].concat();
        }
        CryptForm::Crypt14 => {
            let account = [
                field(1, &[0, 1]),
                field(2, b"2"),
                field(3, &server_salt),
                field(4, &google_id_salt),
                field(5, &nonce),
            ];
            [vec![8, 0], field(2, &account.concat()), field(4, &described)].concat()
        }
        CryptForm::Crypt15 => {
            [vec![8, 1], field(3, &field(1, &nonce)), field(4, &described), vec![6 << 3, 3]]
                .concat()
        }
    };
    [&[u8::try_from(message.len()).expect("short")][..], &message].concat()
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).expect("short")], bytes].concat()
}

//! Verifies an encrypted backup and gives out what is in it.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
use md5::{Digest as _, Md5};
use thiserror::Error;
use zeroize::Zeroizing;

use super::gcm::{Cipher, Tag};
use super::header::{Form, HEADER_BYTES_MAX, Header, HeaderFault, KeyType};
use super::key::Key;
use crate::files::ReadAt;

const PIECE_BYTES: usize = 256 << 10;
const PIECE_LENGTH: u64 = 256 << 10;
const TAG_LENGTH: u64 = 16;
const MD5_LENGTH: u64 = 16;
/// `--` and the last two digits of the phone number.
const FOOTER_LENGTH: u64 = 4;
/// Nothing that a phone writes is compressed more: zlib itself cannot do more than 1032 to 1.
const RATIO_MAX: u64 = 1100;

/// Why a backup was not opened.
#[derive(Debug, Error)]
pub enum CryptFault {
    /// Its bytes could not be had.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// It is no encrypted backup.
    #[error(transparent)]
    Header(#[from] HeaderFault),
    /// It ends before the tag.
    #[error("ends too early")]
    Truncated,
    /// A key of the other kind is needed.
    #[error("needs {}", needed(*.form, *.key_type))]
    OtherKind {
        /// What kind of file it is.
        form: Form,
        /// What its key is kept by.
        key_type: KeyType,
    },
    /// The key is one that the phone had before or after.
    #[error("was made under another registration of the phone number than the key")]
    OtherRegistration,
    /// The file is as it was written, but with another key.
    #[error("was not encrypted with this key")]
    WrongKey {
        /// What its key is kept by.
        key_type: KeyType,
    },
    /// The file is not as it was written.
    #[error("was damaged after it was written, or the key is another")]
    Damaged,
    /// What is in it is authentic, but makes no sense.
    #[error("holds what cannot be decompressed")]
    Content,
}

fn needed(form: Form, key_type: KeyType) -> &'static str {
    match (form, key_type) {
        (Form::Crypt12 | Form::Crypt14, _) | (_, KeyType::Account) => "the file `key` of the phone",
        (Form::Crypt15, KeyType::Password) => {
            "the key that its password stands for: encrypted_backup.key of the phone"
        }
        (Form::Crypt15, KeyType::Passkey) => {
            "the key that its passkey stands for: encrypted_backup.key of the phone"
        }
        (Form::Crypt15, KeyType::Digits | KeyType::User) => "the key of 64 digits",
    }
}

/// What the MD5 at the end says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It is right.
    Right,
    /// There is none, as in backups of several files.
    Absent,
    /// It is wrong, although the content is authentic: only the checksum itself was damaged.
    Wrong,
}

/// A backup whose content was verified.
#[derive(Debug)]
pub struct Opened<'f> {
    /// What it says about itself.
    pub header: Header,
    /// What its checksum says.
    pub checksum: Checksum,
    file: &'f dyn ReadAt,
    data: Range<u64>,
    key: Zeroizing<[u8; 32]>,
}

/// What is in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// One file, compressed.
    Zlib,
    /// Several files: a zip archive.
    Zip,
    /// One file as it is.
    Plain,
}

/// Verifies a backup with a key. Reads all of it once.
pub fn open<'f>(file: &'f dyn ReadAt, key: &Key) -> Result<Opened<'f>, CryptFault> {
    let header = Header::parse(&file.read_at(0, HEADER_BYTES_MAX)?)?;
    let key = fitting_key(&header, key)?;
    let footer = if header.form == Form::Crypt12 { FOOTER_LENGTH } else { 0 };
    let end = file.size().checked_sub(footer).ok_or(CryptFault::Truncated)?;
    if end < header.bytes + TAG_LENGTH {
        return Err(CryptFault::Truncated);
    }
    // Either the tag is last, or the MD5 is, with the tag before it.
    let (with_md5, without) = (end.checked_sub(TAG_LENGTH + MD5_LENGTH), end - TAG_LENGTH);
    let with_md5 = with_md5.filter(|start| *start >= header.bytes);
    let mut md5 = Md5::new();
    md5.update(file.read_at(0, length(0..header.bytes))?);
    let mut tag = Cipher::new(&key, &header.nonce).tag();
    let (mut at, mut before_md5) = (header.bytes, None::<Tag>);
    let mut take = |range: Range<u64>, tag: &mut Tag| {
        pieces(file, range, |piece| {
            md5.update(&piece);
            tag.update(&piece);
            Ok(())
        })
    };
    if let Some(start) = with_md5 {
        take(at..start, &mut tag)?;
        (at, before_md5) = (start, Some(tag.clone()));
    }
    take(at..without, &mut tag)?;
    let last = read_exact(file, without..end)?;
    let is_md5 = md5.finalize().as_slice() == &last[..];
    let opened = |data_end, checksum| Opened {
        data: header.bytes..data_end,
        header: header.clone(),
        checksum,
        file,
        key: key.clone(),
    };
    if let (Some(start), Some(before_md5)) = (with_md5, before_md5)
        && before_md5.is(&read_exact(file, start..start + TAG_LENGTH)?)
    {
        return Ok(opened(start, if is_md5 { Checksum::Right } else { Checksum::Wrong }));
    }
    if tag.is(&last) {
        return Ok(opened(without, Checksum::Absent));
    }
    Err(if is_md5 {
        CryptFault::WrongKey { key_type: header.key_type }
    } else {
        CryptFault::Damaged
    })
}

/// Whether a key is of the kind and the registration that a backup says it needs.
pub(super) fn fits(file: &dyn ReadAt, key: &Key) -> Result<(), CryptFault> {
    let header = Header::parse(&file.read_at(0, HEADER_BYTES_MAX)?)?;
    fitting_key(&header, key).map(drop)
}

fn fitting_key(header: &Header, key: &Key) -> Result<Zeroizing<[u8; 32]>, CryptFault> {
    let other = CryptFault::OtherKind { form: header.form, key_type: header.key_type };
    match (header.form, key, &header.registration) {
        (Form::Crypt15, Key::Root(root), _) => Ok(root.backup_key()),
        (Form::Crypt12 | Form::Crypt14, Key::Account(account), Some(registration)) => {
            let fits = account.server_salt == registration.server_salt
                && account.google_id_salt == registration.google_id_salt;
            if fits { Ok(account.backup_key()) } else { Err(CryptFault::OtherRegistration) }
        }
        (Form::Crypt15, Key::Account(_), _) | (Form::Crypt12 | Form::Crypt14, _, _) => Err(other),
    }
}

impl Opened<'_> {
    /// Where the ciphertext is, and what it is encrypted with.
    pub(crate) fn inside(&self) -> (Range<u64>, Zeroizing<[u8; 32]>) {
        (self.data.clone(), self.key.clone())
    }

    /// What kind of content it is.
    pub fn payload(&self) -> Result<Payload, CryptFault> {
        let mut head = Vec::new();
        self.decrypt(0..(self.data.end - self.data.start).min(64), |piece| {
            head.extend_from_slice(piece);
            io::Result::Ok(())
        })?;
        Ok(match head.as_slice() {
            [b'P', b'K', 3, 4, ..] => Payload::Zip,
            // The method is deflate, and the two bytes are a multiple of 31.
            [cmf, flg, ..]
                if cmf & 15 == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0 =>
            {
                Payload::Zlib
            }
            _ => Payload::Plain,
        })
    }

    /// Gives out the content: decompressed, if it is one file that was compressed.
    pub fn read(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), CryptFault> {
        let whole = 0..self.data.end - self.data.start;
        if self.payload()? != Payload::Zlib {
            return self.decrypt(whole, take);
        }
        let limit = (whole.end + 1).saturating_mul(RATIO_MAX);
        let mut inflate = Decompress::new(true);
        let (mut plain, mut is_at_end) = (Vec::with_capacity(PIECE_BYTES), false);
        self.decrypt(whole, |mut piece| {
            while !piece.is_empty() && !is_at_end {
                let before = inflate.total_in();
                plain.clear();
                let status = inflate.decompress_vec(piece, &mut plain, FlushDecompress::None);
                let used = usize::try_from(inflate.total_in() - before).unwrap_or(usize::MAX);
                let status = status.map_err(|_damaged| CryptFault::Content)?;
                is_at_end = status == Status::StreamEnd;
                if inflate.total_out() > limit || used == 0 && plain.is_empty() && !is_at_end {
                    return Err(CryptFault::Content);
                }
                piece = piece.get(used..).unwrap_or_default();
                take(&plain)?;
            }
            Ok(())
        })?;
        if is_at_end { Ok(()) } else { Err(CryptFault::Content) }
    }

    /// A part of the decrypted bytes. The cipher runs from the start: only the beginning or everything makes sense.
    fn decrypt<E: Into<CryptFault>>(
        &self,
        range: Range<u64>,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), CryptFault> {
        let mut cipher = Cipher::new(&self.key, &self.header.nonce);
        let start = self.data.start;
        pieces(self.file, start + range.start..start + range.end, |piece| {
            let mut plain = Zeroizing::new(piece.to_vec());
            cipher.decrypt(&mut plain);
            take(&plain).map_err(Into::into)
        })
    }
}

fn pieces(
    file: &dyn ReadAt,
    range: Range<u64>,
    mut take: impl FnMut(Bytes) -> Result<(), CryptFault>,
) -> Result<(), CryptFault> {
    let mut at = range.start;
    while at < range.end {
        let piece = read_exact(file, at..range.end.min(at + PIECE_LENGTH))?;
        at += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        take(piece)?;
    }
    Ok(())
}

fn read_exact(file: &dyn ReadAt, range: Range<u64>) -> Result<Bytes, CryptFault> {
    let bytes = length(range.clone());
    let read = file.read_at(range.start, bytes)?;
    if read.len() == bytes { Ok(read) } else { Err(CryptFault::Truncated) }
}

fn length(range: Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

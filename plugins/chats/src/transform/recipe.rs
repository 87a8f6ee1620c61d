//! The recipe: what a file is made of besides its sections. Section "Recipes of chats" of the format's description.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::correcting::{CHUNK_BYTES_MAX, CORRECTIONS_BYTES_MAX};
use super::deflating::Level;
use super::tap::length;
use crate::crypt::NONCE_BYTES;
use crate::files::ReadAt;

const VERSION: u8 = 1;
/// The number at the end that says how long the recipe is.
pub(super) const FOOTER_BYTES: u64 = 8;
/// Header and trailer of an encrypted file, together.
const COAT_BYTES_MAX: u64 = 128 << 10;
const KEY_BYTES: usize = 32;

/// No recipe that is written is longer.
pub(super) const RECIPE_BYTES_MAX: usize = 16 << 20;

/// The last section. It holds a key: nothing prints it, and no copy of it stays in memory.
pub(super) struct Section(Zeroizing<Vec<u8>>);

impl Section {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("bytes", &self.0.len()).finish_non_exhaustive()
    }
}

/// What is around the content of an encrypted file.
pub(super) struct Sealed {
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) key: Zeroizing<[u8; KEY_BYTES]>,
    pub(super) header: Bytes,
    pub(super) trailer: Bytes,
}

/// What the decoded file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoded {
    /// The file as it is: it is not encrypted.
    Original,
    /// The first so many bytes of the sections.
    Sections(u64),
    /// What the steps make, without the encryption.
    Inner,
}

/// One step on the way to the file. What it takes of the sections follows on what the step before took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// So many bytes of the recipe, which follow.
    Literal(u64),
    /// So many bytes of the sections, as they are.
    Stored(u64),
    /// So many bytes of the sections, deflated by zlib.
    Zlib(Level, u64),
    /// The beginning of a stream that was deflated by another program.
    Corrected,
    /// The next part of that stream: bytes of the sections, and of corrections, which follow.
    Chunk(u64, u64),
    /// The end of it.
    CorrectedEnd,
    /// The end of the file.
    End,
}

const LITERAL: u8 = 1;
const STORED: u8 = 2;
const ZLIB: u8 = 3;
const CORRECTED: u8 = 4;
const CHUNK: u8 = 5;
const CORRECTED_END: u8 = 6;
const END: u8 = 0;

impl Action {
    /// Writes the step, without what follows it.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Literal(bytes) => number(out, LITERAL, &[], bytes),
            Self::Stored(bytes) => number(out, STORED, &[], bytes),
            Self::Zlib(level, bytes) => number(out, ZLIB, &level.bytes(), bytes),
            Self::Corrected => out.push(CORRECTED),
            Self::Chunk(plain, corrections) => {
                number(out, CHUNK, &[], plain);
                out.extend_from_slice(&corrections.to_le_bytes());
            }
            Self::CorrectedEnd => out.push(CORRECTED_END),
            Self::End => out.push(END),
        }
    }
}

fn number(out: &mut Vec<u8>, kind: u8, before: &[u8], number: u64) {
    out.push(kind);
    out.extend_from_slice(before);
    out.extend_from_slice(&number.to_le_bytes());
}

/// The whole last section: the recipe and its length. Written at once: no copy of the key is left anywhere.
pub(super) fn section(sealed: Option<&Sealed>, decoded: Decoded, actions: &[u8]) -> Section {
    let coat_bytes = sealed.map_or(0, |sealed| {
        NONCE_BYTES + KEY_BYTES + 8 + sealed.header.len() + sealed.trailer.len()
    });
    let (decoded, decoded_bytes) = match decoded {
        Decoded::Original => (0, 0),
        Decoded::Sections(bytes) => (1, bytes),
        Decoded::Inner => (2, 0),
    };
    let bytes = 11 + coat_bytes + actions.len();
    let mut out = Zeroizing::new(Vec::with_capacity(bytes + 8));
    out.extend_from_slice(&[VERSION, decoded, u8::from(sealed.is_some())]);
    out.extend_from_slice(&decoded_bytes.to_le_bytes());
    if let Some(sealed) = sealed {
        out.extend_from_slice(&sealed.nonce);
        out.extend_from_slice(sealed.key.as_slice());
        for part in [&sealed.header, &sealed.trailer] {
            out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(actions);
    out.extend_from_slice(&length(bytes).to_le_bytes());
    Section(out)
}

/// Reads a recipe from front to back, never more of it than is asked for.
pub(super) struct Reader {
    stored: Arc<dyn ReadAt>,
    at: u64,
    end: u64,
    ahead: Zeroizing<Vec<u8>>,
    used: usize,
}

const AHEAD_BYTES: usize = 64 << 10;

impl Reader {
    /// Finds the recipe, and says how long the sections before it are.
    pub(super) fn new(stored: Arc<dyn ReadAt>) -> io::Result<(Self, u64)> {
        let end = stored.size().checked_sub(FOOTER_BYTES).ok_or_else(damaged)?;
        let footer = stored.read_at(end, 8)?;
        let bytes = u64::from_le_bytes(footer.as_ref().try_into().map_err(|_short| damaged())?);
        let start = end.checked_sub(bytes).ok_or_else(damaged)?;
        let reader = Self { stored, at: start, end, ahead: Zeroizing::default(), used: 0 };
        Ok((reader, start))
    }

    /// What stands before the steps.
    pub(super) fn begin(&mut self) -> io::Result<(Decoded, Option<Sealed>)> {
        let [version, decoded, is_sealed] = self.array()?;
        if version != VERSION {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the recipe is of a version that this program does not know",
            ));
        }
        let decoded_bytes = self.number()?;
        let decoded = match decoded {
            0 => Decoded::Original,
            1 => Decoded::Sections(decoded_bytes),
            2 => Decoded::Inner,
            _ => return Err(damaged()),
        };
        if is_sealed > 1 {
            return Err(damaged());
        }
        if is_sealed == 0 {
            return Ok((decoded, None));
        }
        let nonce = self.array()?;
        let key = Zeroizing::new(self.array()?);
        let (header, trailer) = (self.part()?, self.part()?);
        Ok((decoded, Some(Sealed { nonce, key, header, trailer })))
    }

    /// The next step. After [`Action::Literal`] and [`Action::Chunk`] what follows them has to be taken first.
    pub(super) fn action(&mut self) -> io::Result<Action> {
        let [kind] = self.array()?;
        match kind {
            LITERAL => self.number().map(Action::Literal),
            STORED => self.number().map(Action::Stored),
            ZLIB => {
                let [level, window_bits] = self.array()?;
                let level = Level::new(level, window_bits).ok_or_else(damaged)?;
                Ok(Action::Zlib(level, self.number()?))
            }
            CORRECTED => Ok(Action::Corrected),
            CHUNK => {
                let (plain, corrections) = (self.number()?, self.number()?);
                let is_possible = plain <= length(CHUNK_BYTES_MAX)
                    && corrections <= length(CORRECTIONS_BYTES_MAX);
                if is_possible { Ok(Action::Chunk(plain, corrections)) } else { Err(damaged()) }
            }
            CORRECTED_END => Ok(Action::CorrectedEnd),
            END if self.left() == 0 => Ok(Action::End),
            _ => Err(damaged()),
        }
    }

    /// So many bytes, fewer than are kept ahead at once if there are more.
    pub(super) fn take(&mut self, most: u64) -> io::Result<&[u8]> {
        if self.used == self.ahead.len() {
            let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(AHEAD_BYTES);
            let read = self.stored.read_at(self.at, most)?;
            if read.is_empty() {
                return Err(damaged());
            }
            self.at = self.at.saturating_add(length(read.len()));
            self.ahead.clear();
            self.ahead.extend_from_slice(&read);
            self.used = 0;
        }
        let rest = self.ahead.get(self.used..).unwrap_or_default();
        let taken = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
        self.used += taken;
        Ok(rest.get(..taken).unwrap_or_default())
    }

    /// So many bytes, which are known to be few.
    pub(super) fn whole(&mut self, bytes: u64) -> io::Result<Vec<u8>> {
        if bytes > self.left() {
            return Err(damaged());
        }
        let mut whole = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        while length(whole.len()) < bytes {
            let missing = bytes - length(whole.len());
            whole.extend_from_slice(self.take(missing)?);
        }
        Ok(whole)
    }

    fn left(&self) -> u64 {
        (self.end - self.at) + length(self.ahead.len() - self.used)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut array = [0; N];
        let mut filled = 0;
        while filled < N {
            let taken = self.take(length(N - filled))?;
            let Some(room) = array.get_mut(filled..filled + taken.len()) else {
                return Err(damaged());
            };
            room.copy_from_slice(taken);
            filled += taken.len();
        }
        Ok(array)
    }

    fn number(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn part(&mut self) -> io::Result<Bytes> {
        let bytes = u64::from(u32::from_le_bytes(self.array()?));
        if bytes > COAT_BYTES_MAX {
            return Err(damaged());
        }
        self.whole(bytes).map(Bytes::from)
    }
}

pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the recipe of the file contradicts itself")
}

//! Makes a file from its sections and its recipe.

use std::fmt;
use std::io::{self, Read};
use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use super::Form;
use super::content::give;
use super::correcting::Correcting;
use super::deflating::Deflating;
use super::recipe::{Action, Decoded, Reader, Sealed, damaged};
use super::tap::{PIECE_BYTES, length};
use crate::crypt::Cipher;
use crate::files::ReadAt;

pub(super) struct Rebuild {
    stored: Arc<dyn ReadAt>,
    at: u64,
    end: u64,
    recipe: Reader,
    cipher: Option<Cipher>,
    trailer: Bytes,
    doing: Doing,
    out: Vec<u8>,
    used: usize,
}

impl fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rebuild")
            .field("at", &self.at)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Doing {
    /// The sections, as they are.
    Sections(u64),
    /// What comes before the encrypted part.
    Header(Bytes),
    Next,
    Literal(u64),
    Stored(u64),
    Zlib(Box<Deflating>, u64),
    Corrected(Correcting),
    Done,
    Failed,
}

impl Rebuild {
    pub(super) fn new(stored: Arc<dyn ReadAt>, form: Form) -> io::Result<Self> {
        let (mut recipe, end) = Reader::new(Arc::clone(&stored))?;
        let (decoded, sealed) = recipe.begin()?;
        let mut rebuild = Self {
            stored,
            at: 0,
            end,
            recipe,
            cipher: None,
            trailer: Bytes::new(),
            doing: Doing::Next,
            out: Vec::new(),
            used: 0,
        };
        match (form, decoded) {
            (Form::Decoded, Decoded::Sections(bytes)) if bytes <= end => {
                rebuild.doing = Doing::Sections(bytes);
            }
            (Form::Decoded, Decoded::Sections(_)) => return Err(damaged()),
            (Form::Decoded, Decoded::Inner) => {}
            (Form::Original, _) | (Form::Decoded, Decoded::Original) => rebuild.seal(sealed),
        }
        Ok(rebuild)
    }

    fn seal(&mut self, sealed: Option<Sealed>) {
        if let Some(Sealed { nonce, key, header, trailer }) = sealed {
            self.cipher = Some(Cipher::new(&key, &nonce));
            self.trailer = trailer;
            self.doing = Doing::Header(header);
        }
    }

    /// Sets `out` to what comes next, which may be nothing yet; says whether there is more.
    fn fill(&mut self) -> io::Result<bool> {
        self.out.clear();
        self.used = 0;
        let doing = mem::replace(&mut self.doing, Doing::Failed);
        self.doing = match doing {
            Doing::Done => {
                self.doing = Doing::Done;
                return Ok(false);
            }
            Doing::Failed => return Err(damaged()),
            Doing::Header(header) => {
                self.out.extend_from_slice(&header);
                self.doing = Doing::Next;
                return Ok(true);
            }
            Doing::Sections(0) => Doing::Done,
            Doing::Sections(left) => Doing::Sections(self.stored(left)?),
            Doing::Next => self.next()?,
            Doing::Literal(0) | Doing::Stored(0) => Doing::Next,
            Doing::Literal(left) => {
                self.out.extend_from_slice(self.recipe.take(left)?);
                Doing::Literal(left.saturating_sub(length(self.out.len())))
            }
            Doing::Stored(left) => Doing::Stored(self.stored(left)?),
            Doing::Zlib(deflating, left) => self.deflate(deflating, left)?,
            Doing::Corrected(correcting) => self.correct(correcting)?,
        };
        if let Some(cipher) = &mut self.cipher {
            cipher.encrypt(&mut self.out);
        }
        if matches!(self.doing, Doing::Done) {
            // Nothing else is made at the end, and this is not encrypted.
            self.out.extend_from_slice(&mem::take(&mut self.trailer));
        }
        Ok(true)
    }

    fn next(&mut self) -> io::Result<Doing> {
        let left = self.end - self.at;
        match self.recipe.action()? {
            Action::Literal(bytes) => Ok(Doing::Literal(bytes)),
            Action::Stored(bytes) if bytes <= left => Ok(Doing::Stored(bytes)),
            Action::Zlib(level, bytes) if bytes <= left => {
                Ok(Doing::Zlib(Box::new(Deflating::new(level)), bytes))
            }
            Action::Corrected => Ok(Doing::Corrected(Correcting::new()?)),
            Action::End if left == 0 => Ok(Doing::Done),
            Action::Stored(_)
            | Action::Zlib(..)
            | Action::Chunk(..)
            | Action::CorrectedEnd
            | Action::End => Err(damaged()),
        }
    }

    fn deflate(&mut self, mut deflating: Box<Deflating>, left: u64) -> io::Result<Doing> {
        if left == 0 {
            deflating.finish(&mut self.out)?;
            return Ok(Doing::Next);
        }
        let plain = self.section(left)?;
        deflating.push(&plain, &mut self.out)?;
        Ok(Doing::Zlib(deflating, left - length(plain.len())))
    }

    fn correct(&mut self, mut correcting: Correcting) -> io::Result<Doing> {
        match self.recipe.action()? {
            Action::Chunk(plain_bytes, corrections) if plain_bytes <= self.end - self.at => {
                let mut plain = Vec::with_capacity(usize::try_from(plain_bytes).unwrap_or(0));
                while length(plain.len()) < plain_bytes {
                    plain.extend_from_slice(&self.section(plain_bytes - length(plain.len()))?);
                }
                let corrections = self.recipe.whole(corrections)?;
                self.out = correcting.next(plain, corrections)?;
                Ok(Doing::Corrected(correcting))
            }
            Action::CorrectedEnd => Ok(Doing::Next),
            Action::Chunk(..)
            | Action::Literal(_)
            | Action::Stored(_)
            | Action::Zlib(..)
            | Action::Corrected
            | Action::End => Err(damaged()),
        }
    }

    /// Gives out some of the sections, and says how much is left.
    fn stored(&mut self, left: u64) -> io::Result<u64> {
        let piece = self.section(left)?;
        self.out.extend_from_slice(&piece);
        Ok(left - length(piece.len()))
    }

    /// Some of the sections: at most so much, and at least one byte.
    fn section(&mut self, most: u64) -> io::Result<Bytes> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let read = self.stored.read_at(self.at, most)?;
        if read.is_empty() || read.len() > most {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at = self.at.saturating_add(length(read.len()));
        Ok(read)
    }
}

impl Read for Rebuild {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.out.len() {
            if buffer.is_empty() || !self.fill()? {
                return Ok(0);
            }
        }
        Ok(give(&self.out, &mut self.used, buffer))
    }
}

//! Takes a file apart, step by step from front to back.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::fitting::{Levels, Stream, Unfit, Way, fit};
use super::members::{self, Kind, Piece};
use super::recipe::{self, Action, Decoded, RECIPE_BYTES_MAX, Sealed};
use super::tap::{Inner, Tap, length};
use super::{NotTaken, TakenApart, Ways};
use crate::crypt::{Checksum, Cipher, CryptFault, HEADER_BYTES_MAX, Header, Key, Payload, open};
use crate::files::ReadAt;

/// What is read next when the sections are given out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// The recipe has it.
    Noted(u64),
    /// It is stored as it is.
    Stored(u64),
    /// It is inflated.
    Deflated { packed: u64 },
}

/// Where in a file the encrypted part is, and what opens it.
#[derive(Debug, Clone)]
pub(super) struct Coat {
    pub(super) range: Range<u64>,
    pub(super) cipher: Cipher,
}

/// What is between streams is noted if it is no longer; else it is a section.
const NOTE_BYTES_MAX: u64 = 64 << 10;
/// Nothing is noted any more that can be a section, if the recipe is as long.
const NOTES_BYTES_MAX: usize = RECIPE_BYTES_MAX / 2;

#[derive(Debug)]
struct Taking {
    tap: Tap,
    steps: Vec<Step>,
    sections: Vec<u64>,
    actions: Vec<u8>,
    ways: Ways,
    levels: Levels,
}

impl Taking {
    fn new(tap: Tap, levels: Levels) -> Self {
        let (steps, sections, actions) = (Vec::new(), Vec::new(), Vec::new());
        Self { tap, steps, sections, actions, ways: Ways::default(), levels }
    }

    /// What is no stream and no file.
    fn between(&mut self, bytes: u64) -> Result<(), NotTaken> {
        let is_noted = bytes <= NOTE_BYTES_MAX && self.actions.len() <= NOTES_BYTES_MAX;
        if !is_noted {
            return self.as_it_lies(bytes);
        }
        if bytes > 0 {
            Action::Literal(bytes).write(&mut self.actions);
            self.steps.push(Step::Noted(bytes));
            take(&mut self.tap, bytes, |piece| self.actions.extend_from_slice(piece))?;
        }
        Ok(())
    }

    fn as_it_lies(&mut self, bytes: u64) -> Result<(), NotTaken> {
        if bytes > 0 {
            Action::Stored(bytes).write(&mut self.actions);
            self.steps.push(Step::Stored(bytes));
            self.sections.push(bytes);
            self.ways.as_they_lie += 1;
            take(&mut self.tap, bytes, |_| {})?;
        }
        Ok(())
    }

    /// A stream; says how long what is in it is.
    fn deflated(&mut self, stream: Stream) -> Result<u64, Unfit> {
        let before = self.actions.len();
        let mut tap = self.tap.clone();
        let fitted = fit(&mut tap, stream, &mut self.levels, &mut self.actions)?;
        // An archive's list may say that a member goes on after the end of its stream.
        let is_cut = stream.is_all && fitted.packed != stream.packed_max;
        if is_cut || self.actions.len() > RECIPE_BYTES_MAX {
            self.actions.truncate(before);
            return Err(Unfit::Irreproducible);
        }
        self.tap = tap;
        match fitted.way {
            Way::Zlib => self.ways.zlib += 1,
            Way::Corrected => self.ways.corrected += 1,
        }
        self.steps.push(Step::Deflated { packed: fitted.packed });
        if fitted.plain > 0 {
            self.sections.push(fitted.plain);
        }
        Ok(fitted.plain)
    }

    /// The members of an archive, and what is between them.
    fn members(&mut self, pieces: Vec<Piece>) -> Result<(), NotTaken> {
        let mut at = 0;
        for piece in pieces {
            self.between(piece.start - at)?;
            at = piece.start + piece.bytes;
            let Kind::Deflated { plain } = piece.kind else {
                self.as_it_lies(piece.bytes)?;
                continue;
            };
            let stream = Stream { packed_max: piece.bytes, plain_max: plain, is_all: true };
            match self.deflated(stream) {
                Ok(_) => {}
                Err(Unfit::Read(error)) => return Err(error.into()),
                Err(Unfit::Broken | Unfit::Irreproducible) => self.as_it_lies(piece.bytes)?,
            }
        }
        self.between(self.tap.left())
    }

    fn finish(
        mut self,
        sealed: Option<&Sealed>,
        decoded: Decoded,
        coat: Option<(Coat, Checksum)>,
    ) -> Result<TakenApart, NotTaken> {
        Action::End.write(&mut self.actions);
        let hash = self.tap.finish()?;
        let recipe = recipe::section(sealed, decoded, &self.actions);
        self.sections.push(length(recipe.bytes().len()));
        let (coat, checksum) = coat.unzip();
        let decoded_bytes = match decoded {
            Decoded::Sections(bytes) => Some(bytes),
            Decoded::Original | Decoded::Inner => None,
        };
        Ok(TakenApart {
            sections: self.sections,
            decoded_bytes,
            hash,
            checksum,
            ways: self.ways,
            steps: self.steps.into(),
            coat,
            recipe: Arc::new(recipe),
        })
    }
}

/// Goes over so many bytes, all of which must be there.
fn take(tap: &mut Tap, mut bytes: u64, mut see: impl FnMut(&[u8])) -> io::Result<()> {
    while bytes > 0 {
        let piece = tap.peek(bytes)?;
        let taken = piece.len();
        if taken == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        see(piece);
        bytes -= length(taken);
        tap.skip(taken);
    }
    Ok(())
}

/// An encrypted backup.
pub(super) fn encrypted(file: &Arc<dyn ReadAt>, keys: &[Key]) -> Result<TakenApart, NotTaken> {
    let head = file.read_at(0, HEADER_BYTES_MAX)?;
    let header = Header::parse(&head).map_err(|fault| NotTaken::Crypt(fault.into()))?;
    let (coat, sealed, checksum, payload) = unlock(file, header, keys)?;
    let size = coat.range.end - coat.range.start;
    let tap = Tap::new(Arc::clone(file), coat.range.clone(), Some(coat.cipher.clone()));
    let inner = Inner {
        file: Arc::clone(file),
        range: coat.range.clone(),
        cipher: Some(coat.cipher.clone()),
    };
    let mut taking = Taking::new(tap, levels(&inner)?);
    let decoded = match payload {
        Payload::Zlib => Decoded::Sections(one_file(&mut taking)?),
        Payload::Zip => match members::pieces(&inner)? {
            Some(pieces) => {
                taking.members(pieces)?;
                Decoded::Inner
            }
            None => as_a_whole(&mut taking, size)?,
        },
        Payload::Plain => as_a_whole(&mut taking, size)?,
    };
    taking.finish(Some(&sealed), decoded, Some((coat, checksum)))
}

fn as_a_whole(taking: &mut Taking, size: u64) -> Result<Decoded, NotTaken> {
    taking.as_it_lies(size)?;
    Ok(Decoded::Sections(size))
}

/// One file, compressed: two bytes, the stream, and a checksum.
fn one_file(taking: &mut Taking) -> Result<u64, NotTaken> {
    taking.between(2)?;
    let stream = Stream { packed_max: taking.tap.left(), plain_max: u64::MAX, is_all: false };
    let plain = taking.deflated(stream).map_err(|unfit| match unfit {
        Unfit::Read(error) => NotTaken::Read(error),
        Unfit::Broken => NotTaken::Crypt(CryptFault::Content),
        Unfit::Irreproducible => NotTaken::Irreproducible,
    })?;
    taking.between(taking.tap.left())?;
    Ok(plain)
}

/// What the first two bytes of zlib say about the window, and about how hard it tried.
fn levels(inner: &Inner) -> io::Result<Levels> {
    let head = inner.read_at(0, 2)?;
    let [method, flags] = <[u8; 2]>::try_from(head.as_ref()).unwrap_or([0x78, 0x9c]);
    let likely: &[u8] = match flags >> 6 {
        0 => &[1, 0],
        1 => &[5, 2, 3, 4],
        2 => &[6],
        _ => &[9, 7, 8],
    };
    let window_bits = if method & 15 == 8 { (method >> 4) + 8 } else { 15 };
    Ok(Levels::new(window_bits.clamp(9, 15), likely))
}

type Unlocked = (Coat, Sealed, Checksum, Payload);

/// Opens with the first key that fits. If none does, says what is wrong with the one that came nearest.
fn unlock(file: &Arc<dyn ReadAt>, header: Header, keys: &[Key]) -> Result<Unlocked, NotTaken> {
    let mut nearest: Option<CryptFault> = None;
    for key in keys {
        let opened = match open(file.as_ref(), key) {
            Ok(opened) => opened,
            Err(fault) => {
                if nearest.as_ref().is_none_or(|other| nearness(other) < nearness(&fault)) {
                    nearest = Some(fault);
                }
                continue;
            }
        };
        let payload = opened.payload().map_err(refused)?;
        let (range, key) = opened.inside();
        let nonce = *opened.header.nonce();
        let sealed = Sealed {
            nonce,
            header: whole(file, 0..range.start)?,
            trailer: whole(file, range.end..file.size())?,
            key,
        };
        let coat = Coat { range, cipher: Cipher::new(&sealed.key, &nonce) };
        return Ok((coat, sealed, opened.checksum, payload));
    }
    Err(nearest.map_or_else(|| NotTaken::Locked { header: Box::new(header) }, refused))
}

fn refused(fault: CryptFault) -> NotTaken {
    match fault {
        CryptFault::Read(error) => NotTaken::Read(error),
        other @ (CryptFault::Header(_)
        | CryptFault::Truncated
        | CryptFault::OtherKind { .. }
        | CryptFault::OtherRegistration
        | CryptFault::WrongKey { .. }
        | CryptFault::Damaged
        | CryptFault::Content) => NotTaken::Crypt(other),
    }
}

/// How much a fault says about the file, and not only about a key that was for another one.
fn nearness(fault: &CryptFault) -> u8 {
    match fault {
        CryptFault::OtherKind { .. } => 0,
        CryptFault::OtherRegistration => 1,
        CryptFault::WrongKey { .. } => 2,
        CryptFault::Damaged => 3,
        CryptFault::Header(_) | CryptFault::Truncated | CryptFault::Content => 4,
        CryptFault::Read(_) => 5,
    }
}

fn whole(file: &Arc<dyn ReadAt>, range: Range<u64>) -> Result<bytes::Bytes, NotTaken> {
    let bytes = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let read = file.read_at(range.start, bytes)?;
    if read.len() == bytes { Ok(read) } else { Err(NotTaken::Changed) }
}

/// An archive, if conversations were exported into it.
pub(super) fn archive(path: &Path, file: &Arc<dyn ReadAt>) -> Result<Option<TakenApart>, NotTaken> {
    let inner = Inner { file: Arc::clone(file), range: 0..file.size(), cipher: None };
    if !members::is_of_chats(path, file)? {
        return Ok(None);
    }
    let Some(pieces) = members::pieces(&inner)? else { return Ok(None) };
    let tap = Tap::new(Arc::clone(file), 0..file.size(), None);
    let mut taking = Taking::new(tap, Levels::new(15, &[]));
    taking.members(pieces)?;
    if taking.sections.is_empty() {
        return Ok(None);
    }
    taking.finish(None, Decoded::Original, None).map(Some)
}

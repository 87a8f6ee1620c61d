//! Taking files apart that do not deduplicate as they lie: encrypted backups and archives of exported conversations.
//!
//! What is stored instead is [sections](TakenApart::sections): the database itself, or each member of an archive, and at
//! last a recipe. The recipe has everything else: header, trailer and key of an encrypted backup, what stands between the
//! members of an archive, and how to deflate again so that the same bytes come out. [`take_apart`] makes it, and does so
//! only if what [`put_together`] will make is the file again: every deflated stream is rebuilt and compared while it is read.
//!
//! Memory does not grow with files. Streams are inflated, deflated and compared piece by piece, at most 8 MiB of plain text
//! at a time; what is kept of a file is its recipe, of at most 16 MiB, and a line per member of an archive. Nothing is
//! spilled: a file is read twice more instead, once to prove and once to give out its sections.

mod content;
mod correcting;
mod deflating;
mod fitting;
mod members;
mod rebuild;
mod recipe;
mod taking;
mod tap;

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use self::content::Content;
use self::taking::Step;
use crate::crypt::{Checksum, CryptFault, Header, Key};
use crate::files::ReadAt;

/// What a repository notes beside a file that was taken apart: who can put it together.
pub const NAME: &str = "chats/1";

/// A file that can be stored as something else, and how.
#[derive(Debug)]
pub struct TakenApart {
    /// How long the parts are that [`content`](Self::content) gives out, each a file of its own; the recipe is the last.
    pub sections: Vec<u64>,
    /// The first so many bytes of the content are the decoded file: a database. `None`: it has to be made from the sections.
    pub decoded_bytes: Option<u64>,
    /// BLAKE3 of the file as it is.
    pub hash: [u8; 32],
    /// What the checksum of an encrypted backup says: its content is authentic even if this is wrong.
    pub checksum: Option<Checksum>,
    /// How its streams are deflated again.
    pub ways: Ways,
    steps: Arc<[Step]>,
    coat: Option<taking::Coat>,
    recipe: Arc<recipe::Section>,
}

/// How many streams of a file come back in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways {
    /// Stored as they lie: not compressed, or nothing makes them again.
    pub as_they_lie: u64,
    /// Deflated by zlib.
    pub zlib: u64,
    /// Deflated by a prediction that is corrected.
    pub corrected: u64,
}

/// Why a file is stored as it is.
#[derive(Debug, Error)]
pub enum NotTaken {
    /// Its bytes could not be had.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// It is encrypted, and there is no key.
    #[error("is encrypted, and no key is known")]
    Locked {
        /// What it says about itself.
        header: Box<Header>,
    },
    /// No key opens it, or it is damaged.
    #[error(transparent)]
    Crypt(CryptFault),
    /// Nothing was found that compresses its content to the same bytes again.
    #[error("was compressed in a way that cannot be repeated exactly")]
    Irreproducible,
    /// It is not what it was when it was looked into.
    #[error("changed while it was read")]
    Changed,
}

/// Whether a file may be one that is worth a look, by its name without the folder.
pub fn is_candidate(name: &[u8]) -> bool {
    kind(name).is_some()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Crypt,
    Zip,
}

/// What follows an ending in the name of a second copy is at most this long: browsers and file managers add to it.
const COPY_BYTES_MAX: usize = 16;

/// Asked of every file of a disk: nearly all of them have no dot before one of these letters near their end.
fn may_have_ending(name: &[u8]) -> bool {
    let tail = name.len().saturating_sub(".crypt15".len() + COPY_BYTES_MAX);
    let near_end = name.get(tail..).unwrap_or_default();
    near_end.array_windows().any(|pair| matches!(pair, [b'.', b'c' | b'C' | b'z' | b'Z']))
}

fn kind(name: &[u8]) -> Option<Kind> {
    const ENDINGS: [(&str, Kind); 4] = [
        (".crypt12", Kind::Crypt),
        (".crypt14", Kind::Crypt),
        (".crypt15", Kind::Crypt),
        (".zip", Kind::Zip),
    ];
    if !may_have_ending(name) {
        return None;
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    ENDINGS.into_iter().find_map(|(ending, kind)| {
        let (_, after) = name.rsplit_once(ending)?;
        let is_ending = !after.starts_with(|c: char| c.is_alphanumeric());
        (is_ending && after.len() <= COPY_BYTES_MAX).then_some(kind)
    })
}

/// Looks into a file, and finds out how it comes back from its parts: verifies, decrypts, inflates, deflates again and
/// compares. `Ok(None)`: there is nothing to gain. Reads the file twice.
pub fn take_apart(
    path: &Path,
    file: &Arc<dyn ReadAt>,
    keys: &[Key],
) -> Result<Option<TakenApart>, NotTaken> {
    match path.file_name().and_then(|name| kind(name.as_bytes())) {
        Some(Kind::Crypt) => taking::encrypted(file, keys).map(Some),
        Some(Kind::Zip) => taking::archive(path, file),
        None => Ok(None),
    }
}

impl TakenApart {
    /// The sections one after the other. Ends with an error that holds [`NotTaken::Changed`], before the recipe is given
    /// out, if the file is not the one that was taken apart.
    pub fn content(&self, file: Arc<dyn ReadAt>) -> Box<dyn Read + Send> {
        Box::new(Content::new(self, file))
    }

    /// How long the last section is.
    pub fn recipe_bytes(&self) -> u64 {
        self.sections.last().copied().unwrap_or(0)
    }
}

/// Which bytes are wanted of what was taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The file as it was.
    Original,
    /// What is in it: the database, or the archive, without its encryption.
    Decoded,
}

/// Makes a file from its sections, from front to back. Whatever is stored, this ends, with bytes or with an error;
/// whether they are the right ones is for the caller to compare.
pub fn put_together(stored: Arc<dyn ReadAt>, form: Form) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(rebuild::Rebuild::new(stored, form)?))
}

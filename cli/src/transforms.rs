//! Files of which something else is stored: what the chats plugin takes apart on the way in, and puts together on the way out.

mod taking;
mod undoing;
mod words;

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use heirloom_chats::crypt::Key;
use heirloom_chats::transform::{NotTaken, TakenApart};

pub(crate) use self::taking::Taking;
pub(crate) use self::undoing::PutTogether;
pub(crate) use self::words::tell;

/// How to come by the keys of encrypted backups; asked once, and only if there is one.
pub(crate) type KeySource = Box<dyn Fn() -> Vec<Key> + Send + Sync>;

/// What became of the files that were worth a look.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(Mutex<Vec<Outcome>>);

/// What became of one file.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) path: PathBuf,
    /// How it was taken apart, or why it is stored as it is.
    pub(crate) what: Result<Apart, NotTaken>,
}

/// A file of which something else is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Apart {
    /// Its checksum is wrong, although its content is authentic.
    pub(crate) wrong_checksum: bool,
}

impl Outcomes {
    fn add(&self, path: PathBuf, what: Result<&TakenApart, NotTaken>) {
        let what = what.map(|taken| Apart {
            wrong_checksum: taken.checksum == Some(heirloom_chats::crypt::Checksum::Wrong),
        });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Outcome { path, what });
    }

    /// Everything so far, in the order of the paths.
    pub(crate) fn take(&self) -> Vec<Outcome> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = std::mem::take(&mut *all);
        all.sort_by(|a, b| a.path.cmp(&b.path));
        all
    }
}

/// Readers of the one side know errors of files only; what is below is still told.
fn io_error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(error)
}

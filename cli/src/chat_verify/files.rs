//! Whether the file of a message is there, and is the one that was sent.

use std::path::PathBuf;

use heirloom_chats::error::ChatError;
use heirloom_chats::files::sha256;
use heirloom_chats::merge::Union;
use heirloom_chats::model::Media;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// It is there. Its content was compared only if that was asked for, and its hash is known.
    Present,
    /// It is not in the snapshot.
    Missing,
    /// It has another size than the database says, or nothing in it.
    OtherSize,
    /// It has another hash than the database says.
    OtherContent,
    /// It is there, and cannot be read.
    Unreadable,
    /// The phone itself did not have it: it was never fetched, or left out.
    Elsewhere,
}

/// A file that was looked for.
pub(super) struct Checked {
    pub(super) state: State,
    /// Where it is.
    pub(super) path: Option<PathBuf>,
}

/// Looks for files of one conversation.
pub(super) struct Check<'a> {
    union: &'a Union<'a>,
    reads: bool,
}

impl<'a> Check<'a> {
    pub(super) fn new(union: &'a Union<'a>, reads: bool) -> Self {
        Self { union, reads }
    }

    pub(super) fn media(&self, media: &Media) -> Checked {
        if media.path.is_none() {
            return Checked { state: State::Elsewhere, path: None };
        }
        let found = match self.union.find_media(media) {
            Ok(Some(found)) => found,
            Ok(None) => return Checked { state: State::Missing, path: None },
            Err(ChatError { path, .. }) => {
                return Checked { state: State::Unreadable, path: Some(path) };
            }
        };
        let is_other_size = found.size == 0 || media.bytes.is_some_and(|size| size != found.size);
        let state = match media.sha256.filter(|_| self.reads) {
            // The hash says more than the size.
            Some(expected) => match self.union.open_media(media) {
                Ok(Some(content)) => match sha256(content.as_ref()) {
                    Ok(hash) if hash == expected => State::Present,
                    Ok(_) => State::OtherContent,
                    Err(_) => State::Unreadable,
                },
                Ok(None) => State::Missing,
                Err(_) => State::Unreadable,
            },
            None if is_other_size => State::OtherSize,
            None => State::Present,
        };
        Checked { state, path: Some(found.path) }
    }
}

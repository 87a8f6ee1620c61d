//! What messengers left in what is backed up, told when a snapshot was taken.

mod words;

use heirloom_chats::crypt::Key;
use heirloom_chats::recognise::{Recognised, Recogniser, Seen};
use heirloom_engine::backup::source::{Found, Source};
use heirloom_engine::error::Problem;
use heirloom_engine::repository::Repository;
use heirloom_engine::tree::Kind;

use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keyring;
use crate::output::{Event, Output};

/// A source whose entries are looked at while they stream by. Nothing is opened for that.
#[derive(Debug)]
pub(crate) struct Watched {
    source: Box<dyn Source>,
    recogniser: Recogniser,
}

impl Watched {
    pub(crate) fn new(source: Box<dyn Source>) -> Self {
        Self { source, recogniser: Recogniser::default() }
    }

    /// What was recognised in all that streamed by.
    pub(crate) fn finish(self) -> Recognised {
        self.recogniser.finish()
    }
}

impl Source for Watched {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        let next = self.source.next();
        if let Some(Ok(Found { key, entry, .. })) = &next {
            let seen = match entry.kind {
                Kind::Folder => Some(Seen::Folder),
                Kind::File => Some(Seen::File(entry.size)),
                Kind::Symlink
                | Kind::Fifo
                | Kind::Socket
                | Kind::CharDevice
                | Kind::BlockDevice => None,
            };
            if let Some(seen) = seen {
                self.recogniser.see(key, seen);
            }
        }
        next
    }

    fn excluded(&self) -> u64 {
        self.source.excluded()
    }
}

/// Says what was recognised, what of it cannot be used, and what a key would save. Asks for the keys that are kept only
/// if there is something to be opened with them.
pub(crate) fn tell(
    output: Output,
    repository: &Repository,
    (recognised, given): (&Recognised, &[Key]),
) -> Result<Exit, Failure> {
    for (app, parts) in &recognised.apps {
        output.done(&format!("  {}\n", words::line(*app, parts)))?;
        output.event(Event::App, "snapshot.recognised", words::fields(*app, parts))?;
    }
    if recognised.phones > 0 {
        output.done(&format!("  {}\n", words::phones(recognised.phones)))?;
    }
    let mut exit = Exit::Success;
    for incomplete in &recognised.incomplete {
        let (text, fields) = words::incomplete(incomplete);
        output.warning("snapshot.increments", &text, fields);
        exit = choose::worse(exit, Exit::Warnings);
    }
    if recognised.locked.all.files > 0 && given.is_empty() && !keyring::has_keys(repository) {
        output.note(&words::locked(&recognised.locked));
        output.event(Event::App, "snapshot.locked", words::locked_fields(&recognised.locked))?;
    }
    Ok(exit)
}

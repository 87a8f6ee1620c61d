//! What messengers left on a disk, by names and places alone: for a summary while files stream by.
//!
//! Nothing is opened. What is counted lies where only a messenger puts it, or is called as only a messenger calls it;
//! a folder of photographs is nobody's. Content is looked at by [`reader`](crate::reader), not here.

mod level;
mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use self::level::{Level, Place, Sign};
use self::names::Name;
use crate::crypt::Form;
use crate::model::App;

/// What a file is to an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A database that can be read as it is.
    Database,
    /// A database that needs a key.
    Encrypted(Form),
    /// What changed since an encrypted database was written.
    Increment,
    /// Something else that needs a key: settings, stickers, a whole backup.
    OtherBackup,
    /// Conversations that somebody exported.
    Export,
    /// A conversation of a download.
    Conversation,
    /// A photo.
    Photo,
    /// A film.
    Video,
    /// A short film without sound.
    Gif,
    /// A spoken message.
    VoiceNote,
    /// Another sound.
    Audio,
    /// Any other file that was sent.
    Document,
    /// A sticker.
    Sticker,
}

/// How many, and how large together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many.
    pub files: u64,
    /// How large together.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// Increments that cannot be used, for want of what they add to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// The folder that they lie in.
    pub folder: PathBuf,
    /// How many there are.
    pub increments: u64,
    /// What is missing.
    pub lack: Lack,
}

/// What increments lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The backup that they add to.
    Base,
    /// The increment with this number, though there are later ones.
    Increment(u64),
}

/// Encrypted files, of which nothing is stored but once as long as nobody has their key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Locked {
    /// All of them.
    pub all: Tally,
    /// Of the databases of messages, all in a folder but the largest: they hold mostly the same.
    pub repeated_bytes: u64,
}

/// What was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recognised {
    /// Of each app that left something.
    pub apps: BTreeMap<App, BTreeMap<Part, Tally>>,
    /// Backups of whole phones, by Finder or iTunes.
    pub phones: u64,
    /// Increments that cannot be used.
    pub incomplete: Vec<Incomplete>,
    /// Encrypted files.
    pub locked: Locked,
}

/// What an entry is; others than these are of no interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A folder.
    Folder,
    /// A file of this size.
    File(u64),
}

/// Looks at a stream of paths in which each folder comes before what is in it, and all of that before anything else.
/// Memory does not grow with the number of files.
#[derive(Debug, Default)]
pub struct Recogniser {
    levels: Vec<Level>,
    /// The names of the levels, joined with zero bytes.
    folder: Vec<u8>,
    found: Recognised,
}

impl Recogniser {
    /// Looks at the next entry; its path is joined with zero bytes.
    pub fn see(&mut self, path: &[u8], seen: Seen) {
        match seen {
            Seen::File(bytes) => {
                let name = self.in_folder(path).unwrap_or_else(|| self.go_to(path));
                if bytes > 0 {
                    self.file(name, bytes);
                }
            }
            Seen::Folder => {
                let name = self.go_to(path);
                self.enter(name);
                self.folder.clear();
                self.folder.extend_from_slice(path);
            }
        }
    }

    /// The name of something that lies where the last entry did, as nearly every file does.
    fn in_folder<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        let name = path.strip_prefix(self.folder.as_slice())?.strip_prefix(&[0])?;
        (!self.levels.is_empty() && !name.contains(&0)).then_some(name)
    }

    /// Leaves folders and enters others until the last one is where this lies; its name.
    fn go_to<'a>(&mut self, path: &'a [u8]) -> &'a [u8] {
        let (mut depth, mut last) = (0, None);
        for component in path.split(|byte| *byte == 0) {
            if let Some(above) = last.replace(component) {
                if self.levels.get(depth).is_none_or(|level| level.name != above) {
                    self.close(depth);
                    self.enter(above);
                }
                depth += 1;
            }
        }
        self.close(depth);
        let name = last.unwrap_or_default();
        let folder = path.len().saturating_sub(name.len() + 1);
        self.folder.clear();
        self.folder.extend_from_slice(path.get(..folder).unwrap_or_default());
        name
    }

    /// All that was recognised.
    pub fn finish(mut self) -> Recognised {
        self.close(0);
        self.found
    }

    fn enter(&mut self, name: &[u8]) {
        let place = Place::of(&self.levels, &names::lower(name));
        self.levels.push(Level::new(name, place));
    }

    fn close(&mut self, depth: usize) {
        while self.levels.len() > depth {
            let Some(level) = self.levels.pop() else { return };
            self.leave(level);
        }
    }

    fn count(&mut self, app: App, part: Part, tally: Tally) {
        self.found.apps.entry(app).or_default().entry(part).or_default().add(tally);
    }

    fn file(&mut self, name: &[u8], bytes: u64) {
        let Some(level) = self.levels.last() else { return };
        if !level.place.has_any_name() && !names::may_say_something(name) {
            return;
        }
        let lower = names::lower(name);
        // What is hidden or unfinished is nobody's message.
        if lower.starts_with('.') || names::is_unfinished(&lower) {
            return;
        }
        let Some(level) = self.levels.last_mut() else { return };
        let tally = Tally { files: 1, bytes };
        let app = level.place.app().unwrap_or(App::WhatsApp);
        let name = String::from_utf8_lossy(name);
        let counted = match Name::of(&lower, &name) {
            Name::Encrypted(part) => {
                self.found.locked.all.add(tally);
                level.encrypted(part, &lower, bytes);
                Some((app, part))
            }
            Name::Messages => {
                level.signs.insert(Sign::Messages);
                Some((app, Part::Database))
            }
            Name::Names => level.is_of_whatsapp().then_some((app, Part::Database)),
            Name::Storage => {
                level.signs.insert(Sign::Storage);
                Some((app, Part::Database))
            }
            Name::InPhone(app) => Some((app, Part::Database)),
            Name::Export => {
                level.signs.insert(Sign::Export);
                Some((app, Part::Export))
            }
            Name::Discord => Some((App::Discord, Part::Export)),
            Name::SignalBackup => Some((App::Signal, Part::OtherBackup)),
            Name::Manifest => {
                level.signs.insert(Sign::Manifest);
                None
            }
            Name::PhoneInfo => {
                level.signs.insert(Sign::PhoneInfo);
                None
            }
            Name::Result => {
                level.result.add(tally);
                None
            }
            Name::Thread => {
                level.thread.add(tally);
                None
            }
            Name::Other => level.other((&lower, &name), tally),
        };
        if let Some((app, part)) = counted {
            self.count(app, part, tally);
        }
    }

    fn leave(&mut self, mut level: Level) {
        if level.has(Sign::Manifest) && level.has(Sign::PhoneInfo) {
            self.found.phones += 1;
        }
        self.found.locked.repeated_bytes += level.repeated_bytes();
        if let Some((increments, lack)) = level.lack() {
            let folder = self.path_of(&level);
            self.found.incomplete.push(Incomplete { folder, increments, lack });
        }
        if let Place::Thread(app) = level.place
            && level.thread.files > 0
        {
            // The parts of one conversation are numbered files.
            self.count(app, Part::Conversation, Tally { files: 1, ..level.thread });
        }
        if level.has(Sign::Export) {
            let app = level.place.app().unwrap_or(App::WhatsApp);
            level.beside.iter().for_each(|(part, tally)| self.count(app, *part, *tally));
        }
        if level.is_telegram() {
            self.count(App::Telegram, Part::Export, level.result);
            level.sent.iter().for_each(|(part, tally)| self.count(App::Telegram, *part, *tally));
        } else if level.place.is_part_of_export()
            && let Some(above) = self.levels.last_mut()
        {
            above.signs.insert(Sign::Sent);
            let sent = std::mem::take(&mut level.sent);
            for (part, tally) in sent {
                above.sent.entry(part).or_default().add(tally);
            }
        }
    }

    fn path_of(&self, level: &Level) -> PathBuf {
        let names = self.levels.iter().chain([level]).map(|level| OsStr::from_bytes(&level.name));
        PathBuf::from("/").join(names.collect::<PathBuf>())
    }
}

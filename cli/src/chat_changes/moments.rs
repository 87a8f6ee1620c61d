//! Snapshots one after the other, with the conversations that each has. What did not change is not opened again.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use heirloom_chats::crypt::Key;
use heirloom_chats::error::ChatError;
use heirloom_chats::files::Item;
use heirloom_chats::merge::Merged;
use heirloom_chats::model::Found;
use heirloom_chats::reader::is_of_interest;
use heirloom_engine::id::{NodeId, SessionId};
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::Kind;
use heirloom_engine::view::{Differs, Reader, compare};

use crate::args::chats::ChatsKeyArgs;
use crate::args::pick::PickArgs;
use crate::chats::{self, Seen, path_below, words};
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure};
use crate::history::picked;
use crate::keyring;
use crate::output::Output;
use crate::settings::Settings;
use crate::store::Store;

/// Folders that the app keeps files of messages in, wherever they are.
const MEDIA_FOLDERS: [&str; 2] = ["Media", "Message"];
/// In the backup of an iPhone files have other names than on the phone, below a folder of this name.
const RENAMED: &str = "AppDomainGroup-";

/// A snapshot with its conversations.
pub(crate) struct Moment {
    pub(crate) snapshot: SessionId,
    /// In ns since 1970.
    pub(crate) time: i64,
    pub(crate) root: NodeId,
    pub(crate) seen: Seen,
}

impl Moment {
    /// Whether something that could not be understood may hide this conversation of another snapshot.
    pub(crate) fn may_hide(&self, other: &Self, one: &Merged) -> bool {
        let places = one.parts.iter().filter_map(|(place, _)| other.seen.places.get(*place));
        let paths: Vec<&PathBuf> = places.map(|place| &place.found().path).collect();
        let is_about = |fault: &ChatError| {
            paths.iter().any(|path| path.starts_with(&fault.path) || fault.path.starts_with(path))
        };
        self.seen.faults.iter().any(is_about)
    }
}

/// Opens snapshots.
pub(crate) struct Opener {
    pub(crate) store: Store,
    pub(crate) reader: Reader,
    pub(crate) output: Output,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) exit: Exit,
    pub(crate) keys: Vec<Key>,
    told: HashSet<String>,
}

impl Opener {
    pub(crate) fn new(settings: &Settings, keys: &ChatsKeyArgs) -> Result<Self, Failure> {
        let store = Store::locate(settings)?;
        let repository = store.open(settings)?;
        let keys = keyring::keys(settings, &repository, keys)?;
        let (snapshots, exit) = choose::all(&repository, settings.output)?;
        let reader = chats::reader(repository);
        let (output, snapshots) = (settings.output, snapshots.taken);
        Ok(Self { store, reader, output, snapshots, exit, keys, told: HashSet::new() })
    }

    /// The snapshots of the machine and the paths that the newest of those is of that were asked for; oldest first.
    pub(crate) fn line(&self, pick: &PickArgs) -> Result<Vec<Snapshot>, Failure> {
        let mut picked = picked(&self.snapshots, &[], pick)?;
        picked.sort_unstable_by_key(|snapshot| (snapshot.record.time, snapshot.session));
        let Some(newest) = picked.last().copied() else {
            return Err(Failure::Choice(ChoiceFailure::NoSnapshots));
        };
        let line = |snapshot: &&Snapshot| {
            (&snapshot.record.host, &snapshot.record.paths)
                == (&newest.record.host, &newest.record.paths)
        };
        Ok(picked.into_iter().filter(line).cloned().collect())
    }

    /// Looks through a snapshot, or a folder of it. What is odd is told once, and not again for each snapshot.
    pub(crate) fn open(&mut self, snapshot: &Snapshot, key: &[u8]) -> Result<Rc<Moment>, Failure> {
        let root = snapshot.record.root;
        let seen = Seen::of(&self.reader, root, key.to_vec(), (&self.keys, true))?;
        for fault in &seen.faults {
            let (text, fields) = words::fault(fault);
            if self.told.insert(text.clone()) {
                self.output.warning(words::fault_id(fault), &text, fields);
            }
            self.exit = choose::worse(self.exit, Exit::Warnings);
        }
        let (session, time) = (snapshot.session, snapshot.record.time);
        Ok(Rc::new(Moment { snapshot: session, time, root, seen }))
    }

    pub(crate) fn tell_fault(&mut self, fault: Option<ChatError>) {
        self.exit = choose::worse(self.exit, words::tell_fault(self.output, fault));
    }

    /// What differs between two snapshots, as far as conversations are concerned.
    pub(crate) fn changed(&mut self, before: NodeId, after: NodeId, key: &[u8]) -> Changed {
        let mut changed = Changed::default();
        let mut problems = Vec::new();
        compare(
            self.reader.repository(),
            (before, after),
            key,
            &mut |difference| {
                let either = difference.after.as_ref().or(difference.before.as_ref());
                let Some(entry) = either.filter(|_| difference.differs != Differs::Metadata) else {
                    return true;
                };
                let path = path_below(key, &difference.key);
                let is_folder = entry.kind == Kind::Folder;
                let item = Item { path, is_folder, size: entry.size, mtime_ns: entry.mtime_ns };
                if matches!(difference.differs, Differs::Removed | Differs::Kind) {
                    changed.removed.push(item.path.clone());
                }
                if is_of_interest(&item) {
                    changed.paths.push(item.path);
                }
                true
            },
            &mut |problem| problems.push(problem),
        );
        changed.is_damaged = !problems.is_empty();
        self.exit = choose::worse(self.exit, choose::report(&problems, self.output));
        changed
    }
}

/// What differs between two snapshots.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Files that conversations may lie in.
    paths: Vec<PathBuf>,
    /// Everything that is gone.
    removed: Vec<PathBuf>,
    is_damaged: bool,
}

impl Changed {
    /// Whether the same is to be found in both.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.removed.is_empty() && !self.is_damaged
    }

    /// Whether what lies in a place may say something else.
    pub(crate) fn touches(&self, found: &Found) -> bool {
        let place = real_place(&found.path);
        self.is_damaged
            || self.paths.iter().any(|path| {
                path.starts_with(&place) || place.starts_with(path) || is_beside(path, &place)
            })
    }

    /// Names of files that are gone, and that messages of these places may have had.
    pub(crate) fn lost_names<'a>(
        &'a self,
        places: impl Iterator<Item = &'a Found> + Clone,
    ) -> HashSet<&'a OsStr> {
        let folders: Vec<PathBuf> = places
            .map(|found| real_place(&found.path).parent().map(Path::to_owned).unwrap_or_default())
            .collect();
        let may_be = |path: &&PathBuf| {
            path.components().any(|part| {
                matches!(part, Component::Normal(name) if MEDIA_FOLDERS.iter().any(|media| name == *media))
            }) || folders.iter().any(|folder| path.starts_with(folder))
        };
        self.removed.iter().filter(may_be).filter_map(|path| path.file_name()).collect()
    }
}

/// Whether the names of files in messages are those that they have in the snapshot.
pub(crate) fn has_other_names(found: &Found) -> bool {
    real_place(&found.path) != found.path
}

/// What there is of a place in the snapshot: for a backup of an iPhone its folder.
fn real_place(path: &Path) -> PathBuf {
    let is_plain = |part: &&OsStr| !part.to_string_lossy().starts_with(RENAMED);
    path.iter().take_while(is_plain).collect()
}

/// A log or a journal is part of the database that it lies beside.
fn is_beside(path: &Path, place: &Path) -> bool {
    ["-wal", "-journal"].iter().any(|end| {
        let mut beside = OsString::from(place);
        beside.push(end);
        path == beside
    })
}

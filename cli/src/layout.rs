//! One read-only tree over all snapshots, for the mount and for WebDAV: folders and links that are made up, and below
//! them what the snapshots hold.

mod names;
mod warnings;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use heirloom_engine::error::Problem;
use heirloom_engine::repository::{Repository, RepositoryError};
use heirloom_engine::snapshot::{Selector, Snapshot};
use heirloom_engine::tree::{
    Entry, FileContent, Kind, Xattr, file_name, parent_key, path_from_key, safe_component,
};
use heirloom_engine::view::{Depth, File, Reader};
use jiff::tz::TimeZone;

pub(crate) use self::names::Taken;
use self::names::{Item, Names};
use self::warnings::Warnings;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure};
use crate::output::Output;
use crate::system::monotonic;

/// Content that is kept, and read ahead.
const CONTENT_BYTES: u64 = 32 << 20;
/// How old the list of snapshots may be when somebody looks at it.
const REFRESH_AFTER: Duration = Duration::from_secs(3);
/// A file system takes no longer name.
const NAME_BYTES_MAX: usize = 1024;

/// Where something is in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Made up: its path, components joined with zero bytes.
    Made(Box<[u8]>),
    /// In a snapshot: its key there.
    Tree(Arc<Taken>, Box<[u8]>),
}

/// Something in the tree.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) place: Place,
    pub(crate) entry: Entry,
}

/// A part of a folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// By name.
    pub(crate) found: Vec<(Box<[u8]>, Found)>,
    /// After what the folder goes on; `None` at its end.
    pub(crate) last: Option<Box<[u8]>>,
    /// Something could not be read.
    pub(crate) is_damaged: bool,
}

/// Something cannot be read; the user was told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unreadable;

/// The tree.
#[derive(Debug)]
pub(crate) struct Layout {
    reader: Reader,
    root: Place,
    names: RwLock<Arc<Names>>,
    checked: Mutex<Instant>,
    warnings: Warnings,
}

impl Layout {
    /// The tree that a selector asks for, and the exit code that what is odd about the snapshots calls for.
    pub(crate) fn chosen(
        repository: &Arc<Repository>,
        selector: Option<&Selector>,
        output: Output,
    ) -> Result<(Self, Exit), Failure> {
        let (snapshots, exit) = choose::all(repository, output)?;
        let reader = Reader::new(Arc::clone(repository), CONTENT_BYTES);
        let Some(selector) = selector else {
            return Ok((Self::of_all(reader, &snapshots.taken, output), exit));
        };
        let snapshot = choose::one(&snapshots.taken, selector)?;
        let key = selector.key();
        if !key.is_empty() {
            let entry = reader.view(snapshot.record.root).entry(&key)?;
            let path = path_from_key(&key);
            match entry.map(|entry| entry.kind) {
                None => return Err(ChoiceFailure::NotInSnapshot { path }.into()),
                Some(kind) if kind != Kind::Folder => {
                    return Err(ChoiceFailure::NotAFolder { path }.into());
                }
                Some(_) => {}
            }
        }
        Ok((Self::of_one(reader, snapshot, &key, output), exit))
    }

    /// The tree over these snapshots, and over those that will be taken.
    fn of_all(reader: Reader, snapshots: &[Snapshot], output: Output) -> Self {
        let names = Names::new(snapshots, &TimeZone::system());
        Self::new(reader, Place::Made(Box::default()), names, output)
    }

    /// Only a folder of one snapshot.
    fn of_one(reader: Reader, snapshot: &Snapshot, key: &[u8], output: Output) -> Self {
        let names = Names::new(std::slice::from_ref(snapshot), &TimeZone::system());
        let taken =
            names.newest().unwrap_or_else(|| Arc::new(Taken::new(snapshot, Box::default())));
        Self::new(reader, Place::Tree(taken, key.into()), names, output)
    }

    fn new(reader: Reader, root: Place, names: Names, output: Output) -> Self {
        let (names, checked) = (RwLock::new(Arc::new(names)), Mutex::new(monotonic()));
        Self { reader, root, names, checked, warnings: Warnings::new(output) }
    }

    pub(crate) fn root(&self) -> &Place {
        &self.root
    }

    /// How many entries and bytes the newest snapshot has.
    pub(crate) fn size(&self) -> (u64, u64) {
        let names = self.names();
        let of = |taken: &Taken| (taken.entries, taken.content_bytes);
        match &self.root {
            Place::Tree(taken, _) => of(taken),
            Place::Made(_) => names.newest().map_or((0, 0), |taken| of(&taken)),
        }
    }

    /// What is at this place, unless it is gone.
    pub(crate) fn entry(&self, place: &Place) -> Result<Option<Entry>, Unreadable> {
        match place {
            Place::Made(path) => {
                let names = self.names();
                Ok(names.find(path).map(|item| made(&item, &names)))
            }
            Place::Tree(taken, key) if key.is_empty() => Ok(Some(top(taken))),
            Place::Tree(taken, key) => {
                let entry = self.reader.view(taken.root).entry(key);
                entry.map_err(|error| self.unreadable(|warnings| warnings.tree(path(place), error)))
            }
        }
    }

    /// What has this name in the folder at this place.
    pub(crate) fn child(&self, folder: &Place, name: &[u8]) -> Result<Option<Found>, Unreadable> {
        if !fits(name) {
            return Ok(None);
        }
        match folder {
            Place::Made(above) => {
                let names = self.refreshed();
                let path = join(above, name);
                Ok(names.find(&path).map(|item| found(path, &item, &names)))
            }
            Place::Tree(taken, above) => {
                let place = Place::Tree(Arc::clone(taken), join(above, name));
                Ok(self.entry(&place)?.map(|entry| Found { place, entry }))
            }
        }
    }

    /// At most so many entries of a folder, from the one after `last` on.
    pub(crate) fn list(&self, folder: &Place, last: Option<&[u8]>, most: usize) -> Listing {
        match folder {
            Place::Made(above) => {
                let names = self.refreshed();
                let items =
                    names.list(above).filter(|(name, _)| last.is_none_or(|last| *name > last));
                let of = |(name, item): (&[u8], &Item)| {
                    (Box::from(name), found(join(above, name), item, &names))
                };
                let mut listing = Listing { found: items.map(of).collect(), ..Listing::default() };
                if listing.found.len() > most {
                    listing.found.truncate(most);
                    listing.last = listing.found.last().map(|(name, _)| name.clone());
                }
                listing
            }
            Place::Tree(taken, above) => self.list_tree(folder, (taken, above), last, most),
        }
    }

    fn list_tree(
        &self,
        folder: &Place,
        (taken, above): (&Arc<Taken>, &[u8]),
        last: Option<&[u8]>,
        most: usize,
    ) -> Listing {
        let after = last.map_or_else(|| above.into(), |last| join(above, last));
        let mut listing = Listing::default();
        let (mut seen, mut is_damaged) = (0, false);
        let visit = &mut |key: &[u8], entry: &Entry| {
            let name = file_name(key);
            seen += 1;
            // Whoever wrote the repository might be hostile.
            if fits(name) && parent_key(key) == Some(above) {
                let place = Place::Tree(Arc::clone(taken), key.into());
                listing.found.push((name.into(), Found { place, entry: entry.clone() }));
            }
            let is_full = seen >= most;
            listing.last = is_full.then(|| name.into());
            !is_full
        };
        let report = &mut |problem: Problem| {
            is_damaged = true;
            if let Problem::TreeDamaged { after, source } = problem {
                let mut whole = path(folder);
                whole.push(after.strip_prefix(path_from_key(above)).unwrap_or(&after));
                self.warnings.tree(whole, *source);
            }
        };
        self.reader.view(taken.root).list_after((above, &after), Depth::Children, visit, report);
        listing.is_damaged = is_damaged;
        listing
    }

    /// The content of a file; nothing is read yet.
    pub(crate) fn open(&self, entry: &Entry) -> File {
        self.reader.open(entry)
    }

    /// At most so many bytes of a file that was opened at this place; what cannot be read is said once.
    pub(crate) fn read(
        &self,
        place: &Place,
        file: &File,
        offset: u64,
        bytes: usize,
    ) -> Result<Bytes, Unreadable> {
        let read = file.read(offset, bytes);
        read.map_err(|error| self.unreadable(|warnings| warnings.content(path(place), error)))
    }

    /// The value of an extended attribute.
    pub(crate) fn xattr(&self, place: &Place, xattr: &Xattr) -> Result<Vec<u8>, Unreadable> {
        let value = self.reader.xattr(xattr);
        value.map_err(|error| self.unreadable(|warnings| warnings.content(path(place), error)))
    }

    fn unreadable(&self, warn: impl FnOnce(&Warnings)) -> Unreadable {
        warn(&self.warnings);
        Unreadable
    }

    fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The names of the snapshots, looked for again if that was a while ago.
    fn refreshed(&self) -> Arc<Names> {
        // Whoever finds somebody looking takes what there is.
        let mut checked = match self.checked.try_lock() {
            Ok(checked) => checked,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return self.names(),
        };
        if checked.elapsed() < REFRESH_AFTER {
            return self.names();
        }
        if let Err(error) = self.refresh() {
            self.warnings.refresh(&error);
        }
        *checked = monotonic();
        self.names()
    }

    fn refresh(&self) -> Result<(), RepositoryError> {
        let snapshots = self.reader.repository().snapshots()?;
        let sessions = |snapshot: &Snapshot| snapshot.session;
        let old = self.names();
        if !old.sessions().eq(snapshots.taken.iter().map(sessions)) {
            let names = Arc::new(Names::new(&snapshots.taken, &TimeZone::system()));
            *self.names.write().unwrap_or_else(PoisonError::into_inner) = names;
        }
        Ok(())
    }
}

/// A number that this entry at this place has as long as there are snapshots, and that no other has; all names of one
/// file have the same one.
pub(crate) fn inode(place: &Place, entry: &Entry) -> u64 {
    let mut hasher = blake3::Hasher::new();
    match place {
        Place::Made(path) => {
            hasher.update(b"made").update(path);
        }
        Place::Tree(taken, _) if entry.links > 1 && entry.kind != Kind::Folder => {
            hasher.update(b"link").update(taken.session.as_bytes());
            for number in [entry.device, entry.inode, entry.size] {
                hasher.update(&number.to_le_bytes());
            }
            hasher.update(&entry.mtime_ns.to_le_bytes());
            // Where an inode was given to another file while the snapshot was taken, these are two.
            match &entry.content {
                FileContent::Empty => {}
                FileContent::Inline(bytes) => {
                    hasher.update(bytes);
                }
                FileContent::List(blobs) => {
                    for blob in blobs {
                        hasher.update(blob.id.as_bytes());
                    }
                }
                FileContent::Tree(root) => {
                    hasher.update(root.as_bytes());
                }
            }
        }
        Place::Tree(taken, key) => {
            hasher.update(b"tree").update(taken.session.as_bytes()).update(key);
        }
    }
    let mut number = [0; 8];
    hasher.finalize_xof().fill(&mut number);
    // The first two mean nothing and the root.
    u64::from_le_bytes(number).max(2)
}

/// The place as somebody would type it, below the root of everything.
pub(crate) fn path(place: &Place) -> PathBuf {
    match place {
        Place::Made(path) => path_from_key(path),
        Place::Tree(taken, key) => {
            let snapshot = join(names::SNAPSHOTS, &taken.name);
            path_from_key(&if key.is_empty() { snapshot } else { join(&snapshot, key) })
        }
    }
}

/// Whether a name can be one in a file system.
fn fits(name: &[u8]) -> bool {
    safe_component(name) && name.len() <= NAME_BYTES_MAX
}

fn join(above: &[u8], name: &[u8]) -> Box<[u8]> {
    if above.is_empty() { name.into() } else { [above, &[0], name].concat().into() }
}

fn found(path: Box<[u8]>, item: &Item, names: &Names) -> Found {
    let place = match item {
        Item::Snapshot(taken) => Place::Tree(Arc::clone(taken), Box::default()),
        Item::Folder | Item::Link(_) => Place::Made(path),
    };
    Found { place, entry: made(item, names) }
}

fn made(item: &Item, names: &Names) -> Entry {
    match item {
        Item::Snapshot(taken) => top(taken),
        Item::Folder => folder(names.newest().map_or(0, |taken| taken.time_ns)),
        Item::Link(target) => {
            let mut entry = Entry::new(Kind::Symlink);
            entry.mode = 0o777;
            entry.mtime_ns = names.newest().map_or(0, |taken| taken.time_ns);
            entry.target = Some(target.to_vec());
            own(entry)
        }
    }
}

/// The root of a snapshot, which has no entry.
fn top(taken: &Taken) -> Entry {
    folder(taken.time_ns)
}

fn folder(mtime_ns: i128) -> Entry {
    let mut entry = Entry::new(Kind::Folder);
    entry.mode = 0o555;
    entry.mtime_ns = mtime_ns;
    own(entry)
}

/// What is made up belongs to who made it up.
fn own(mut entry: Entry) -> Entry {
    entry.uid = rustix::process::getuid().as_raw();
    entry.gid = rustix::process::getgid().as_raw();
    entry
}

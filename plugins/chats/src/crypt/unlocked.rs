//! Encrypted backups in a tree of files, opened on the way.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::container::{Checksum, CryptFault, Payload, fits, open};
use super::header::{HEADER_BYTES_MAX, Header};
use super::held::Held;
use super::key::Key;
use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, ReadAt};

const ENDINGS: [&str; 3] = ["crypt12", "crypt14", "crypt15"];
/// Of several copies of this one, only the newest is opened.
const MESSAGES: &str = "msgstore";

/// A tree in which an encrypted backup is a folder that holds what is in it, if a key opens it.
pub struct Unlocked {
    files: Arc<dyn Files>,
    opened: BTreeMap<PathBuf, (Item, Arc<dyn ReadAt>)>,
}

impl fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlocked").field("opened", &self.opened.len()).finish_non_exhaustive()
    }
}

impl Unlocked {
    /// Opens what lies decoded in a repository, and what the keys open, into memory; says of everything else what it needs.
    pub fn new(
        files: Arc<dyn Files>,
        keys: &[Key],
        report: &mut dyn FnMut(ChatError),
    ) -> io::Result<Self> {
        let mut found = Vec::new();
        files.walk(Path::new(""), &mut |item| {
            if !item.is_folder && content_name(&item.path).is_some() {
                found.push(item.clone());
            }
        })?;
        let mut opened = BTreeMap::new();
        for item in newest(found) {
            match unlock(files.as_ref(), &item, keys) {
                Ok(Some(content)) => {
                    let name = content_name(&item.path).unwrap_or_default();
                    let path = item.path.join(name);
                    let inside = Item { path: path.clone(), size: content.size(), ..item };
                    opened.insert(path, (inside, content));
                }
                Ok(None) => {}
                Err(fault) => report(ChatError { path: item.path, fault }),
            }
        }
        Ok(Self { files, opened })
    }
}

/// `msgstore.db` of `msgstore-2026-11-01.1.db.crypt15`: the name that readers know, without date and number.
fn content_name(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (stem, ending) = name.rsplit_once('.')?;
    if !ENDINGS.contains(&ending) {
        return None;
    }
    let is_dated = stem
        .strip_suffix(".db")
        .is_some_and(|start| start.starts_with(MESSAGES) && !start.contains("increment"));
    Some(if is_dated { PathBuf::from("msgstore.db") } else { PathBuf::from(stem) })
}

/// Whether a file is called as encrypted backups are.
pub fn is_backup(path: &Path) -> bool {
    content_name(path).is_some()
}

/// Of the copies of the messages in a folder the newest; everything else that is a database.
fn newest(found: Vec<Item>) -> Vec<Item> {
    let mut messages: BTreeMap<PathBuf, Item> = BTreeMap::new();
    let mut others = Vec::new();
    for item in found {
        let name = content_name(&item.path).unwrap_or_default();
        if name != Path::new("msgstore.db") {
            if name.extension().is_some_and(|ending| ending == "db") && !is_increment(&name) {
                others.push(item);
            }
            continue;
        }
        let folder = item.path.parent().map(Path::to_owned).unwrap_or_default();
        let age = |item: &Item| (is_current(&item.path), item.mtime_ns, item.path.clone());
        let kept = messages.entry(folder).or_insert_with(|| item.clone());
        if age(kept) < age(&item) {
            *kept = item;
        }
    }
    messages.into_values().chain(others).collect()
}

/// What changed since another backup; nothing can be read in it alone.
fn is_increment(name: &Path) -> bool {
    name.to_str().is_some_and(|name| name.contains("increment"))
}

/// The newest copy has no date in its name.
fn is_current(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "msgstore.db")
}

fn unlock(files: &dyn Files, item: &Item, keys: &[Key]) -> Result<Option<Arc<dyn ReadAt>>, Fault> {
    if let Some(decoded) = files.open_decoded(&item.path).map_err(Fault::Read)? {
        return Ok(Some(decoded));
    }
    let file = files.open(&item.path).map_err(Fault::Read)?;
    let opened = with_keys(file.as_ref(), keys, &|key| open(file.as_ref(), key))?;
    if opened.payload().map_err(Fault::Crypt)? == Payload::Zip {
        return Ok(None);
    }
    let held = Held::fill(|take| opened.read(take)).map_err(Fault::Crypt)?;
    Ok(Some(Arc::new(held)))
}

/// How far an encrypted backup was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tested {
    /// Only its header was read: a key is of the right kind, and of the same registration.
    Header,
    /// All of it was read: it is as it was written, and can be decompressed.
    Whole(Checksum),
}

/// Tests whether one of some keys opens a backup. The header costs one small request, the rest all of the file.
pub fn test(file: &dyn ReadAt, keys: &[Key], is_whole: bool) -> Result<Tested, Fault> {
    if !is_whole {
        return with_keys(file, keys, &|key| fits(file, key)).map(|()| Tested::Header);
    }
    let opened = with_keys(file, keys, &|key| open(file, key))?;
    opened.read(|_| Ok(())).map_err(Fault::Crypt)?;
    Ok(Tested::Whole(opened.checksum))
}

/// What the first key that works gives; otherwise what is wrong with the best of them.
fn with_keys<T>(
    file: &dyn ReadAt,
    keys: &[Key],
    attempt: &dyn Fn(&Key) -> Result<T, CryptFault>,
) -> Result<T, Fault> {
    let mut fault = None;
    for key in keys {
        match attempt(key) {
            Ok(done) => return Ok(done),
            // Of two keys, the one of the right kind tells more about what is wrong.
            Err(other @ CryptFault::OtherKind { .. }) => {
                fault.get_or_insert(other);
            }
            Err(error) => fault = Some(error),
        }
    }
    let Some(fault) = fault else {
        let head = file.read_at(0, HEADER_BYTES_MAX).map_err(Fault::Read)?;
        let header = Header::parse(&head).map_err(|fault| Fault::Crypt(fault.into()))?;
        return Err(Fault::Locked { header: Box::new(header) });
    };
    Err(Fault::Crypt(fault))
}

impl Files for Unlocked {
    fn walk(&self, folder: &Path, visit: &mut dyn FnMut(&Item)) -> io::Result<()> {
        self.files.walk(folder, &mut |item| {
            visit(item);
            let inside = self.opened.range(item.path.clone()..);
            inside
                .take_while(|(path, _)| path.parent() == Some(&item.path))
                .for_each(|(_, (item, _))| visit(item));
        })
    }

    fn find(&self, path: &Path) -> io::Result<Option<Item>> {
        match self.opened.get(path) {
            Some((item, _)) => Ok(Some(item.clone())),
            None => self.files.find(path),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        match self.opened.get(path) {
            Some((_, content)) => Ok(Arc::clone(content)),
            None => self.files.open(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(path: &str, mtime_ns: i128) -> Item {
        Item { path: path.into(), is_folder: false, size: 1, mtime_ns }
    }

    #[test]
    fn of_seven_copies_the_newest_is_opened() {
        let found = vec![
            item("D/msgstore-2026-11-01.1.db.crypt15", 9),
            item("D/msgstore.db.crypt14", 3),
            item("D/msgstore.db.crypt15", 8),
            item("D/msgstore-increment-1.db.crypt15", 9),
            item("E/msgstore-2026-11-01.1.db.crypt15", 1),
            item("E/msgstore-2026-11-02.1.db.crypt15", 2),
            item("B/wa.db.crypt15", 1),
            item("B/stickers.backup.crypt15", 1),
        ];
        let paths: Vec<_> = newest(found).into_iter().map(|item| item.path).collect();
        let expected =
            ["D/msgstore.db.crypt15", "E/msgstore-2026-11-02.1.db.crypt15", "B/wa.db.crypt15"];
        assert_eq!(paths, expected.map(PathBuf::from));
    }

    #[test]
    fn what_is_inside_has_the_name_that_readers_know() {
        let name = |path: &str| content_name(Path::new(path));
        assert_eq!(name("x/msgstore-2026-11-01.1.db.crypt15"), Some("msgstore.db".into()));
        assert_eq!(name("x/wa.db.crypt14"), Some("wa.db".into()));
        assert_eq!(name("x/msgstore.db"), None);
        assert_eq!(name("x/msgstore.db.crypt9"), None);
    }
}

//! What the made-up folders are called. Hosts, tags, labels and paths come from records that somebody else wrote.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use heirloom_engine::id::{NodeId, SessionId};
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{file_name, parent_key};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) const SNAPSHOTS: &[u8] = b"snapshots";
const LATEST: &[u8] = b"latest";

/// Fewer digits are no id.
const PREFIX_DIGITS_MIN: usize = 4;
/// Digits of the id behind the time, where the time is not enough.
const SUFFIX_DIGITS: usize = 8;
/// What every file system takes.
const NAME_BYTES_MAX: usize = 200;
/// Deeper paths are cut off.
const DEPTH_MAX: usize = 24;

/// A snapshot in the tree. Whoever has one can go on reading it when its name is gone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) session: SessionId,
    pub(crate) root: NodeId,
    pub(crate) time_ns: i128,
    /// In the folder of the snapshots.
    pub(crate) name: Box<[u8]>,
    pub(crate) entries: u64,
    pub(crate) content_bytes: u64,
}

impl Taken {
    pub(super) fn new(snapshot: &Snapshot, name: Box<[u8]>) -> Self {
        let record = &snapshot.record;
        Self {
            session: snapshot.session,
            root: record.root,
            time_ns: record.time.into(),
            name,
            entries: record.stats.entries,
            content_bytes: record.stats.content_bytes,
        }
    }
}

/// What is in a made-up folder.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Folder,
    Link(Box<[u8]>),
    Snapshot(Arc<Taken>),
}

type Folder = BTreeMap<Box<[u8]>, Item>;

/// The made-up folders, by their paths.
#[derive(Debug)]
pub(super) struct Names {
    sessions: Vec<SessionId>,
    newest: Option<Arc<Taken>>,
    folders: HashMap<Box<[u8]>, Folder>,
}

impl Names {
    pub(super) fn new(snapshots: &[Snapshot], zone: &TimeZone) -> Self {
        let sessions = snapshots.iter().map(|snapshot| snapshot.session).collect();
        let mut names = Self { sessions, newest: None, folders: HashMap::new() };
        for folder in [SNAPSHOTS, b"by-host", b"by-label", b"by-path", b"by-tag"] {
            names.add_folder(&[folder]);
        }
        let mut sorted: Vec<&Snapshot> = snapshots.iter().collect();
        sorted.sort_by_key(|snapshot| {
            (snapshot.record.time, snapshot.record.finished, snapshot.session)
        });
        let times: Vec<String> =
            sorted.iter().map(|snapshot| time_name(snapshot.record.time, zone)).collect();
        let mut uses = HashMap::<&str, u32>::new();
        for time in &times {
            *uses.entry(time).or_default() += 1;
        }
        for (snapshot, time) in sorted.into_iter().zip(&times) {
            let name = if uses.get(time.as_str()).is_some_and(|uses| *uses > 1) {
                let id = snapshot.session.to_string();
                format!("{time}_{}", id.get(..SUFFIX_DIGITS).unwrap_or(&id))
            } else {
                time.clone()
            };
            names.add(snapshot, name.as_bytes());
        }
        names
    }

    fn add(&mut self, snapshot: &Snapshot, name: &[u8]) {
        let taken = Arc::new(Taken::new(snapshot, name.into()));
        self.put(&[SNAPSHOTS], name, Item::Snapshot(Arc::clone(&taken)));
        self.newest = Some(taken);
        self.link(&[], name);
        let record = &snapshot.record;
        self.link(&[b"by-host", &safe_name(record.host.as_bytes())], name);
        for tag in &record.tags {
            self.link(&[b"by-tag", &safe_name(tag.as_bytes())], name);
        }
        if let Some(label) = &record.label {
            self.link(&[b"by-label", &safe_name(label.as_bytes())], name);
        }
        for path in &record.paths {
            let components = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
            let components: Vec<Box<[u8]>> = components.take(DEPTH_MAX).map(safe_name).collect();
            let mut folders: Vec<&[u8]> = vec![b"by-path"];
            folders.extend(components.iter().map(AsRef::as_ref));
            self.link(&folders, name);
        }
    }

    /// Links to a snapshot from a folder, by its name and as the latest: whoever comes later is later.
    fn link(&mut self, folders: &[&[u8]], name: &[u8]) {
        self.add_folder(folders);
        let mut target = b"../".repeat(folders.len());
        target.extend_from_slice(SNAPSHOTS);
        target.push(b'/');
        target.extend_from_slice(name);
        if !folders.is_empty() {
            self.put(folders, name, Item::Link(target.clone().into()));
        }
        self.put(folders, LATEST, Item::Link(target.into()));
    }

    fn add_folder(&mut self, folders: &[&[u8]]) {
        let Some((name, above)) = folders.split_last() else {
            return;
        };
        self.add_folder(above);
        // A folder may be called like a snapshot, and then it is worth more: there is another way to the snapshot.
        let folder = self.folders.entry(join(above)).or_default();
        folder.insert((*name).into(), Item::Folder);
        self.folders.entry(join(folders)).or_default();
    }

    fn put(&mut self, folders: &[&[u8]], name: &[u8], item: Item) {
        let folder = self.folders.entry(join(folders)).or_default();
        if !matches!(folder.get(name), Some(Item::Folder)) {
            folder.insert(name.into(), item);
        }
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().copied()
    }

    pub(super) fn newest(&self) -> Option<Arc<Taken>> {
        self.newest.clone()
    }

    /// What has this path.
    pub(super) fn find(&self, path: &[u8]) -> Option<Item> {
        if path.is_empty() {
            return Some(Item::Folder);
        }
        let above = parent_key(path)?;
        let name = file_name(path);
        let item = self.folders.get(above)?.get(name).cloned();
        item.or_else(|| if above == SNAPSHOTS { self.by_id(name) } else { None })
    }

    /// A snapshot that begins with these digits, if only one does; a link, since a folder must have one name.
    fn by_id(&self, prefix: &[u8]) -> Option<Item> {
        let prefix =
            std::str::from_utf8(prefix).ok().filter(|text| text.len() >= PREFIX_DIGITS_MIN)?;
        if prefix == "latest" {
            return self.newest().map(|taken| Item::Link(taken.name.clone()));
        }
        let items = self.folders.get(SNAPSHOTS)?.values();
        let mut fitting = items.filter_map(|item| match item {
            Item::Snapshot(taken) if taken.session.to_string().starts_with(prefix) => Some(taken),
            Item::Snapshot(_) | Item::Folder | Item::Link(_) => None,
        });
        let only = fitting.next().filter(|_| fitting.next().is_none())?;
        Some(Item::Link(only.name.clone()))
    }

    /// What is in the folder with this path, by name.
    pub(super) fn list(&self, folder: &[u8]) -> impl Iterator<Item = (&[u8], &Item)> {
        let folder = self.folders.get(folder).into_iter();
        folder.flat_map(|folder| folder.iter().map(|(name, item)| (name.as_ref(), item)))
    }
}

fn join(folders: &[&[u8]]) -> Box<[u8]> {
    folders.join(&0).into()
}

/// `2026-11-01_18-30-00`: sorts by time, and no program takes a part of it for a machine or a drive.
fn time_name(ns: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_nanosecond(ns.into()).unwrap_or_default();
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d_%H-%M-%S").to_string()
}

/// The text as the name of a folder.
fn safe_name(text: &[u8]) -> Box<[u8]> {
    let mut name = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            let harmful = character == '/' || character.is_control();
            let mut buffer = [0; 4];
            let character = if harmful { '_' } else { character };
            let bytes = character.encode_utf8(&mut buffer).as_bytes();
            if name.len() + bytes.len() <= NAME_BYTES_MAX {
                name.extend_from_slice(bytes);
            }
        }
        if name.len() + chunk.invalid().len() <= NAME_BYTES_MAX {
            name.extend_from_slice(chunk.invalid());
        }
    }
    match name.as_slice() {
        b"" | b"." => b"_"[..].into(),
        b".." => b"__"[..].into(),
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests;

//! What lies on the drive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::accounts::Accounts;
use super::faults::{DriveFault, DriveRequest, Rate};

pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";

/// When new files and folders appear in listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// At once.
    Never,
    /// After so many more requests of any kind.
    Requests(u64),
    /// After this time.
    Time(Duration),
}

/// A file or folder.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) mime_type: String,
    pub(super) parents: Vec<String>,
    pub(super) trashed: bool,
    /// `None` for a folder.
    pub(super) data: Option<Bytes>,
    md5: String,
    created: u64,
    born: (u64, Instant),
}

/// An upload that may be interrupted.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) node: Node,
    pub(super) total: usize,
    pub(super) received: Vec<u8>,
}

/// Everything that the emulator knows.
#[derive(Debug)]
pub(super) struct World {
    pub(super) root: String,
    nodes: BTreeMap<String, Node>,
    issued: BTreeSet<String>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) accounts: Accounts,
    pub(super) faults: Vec<DriveFault>,
    pub(super) log: Vec<DriveRequest>,
    pub(super) late: Late,
    pub(super) quota: Option<usize>,
    pub(super) rate: Rate,
    serial: u64,
}

/// Why nothing was made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The id was never given out.
    UnknownId,
    /// There is, or was, a file of this id.
    IdInUse,
    NoParent,
    Quota,
}

pub(super) fn md5_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Md5::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

impl Node {
    pub(super) fn folder(name: &str, parent: &str) -> Self {
        Self::new(name, parent, FOLDER, None)
    }

    pub(super) fn file(name: &str, parent: &str, data: Bytes) -> Self {
        Self::new(name, parent, "application/octet-stream", Some(data))
    }

    pub(super) fn new(name: &str, parent: &str, mime_type: &str, data: Option<Bytes>) -> Self {
        Self {
            id: String::new(),
            name: name.to_owned(),
            mime_type: mime_type.to_owned(),
            parents: vec![parent.to_owned()],
            trashed: false,
            md5: data.as_ref().map(|data| md5_of(data)).unwrap_or_default(),
            data,
            created: 0,
            born: (0, Instant::now()),
        }
    }

    pub(super) fn with_data(self, data: Bytes) -> Self {
        Self { md5: md5_of(&data), data: Some(data), ..self }
    }
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            root: String::new(),
            nodes: BTreeMap::new(),
            issued: BTreeSet::new(),
            sessions: BTreeMap::new(),
            accounts: Accounts::new(),
            faults: Vec::new(),
            log: Vec::new(),
            late: Late::Never,
            quota: None,
            rate: Rate::new(),
            serial: 0,
        };
        let mut root = Node::folder("My Drive", "");
        root.parents.clear();
        world.root = world.add(root);
        world
    }

    /// Looks random, and does not sort by age.
    pub(super) fn new_id(&mut self) -> String {
        self.serial += 1;
        let digest = md5_of(&self.serial.to_be_bytes());
        let id = format!("1{digest}");
        self.issued.insert(id.clone());
        id
    }

    /// Adds something under an id of its own.
    pub(super) fn add(&mut self, mut node: Node) -> String {
        node.id = self.new_id();
        let id = node.id.clone();
        self.insert(node);
        id
    }

    /// Adds what a client has described, under the id that it chose, if any.
    pub(super) fn create(&mut self, mut node: Node) -> Result<String, Refused> {
        if node.id.is_empty() {
            node.id = self.new_id();
        }
        self.may_create(&node)?;
        let size = node.data.as_ref().map_or(0, Bytes::len);
        let used: usize = self.nodes.values().filter_map(|n| Some(n.data.as_ref()?.len())).sum();
        if self.quota.is_some_and(|quota| used + size > quota) {
            return Err(Refused::Quota);
        }
        let id = node.id.clone();
        self.insert(node);
        Ok(id)
    }

    pub(super) fn may_create(&self, node: &Node) -> Result<(), Refused> {
        if !node.id.is_empty() && !self.issued.contains(&node.id) {
            return Err(Refused::UnknownId);
        }
        if self.nodes.contains_key(&node.id) {
            return Err(Refused::IdInUse);
        }
        let exists = |id: &String| self.nodes.get(id).is_some_and(|node| node.data.is_none());
        if node.parents.iter().all(exists) { Ok(()) } else { Err(Refused::NoParent) }
    }

    fn insert(&mut self, mut node: Node) {
        self.serial += 1;
        // Times are coarse: neighbours have the same.
        node.created = self.serial / 2;
        node.born = (self.request_number(), Instant::now());
        self.nodes.insert(node.id.clone(), node);
    }

    fn request_number(&self) -> u64 {
        u64::try_from(self.log.len()).expect("a usize has at most 64 bits")
    }

    /// `root` is another word for the top.
    pub(super) fn real_id<'a>(&'a self, id: &'a str) -> &'a str {
        if id == "root" { &self.root } else { id }
    }

    pub(super) fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(self.real_id(id))
    }

    pub(super) fn node_mut(&mut self, id: &str) -> Option<&mut Node> {
        self.nodes.get_mut(id)
    }

    /// Everything but the top.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.id != self.root)
    }

    /// Removes it, and what lies in it.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let below: Vec<String> = self
            .nodes
            .values()
            .filter(|node| node.parents.iter().any(|parent| parent == id))
            .map(|node| node.id.clone())
            .collect();
        for id in below {
            self.remove(&id);
        }
        self.nodes.remove(id).is_some()
    }

    pub(super) fn is_trashed(&self, node: &Node) -> bool {
        let above = |id: &String| self.nodes.get(id).is_some_and(|node| self.is_trashed(node));
        node.trashed || node.parents.iter().any(above)
    }

    /// Whether listings show it already.
    pub(super) fn is_listed(&self, node: &Node) -> bool {
        match self.late {
            Late::Never => true,
            Late::Requests(requests) => self.request_number() >= node.born.0 + requests,
            Late::Time(time) => node.born.1.elapsed() >= time,
        }
    }

    pub(super) fn path(&self, node: &Node) -> String {
        let above = node.parents.first().filter(|id| **id != self.root);
        match above.and_then(|id| self.nodes.get(id)) {
            Some(above) => format!("{}/{}", self.path(above), node.name),
            None => node.name.clone(),
        }
    }

    /// All fields of a file.
    pub(super) fn fields(&self, node: &Node) -> Value {
        let milliseconds = node.created;
        let (seconds, thousandths) = (milliseconds / 1000, milliseconds % 1000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let created = format!(
            "2026-01-01T{:02}:{:02}:{seconds:02}.{thousandths:03}Z",
            minutes / 60,
            minutes % 60
        );
        let mut fields = json!({
            "kind": "drive#file",
            "id": node.id,
            "name": node.name,
            "mimeType": node.mime_type,
            "parents": node.parents,
            "trashed": self.is_trashed(node),
            "explicitlyTrashed": node.trashed,
            "createdTime": created,
            "modifiedTime": created,
        });
        if let Some(data) = &node.data {
            fields["size"] = json!(data.len().to_string());
            fields["md5Checksum"] = json!(node.md5);
        }
        fields
    }
}

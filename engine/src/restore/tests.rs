//! Behaviour of a restore as a whole, from a snapshot in memory to a folder.
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::string_slice,
    reason = "the numbers and names are the tests' own"
)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tempfile::TempDir;

use super::*;
use crate::error::{ErrorKind, FormatError, Problem, ReadError, StorageError};
use crate::id::{ContentId, PackId};
use crate::progress::Counter;
use crate::tree::{
    BlobRef, ContentListBuilder, Entry, FileContent, Kind, NodeSink, TreeBuilder, key_from_path,
};

mod basics;
mod damage;
mod hostile;
mod links;
mod overwriting;
mod resuming;

const FRAMES_PER_PACK: usize = 8;

#[derive(Debug)]
struct MemoryFrame(Vec<Vec<u8>>);

impl Frame for MemoryFrame {
    fn blob(&self, slot: u32) -> Option<&[u8]> {
        self.0.get(slot as usize).map(Vec::as_slice)
    }
}

/// Packs in memory.
#[derive(Debug, Default)]
struct Packs {
    frames: Vec<MemoryFrame>,
    places: HashMap<ContentId, (u32, u32)>,
    /// Blobs that another pack has too.
    copies: HashMap<ContentId, Vec<u8>>,
    /// Frames that cannot be opened.
    damaged: HashSet<u32>,
    /// Frames that can be read before the store goes away; none: all.
    frames_left: Option<AtomicUsize>,
    reads: Mutex<Vec<u32>>,
}

impl Packs {
    /// Puts blobs into the current frame, or a new one after `per_frame` blobs.
    fn put(&mut self, blob: &[u8], per_frame: usize) -> BlobRef {
        let id = self.content_id(blob);
        if !self.places.contains_key(&id) {
            if self.frames.last().is_none_or(|frame| frame.0.len() >= per_frame) {
                self.frames.push(MemoryFrame(Vec::new()));
            }
            let frame = self.frames.len() - 1;
            let blobs = &mut self.frames[frame].0;
            self.places.insert(id, (frame as u32, blobs.len() as u32));
            blobs.push(blob.to_vec());
        }
        BlobRef { id, bytes: blob.len() as u64 }
    }

    fn frame_of(&self, blob: &[u8]) -> u32 {
        self.places[&self.content_id(blob)].0
    }
}

impl BlobReader for Packs {
    fn locate(&self, id: &ContentId) -> Result<Option<FrameRef>, ReadError> {
        let Some((frame, slot)) = self.places.get(id).copied() else { return Ok(None) };
        let per_pack = FRAMES_PER_PACK as u32;
        let pack = PackId([(frame / per_pack) as u8; 32]);
        let (frame, stored_bytes) = (frame % per_pack, 3 << 20);
        Ok(Some(FrameRef { pack, frame, slot, offset: 0, stored_bytes }))
    }

    fn content(&self, id: &ContentId) -> Result<Vec<u8>, ReadError> {
        if let Some(copy) = self.copies.get(id) {
            return Ok(copy.clone());
        }
        let missing = || ReadError::Missing { prefix: id.prefix().to_string() };
        let place = self.locate(id)?.ok_or_else(missing)?;
        let mut found = Err(missing());
        self.read_frames(place.pack, &[place.frame], &mut |_, frame| {
            found = frame
                .and_then(|frame| frame.blob(place.slot).map(<[u8]>::to_vec).ok_or_else(missing));
        });
        found
    }

    fn read_frames(&self, pack: PackId, frames: &[u32], sink: &mut FrameSink<'_>) {
        assert!(frames.is_sorted());
        for frame in frames {
            let number = u32::from(pack.0[0]) * FRAMES_PER_PACK as u32 + frame;
            self.reads.lock().unwrap().push(number);
            let gone = self.frames_left.as_ref().is_some_and(|left| {
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                    .is_err()
            });
            if gone {
                let error = StorageError {
                    kind: ErrorKind::Unreachable,
                    temporary: true,
                    operation: "read",
                    object: pack.to_string(),
                    source: None,
                };
                sink(*frame, Err(error.into()));
            } else if self.damaged.contains(&number) {
                let source = FormatError::Unauthentic;
                sink(*frame, Err(ReadError::Damaged { pack, source }));
            } else {
                sink(*frame, Ok(&self.frames[number as usize]));
            }
        }
    }

    fn content_id(&self, bytes: &[u8]) -> ContentId {
        ContentId(*blake3::hash(bytes).as_bytes())
    }

    fn node(&self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        Err(ReadError::Missing { prefix: id.prefix().to_string() })
    }
}

#[derive(Debug, Default)]
struct Nodes {
    nodes: HashMap<NodeId, Arc<[u8]>>,
    lost: HashSet<NodeId>,
}

impl NodeSink for Nodes {
    type Error = Infallible;

    fn put(&mut self, node: &[u8]) -> Result<NodeId, Infallible> {
        let id = NodeId(*blake3::keyed_hash(&[1; 32], node).as_bytes());
        self.nodes.insert(id, node.into());
        Ok(id)
    }

    fn put_again(&mut self, _id: &NodeId, node: &[u8]) -> Result<NodeId, Infallible> {
        self.put(node)
    }

    fn split(&self, level: u8, key: &[u8]) -> u32 {
        let hash = blake3::Hasher::new().update(&[level]).update(key).finalize();
        u32::from_le_bytes(hash.as_bytes()[..4].try_into().unwrap())
    }
}

impl NodeSource for Nodes {
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        match self.nodes.get(id) {
            Some(node) if !self.lost.contains(id) => Ok(Arc::clone(node)),
            _ => Err(ReadError::Missing { prefix: id.prefix().to_string() }),
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    problems: Mutex<Vec<String>>,
    cancelled: AtomicBool,
}

impl Progress for Seen {
    fn add(&self, _: Counter, _: u64) {}
    fn current(&self, _: &Path) {}
    fn problem(&self, problem: &Problem) {
        let name = format!("{problem:?}");
        let name = name.split([' ', '{']).next().unwrap_or_default();
        self.problems.lock().unwrap().push(format!("{name}: {problem}"));
    }
    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

impl Seen {
    /// How many problems of this kind were told.
    fn count(&self, kind: &str) -> usize {
        let start = format!("{kind}:");
        self.problems.lock().unwrap().iter().filter(|text| text.starts_with(&start)).count()
    }
}

const TIME: i128 = 1_700_000_000_123_456_789;

/// A snapshot in memory, and a folder to restore it to.
#[derive(Debug)]
struct World {
    entries: BTreeMap<Vec<u8>, Entry>,
    packs: Packs,
    nodes: Nodes,
    folder: TempDir,
    blob_bytes: usize,
    per_frame: usize,
}

impl World {
    fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            packs: Packs::default(),
            nodes: Nodes::default(),
            folder: TempDir::new().unwrap(),
            blob_bytes: 1000,
            per_frame: 4,
        }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.target().join(path)
    }

    fn options(&self) -> RestoreOptions {
        RestoreOptions { target: self.target(), threads: 3, ..RestoreOptions::default() }
    }

    fn entry(kind: Kind) -> Entry {
        let mut entry = Entry::new(kind);
        entry.mode = if kind == Kind::Folder { 0o755 } else { 0o644 };
        entry.mtime_ns = TIME;
        entry.uid = rustix::process::geteuid().as_raw();
        entry.gid = rustix::process::getegid().as_raw();
        entry
    }

    fn put(&mut self, path: &str, entry: Entry) {
        self.entries.insert(key_from_path(Path::new(path)), entry);
    }

    fn add(&mut self, path: &str, kind: Kind) -> &mut Entry {
        self.put(path, Self::entry(kind));
        self.get(path)
    }

    fn get(&mut self, path: &str) -> &mut Entry {
        self.entries.get_mut(&key_from_path(Path::new(path))).unwrap()
    }

    fn folder(&mut self, path: &str) -> &mut Entry {
        self.add(path, Kind::Folder)
    }

    /// A file whose content is stored as its length suggests.
    fn file(&mut self, path: &str, bytes: &[u8]) -> &mut Entry {
        let mut entry = Self::entry(Kind::File);
        entry.size = bytes.len() as u64;
        let blobs: Vec<BlobRef> = if bytes.len() <= 100 {
            entry.content = FileContent::Inline(bytes.to_vec());
            Vec::new()
        } else {
            bytes.chunks(self.blob_bytes).map(|blob| self.packs.put(blob, self.per_frame)).collect()
        };
        if bytes.is_empty() {
            entry.content = FileContent::Empty;
        } else if blobs.len() > 16 {
            let mut list = ContentListBuilder::new();
            for blob in blobs {
                list.push(&blob, &mut self.nodes).unwrap();
            }
            let root = list.finish(&mut self.nodes).unwrap();
            entry.content = FileContent::Tree(root);
        } else if !blobs.is_empty() {
            entry.content = FileContent::List(blobs);
        }
        self.put(path, entry);
        self.get(path)
    }

    fn root(&mut self) -> NodeId {
        let mut tree = TreeBuilder::new();
        for (key, entry) in &self.entries {
            tree.push(key, entry, &mut self.nodes).unwrap();
        }
        tree.finish(&mut self.nodes).unwrap().0
    }

    fn try_restore(
        &mut self,
        options: &RestoreOptions,
    ) -> (Result<RestoreReport, RestoreError>, Seen) {
        let seen = Seen::default();
        let root = self.root();
        (run(&self.packs, &mut self.nodes, root, options, &seen), seen)
    }

    fn restore(&mut self, options: &RestoreOptions) -> (RestoreReport, Seen) {
        let (report, seen) = self.try_restore(options);
        (report.unwrap(), seen)
    }

    fn restore_quietly(&mut self, options: &RestoreOptions) -> RestoreReport {
        let (report, seen) = self.restore(options);
        assert_eq!(*seen.problems.lock().unwrap(), Vec::<String>::new());
        report
    }
}

/// Bytes that do not repeat.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut noise);
    noise
}

fn mtime(path: &Path) -> i128 {
    let found = fs::symlink_metadata(path).unwrap();
    i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec())
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

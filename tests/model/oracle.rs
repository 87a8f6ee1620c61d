//! What must hold at every step: each snapshot that was reported as taken, and that nobody forgets, has its record, and
//! each of its blobs is in some pack of the store.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use heirloom_engine::crypto::Keys;
use heirloom_engine::id::{BlobPrefix, NodeId, PackId, SessionId};
use heirloom_engine::pack::{BlobKind, HEADER_BYTES, PackRecord, open_frame, record_from_pack};
use heirloom_engine::snapshot::object_name;
use heirloom_engine::tree::{Reference, references};

/// What is true of a repository in every schedule, because names of blobs come from their bytes.
#[derive(Debug)]
pub(crate) struct Knowledge {
    keys: Keys,
    /// What each node refers to.
    nodes: Mutex<HashMap<BlobPrefix, Arc<[BlobPrefix]>>>,
}

impl Knowledge {
    pub(crate) fn new(keys: &Keys) -> Arc<Self> {
        Arc::new(Self { keys: keys.clone(), nodes: Mutex::default() })
    }

    /// Reads the nodes of a tree pack that were never met before.
    fn learn(&self, record: &PackRecord, bytes: &[u8]) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if record.table.prefixes.iter().all(|prefix| nodes.contains_key(prefix)) {
            return;
        }
        let session = self.keys.open_session_key(&record.encapsulation).expect("a whole pack");
        let key = session.pack_key(&record.salt);
        let mut prefixes = record.table.prefixes.iter();
        let mut at = HEADER_BYTES;
        for (ordinal, entry) in (0..).zip(&record.table.frames) {
            let end = at + usize::try_from(entry.sealed_bytes()).expect("it is in memory");
            let frame = open_frame(&key, ordinal, bytes[at..end].to_vec(), entry).expect("whole");
            at = end;
            for slot in 0..frame.len() {
                let node = frame.blob(slot).expect("it is one of them");
                let mut found = Vec::new();
                let mut visit = |reference| {
                    found.push(match reference {
                        Reference::Node(id) => id.prefix(),
                        Reference::Blob(blob) => blob.id.prefix(),
                    });
                };
                references(node, &mut visit).expect("the engine wrote it");
                let prefix = *prefixes.next().expect("as many as blobs");
                nodes.insert(prefix, found.into());
            }
        }
    }

    /// Everything below a root, and the root.
    fn needed(&self, root: NodeId) -> Vec<BlobPrefix> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut needed = vec![root.prefix()];
        let mut next = 0;
        while let Some(prefix) = needed.get(next) {
            next += 1;
            for below in nodes.get(prefix).map(|below| below.iter()).into_iter().flatten() {
                if !needed.contains(below) {
                    needed.push(*below);
                }
            }
        }
        needed
    }
}

/// A snapshot that some client was told is taken.
#[derive(Debug)]
struct Reported {
    needed: Vec<BlobPrefix>,
    forgotten: bool,
}

/// One store, as the model sees it.
#[derive(Debug)]
pub(crate) struct Oracle {
    knowledge: Arc<Knowledge>,
    packs: HashMap<String, Vec<BlobPrefix>>,
    copies: HashMap<BlobPrefix, u32>,
    reported: BTreeMap<SessionId, Reported>,
}

impl Oracle {
    pub(crate) fn new(knowledge: &Arc<Knowledge>) -> Self {
        Self {
            knowledge: Arc::clone(knowledge),
            packs: HashMap::new(),
            copies: HashMap::new(),
            reported: BTreeMap::new(),
        }
    }

    /// An object is there in full.
    pub(crate) fn put(&mut self, name: &str, bytes: &Bytes) {
        let Some(id) = name.strip_prefix("packs/").and_then(PackId::from_hex) else { return };
        let record = record_from_pack(&self.knowledge.keys, Some(&id), bytes);
        let record = record.expect("the engine wrote it");
        if record.table.kind == BlobKind::Tree {
            self.knowledge.learn(&record, bytes);
        }
        let prefixes = record.table.prefixes;
        if self.packs.contains_key(name) {
            return;
        }
        for prefix in &prefixes {
            *self.copies.entry(*prefix).or_default() += 1;
        }
        self.packs.insert(name.to_owned(), prefixes);
    }

    /// An object is gone. Says what is lost with it.
    pub(crate) fn delete(&mut self, name: &str) -> Option<String> {
        if name.starts_with("snapshots/") {
            let counts = self.reported.iter().find(|(id, _)| object_name(**id) == name);
            return counts
                .filter(|(_, reported)| !reported.forgotten)
                .map(|_| "the record of a reported snapshot".to_owned());
        }
        let mut lost = None;
        for prefix in self.packs.remove(name)? {
            let copies = self.copies.get_mut(&prefix).expect("counted when it was put");
            *copies -= 1;
            if *copies > 0 {
                continue;
            }
            let needs = |(_, reported): &(_, &Reported)| {
                !reported.forgotten && reported.needed.contains(&prefix)
            };
            if let Some((id, _)) = self.reported.iter().find(needs) {
                lost = Some(format!("the last copy of blob {prefix}, which snapshot {id} needs"));
            }
        }
        lost
    }

    /// A client was told that its snapshot is taken. Says what it lacks.
    pub(crate) fn report(&mut self, id: SessionId, root: NodeId) -> Option<String> {
        let needed = self.knowledge.needed(root);
        let missing = needed.iter().find(|prefix| !self.has(prefix));
        let lacks =
            missing.map(|prefix| format!("snapshot {id} is reported without blob {prefix}"));
        let forgotten = self.is_forgotten(id);
        self.reported.insert(id, Reported { needed, forgotten });
        lacks.filter(|_| !forgotten)
    }

    fn has(&self, prefix: &BlobPrefix) -> bool {
        self.copies.get(prefix).is_some_and(|copies| *copies > 0)
    }

    /// Somebody begins to forget a snapshot: from now on it may vanish.
    pub(crate) fn forget(&mut self, id: SessionId) {
        // One that was not reported may be forgotten before its writer is told.
        let reported = Reported { needed: Vec::new(), forgotten: true };
        self.reported.entry(id).or_insert(reported).forgotten = true;
    }

    pub(crate) fn is_forgotten(&self, id: SessionId) -> bool {
        self.reported.get(&id).is_some_and(|reported| reported.forgotten)
    }

    /// Snapshots that must be there.
    pub(crate) fn live(&self) -> Vec<SessionId> {
        let live = self.reported.iter().filter(|(_, reported)| !reported.forgotten);
        live.map(|(id, _)| *id).collect()
    }

    /// Packs of which the trees with these roots need nothing, and how many there are in all.
    pub(crate) fn unneeded(&self, roots: &[NodeId]) -> Vec<String> {
        let needed: HashSet<BlobPrefix> =
            roots.iter().flat_map(|root| self.knowledge.needed(*root)).collect();
        let unneeded = |prefixes: &[BlobPrefix]| !prefixes.iter().any(|one| needed.contains(one));
        let packs = self.packs.iter().filter(|(_, prefixes)| unneeded(prefixes));
        packs.map(|(name, _)| name.clone()).collect()
    }
}

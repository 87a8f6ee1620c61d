//! What a snapshot says about itself.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::id::{ClientId, NodeId, SessionId};

use super::Head;

/// What a snapshot says about itself. Times are in ns since 1970. Keys that a later version adds are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The time that the snapshot stands for.
    pub time: i64,
    /// When the writer began to read.
    pub started: i64,
    /// When it committed.
    pub finished: i64,
    /// Name of the machine.
    pub host: String,
    /// Name of who ran the backup.
    pub user: String,
    /// Absolute paths as given, sorted.
    pub paths: Vec<ByteBuf>,
    /// Name of the series that it belongs to.
    pub label: Option<String>,
    /// Words of the user, sorted.
    pub tags: Vec<String>,
    /// Root of its tree.
    pub root: NodeId,
    /// The snapshot that it was compared with.
    pub parent: Option<SessionId>,
    /// Counts.
    pub stats: Stats,
    /// Name and version of the writer.
    pub program: String,
    /// Retention keeps it until then.
    pub keep_until: Option<i64>,
    /// Retention never drops it.
    pub pinned: bool,
    /// The installation that wrote it.
    pub client: ClientId,
    /// Number of this client's snapshot in this repository, from 0.
    pub sequence: u64,
    /// Hash of the record of this client's previous snapshot.
    #[serde(with = "serde_bytes")]
    pub previous: Option<[u8; 32]>,
    /// The newest snapshots of other clients that the writer saw.
    pub heads: Vec<Head>,
    /// The snapshot that this one stands for: it was brought back, changed or copied, not taken from a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<SessionId>,
}

impl Default for Record {
    /// Everything zero or empty; the root of no tree.
    fn default() -> Self {
        Self {
            time: 0,
            started: 0,
            finished: 0,
            host: String::new(),
            user: String::new(),
            paths: Vec::new(),
            label: None,
            tags: Vec::new(),
            root: NodeId([0; 32]),
            parent: None,
            stats: Stats::default(),
            program: String::new(),
            keep_until: None,
            pinned: false,
            client: ClientId([0; 16]),
            sequence: 0,
            previous: None,
            heads: Vec::new(),
            original: None,
        }
    }
}

/// What a snapshot holds and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Entries of its tree.
    pub entries: u64,
    /// Files among them.
    pub files: u64,
    /// Folders among them.
    pub folders: u64,
    /// Bytes of the files.
    pub content_bytes: u64,
    /// Plain bytes of blobs that the repository did not have.
    pub new_bytes: u64,
    /// Bytes put into the store.
    pub stored_bytes: u64,
    /// Entries that could not be read, or not completely.
    pub problems: u64,
}

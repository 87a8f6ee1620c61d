//! Remembers the content of files that have several names, so that each is read once.

use std::collections::HashMap;

use crate::tree::{Entry, FileContent, Kind, Transform};

/// What the names of one file share.
#[derive(Debug, Clone)]
struct Shared {
    content: FileContent,
    holes: Vec<(u64, u64)>,
    hash: Option<[u8; 32]>,
    transform: Option<Transform>,
    size: u64,
    names_left: u64,
}

/// Contents of files whose other names are still to come, by device and inode.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_inode: HashMap<(u64, u64), Shared>,
}

/// Whether an entry may have further names.
pub(super) fn has_links(entry: &Entry) -> bool {
    entry.kind == Kind::File && entry.links > 1
}

impl Links {
    /// Notes the first name of a file.
    pub(super) fn remember(&mut self, entry: &Entry) {
        if !has_links(entry) {
            return;
        }
        let shared = Shared {
            content: entry.content.clone(),
            holes: entry.holes.clone(),
            hash: entry.hash,
            transform: entry.transform.clone(),
            size: entry.size,
            names_left: entry.links - 1,
        };
        self.by_inode.insert((entry.device, entry.inode), shared);
    }

    /// Gives a further name its content; `false` if no earlier name could be read.
    pub(super) fn fill(&mut self, entry: &mut Entry) -> bool {
        let key = (entry.device, entry.inode);
        let Some(shared) = self.by_inode.get_mut(&key) else { return false };
        entry.content = shared.content.clone();
        entry.holes.clone_from(&shared.holes);
        entry.hash = shared.hash;
        entry.transform.clone_from(&shared.transform);
        entry.size = shared.size;
        shared.names_left = shared.names_left.saturating_sub(1);
        if shared.names_left == 0 {
            self.by_inode.remove(&key);
        }
        true
    }
}

//! Compares the walk with the parent snapshot, entry by entry, in one pass over both.

use std::cmp::Ordering;
use std::sync::Arc;

use super::source::Found;
use crate::error::ReadError;
use crate::id::NodeId;
use crate::progress::{Counter, Progress};
use crate::repository::{Known, Repository};
use crate::tree::{
    ContentListCursor, Entry, EntryView, FileContent, Kind, NodeSource, TreeCursor, XattrValue,
};

/// A file that changed this shortly before the parent was taken may have changed again without a trace: clocks of file
/// systems tick in steps of up to two seconds.
const SETTLING_NS: i128 = 2_000_000_000;

/// What the walk found, in numbers.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) files: u64,
    pub(super) folders: u64,
    pub(super) entries: u64,
    pub(super) unchanged: u64,
    pub(super) changed: u64,
    pub(super) added: u64,
    pub(super) excluded: u64,
}

/// The parent snapshot, read along with the walk.
pub(super) struct Earlier<'a> {
    repository: &'a Repository,
    known: Known,
    wholesale: bool,
    taken_ns: i128,
    cursor: TreeCursor,
    /// The cursor is at an entry that the walk may still come to.
    ahead: bool,
    ended: bool,
}

/// How an entry relates to the parent.
pub(super) enum Relation {
    /// The parent's cursor is at it.
    Unchanged,
    Changed,
    Added,
}

impl<'a> Earlier<'a> {
    /// `wholesale`: entries may be taken over without a look at each of their blobs.
    pub(super) fn new(
        repository: &'a Repository,
        known: Known,
        wholesale: bool,
        root: NodeId,
        taken_ns: i128,
    ) -> Self {
        let cursor = TreeCursor::new(root);
        Self { repository, known, wholesale, taken_ns, cursor, ahead: false, ended: false }
    }

    /// At the entry that was last found unchanged.
    pub(super) fn cursor(&self) -> &TreeCursor {
        &self.cursor
    }

    fn relation(&mut self, found: &Found) -> Relation {
        if !self.goes_to(&found.key) {
            Relation::Added
        } else if self.can_take_over(&found.entry, self.cursor.encoded()) {
            Relation::Unchanged
        } else {
            Relation::Changed
        }
    }

    /// Whether the parent has an entry with this key; if so, the cursor is at it.
    fn goes_to(&mut self, key: &[u8]) -> bool {
        loop {
            if self.ahead {
                match self.cursor.key().cmp(key) {
                    Ordering::Greater => return false,
                    Ordering::Equal => {
                        self.ahead = false;
                        return true;
                    }
                    Ordering::Less => self.ahead = false,
                }
            }
            if self.ended {
                return false;
            }
            let mut nodes = self.repository;
            match self.cursor.advance(&mut nodes) {
                Ok(true) => self.ahead = true,
                Ok(false) => self.ended = true,
                // A damaged parent costs time, not data: what is behind the damage is read again.
                Err(error) => {
                    tracing::debug!(%error, "parent snapshot is damaged");
                    self.cursor.skip_damaged();
                }
            }
        }
    }

    /// Whether the entry is what it was, and everything that it refers to may be referred to again.
    fn can_take_over(&self, now: &Entry, encoded: &[u8]) -> bool {
        let mut present = true;
        let plain = EntryView::parse_plain(encoded, &mut |blob| {
            present = present && self.known.contains(&blob.id.prefix());
        });
        match plain {
            Ok(Some(then)) => present && self.same(now, &then),
            Ok(None) => {
                EntryView::parse(encoded).is_ok_and(|then| self.same(now, &then))
                    && self.is_present(encoded)
            }
            Err(_) => false,
        }
    }

    fn same(&self, now: &Entry, then: &EntryView) -> bool {
        let settled = now.kind != Kind::File
            || now.ctime_ns.is_some_and(|ctime| ctime < self.taken_ns - SETTLING_NS);
        settled
            && then.kind == now.kind
            && then.size == now.size
            && then.mtime_ns == now.mtime_ns
            && then.ctime_ns == now.ctime_ns
            && then.inode == now.inode
            && then.mode == now.mode
            && then.uid == now.uid
            && then.gid == now.gid
            && then.links.max(1) == now.links.max(1)
            // Device numbers change from boot to boot, and only matter to tell which names are one file.
            && (now.links <= 1 || then.device == now.device)
    }

    /// Whether everything that the entry refers to may be referred to again.
    fn is_present(&self, encoded: &[u8]) -> bool {
        let Ok(entry) = Entry::parse(encoded) else { return false };
        let values = entry.xattrs.iter().all(|xattr| match &xattr.value {
            XattrValue::Inline(_) => true,
            XattrValue::Blob(blob) => self.known.contains(&blob.id.prefix()),
        });
        !entry.changed
            && values
            && match &entry.content {
                FileContent::Empty | FileContent::Inline(_) => true,
                FileContent::List(blobs) => {
                    blobs.iter().all(|blob| self.known.contains(&blob.id.prefix()))
                }
                FileContent::Tree(root) => {
                    self.known.contains(&root.prefix())
                        && (self.wholesale || self.list_is_present(*root).unwrap_or(false))
                }
            }
    }

    fn list_is_present(&self, root: NodeId) -> Result<bool, ReadError> {
        let mut nodes = KnownNodes { repository: self.repository, known: &self.known, all: true };
        let mut cursor = ContentListCursor::new(root);
        while let Some((_, blob)) = cursor.next(&mut nodes)? {
            if !self.known.contains(&blob.id.prefix()) {
                return Ok(false);
            }
        }
        Ok(nodes.all)
    }
}

/// Reads nodes and notices any that must not be referred to.
struct KnownNodes<'a> {
    repository: &'a Repository,
    known: &'a Known,
    all: bool,
}

impl NodeSource for KnownNodes<'_> {
    fn node(&mut self, id: &NodeId) -> Result<Arc<[u8]>, ReadError> {
        self.all &= self.known.contains(&id.prefix());
        let mut nodes = self.repository;
        nodes.node(id)
    }
}

/// Compares and counts.
pub(super) struct Comparison<'a> {
    pub(super) earlier: Option<Earlier<'a>>,
    pub(super) progress: &'a dyn Progress,
    pub(super) tally: Tally,
}

impl Comparison<'_> {
    pub(super) fn relation(&mut self, found: &Found) -> Relation {
        self.count(&found.entry);
        let relation =
            self.earlier.as_mut().map_or(Relation::Added, |earlier| earlier.relation(found));
        match relation {
            Relation::Unchanged => self.tally.unchanged += 1,
            Relation::Changed => self.tally.changed += 1,
            Relation::Added => self.tally.added += 1,
        }
        relation
    }

    fn count(&mut self, entry: &Entry) {
        self.tally.entries += 1;
        match entry.kind {
            Kind::File => {
                self.tally.files += 1;
                self.progress.add(Counter::ContentBytesTotal, entry.size);
            }
            Kind::Folder => self.tally.folders += 1,
            Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => {}
        }
        self.progress.add(Counter::EntriesTotal, 1);
    }
}

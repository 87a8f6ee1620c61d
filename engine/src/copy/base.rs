//! An earlier snapshot and its copy, as a guide: what did not change since is in the copy, under the right names.
//!
//! The later snapshot is compared with the earlier one, which reads only what they do not share. The copy is read along,
//! and each of its entries is believed only if it is the entry of the source in everything but the names of blobs.

use crate::error::ReadError;
use crate::id::{ContentId, NodeId};
use crate::repository::Repository;
use crate::tree::{Change, Diff, Entry, FileContent, TreeCursor, XattrValue};

/// Reads along.
#[derive(Debug)]
pub(super) struct Base<'a> {
    from: &'a Repository,
    to: &'a Repository,
    changes: Diff,
    /// The next difference; its key is at or behind the one asked for last.
    next_change: Option<Change>,
    copy: TreeCursor,
    copy_at: Option<(Vec<u8>, Vec<u8>)>,
    begun: bool,
    /// Something could not be read: what comes now is carried without a guide.
    broken: bool,
}

/// What the base says about an entry.
#[derive(Debug)]
pub(super) enum Guide {
    /// This is its copy.
    Copied(Vec<u8>),
    /// It was like this, and that is the copy of it.
    Changed(Box<(Entry, Entry)>),
    Nothing,
}

impl<'a> Base<'a> {
    /// `sources` are the roots of the earlier and of the later snapshot, `copy` that of the copy of the earlier.
    pub(super) fn new(
        (from, to): (&'a Repository, &'a Repository),
        (earlier, later): (NodeId, NodeId),
        copy: NodeId,
    ) -> Self {
        Self {
            from,
            to,
            changes: Diff::new(earlier, later),
            next_change: None,
            copy: TreeCursor::new(copy),
            copy_at: None,
            begun: false,
            broken: false,
        }
    }

    /// What is known about the entry with this key in the later snapshot. Keys must ascend.
    pub(super) fn at(&mut self, key: &[u8], entry: &Entry) -> Guide {
        if self.broken {
            return Guide::Nothing;
        }
        self.look(key, entry).unwrap_or_else(|error| {
            tracing::debug!(%error, "the earlier snapshot or its copy is damaged");
            self.broken = true;
            Guide::Nothing
        })
    }

    fn look(&mut self, key: &[u8], entry: &Entry) -> Result<Guide, ReadError> {
        let copy = self.copy_at(key)?;
        let change = self.change_at(key)?;
        let Some(copy) = copy else { return Ok(Guide::Nothing) };
        let copied = Entry::parse(&copy)?;
        let Some(change) = change else {
            return Ok(if is_copy(entry, &copied) { Guide::Copied(copy) } else { Guide::Nothing });
        };
        let before = change.entry_before()?.filter(|before| is_copy(before, &copied));
        let changed = |before| Guide::Changed(Box::new((before, copied)));
        Ok(before.map_or(Guide::Nothing, changed))
    }

    /// `None`: the entry did not change.
    fn change_at(&mut self, key: &[u8]) -> Result<Option<&Change>, ReadError> {
        let mut nodes = self.from;
        let is_behind = |change: &Change| change.key.as_slice() < key;
        while !self.begun || self.next_change.as_ref().is_some_and(is_behind) {
            self.next_change = self.changes.next(&mut nodes)?;
            self.begun = true;
        }
        Ok(self.next_change.as_ref().filter(|change| change.key == key))
    }

    fn copy_at(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        let mut nodes = self.to;
        loop {
            match &self.copy_at {
                Some((at, _)) if at.as_slice() > key => return Ok(None),
                Some((at, _)) if at.as_slice() == key => {
                    return Ok(self.copy_at.take().map(|(_, encoded)| encoded));
                }
                Some(_) | None => {}
            }
            if !self.copy.advance(&mut nodes)? {
                return Ok(None);
            }
            self.copy_at = Some((self.copy.key().to_vec(), self.copy.encoded().to_vec()));
        }
    }
}

/// Whether two entries are the same but for the names of their blobs.
fn is_copy(source: &Entry, copy: &Entry) -> bool {
    // Nothing but the hash of the content tells what is in a list tree without reading it.
    let is_told = !matches!(source.content, FileContent::Tree(_)) || source.hash.is_some();
    is_told && without_names(source) == without_names(copy)
}

fn without_names(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    for xattr in &mut entry.xattrs {
        if let XattrValue::Blob(blob) = &mut xattr.value {
            blob.id = ContentId([0; 32]);
        }
    }
    match &mut entry.content {
        FileContent::Empty | FileContent::Inline(_) => {}
        FileContent::List(blobs) => blobs.iter_mut().for_each(|blob| blob.id = ContentId([0; 32])),
        FileContent::Tree(root) => *root = NodeId([0; 32]),
    }
    entry
}

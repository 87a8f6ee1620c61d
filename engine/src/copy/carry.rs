//! Carries the entries of one snapshot over, in their order, a batch at a time.

use std::collections::HashMap;
use std::mem;

use super::base::{Base, Guide};
use super::memo::Memo;
use super::{CopyError, Trouble};
use crate::error::ReadError;
use crate::fetch::{Loss, read_all};
use crate::id::{ContentId, NodeId};
use crate::progress::{Counter, Progress};
use crate::repository::{Repository, Session};
use crate::tree::{
    BlobRef, ContentListBuilder, ContentListCursor, Entry, FileContent, TreeBuilder, TreeCursor,
    XattrValue, path_from_key,
};

/// Bytes of content that are read together.
const BATCH_BYTES_MAX: u64 = 16 << 20;
/// Entries that wait for their content.
const BATCH_ENTRIES_MAX: usize = 2048;

/// An entry that waits for its turn.
enum Waiting {
    /// As the destination has it.
    Ready { key: Vec<u8>, encoded: Vec<u8>, size: u64 },
    /// With the names of the source.
    Foreign { key: Vec<u8>, entry: Box<Entry> },
}

/// Holds one batch, and for each file of many blobs the names of its list here and there.
pub(super) struct Carrier<'a, 's, 'r> {
    from: &'a Repository,
    session: &'s mut Session<'r>,
    memo: &'a mut Memo,
    progress: &'a dyn Progress,
    /// The copy of the base is of a live snapshot whose blobs may be referred to without a look at each.
    wholesale: bool,
    loss: Loss<'a>,
    tree: TreeBuilder,
    lists: HashMap<NodeId, NodeId>,
    batch: Vec<Waiting>,
    batch_bytes: u64,
    pub(super) read_bytes: u64,
}

impl<'a, 's, 'r> Carrier<'a, 's, 'r> {
    pub(super) fn new(
        from: &'a Repository,
        session: &'s mut Session<'r>,
        memo: &'a mut Memo,
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            wholesale: session.may_trust_live_snapshots(),
            from,
            session,
            memo,
            progress,
            loss: Loss::new(progress),
            tree: TreeBuilder::new(),
            lists: HashMap::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            read_bytes: 0,
        }
    }

    /// Every entry of the tree. Goes on after damage, to name all of it.
    pub(super) fn carry_all(
        &mut self,
        root: NodeId,
        mut base: Option<Base<'_>>,
    ) -> Result<(), Trouble> {
        let mut nodes = self.from;
        let mut cursor = TreeCursor::new(root);
        loop {
            if self.progress.cancelled() {
                return Err(CopyError::Cancelled.into());
            }
            let next = match cursor.advance(&mut nodes) {
                Ok(false) => return self.flush(),
                Ok(true) => cursor.entry().map_err(ReadError::from),
                Err(error) => Err(error),
            };
            match next {
                Ok(entry) => {
                    self.progress.current(&path_from_key(cursor.key()));
                    let guide = base.as_mut().map(|base| base.at(cursor.key(), &entry));
                    self.take(cursor.key(), entry, guide.unwrap_or(Guide::Nothing))?;
                }
                Err(error) => {
                    self.loss.tree(cursor.key(), local(error)?);
                    cursor.skip_damaged();
                }
            }
        }
    }

    fn take(&mut self, key: &[u8], entry: Entry, guide: Guide) -> Result<(), Trouble> {
        let key = key.to_vec();
        let size = entry.size;
        match guide {
            Guide::Copied(encoded) if self.may_refer_to(&encoded) => {
                self.batch.push(Waiting::Ready { key, encoded, size });
                self.progress.add(Counter::ContentBytes, size);
            }
            Guide::Changed(pair) => {
                let (before, copy) = *pair;
                self.learn(&entry, &before, &copy);
                self.wait(key, entry);
            }
            Guide::Copied(_) | Guide::Nothing => self.wait(key, entry),
        }
        let is_full = self.batch_bytes >= BATCH_BYTES_MAX || self.batch.len() >= BATCH_ENTRIES_MAX;
        if is_full { self.flush() } else { Ok(()) }
    }

    fn wait(&mut self, key: Vec<u8>, entry: Entry) {
        self.batch_bytes += blobs_of(&entry).map(|blob| blob.bytes).sum::<u64>();
        self.batch.push(Waiting::Foreign { key, entry: Box::new(entry) });
    }

    /// Whether everything that an entry of the base's copy refers to may be referred to again.
    fn may_refer_to(&self, encoded: &[u8]) -> bool {
        let Ok(entry) = Entry::parse(encoded) else { return false };
        let content = match &entry.content {
            FileContent::Tree(root) => self.may_refer_to_list(*root),
            FileContent::Empty | FileContent::Inline(_) | FileContent::List(_) => true,
        };
        content && blobs_of(&entry).all(|blob| self.session.is_known(&blob.id.prefix()))
    }

    fn may_refer_to_list(&self, root: NodeId) -> bool {
        self.wholesale && self.session.is_known(&root.prefix())
    }

    /// Notes under which names the destination has the content of an earlier form of the entry.
    fn learn(&mut self, entry: &Entry, before: &Entry, copy: &Entry) {
        for (source, copy) in blobs_of(before).zip(blobs_of(copy)) {
            self.memo.insert(source.id, copy.id);
        }
        let (FileContent::Tree(source), FileContent::Tree(copy)) = (&before.content, &copy.content)
        else {
            return;
        };
        if entry.content == before.content && self.may_refer_to_list(*copy) {
            self.lists.insert(*source, *copy);
            return;
        }
        let (mut here, mut there) = (self.from, self.session.repository());
        let mut sources = ContentListCursor::new(*source);
        let mut copies = ContentListCursor::new(*copy);
        while let (Ok(Some((_, source))), Ok(Some((_, copy)))) =
            (sources.next(&mut here), copies.next(&mut there))
        {
            if source.bytes != copy.bytes {
                return;
            }
            self.memo.insert(source.id, copy.id);
        }
    }

    /// Carries the batch over.
    fn flush(&mut self) -> Result<(), Trouble> {
        let batch = mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let mut wanted: Vec<BlobRef> = Vec::new();
        for waiting in &batch {
            if let Waiting::Foreign { entry, .. } = waiting {
                wanted.extend(blobs_of(entry).copied());
            }
        }
        let names = self.carry_blobs(&wanted)?;
        for waiting in batch {
            let (key, encoded, size) = match waiting {
                Waiting::Ready { key, encoded, size } => (key, encoded, size),
                Waiting::Foreign { key, entry } => {
                    let size = entry.size;
                    let Some(entry) = self.renamed(&key, *entry, &names)? else { continue };
                    let mut encoded = Vec::new();
                    entry.encode(&mut encoded);
                    (key, encoded, size)
                }
            };
            let pushed = self.tree.push_encoded(&key, &encoded, size, self.session);
            pushed.map_err(CopyError::from)?;
            self.progress.add(Counter::Entries, 1);
        }
        Ok(())
    }

    /// The entry with the names of the destination; `None` if something of it is lost.
    fn renamed(
        &mut self,
        key: &[u8],
        mut entry: Entry,
        names: &Names,
    ) -> Result<Option<Entry>, Trouble> {
        let mut whole = true;
        for blob in blobs_of_mut(&mut entry) {
            match names.of(&blob.id) {
                Ok(id) => blob.id = id,
                Err(error) => {
                    self.loss.content(key, error);
                    whole = false;
                }
            }
        }
        if let FileContent::Tree(root) = &mut entry.content {
            match self.carry_list(key, *root)? {
                Some(copy) => *root = copy,
                None => whole = false,
            }
        }
        Ok(whole.then_some(entry))
    }

    /// A content list, some of its blobs at a time; `None` if something of it is lost.
    fn carry_list(&mut self, key: &[u8], root: NodeId) -> Result<Option<NodeId>, Trouble> {
        if let Some(copy) = self.lists.get(&root) {
            return Ok(Some(*copy));
        }
        let mut nodes = self.from;
        let mut cursor = ContentListCursor::new(root);
        let mut list = ContentListBuilder::new();
        let (mut whole, mut ended) = (true, false);
        while !ended {
            let (mut blobs, mut bytes) = (Vec::new(), 0_u64);
            while bytes < BATCH_BYTES_MAX && !ended {
                match cursor.next(&mut nodes) {
                    Ok(Some((_, blob))) => {
                        bytes = bytes.saturating_add(blob.bytes);
                        blobs.push(blob);
                    }
                    Ok(None) => ended = true,
                    Err(error) => {
                        self.loss.content(key, local(error)?);
                        whole = false;
                        ended = cursor.skip_damaged().is_none();
                    }
                }
            }
            if self.progress.cancelled() {
                return Err(CopyError::Cancelled.into());
            }
            let names = self.carry_blobs(&blobs)?;
            for blob in blobs {
                match names.of(&blob.id) {
                    Ok(id) => list
                        .push(&BlobRef { id, bytes: blob.bytes }, self.session)
                        .map_err(CopyError::from)?,
                    Err(error) => {
                        self.loss.content(key, error);
                        whole = false;
                    }
                }
            }
        }
        if !whole {
            return Ok(None);
        }
        let copy = list.finish(self.session).map_err(CopyError::from)?;
        self.lists.insert(root, copy);
        Ok(Some(copy))
    }

    /// Sees to it that the destination has these blobs, and says under which names.
    fn carry_blobs(&mut self, blobs: &[BlobRef]) -> Result<Names, Trouble> {
        let mut names = Names::default();
        let mut missing = Vec::new();
        for blob in blobs {
            let known = self.memo.get(&blob.id);
            match known.filter(|copy| self.session.is_known(&copy.prefix())) {
                Some(copy) => {
                    self.progress.add(Counter::ContentBytes, blob.bytes);
                    names.known.insert(blob.id, copy);
                }
                None if names.lost.insert(blob.id, None).is_none() => missing.push(blob.id),
                None => {}
            }
        }
        for (id, outcome) in missing.iter().zip(read_all(self.from, &missing)) {
            match outcome {
                Ok(fetched) => {
                    let copy = self.session.keys().content_id(&fetched.bytes);
                    let bytes = u64::try_from(fetched.bytes.len()).unwrap_or(u64::MAX);
                    self.read_bytes += bytes;
                    self.progress.add(Counter::ContentBytes, bytes);
                    if !self.loss.is_any() {
                        let put = self.session.put_content(fetched.lane, &copy, &fetched.bytes);
                        put.map_err(CopyError::Destination)?;
                        self.memo.insert(*id, copy);
                    }
                    names.lost.remove(id);
                    names.known.insert(*id, copy);
                }
                Err(error) => drop(names.lost.insert(*id, Some(local(error)?))),
            }
        }
        Ok(names)
    }

    /// The root of the tree, if everything was carried over.
    pub(super) fn finish(self) -> Result<NodeId, Trouble> {
        if let Some((paths, places)) = self.loss.found() {
            return Err(Trouble::Lost(paths, places));
        }
        let finished = self.tree.finish(self.session).map_err(CopyError::from);
        Ok(finished.map(|(root, _)| root)?)
    }
}

/// What became of the blobs of a batch.
#[derive(Default)]
struct Names {
    known: HashMap<ContentId, ContentId>,
    lost: HashMap<ContentId, Option<ReadError>>,
}

impl Names {
    /// The name in the destination, or why there is none.
    fn of(&self, id: &ContentId) -> Result<ContentId, ReadError> {
        let missing = || ReadError::Missing { prefix: id.prefix().to_string() };
        let lost = || self.lost.get(id).and_then(Option::as_ref).map(ReadError::copy);
        self.known.get(id).copied().ok_or_else(|| lost().unwrap_or_else(missing))
    }
}

/// The blobs that an entry names itself.
fn blobs_of(entry: &Entry) -> impl Iterator<Item = &BlobRef> {
    let values = entry.xattrs.iter().filter_map(|xattr| match &xattr.value {
        XattrValue::Inline(_) => None,
        XattrValue::Blob(blob) => Some(blob),
    });
    let content = match &entry.content {
        FileContent::List(blobs) => blobs.as_slice(),
        FileContent::Empty | FileContent::Inline(_) | FileContent::Tree(_) => &[],
    };
    values.chain(content)
}

fn blobs_of_mut(entry: &mut Entry) -> impl Iterator<Item = &mut BlobRef> {
    let values = entry.xattrs.iter_mut().filter_map(|xattr| match &mut xattr.value {
        XattrValue::Inline(_) => None,
        XattrValue::Blob(blob) => Some(blob),
    });
    let content = match &mut entry.content {
        FileContent::List(blobs) => blobs.as_mut_slice(),
        FileContent::Empty | FileContent::Inline(_) | FileContent::Tree(_) => &mut [],
    };
    values.chain(content)
}

/// What cannot be read of a snapshot is its loss; a source that cannot be read at all ends everything.
fn local(error: ReadError) -> Result<ReadError, CopyError> {
    if error.is_local() { Ok(error) } else { Err(CopyError::Source(error.into())) }
}

//! Goes through the snapshot's tree once, in order: makes folders, links and devices at once, plans files.

use std::path::PathBuf;
use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::conflict::{Candidate, FolderVerdict, Verdict, judge, judge_folder};
use super::context::{Context, lock};
use super::decoded;
use super::execute;
use super::file::{Place, TargetFile, temporary_name};
use super::folder::Folder;
use super::level::{Blocked, Level};
use super::links::{self, PendingLink, Role};
use super::options::{Overwrite, Selection};
use super::plan::{Batch, plan_file};
use super::report::{RestoreError, add, count};
use super::special;
use crate::error::{FormatError, Problem, ReadError};
use crate::id::NodeId;
use crate::progress::Counter;
use crate::tree::{
    Entry, Kind, NodeSource, TreeCursor, file_name, lookup, path_from_key, safe_component,
};

/// Deeper trees than any file system's own limits on paths allow are refused.
const DEPTH_MAX: usize = 2048;
/// Work on smaller files is not worth announcing.
const ANNOUNCED_BYTES_MIN: u64 = 1 << 20;

pub(super) struct Walk<'w, 'c> {
    context: &'w Context<'c>,
    nodes: &'w mut dyn NodeSource,
    tree: NodeId,
    cursor: TreeCursor,
    /// The target, and the folders on the way to the current entry.
    levels: Vec<Level>,
    batch: Batch,
    /// Relative key of the last entry that is no folder: nothing may lie below it.
    leaf: Option<Vec<u8>>,
    /// Absent in a dry run without a target.
    root: Option<Arc<OwnedFd>>,
    /// Whether any entry, and any damage, was met.
    met: bool,
    first_gap: Option<ReadError>,
}

impl<'w, 'c> Walk<'w, 'c> {
    pub(super) fn new(
        context: &'w Context<'c>,
        nodes: &'w mut dyn NodeSource,
        tree: NodeId,
        root: Arc<Folder>,
    ) -> Result<Self, Errno> {
        let subpath = &context.options.subpath;
        let fd = if root.imagined { None } else { Some(root.open(context)?) };
        let level = Level::root(context, root)?;
        Ok(Self {
            context,
            nodes,
            tree,
            cursor: TreeCursor::subtree(tree, subpath),
            levels: vec![level],
            batch: Batch::default(),
            leaf: None,
            root: fd,
            met: false,
            first_gap: None,
        })
    }

    pub(super) fn run(mut self) -> Result<(), RestoreError> {
        while !self.context.stopped() {
            match self.cursor.advance(self.nodes) {
                Ok(false) => break,
                Ok(true) => self.entry(),
                Err(error) if error.is_local() => self.gap(error),
                Err(error) => return Err(error.into()),
            }
            if self.batch.is_full() {
                self.flush();
            }
        }
        if !self.met && !self.context.stopped() {
            self.nothing_found()?;
        }
        while !self.context.stopped() && !self.levels.is_empty() {
            self.leave();
        }
        while !self.context.stopped() && !self.batch.is_empty() {
            self.flush();
        }
        if let (Some(root), false) = (&self.root, self.context.stopped()) {
            links::set_deferred_flags(self.context, root);
        }
        Ok(())
    }

    fn nothing_found(&mut self) -> Result<(), RestoreError> {
        if let Some(error) = self.first_gap.take() {
            return Err(error.into());
        }
        let subpath = &self.context.options.subpath;
        if !subpath.is_empty() {
            return Err(RestoreError::NotFound { path: path_from_key(subpath) });
        }
        // An empty snapshot is no reason to empty the target.
        self.levels.iter_mut().for_each(Level::keep_others);
        Ok(())
    }

    /// Part of the tree cannot be read: what it named is unknown, so nothing there may be removed.
    fn gap(&mut self, error: ReadError) {
        self.cursor.skip_damaged();
        self.levels.iter_mut().for_each(Level::keep_others);
        let after = path_from_key(self.cursor.key());
        let mut copy = error.copy();
        if !self.met && self.first_gap.is_none() {
            std::mem::swap(&mut copy, self.first_gap.insert(error));
        }
        self.context.problem(&Problem::TreeDamaged { after, source: Box::new(copy) });
    }

    fn entry(&mut self) {
        self.met = true;
        let key = self.cursor.key().to_vec();
        let entry = self.cursor.entry();
        let subpath = &self.context.options.subpath;
        let is_subpath = key == *subpath;
        let is_folder = entry.as_ref().is_ok_and(|entry| entry.kind == Kind::Folder);
        if is_subpath && is_folder {
            if let (Some(root), Ok(entry)) = (self.levels.first(), entry) {
                root.describe_root(entry);
            }
            return;
        }
        let relative = if is_subpath {
            // A single file goes into the target, which therefore is not the restored folder.
            self.levels.iter_mut().for_each(Level::keep_others);
            file_name(&key)
        } else {
            let skipped = subpath.len() + usize::from(!subpath.is_empty());
            key.get(skipped..).unwrap_or_default()
        };
        self.relative_entry(&key, relative, entry);
    }

    fn relative_entry(&mut self, key: &[u8], relative: &[u8], entry: Result<Entry, FormatError>) {
        let context = self.context;
        let path = || path_of(context, relative);
        let below_leaf = self
            .leaf
            .as_ref()
            .and_then(|leaf| relative.strip_prefix(leaf.as_slice()))
            .is_some_and(|rest| rest.first() == Some(&0));
        let name = file_name(relative);
        let depth = relative.split(|byte| *byte == 0).count();
        if below_leaf || depth > DEPTH_MAX || !safe_component(name) {
            return self.context.unsafe_entry(path());
        }
        self.descend(relative);
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                count(&self.context.tally.damaged);
                let source = Box::new(error.into());
                self.context.problem(&Problem::ContentDamaged { path: path(), source });
                self.meet(name);
                return;
            }
        };
        match self.levels.last().and_then(|level| level.blocked) {
            Some(Blocked::Unsafe) => return self.context.unsafe_entry(path()),
            Some(Blocked::Failed) => return count(&self.context.tally.failed),
            None => {}
        }
        let selection = self.context.options.selects(key, entry.kind);
        if selection != Selection::Take {
            count(&self.context.tally.left_out);
        }
        if entry.kind == Kind::Folder {
            return self.folder(key, name, entry, selection);
        }
        self.leaf.get_or_insert_default().clear();
        self.leaf.get_or_insert_default().extend_from_slice(relative);
        if selection == Selection::Take && self.context.options.has_turn(key, &entry) {
            self.leaf_entry(key, name, entry);
        } else {
            self.meet(name);
        }
    }

    /// Leaves folders until the entry's folder or one above it is reached, and goes down to it from there.
    fn descend(&mut self, relative: &[u8]) {
        let mut names: Vec<&[u8]> = relative.split(|byte| *byte == 0).collect();
        names.pop();
        let known = self.levels.iter().skip(1).zip(&names);
        let depth = 1 + known.take_while(|(level, name)| *level.name == ***name).count();
        while self.levels.len() > depth {
            self.leave();
        }
        for name in names.get(depth - 1..).unwrap_or_default() {
            self.push(name, None);
        }
    }

    /// A folder begins; without an entry if the snapshot does not describe it.
    fn push(&mut self, name: &[u8], entry: Option<(Entry, bool)>) {
        let met = self.meet(name);
        let mut blocked = self.levels.last().and_then(|level| level.blocked);
        if !safe_component(name) {
            blocked = Some(Blocked::Unsafe);
        }
        self.levels.push(Level::new(name, entry, met, blocked));
    }

    /// Whether the current folder had this name before; `None` if that is not known yet.
    fn meet(&mut self, name: &[u8]) -> Option<bool> {
        self.levels.last_mut().and_then(|level| level.meet(name))
    }

    fn leave(&mut self) {
        let names = self.levels.iter().skip(1).map(|level| &*level.name);
        let subpath = &*self.context.options.subpath;
        let top = Some(subpath).filter(|subpath| !subpath.is_empty());
        let key = top.into_iter().chain(names).collect::<Vec<_>>().join(&0);
        if let Some(level) = self.levels.pop() {
            level.leave(self.context, &key);
        }
    }

    fn folder(&mut self, key: &[u8], name: &[u8], entry: Entry, selection: Selection) {
        if selection == Selection::LeaveAll {
            self.meet(name);
            self.cursor.skip_below();
            return;
        }
        let take = selection == Selection::Take;
        if take {
            self.context.progress.add(Counter::EntriesTotal, 1);
        }
        self.push(name, Some((entry, take && self.context.options.deletes_in(key))));
        if take {
            if let Some(level) = self.levels.last_mut() {
                level.taken = true;
            }
            if let Some(folder) = self.make_folders() {
                self.context.progress.current(&folder.path());
            }
            self.context.entry_done();
        }
    }

    /// Makes the current folder and those above it, as far as that has not happened; `None` if one is impossible.
    fn make_folders(&mut self) -> Option<Arc<Folder>> {
        let first = self.levels.iter().position(|level| level.folder.is_none());
        for at in first.unwrap_or(self.levels.len())..self.levels.len() {
            let (above, rest) = self.levels.split_at_mut_checked(at)?;
            let (parent, level) = (above.last_mut()?, rest.first_mut()?);
            if let Err(error) = make_folder(self.context, parent, level) {
                if let Some(error) = error {
                    let path = parent.folder.as_ref()?.path_of(&level.name);
                    self.context.failed(path, error.into());
                }
                for level in rest {
                    level.blocked = Some(Blocked::Failed);
                }
                return None;
            }
        }
        self.levels.last()?.folder.clone()
    }

    fn leaf_entry(&mut self, key: &[u8], name: &[u8], entry: Entry) {
        self.context.progress.add(Counter::EntriesTotal, 1);
        let Some(folder) = self.make_folders() else {
            return count(&self.context.tally.failed);
        };
        let mut verdict = Ok(Verdict::Make(Place::Fresh));
        let mut exists = self.meet(name) == Some(true);
        let renamed = self.decoded_name(key, name, &entry);
        if renamed.is_some() {
            // Its turn in the order of the folder may be over.
            exists = true;
        }
        let name = renamed.as_deref().unwrap_or(name);
        if exists {
            let it = Candidate { folder: &folder, name, key, entry: &entry };
            verdict = judge(self.context, it);
        }
        match verdict {
            Err(error) => self.context.failed(folder.path_of(name), error.into()),
            Ok(Verdict::Leave) => self.context.entry_done(),
            Ok(Verdict::Make(_)) if self.context.options.dry_run => self.imagine(&entry),
            Ok(Verdict::Make(place)) => {
                if place == Place::Replace
                    && let Some(level) = self.levels.last_mut()
                {
                    level.prepared.push(temporary_name(self.context, name));
                }
                self.make(&folder, name, entry, place);
            }
        }
    }

    /// Under which other name it is restored what a file holds.
    fn decoded_name(&mut self, key: &[u8], name: &[u8], entry: &Entry) -> Option<Box<[u8]>> {
        if !self.context.options.decoded || entry.transform.is_none() {
            return None;
        }
        let folder = key.strip_suffix(name).unwrap_or_default();
        decoded::name(name, &mut |other| {
            let other = [folder, other].concat();
            // What cannot be read may be there.
            lookup(self.tree, &other, self.nodes).map_or(true, |found| found.is_some())
        })
    }

    fn imagine(&self, entry: &Entry) {
        let tally = &self.context.tally;
        if entry.kind != Kind::File {
            return count(&tally.specials);
        }
        let mut links = lock(&self.context.links);
        match links.role(entry, Vec::new) {
            Role::Further => {
                links.imagine_link(entry);
                count(&tally.hard_links);
            }
            Role::First | Role::Single => {
                links.settle(entry, true);
                count(&tally.files);
                add(&tally.bytes, self.content_bytes(entry));
            }
        }
    }

    /// How much is written of a file, as far as that is known.
    fn content_bytes(&self, entry: &Entry) -> u64 {
        let decoded = entry.transform.as_ref().and_then(|_| self.context.options.size_of(entry));
        decoded.unwrap_or_else(|| entry.content_bytes())
    }

    fn make(&mut self, folder: &Arc<Folder>, name: &[u8], entry: Entry, place: Place) {
        if entry.kind != Kind::File {
            match special::make(self.context, folder, name, &entry, place) {
                Ok(()) => count(&self.context.tally.specials),
                Err(error) => self.context.failed(folder.path_of(name), error.into()),
            }
            return self.context.entry_done();
        }
        let role = lock(&self.context.links).role(&entry, || folder.key_of(name));
        if role == Role::Further {
            folder.hold();
            let (folder, name) = (Arc::clone(folder), name.into());
            return self.batch.add_link(PendingLink { folder, name, entry, place });
        }
        let content_bytes = self.content_bytes(&entry);
        self.context.progress.add(Counter::ContentBytesTotal, content_bytes);
        if content_bytes >= ANNOUNCED_BYTES_MIN {
            self.context.progress.current(&folder.path_of(name));
        }
        let group = (role == Role::First).then_some((entry.device, entry.inode));
        if let Some(file) = TargetFile::new(folder, name, entry, place) {
            return self.plan(file);
        }
        if let Some(group) = group {
            lock(&self.context.links).fail(group);
        }
        self.context.unsafe_entry(folder.path_of(name));
    }

    fn plan(&mut self, file: TargetFile) {
        let context = self.context;
        // Links wait: to restore one as a file may need the tree, which planning is using.
        let mut flush = |batch: &mut Batch| execute::run(context, batch);
        plan_file(context, self.nodes, &mut self.batch, file, &mut flush);
    }

    fn flush(&mut self) {
        let wrote = !self.batch.files.is_empty();
        execute::run(self.context, &mut self.batch);
        let links = std::mem::take(&mut self.batch.links);
        let Some(root) = self.root.clone() else { return };
        if links.is_empty() || self.context.stopped() {
            return;
        }
        let rest = links::make(self.context, &root, links);
        let stuck = !wrote && rest.files.is_empty();
        for link in rest.waiting {
            if stuck {
                self.context.failed(link.folder.path_of(&link.name), Errno::DEADLK.into());
            } else {
                self.batch.add_link(link);
            }
        }
        for file in rest.files {
            self.plan(file);
        }
    }
}

fn path_of(context: &Context<'_>, relative: &[u8]) -> PathBuf {
    let path = path_from_key(relative);
    context.options.target.join(path.strip_prefix("/").unwrap_or(&path))
}

/// `Err(None)`: something else is in the way and stays; that has been reported.
fn make_folder(
    context: &Context<'_>,
    parent: &mut Level,
    level: &mut Level,
) -> Result<(), Option<Errno>> {
    let met = match level.met {
        Some(met) => met,
        None => parent.meet(&level.name).unwrap_or(false),
    };
    let above = parent.folder.as_ref().ok_or(None)?;
    let mut verdict =
        if met { judge_folder(context, above, &level.name)? } else { FolderVerdict::Create };
    let mut folder = None;
    if verdict == FolderVerdict::Create {
        if context.options.dry_run {
            count(&context.tally.folders);
            folder = Some(Folder::imagined(above, &level.name));
        } else {
            match Folder::create(context, above, &level.name, level.entry.is_some()) {
                // A name that differs for the snapshot but not for this file system.
                Err(Errno::EXIST) => verdict = judge_folder(context, above, &level.name)?,
                other => folder = Some(other?),
            }
        }
    }
    let folder = match (folder, verdict) {
        (Some(folder), _) => folder,
        (None, FolderVerdict::Enter) => Folder::enter(context, above, &level.name)?,
        (None, FolderVerdict::Create | FolderVerdict::Blocked) => return Err(None),
    };
    let describes =
        folder.created || (level.taken && context.options.overwrite != Overwrite::Never);
    if let (Some(entry), true) = (level.entry.take(), describes) {
        folder.describe(entry);
    }
    level.enter(context, folder)?;
    Ok(())
}

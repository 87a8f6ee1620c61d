//! Leaves entries out of a snapshot: the tree without them, and what it holds then.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::RewriteError;
use super::keep::Keeper;
use crate::error::ReadError;
use crate::id::{NodeId, SessionId};
use crate::progress::Progress;
use crate::repository::{Repository, Session};
use crate::snapshot::{Record, Snapshot, Stats};
use crate::tree::{Kind, Step, TreeBuilder, TreeCursor, key_from_path};

/// A tree without some entries.
pub(super) struct Stripped {
    pub(super) root: NodeId,
    pub(super) stats: Stats,
}

/// Builds the tree anew without the entries whose keys `leaves` accepts.
///
/// Nodes are cut by their keys, so those without a change are the old ones and cost nothing. `wholesale`: what is left
/// need not be looked at.
pub(super) fn strip(
    session: &mut Session<'_>,
    old: &Snapshot,
    leaves: &dyn Fn(&[u8]) -> bool,
    (wholesale, progress): (bool, &dyn Progress),
) -> Result<Stripped, RewriteError> {
    let mut nodes: &Repository = session.repository();
    let roots = Roots::of(&old.record);
    let mut stats = Stats { entries: 0, files: 0, folders: 0, ..old.record.stats };
    let mut of_roots = 0_u64;
    let mut tree = TreeBuilder::new();
    let mut cursor = TreeCursor::new(old.record.root);
    let mut keeper = Keeper::new(session, progress);
    loop {
        match cursor.advance(&mut nodes) {
            Ok(false) => break,
            Ok(true) if leaves(cursor.key()) => continue,
            Ok(true) => {}
            Err(error) => {
                keeper.lose_tree(cursor.key(), error)?;
                cursor.skip_damaged();
                continue;
            }
        }
        let view = match cursor.view() {
            Ok(view) => view,
            Err(error) => {
                keeper.lose_tree(cursor.key(), error.into())?;
                continue;
            }
        };
        if !wholesale {
            keeper.at_entry(&cursor)?;
        } else if progress.cancelled() {
            return Err(RewriteError::Cancelled);
        }
        stats.entries += 1;
        stats.files += u64::from(view.kind == Kind::File);
        stats.folders += u64::from(view.kind == Kind::Folder);
        of_roots += u64::from(roots.hold(cursor.key()));
        tree.push_encoded(cursor.key(), cursor.encoded(), view.size, keeper.session)?;
    }
    let (root, totals) = tree.finish(keeper.session)?;
    stats.content_bytes = totals.bytes;
    keeper.finish(old.session)?;
    if of_roots == 0 {
        return Err(RewriteError::Empty { snapshot: old.session });
    }
    Ok(Stripped { root, stats })
}

/// The paths that were backed up; the folders above them are entries, too, but nobody asked for those.
struct Roots(Vec<Vec<u8>>);

impl Roots {
    fn of(record: &Record) -> Self {
        let paths = record.paths.iter();
        Self(paths.map(|path| key_from_path(Path::new(OsStr::from_bytes(path)))).collect())
    }

    fn hold(&self, key: &[u8]) -> bool {
        let holds = |root: &Vec<u8>| {
            let below = key.strip_prefix(root.as_slice());
            root.is_empty() || below.is_some_and(|rest| matches!(rest.first(), None | Some(0)))
        };
        self.0.is_empty() || self.0.iter().any(holds)
    }
}

/// What of a snapshot would be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Doomed {
    /// How many entries.
    pub entries: u64,
    /// Sum of their sizes.
    pub bytes: u64,
}

/// Looks for entries that are to be left out, in one snapshot after the other.
///
/// Whether an entry is one depends on its key alone, so leaves without any are not read again in the next snapshot.
/// Remembers 32 bytes for each of them, about a hundred entries.
pub struct Finder<'a> {
    repository: &'a Repository,
    leaves: &'a dyn Fn(&[u8]) -> bool,
    clean: HashSet<NodeId>,
}

impl std::fmt::Debug for Finder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finder").field("clean", &self.clean.len()).finish_non_exhaustive()
    }
}

impl<'a> Finder<'a> {
    /// Has seen no snapshot yet.
    pub fn new(repository: &'a Repository, leaves: &'a dyn Fn(&[u8]) -> bool) -> Self {
        Self { repository, leaves, clean: HashSet::new() }
    }

    /// What would be left out of the tree with this root. A part that is damaged makes the answer an error.
    pub fn find(
        &mut self,
        (snapshot, root): (SessionId, NodeId),
        progress: &dyn Progress,
    ) -> Result<Doomed, RewriteError> {
        let mut nodes = self.repository;
        let mut cursor = TreeCursor::new(root);
        let mut doomed = Doomed::default();
        // The node that was entered last, and whether it is a leaf with nothing to leave out so far.
        let mut open: Option<(NodeId, bool)> = None;
        let lost = |error: ReadError| {
            if error.is_local() {
                tracing::debug!(%error, "tree is damaged");
                RewriteError::Lost { snapshot, paths: Vec::new(), places: 1 }
            } else {
                RewriteError::Repository(error.into())
            }
        };
        loop {
            if progress.cancelled() {
                return Err(RewriteError::Cancelled);
            }
            let step = cursor.step().map_err(lost)?;
            if step != Step::Entry {
                self.clean.extend(open.take().filter(|(_, clean)| *clean).map(|(id, _)| id));
            }
            match step {
                Step::End => return Ok(doomed),
                Step::Node(id) if self.clean.contains(&id) => cursor.skip_node(),
                Step::Node(id) => {
                    cursor.enter(&mut nodes).map_err(lost)?;
                    open = Some((id, false));
                    // Whether it is a leaf shows at its first entry.
                    if cursor.step().map_err(lost)? == Step::Entry {
                        open = Some((id, true));
                        self.weigh(&cursor, &mut doomed, &mut open).map_err(lost)?;
                    }
                }
                Step::Entry => self.weigh(&cursor, &mut doomed, &mut open).map_err(lost)?,
            }
        }
    }

    fn weigh(
        &self,
        cursor: &TreeCursor,
        doomed: &mut Doomed,
        open: &mut Option<(NodeId, bool)>,
    ) -> Result<(), ReadError> {
        if (self.leaves)(cursor.key()) {
            doomed.entries += 1;
            doomed.bytes = doomed.bytes.saturating_add(cursor.view()?.size);
            *open = None;
        }
        Ok(())
    }
}

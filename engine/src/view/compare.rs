//! What differs between two snapshots. Costs as much as there is of it: what both have is not read.

use crate::error::{Problem, ReadError};
use crate::id::NodeId;
use crate::repository::Repository;
use crate::tree::{Change, Diff, Entry, FileContent, path_from_key};

/// How an entry differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Differs {
    /// Only the later snapshot has it.
    Added,
    /// Only the earlier snapshot has it.
    Removed,
    /// A file became a folder, a link a file ...
    Kind,
    /// Its bytes differ, or the target of a link or the number of a device.
    Content,
    /// Only what is said about it differs: times, owners, permissions, attributes.
    Metadata,
}

/// An entry that is not the same in both snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its key.
    pub key: Vec<u8>,
    /// How it differs.
    pub differs: Differs,
    /// What the earlier snapshot says, if anything.
    pub before: Option<Entry>,
    /// What the later snapshot says, if anything.
    pub after: Option<Entry>,
}

/// How much differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    /// Entries that were added.
    pub added: u64,
    /// Sum of their sizes.
    pub added_bytes: u64,
    /// Entries that were removed.
    pub removed: u64,
    /// Sum of their sizes.
    pub removed_bytes: u64,
    /// Entries that became something of another kind.
    pub kinds: u64,
    /// Entries with other content.
    pub changed: u64,
    /// Sum of the sizes that entries with another kind or content have in the later snapshot.
    pub changed_bytes: u64,
    /// Entries with other metadata only.
    pub metadata: u64,
    /// Places of either tree that could not be read, and were not compared.
    pub damaged: u64,
}

impl Compared {
    /// Adds a difference.
    pub fn count(&mut self, difference: &Difference) {
        let size = |entry: &Option<Entry>| entry.as_ref().map_or(0, |entry| entry.size);
        let after = size(&difference.after);
        let add = |sum: &mut u64, bytes: u64| *sum = sum.saturating_add(bytes);
        match difference.differs {
            Differs::Added => {
                self.added += 1;
                add(&mut self.added_bytes, after);
            }
            Differs::Removed => {
                self.removed += 1;
                add(&mut self.removed_bytes, size(&difference.before));
            }
            Differs::Kind => {
                self.kinds += 1;
                add(&mut self.changed_bytes, after);
            }
            Differs::Content => {
                self.changed += 1;
                add(&mut self.changed_bytes, after);
            }
            Differs::Metadata => self.metadata += 1,
        }
    }
}

/// Calls `visit` for each difference at and below `key`, in the order of the keys, until it returns `false`.
///
/// Parts that cannot be read are reported and passed over, in both trees.
pub fn compare(
    repository: &Repository,
    (before, after): (NodeId, NodeId),
    key: &[u8],
    visit: &mut dyn FnMut(&Difference) -> bool,
    report: &mut dyn FnMut(Problem),
) -> Compared {
    let mut nodes = repository;
    let mut differences = Diff::subtree(before, after, key);
    let mut compared = Compared::default();
    let mut last = key.to_vec();
    loop {
        let next = match differences.next(&mut nodes) {
            Ok(None) => return compared,
            Ok(Some(change)) => {
                last.clone_from(&change.key);
                difference(change).map_err(|error| (error, false))
            }
            Err(error) => Err((error, true)),
        };
        match next {
            Ok(difference) => {
                compared.count(&difference);
                if !visit(&difference) {
                    return compared;
                }
            }
            Err((error, is_node)) => {
                compared.damaged += 1;
                let (after, source) = (path_from_key(&last), Box::new(error));
                report(Problem::TreeDamaged { after, source });
                if is_node {
                    differences.skip_damaged();
                }
            }
        }
    }
}

fn difference(change: Change) -> Result<Difference, ReadError> {
    let (before, after) = (change.entry_before()?, change.entry_after()?);
    let differs = match (&before, &after) {
        (Some(before), Some(after)) if before.kind != after.kind => Differs::Kind,
        (Some(before), Some(after)) if has_same_content(before, after) => Differs::Metadata,
        (Some(_), Some(_)) => Differs::Content,
        (None, _) => Differs::Added,
        (Some(_), None) => Differs::Removed,
    };
    Ok(Difference { key: change.key, differs, before, after })
}

/// Whether two entries of one kind have the same bytes, target or device number, as far as a tree tells.
pub fn has_same_content(before: &Entry, after: &Entry) -> bool {
    let is_tree = |entry: &Entry| matches!(entry.content, FileContent::Tree(_));
    // Cut in another way, by another version perhaps; the hash is of the whole.
    let same_hash = before.hash.is_some() && before.hash == after.hash;
    let is_transformed = before.transform.is_some() || after.transform.is_some();
    let same_stored = !is_transformed && before.content == after.content;
    let same_bytes = same_stored
        || same_hash && (is_tree(before) || is_tree(after) || before.size == after.size);
    same_bytes
        && (before.size, &before.holes) == (after.size, &after.holes)
        && (&before.target, before.rdev) == (&after.target, after.rdev)
}

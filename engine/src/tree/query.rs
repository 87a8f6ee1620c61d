//! Questions to a tree that read one or two paths of nodes.

use crate::error::ReadError;
use crate::id::NodeId;

use super::node::{Child, NodeCursor};
use super::{Entry, EntryView, NodeSource, TreeCursor, TreeTotals, subtree_end};

/// The entry with exactly this key.
pub fn lookup(
    root: NodeId,
    key: &[u8],
    source: &mut dyn NodeSource,
) -> Result<Option<Entry>, ReadError> {
    let mut cursor = TreeCursor::new(root);
    cursor.seek(key);
    cursor.set_end(Some([key, &[0]].concat()));
    let found = cursor.advance(source)?;
    Ok(if found { Some(cursor.entry()?) } else { None })
}

/// What the tree holds at and below this key, as its inner nodes state it; an empty key means everything.
pub fn totals(
    root: NodeId,
    key: &[u8],
    source: &mut dyn NodeSource,
) -> Result<TreeTotals, ReadError> {
    let end = subtree_end(key);
    let mut sum = TreeTotals::default();
    add_range(&Child::root(root), (key, end.as_deref()), source, &mut sum)?;
    Ok(sum)
}

/// Adds up what lies in a range of keys. Only children that cross one of its ends are read: two a level.
fn add_range(
    node: &Child,
    range: (&[u8], Option<&[u8]>),
    source: &mut dyn NodeSource,
    sum: &mut TreeTotals,
) -> Result<(), ReadError> {
    let (start, end) = range;
    let mut node = NodeCursor::open(source.node(&node.id)?, node)?;
    while node.advance()? {
        if end.is_some_and(|end| node.key() >= end) {
            break;
        }
        let starts_inside = node.key() >= start;
        let Some(child) = node.child() else {
            if starts_inside {
                let bytes = EntryView::parse(node.entry())?.size;
                sum.add(TreeTotals { entries: 1, bytes });
            }
            continue;
        };
        let upper = child.upper.as_deref();
        let ends_inside = match (upper, end) {
            (_, None) => true,
            (Some(upper), Some(end)) => upper <= end,
            (None, Some(_)) => false,
        };
        if starts_inside && ends_inside {
            sum.add(child.totals);
        } else if upper.is_none_or(|upper| upper > start) {
            add_range(&child, range, source, sum)?;
        }
    }
    Ok(())
}

/// Entry number `n` of the tree, from 0, with its key; `None` if there are fewer. Reads one path of nodes.
pub fn nth(
    root: NodeId,
    mut n: u64,
    source: &mut dyn NodeSource,
) -> Result<Option<(Vec<u8>, Entry)>, ReadError> {
    let mut below = Child::root(root);
    loop {
        let mut node = NodeCursor::open(source.node(&below.id)?, &below)?;
        loop {
            if !node.advance()? {
                return Ok(None);
            }
            let child = node.child();
            let entries = child.as_ref().map_or(1, |child| child.totals.entries);
            match (n.checked_sub(entries), child) {
                (Some(behind), _) => n = behind,
                (None, Some(child)) => {
                    below = child;
                    break;
                }
                (None, None) => {
                    return Ok(Some((node.key().to_vec(), Entry::parse(node.entry())?)));
                }
            }
        }
    }
}

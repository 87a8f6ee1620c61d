//! Which entries of an archive are one file with several names.

use std::collections::HashMap;

use heirloom_engine::tree::{Entry, Kind};

/// Names take at most about so much memory; files whose other names come later than that are written several times.
const NAMES_BYTES_MAX: usize = 64 << 20;

/// The same file, as far as a snapshot can tell: one that was replaced meanwhile has another time or size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    mtime_ns: i128,
}

/// Files that were written and have names that were not.
#[derive(Debug, Default)]
pub(super) struct Links {
    names: HashMap<Identity, (Box<[u8]>, u64)>,
    bytes: usize,
}

impl Links {
    /// The first name of the same file. Once all of them were asked for, it is forgotten.
    pub(super) fn earlier(&mut self, entry: &Entry) -> Option<&[u8]> {
        let (name, left) = self.names.get_mut(&identity(entry)?)?;
        *left = left.saturating_sub(1);
        Some(name)
    }

    /// This name was written.
    pub(super) fn note(&mut self, entry: &Entry, name: &[u8]) {
        let Some(identity) = identity(entry) else { return };
        if self.bytes >= NAMES_BYTES_MAX {
            self.names.retain(|_, (_, left)| *left > 0);
            self.bytes = self.names.values().map(|(name, _)| cost(name)).sum();
        }
        if self.bytes < NAMES_BYTES_MAX && !self.names.contains_key(&identity) {
            self.bytes += cost(name);
            self.names.insert(identity, (name.into(), entry.links - 1));
        }
    }
}

fn cost(name: &[u8]) -> usize {
    name.len() + 96
}

fn identity(entry: &Entry) -> Option<Identity> {
    let Entry { device, inode, size, mtime_ns, .. } = *entry;
    let has_others = entry.links > 1 && entry.kind != Kind::Folder;
    has_others.then_some(Identity { device, inode, size, mtime_ns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_name_finds_the_first_and_a_changed_file_does_not() {
        let mut links = Links::default();
        let mut entry = Entry::new(Kind::File);
        (entry.links, entry.inode) = (2, 7);
        assert!(links.earlier(&entry).is_none());
        links.note(&entry, b"one");
        assert_eq!(links.earlier(&entry), Some(&b"one"[..]));
        entry.size = 1;
        assert!(links.earlier(&entry).is_none());
        (entry.size, entry.links) = (0, 0);
        assert!(links.earlier(&entry).is_none());
    }
}

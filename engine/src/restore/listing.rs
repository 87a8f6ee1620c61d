//! The names that a folder of the target had before the restore touched it, in order.
//!
//! The snapshot's entries of a folder come in the same order, so that one pass tells which names are taken and which
//! ones the snapshot lacks, without a lookup per name.

use std::ops::Range;

use rustix::fd::OwnedFd;
use rustix::fs::Dir;
use rustix::io;

use super::file::is_temporary_name;

#[derive(Debug, Default)]
pub(super) struct Listing {
    bytes: Vec<u8>,
    names: Vec<Range<usize>>,
    next: usize,
    /// Whether names that the snapshot lacks matter, other than leftovers.
    tells_all: bool,
}

impl Listing {
    pub(super) fn read(folder: &OwnedFd, tells_all: bool) -> io::Result<Self> {
        let mut listing = Self { tells_all, ..Self::default() };
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                let start = listing.bytes.len();
                listing.bytes.extend_from_slice(name);
                listing.names.push(start..listing.bytes.len());
            }
        }
        let bytes = &listing.bytes;
        listing.names.sort_unstable_by(|a, b| bytes.get(a.clone()).cmp(&bytes.get(b.clone())));
        Ok(listing)
    }

    fn peek(&self) -> Option<&[u8]> {
        self.bytes.get(self.names.get(self.next)?.clone())
    }

    fn pass(&mut self, others: &mut Vec<Box<[u8]>>) {
        if let Some(found) = self.peek()
            && (self.tells_all || is_temporary_name(found))
        {
            others.push(found.into());
        }
        self.next += 1;
    }

    /// Goes on to `name`; whether it is there. Smaller names that nobody asked for go to `others`.
    pub(super) fn meet(&mut self, name: &[u8], others: &mut Vec<Box<[u8]>>) -> bool {
        while let Some(found) = self.peek() {
            if found > name {
                return false;
            }
            if found == name {
                self.next += 1;
                return true;
            }
            self.pass(others);
        }
        false
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self, others: &mut Vec<Box<[u8]>>) {
        while self.peek().is_some() {
            self.pass(others);
        }
    }
}

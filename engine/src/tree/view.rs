//! The part of an encoded entry that decides whether a file changed, read without allocating.

use crate::error::FormatError;

use super::codec::FieldReader;
use super::{Entry, Kind};

/// What `stat` tells about an entry; enough to see whether it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryView {
    /// File, folder, ...
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of a file, holes included.
    pub size: u64,
    /// Modification time in ns since 1970-01-01 UTC.
    pub mtime_ns: i128,
    /// Status change time, if known.
    pub ctime_ns: Option<i128>,
    /// Inode number.
    pub inode: u64,
    /// Number of the file system that the inode is in.
    pub device: u64,
    /// Number of hard links, if more than 1, else 0.
    pub links: u64,
}

impl EntryView {
    /// Reads the fields up to the number of links; what follows is not looked at.
    pub fn parse(encoded: &[u8]) -> Result<Self, FormatError> {
        let (kind, mut fields) = FieldReader::new(encoded)?;
        let mut entry = Self {
            kind,
            mode: 0,
            uid: 0,
            gid: 0,
            size: 0,
            mtime_ns: 0,
            ctime_ns: None,
            inode: 0,
            device: 0,
            links: 0,
        };
        while let Some(field) = fields.next()? {
            match field.number {
                1 => entry.mode = field.number_of("mode")?,
                2 => entry.uid = field.number_of("user id")?,
                3 => entry.gid = field.number_of("group id")?,
                6 => entry.size = field.number_of("size")?,
                7 => entry.mtime_ns = field.signed()?,
                8 => entry.ctime_ns = Some(field.signed()?.wrapping_add(entry.mtime_ns)),
                10 => entry.inode = field.number_of("inode")?,
                11 => entry.device = field.number_of("device")?,
                12 => {
                    entry.links = field.number_of("links")?;
                    break;
                }
                0..=11 => {}
                _ => break,
            }
        }
        Ok(entry)
    }
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            kind: entry.kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            size: entry.size,
            mtime_ns: entry.mtime_ns,
            ctime_ns: entry.ctime_ns,
            inode: entry.inode,
            device: entry.device,
            links: if entry.links > 1 { entry.links } else { 0 },
        }
    }
}

//! The part of an encoded entry that decides whether a file changed, read without allocating.

use crate::error::FormatError;

use super::codec::{Field, FieldReader, Value, read_blob};
use super::wire::Reader;
use super::{BlobRef, Entry, Kind};

/// The field with the number of links, the last that `stat` tells.
const LINKS: u64 = 12;

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
        let mut entry = Self::new(kind);
        while let Some(field) = fields.next()? {
            entry.set(&field)?;
            if field.number >= LINKS {
                break;
            }
        }
        Ok(entry)
    }

    /// Reads an entry to its end that has nothing beside what `stat` tells but owners' names and plain content: nearly
    /// every one. Calls `visit` with the pieces of its content. `None`: it has more, which [`Entry::parse`] reads.
    pub fn parse_plain(
        encoded: &[u8],
        visit: &mut dyn FnMut(&BlobRef),
    ) -> Result<Option<Self>, FormatError> {
        let (kind, mut fields) = FieldReader::new(encoded)?;
        let mut entry = Self::new(kind);
        let mut has_content = false;
        while let Some(field) = fields.next()? {
            match (field.number, field.value) {
                (4 | 5, Value::Bytes(_)) | (9, Value::Number(_)) => {}
                (20, Value::Bytes(hash)) if hash.len() == 32 => {}
                (21, Value::Bytes(_)) => has_content = true,
                (22, Value::Bytes(blobs)) if !has_content => {
                    has_content = true;
                    let mut reader = Reader::new(blobs);
                    while !reader.is_empty() {
                        visit(&read_blob(&mut reader)?);
                    }
                }
                (1..=3 | 6..=8 | 10..=LINKS, _) => entry.set(&field)?,
                _ => return Ok(None),
            }
        }
        Ok(Some(entry))
    }

    fn new(kind: Kind) -> Self {
        Self {
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
        }
    }

    fn set(&mut self, field: &Field<'_>) -> Result<(), FormatError> {
        match field.number {
            1 => self.mode = field.number_of("mode")?,
            2 => self.uid = field.number_of("user id")?,
            3 => self.gid = field.number_of("group id")?,
            6 => self.size = field.number_of("size")?,
            7 => self.mtime_ns = field.signed()?,
            8 => self.ctime_ns = Some(field.signed()?.wrapping_add(self.mtime_ns)),
            10 => self.inode = field.number_of("inode")?,
            11 => self.device = field.number_of("device")?,
            LINKS => self.links = field.number_of("links")?,
            _ => {}
        }
        Ok(())
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

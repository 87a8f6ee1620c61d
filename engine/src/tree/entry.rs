//! What the manifest says about one path.

use std::sync::Arc;

use crate::id::{ContentId, NodeId};

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A regular file.
    File = 0,
    /// A folder.
    Folder = 1,
    /// A symbolic link.
    Symlink = 2,
    /// A named pipe.
    Fifo = 3,
    /// A socket.
    Socket = 4,
    /// A character device.
    CharDevice = 5,
    /// A block device.
    BlockDevice = 6,
}

impl Kind {
    /// The kind with this number in the format.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::File,
            1 => Self::Folder,
            2 => Self::Symlink,
            3 => Self::Fifo,
            4 => Self::Socket,
            5 => Self::CharDevice,
            6 => Self::BlockDevice,
            _ => return None,
        })
    }

    /// Its number in the format.
    pub fn to_byte(self) -> u8 {
        match self {
            Self::File => 0,
            Self::Folder => 1,
            Self::Symlink => 2,
            Self::Fifo => 3,
            Self::Socket => 4,
            Self::CharDevice => 5,
            Self::BlockDevice => 6,
        }
    }
}

/// What the manifest says about one path, except the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// File, folder, ...
    pub kind: Kind,
    /// Permission bits, `07777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Name of the owner, if known.
    pub user: Option<Arc<[u8]>>,
    /// Name of the group, if known.
    pub group: Option<Arc<[u8]>>,
    /// Bytes of a file, holes included; zero for everything else.
    pub size: u64,
    /// Modification time in ns since 1970-01-01 UTC.
    pub mtime_ns: i128,
    /// Status change time, if known.
    pub ctime_ns: Option<i128>,
    /// Birth time, if known.
    pub btime_ns: Option<i128>,
    /// Inode number.
    pub inode: u64,
    /// Number of the file system that the inode is in.
    pub device: u64,
    /// Number of hard links; 0 and 1 both mean that there is no other name, and read back as 0.
    pub links: u64,
    /// Target of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// Major and minor number of a device.
    pub rdev: Option<(u32, u32)>,
    /// Extended attributes, sorted by name.
    pub xattrs: Vec<Xattr>,
    /// Inode flags of Linux (`FS_IOC_GETFLAGS`).
    pub flags: u32,
    /// Holes as (bytes of data since the last hole, bytes of the hole).
    pub holes: Vec<(u64, u64)>,
    /// BLAKE3 of the file without its holes, for content of more than one blob and for every transformed file.
    pub hash: Option<[u8; 32]>,
    /// Where the stored bytes of a file are: the file without its holes, or what a transform made of it.
    pub content: FileContent,
    /// What was stored instead of the file, from which it is made again.
    pub transform: Option<Transform>,
    /// The file changed while it was read.
    pub changed: bool,
    /// Fields of a later version of the format, kept as they were.
    pub unknown: Vec<UnknownField>,
}

/// An extended attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xattr {
    /// Its name, with the namespace.
    pub name: Vec<u8>,
    /// Its value.
    pub value: XattrValue,
}

/// The value of an extended attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XattrValue {
    /// At most [`Xattr::INLINE_BYTES_MAX`] bytes.
    Inline(Vec<u8>),
    /// A longer value: one content blob.
    Blob(BlobRef),
}

impl Xattr {
    /// Longer values are stored as a blob.
    pub const INLINE_BYTES_MAX: usize = 4096;
}

/// One blob of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobRef {
    /// Its id.
    pub id: ContentId,
    /// Its length.
    pub bytes: u64,
}

/// Where the bytes of a file are. Holes are not part of the content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FileContent {
    /// There are none.
    #[default]
    Empty,
    /// Here.
    Inline(Vec<u8>),
    /// In these blobs, one after the other.
    List(Vec<BlobRef>),
    /// In the blobs of the content list with this root.
    Tree(NodeId),
}

impl FileContent {
    /// Longer content is stored in blobs.
    pub const INLINE_BYTES_MAX: usize = 512;
    /// More blobs are listed in a content list.
    pub const LIST_BLOBS_MAX: usize = 16;
}

/// What is stored of a file is not the file, but something from which it can be made again bit for bit.
///
/// `size` and `hash` of the entry are those of the file; what is stored has its own here. A transformed file has no holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transform {
    /// Who can undo it, and in which version: `chats/1`. At most [`NAME_BYTES_MAX`](Self::NAME_BYTES_MAX) bytes.
    pub name: String,
    /// Length of the stored content.
    pub stored_bytes: u64,
    /// BLAKE3 of the stored content.
    pub stored_hash: [u8; 32],
    /// The first so many stored bytes are the decoded file; without it the decoded file has to be made.
    pub decoded_bytes: Option<u64>,
}

impl Transform {
    /// A longer name is refused, and so is none.
    pub const NAME_BYTES_MAX: usize = 64;
}

/// A field that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    /// Its number.
    pub number: u64,
    /// Its value.
    pub value: UnknownValue,
}

/// The value of a field that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownValue {
    /// Wire type 0.
    Number(u128),
    /// Wire type 1.
    Bytes(Vec<u8>),
}

impl Entry {
    /// An entry of this kind with nothing else known.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            mode: 0,
            uid: 0,
            gid: 0,
            user: None,
            group: None,
            size: 0,
            mtime_ns: 0,
            ctime_ns: None,
            btime_ns: None,
            inode: 0,
            device: 0,
            links: 0,
            target: None,
            rdev: None,
            xattrs: Vec::new(),
            flags: 0,
            holes: Vec::new(),
            hash: None,
            content: FileContent::Empty,
            transform: None,
            changed: false,
            unknown: Vec::new(),
        }
    }

    /// Bytes of the content: the size without the holes.
    pub fn content_bytes(&self) -> u64 {
        let holes = self.holes.iter().fold(0_u64, |sum, (_, hole)| sum.saturating_add(*hole));
        self.size.saturating_sub(holes)
    }

    /// Bytes of what is stored: of the content, or of what a transform made of it.
    pub fn stored_bytes(&self) -> u64 {
        match &self.transform {
            Some(transform) => transform.stored_bytes,
            None => self.content_bytes(),
        }
    }
}

//! Decides from the first bytes of a file how it is to be cut. The name of the file plays no part.

use super::entropy::looks_incompressible;
use super::{magic, text};

/// [`classify`] looks at no more than this many bytes.
pub const HEAD_BYTES: usize = 64 << 10;

/// Below this size an image is not worth the fixed blocks: it is cut like any other file.
const DISK_IMAGE_MIN_BYTES: u64 = 4 << 20;
/// Fewer bytes say too little about the entropy of what follows.
const ENTROPY_MIN_BYTES: usize = 512;

/// What a file is, as far as its cut goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A database that rewrites whole pages in place (SQLite). A page is a chunk.
    Pages {
        /// Size of a page.
        bytes: u32,
    },
    /// Already compressed or encrypted, and seldom changed in the middle: large chunks, no compression.
    Media,
    /// Text of any kind, which grows and is edited: small chunks.
    Text,
    /// A file that is a disk: blocks at fixed places.
    DiskImage,
    /// Anything else.
    Other,
}

/// The class of a file that begins with `head` (its first [`HEAD_BYTES`], or all of it) and has `size` bytes if known.
pub fn classify(head: &[u8], size: Option<u64>) -> Class {
    let head = head.get(..HEAD_BYTES).unwrap_or(head);
    if let Some(bytes) = magic::sqlite_page_bytes(head) {
        return Class::Pages { bytes };
    }
    if magic::is_compressed(head) {
        return Class::Media;
    }
    if size.is_none_or(|size| size >= DISK_IMAGE_MIN_BYTES) && magic::is_disk_image(head) {
        return Class::DiskImage;
    }
    if text::is_text(head) {
        return Class::Text;
    }
    // Encrypted databases, PDF files and camera raw files have no telling magic, or one that does not tell.
    if head.len() >= ENTROPY_MIN_BYTES && looks_incompressible(head) {
        return Class::Media;
    }
    Class::Other
}

#[cfg(test)]
mod tests;

//! A read-only memory map of a whole cache file: the one place of the engine that needs `unsafe`.

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Bytes of a cache file behind its authentication code.
#[derive(Debug)]
pub(super) struct MappedFile {
    map: Mmap,
    skip: usize,
}

impl MappedFile {
    /// Maps `file` and hides its first `skip` bytes; a shorter file gives no bytes at all.
    #[expect(unsafe_code, reason = "a memory map is what keeps a large index out of the heap")]
    pub(super) fn new(file: &File, skip: usize) -> io::Result<Self> {
        // SAFETY: cache files lie in a folder that only this user can write, are never changed after they got their
        // name (written under another name, then renamed), and are only ever removed, which keeps the map valid.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self { map, skip })
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        self.map.get(self.skip..).unwrap_or_default()
    }
}

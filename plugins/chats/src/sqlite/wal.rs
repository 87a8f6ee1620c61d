//! The write-ahead log beside a database: pages that were written and not yet moved into it.
//!
//! Only what was committed counts, and only as far as every checksum is right: what follows is from an earlier use
//! of the file, or was being written.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::files::ReadAt;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const MAGIC_LITTLE: u32 = 0x377f_0682;
const MAGIC_BIG: u32 = 0x377f_0683;

/// Frames that are read at once.
const FRAMES: usize = 64;

/// More pages than any app leaves in a log: 16 GiB of 4 KiB each.
const PAGES_MAX: usize = 4 << 20;

/// Which pages the log has, newest last.
pub(super) struct Wal {
    source: Arc<dyn ReadAt>,
    page_bytes: u64,
    /// Where the newest committed copy of a page lies.
    pages: BTreeMap<u64, u64>,
    /// Bytes of the database after the last commit.
    size: u64,
}

impl fmt::Debug for Wal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = self.pages.len();
        formatter.debug_struct("Wal").field("pages", &pages).finish_non_exhaustive()
    }
}

/// How checksums go on. The words of a big-endian log are read the other way round.
struct Sums {
    is_big: bool,
    sums: (u32, u32),
}

impl Sums {
    fn add(&mut self, bytes: &[u8]) {
        let (pairs, _) = bytes.as_chunks::<8>();
        for &[a, b, c, d, e, f, g, h] in pairs {
            let word = |bytes: [u8; 4]| {
                if self.is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
            };
            let (first, second) = (word([a, b, c, d]), word([e, f, g, h]));
            self.sums.0 = self.sums.0.wrapping_add(first).wrapping_add(self.sums.1);
            self.sums.1 = self.sums.1.wrapping_add(second).wrapping_add(self.sums.0);
        }
    }

    fn are(&self, first: Option<u32>, second: Option<u32>) -> bool {
        (Some(self.sums.0), Some(self.sums.1)) == (first, second)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*word))
}

impl Wal {
    /// The log of a database with pages of this size; `None` if nothing was committed to it.
    pub(super) fn open(source: Arc<dyn ReadAt>, page_bytes: u64) -> io::Result<Option<Self>> {
        let header = source.read_at(0, HEADER_BYTES)?;
        let magic = word(&header, 0);
        if !matches!(magic, Some(MAGIC_LITTLE | MAGIC_BIG))
            || word(&header, 8).map(u64::from) != Some(page_bytes)
        {
            return Ok(None);
        }
        let mut sums = Sums { is_big: magic == Some(MAGIC_BIG), sums: (0, 0) };
        sums.add(header.get(..24).unwrap_or_default());
        if !sums.are(word(&header, 24), word(&header, 28)) {
            return Ok(None);
        }
        let salts = header.slice(16..24);
        let mut wal = Self { source, page_bytes, pages: BTreeMap::new(), size: 0 };
        wal.read_frames(&salts, sums)?;
        Ok((wal.size > 0).then_some(wal))
    }

    fn read_frames(&mut self, salts: &[u8], mut sums: Sums) -> io::Result<()> {
        let page_bytes = usize::try_from(self.page_bytes).unwrap_or(usize::MAX);
        let frame_bytes = FRAME_HEADER_BYTES.saturating_add(page_bytes);
        let mut offset = to_u64(HEADER_BYTES);
        let mut uncommitted = Vec::new();
        loop {
            let some = self.source.read_at(offset, frame_bytes.saturating_mul(FRAMES))?;
            for frame in some.chunks_exact(frame_bytes) {
                let is_full = self.pages.len() + uncommitted.len() >= PAGES_MAX;
                if is_full || frame.get(8..16) != Some(salts) {
                    return Ok(());
                }
                sums.add(frame.get(..8).unwrap_or_default());
                sums.add(frame.get(FRAME_HEADER_BYTES..).unwrap_or_default());
                if !sums.are(word(frame, 16), word(frame, 20)) {
                    return Ok(());
                }
                let page = u64::from(word(frame, 0).unwrap_or(0));
                uncommitted.push((page, offset + to_u64(FRAME_HEADER_BYTES)));
                let pages_after = u64::from(word(frame, 4).unwrap_or(0));
                if pages_after > 0 {
                    self.pages.extend(uncommitted.drain(..));
                    self.size = pages_after.saturating_mul(self.page_bytes);
                }
                offset += to_u64(frame_bytes);
            }
            if some.len() < frame_bytes.saturating_mul(FRAMES) {
                return Ok(());
            }
        }
    }

    /// Bytes of the database after the last commit.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes from here to the end of the page.
    pub(super) fn left_in_page(&self, offset: u64) -> usize {
        usize::try_from(self.page_bytes - offset % self.page_bytes).unwrap_or(usize::MAX)
    }

    /// Where in the log these bytes lie, if they lie there.
    pub(super) fn find(&self, offset: u64) -> Option<u64> {
        let page = offset / self.page_bytes + 1;
        self.pages.get(&page).map(|place| place + offset % self.page_bytes)
    }

    pub(super) fn read(&self, place: u64, bytes: usize) -> io::Result<Bytes> {
        self.source.read_at(place, bytes)
    }
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

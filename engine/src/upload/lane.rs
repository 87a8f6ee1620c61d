//! Which blobs share a frame, how much goes into one, and how hard it is compressed.
//!
//! The figures behind every number here are in docs/decisions/0012-compression-by-measurement.md.

use crate::pack::{BlobKind, Codec, Effort};

/// Frames of one lane share compressibility, so that content of unlike kinds is never compressed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Content that does not compress: media, archives, random bytes.
    Stored,
    /// Database pages.
    Pages,
    /// Database pages that lead to others. They lie all over the file, and whoever looks something up wants many of them.
    InnerPages,
    /// Database pages that hold the entries of an index: short, sorted, unlike the rows of a table.
    IndexPages,
    /// Text.
    Text,
    /// Anything else.
    Other,
    /// Tree and content-list nodes.
    Tree,
}

/// How much time compression may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Least time.
    Fast,
    /// The balance that the measurements in the documentation are made with.
    #[default]
    Default,
    /// Least space.
    Best,
}

/// What changes in a database from day to day is mostly leaves of indexes, and is stored each day. It is worth more
/// time than the rest, which is stored once.
const INDEX_BYTES_OF_A_DAY: u64 = 16 << 20;

impl Lane {
    pub(super) const ALL: [Self; 7] = [
        Self::Stored,
        Self::Pages,
        Self::Text,
        Self::Other,
        Self::Tree,
        Self::InnerPages,
        Self::IndexPages,
    ];

    /// The lane of some database pages, by the first byte of the first, which says in `SQLite` what the page is: 2 and 5
    /// are inner nodes of an index and of a table, 10 is a leaf of an index.
    pub(crate) fn of_pages(pages: &[u8]) -> Self {
        match pages.first() {
            Some(2 | 5) => Self::InnerPages,
            Some(10) => Self::IndexPages,
            Some(_) | None => Self::Pages,
        }
    }

    /// The lane of a piece of content that is copied from a frame of this codec. What did not compress does not now
    /// either; what kind of content the rest is, nobody noted, but its size and its first bytes tell.
    pub(crate) fn of_copy(codec: Codec, blob: &[u8]) -> Self {
        match codec {
            Codec::Stored => Self::Stored,
            Codec::Zstd if is_database_page(blob) => Self::of_pages(blob),
            Codec::Zstd if is_text(blob) => Self::Text,
            Codec::Zstd => Self::Other,
        }
    }

    /// Plain bytes of a frame.
    pub(super) const fn frame_bytes(self) -> usize {
        match self {
            // Simulated clients store little, and shall have several packs.
            Self::Stored if cfg!(feature = "weakened") => 1 << 10,
            Self::Stored | Self::Tree => 256 << 10,
            Self::InnerPages => 512 << 10,
            Self::IndexPages => 1 << 20,
            Self::Pages | Self::Text | Self::Other => 2 << 20,
        }
    }

    /// `is_increment`: what is stored adds to a snapshot. `before`: plain bytes of this lane that were compressed already.
    pub(super) const fn effort(
        self,
        compression: Compression,
        is_increment: bool,
        before: u64,
    ) -> Option<Effort> {
        let effort = match (self, compression) {
            (Self::Stored, _) => return None,
            // Ids, dates and lengths: there is nothing more to be found in them.
            (Self::Tree, _) | (Self::Other, Compression::Default) => Effort::level(3),
            (Self::Pages | Self::InnerPages | Self::IndexPages, Compression::Fast) => {
                Effort::level(2)
            }
            (Self::Text | Self::Other, Compression::Fast) => Effort::level(1),
            (Self::IndexPages, Compression::Default)
                if is_increment && before < INDEX_BYTES_OF_A_DAY =>
            {
                Effort::level(6)
            }
            (Self::Pages | Self::InnerPages | Self::IndexPages, Compression::Default) => {
                Effort { hash_log: 16, chain_log: 17, min_match: 6, ..Effort::level(3) }
            }
            (Self::Text, Compression::Default) => {
                Effort { chain_log: 17, min_match: 6, ..Effort::level(3) }
            }
            (Self::Pages | Self::InnerPages | Self::IndexPages, Compression::Best) => {
                Effort::level(9)
            }
            (Self::Text | Self::Other, Compression::Best) => Effort::level(12),
        };
        Some(effort)
    }

    pub(super) const fn kind(self) -> BlobKind {
        match self {
            Self::Tree => BlobKind::Tree,
            Self::Stored
            | Self::Pages
            | Self::InnerPages
            | Self::IndexPages
            | Self::Text
            | Self::Other => BlobKind::Content,
        }
    }

    pub(super) const fn position(self) -> usize {
        match self {
            Self::Stored => 0,
            Self::Pages => 1,
            Self::Text => 2,
            Self::Other => 3,
            Self::Tree => 4,
            Self::InnerPages => 5,
            Self::IndexPages => 6,
        }
    }
}

/// Whether these bytes can be pages of a database: their size, and a first byte that says what the first page is.
fn is_database_page(blob: &[u8]) -> bool {
    let is_page_size = blob.len().is_power_of_two() && (4 << 10..=64 << 10).contains(&blob.len());
    is_page_size && matches!(blob.first(), Some(0 | 2 | 5 | 10 | 13))
}

/// Whether these bytes begin as text does: without the control characters that other content is full of.
fn is_text(blob: &[u8]) -> bool {
    let head = blob.get(..256).unwrap_or(blob);
    head.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(first: u8) -> Vec<u8> {
        let mut page = vec![0; 4096];
        *page.first_mut().expect("4096 bytes") = first;
        page
    }

    #[test]
    fn pages_go_by_what_they_are_whether_new_or_copied() {
        for (first, lane) in [
            (2, Lane::InnerPages),
            (5, Lane::InnerPages),
            (10, Lane::IndexPages),
            (13, Lane::Pages),
            (0, Lane::Pages),
        ] {
            assert_eq!(Lane::of_pages(&page(first)), lane, "{first}");
            assert_eq!(Lane::of_copy(Codec::Zstd, &page(first)), lane, "{first}");
        }
    }

    #[test]
    fn copies_of_text_of_other_content_and_of_stored_content_stay_apart() {
        let text = "Guten Morgen, kommst du am Sonntag? Grüße\r\n".repeat(100);
        assert_eq!(Lane::of_copy(Codec::Zstd, text.as_bytes()), Lane::Text);
        let cut = text.as_bytes().get(39..4000).expect("long enough");
        assert_eq!(Lane::of_copy(Codec::Zstd, cut), Lane::Text);
        let code: Vec<u8> = (0..=255).cycle().take(5000).collect();
        assert_eq!(Lane::of_copy(Codec::Zstd, &code), Lane::Other);
        assert_eq!(Lane::of_copy(Codec::Stored, &page(10)), Lane::Stored);
    }

    #[test]
    fn every_lane_has_a_place_of_its_own() {
        for (position, lane) in Lane::ALL.into_iter().enumerate() {
            assert_eq!(lane.position(), position);
        }
    }

    #[test]
    fn the_leaves_of_indexes_that_a_day_adds_are_compressed_harder_than_those_of_a_whole_database()
    {
        let level = |is_increment, before| {
            let effort = Lane::IndexPages.effort(Compression::Default, is_increment, before);
            effort.expect("pages are compressed").level
        };
        assert!(level(true, 0) > level(false, 0));
        assert_eq!(level(true, INDEX_BYTES_OF_A_DAY), level(false, 0));
    }
}

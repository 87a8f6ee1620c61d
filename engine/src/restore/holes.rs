//! Where the bytes of a file's content go, given its holes.

use crate::tree::Entry;

/// The map from offsets in the content to offsets in the file.
#[derive(Debug, Default)]
pub(super) struct Holes {
    /// After each hole: offset in the content, offset in the file.
    after: Vec<(u64, u64)>,
    /// No file can be longer.
    end_of_last: u64,
}

impl Holes {
    /// `None` if the holes of the entry reach beyond what any file can be.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let mut holes = Self::default();
        let (mut content, mut file) = (0_u64, 0_u64);
        for (data_bytes, hole_bytes) in &entry.holes {
            content = content.checked_add(*data_bytes)?;
            file = file.checked_add(*data_bytes)?.checked_add(*hole_bytes)?;
            holes.after.push((content, file));
        }
        holes.end_of_last = file;
        i64::try_from(file).ok()?;
        Some(holes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.after.is_empty()
    }

    /// Where a byte of the content goes, and how many bytes from there on go behind it without a hole between.
    fn place(&self, offset: u64) -> (u64, u64) {
        let next = self.after.partition_point(|(content, _)| *content <= offset);
        let (content, file) =
            next.checked_sub(1).and_then(|last| self.after.get(last)).copied().unwrap_or((0, 0));
        let until = self.after.get(next).map_or(u64::MAX, |(content, _)| *content);
        (file.saturating_add(offset - content), until - offset)
    }

    /// Cuts bytes of the content at the holes: offset in the file, and bytes.
    pub(super) fn cut<'b>(
        &self,
        mut offset: u64,
        mut bytes: &'b [u8],
        mut to: impl FnMut(u64, &'b [u8]),
    ) {
        while !bytes.is_empty() {
            let (place, room) = self.place(offset);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            to(place, now);
            bytes = later;
            offset = offset.saturating_add(u64::try_from(now.len()).unwrap_or(u64::MAX));
        }
    }

    /// The length of a file with this much content.
    pub(super) fn file_bytes(&self, content_bytes: u64) -> u64 {
        let end = match content_bytes.checked_sub(1) {
            Some(last) => self.place(last).0.saturating_add(1),
            None => 0,
        };
        end.max(self.end_of_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Kind;

    fn holes(pairs: &[(u64, u64)]) -> Option<Holes> {
        let mut entry = Entry::new(Kind::File);
        entry.holes = pairs.to_vec();
        Holes::of(&entry)
    }

    #[test]
    fn content_is_cut_at_the_holes() {
        let holes = holes(&[(0, 10), (4, 6), (0, 1), (2, 100)]).unwrap();
        let mut parts = Vec::new();
        holes.cut(1, b"abcdefgh", |place, bytes| parts.push((place, bytes.to_vec())));
        let want: [(u64, &[u8]); 3] = [(11, b"abc"), (21, b"de"), (123, b"fgh")];
        assert_eq!(parts, want.map(|(place, bytes)| (place, bytes.to_vec())));
        assert_eq!(holes.file_bytes(9), 126);
        assert_eq!(holes.file_bytes(6), 123);
        assert_eq!(holes.file_bytes(0), 123);
    }

    #[test]
    fn holes_that_no_file_can_have_are_refused() {
        assert!(holes(&[(1, u64::MAX)]).is_none());
        assert!(holes(&[(0, 1 << 63)]).is_none());
        assert!(holes(&[(u64::MAX, 1), (1, 1)]).is_none());
    }
}

//! The sections that a file was taken apart into, each read as if it were a file.

use std::io;

use super::source::{CannotTakeApart, Content, Parts};
use crate::tree::{Entry, FileContent, Transform};

/// One section of a content.
#[derive(Debug)]
pub(super) struct Section<'c> {
    content: &'c mut dyn Content,
    left: u64,
}

impl<'c> Section<'c> {
    /// The next so many bytes.
    pub(super) fn new(content: &'c mut dyn Content, bytes: u64) -> Self {
        Self { content, left: bytes }
    }
}

impl Content for Section<'_> {
    fn holes(&self) -> &[(u64, u64)] {
        &[]
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let bytes = match buffer.get_mut(..wanted) {
            Some(part) if !part.is_empty() => self.content.read(part)?,
            _ => return Ok(0),
        };
        if bytes == 0 {
            return Err(CannotTakeApart.into());
        }
        self.left = self.left.saturating_sub(u64::try_from(bytes).map_err(io::Error::other)?);
        Ok(bytes)
    }

    fn unchanged(&mut self, entry: &mut Entry) -> io::Result<bool> {
        self.content.unchanged(entry)
    }

    fn rewind(&mut self, _entry: &mut Entry) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// What the entry will say about its parts, the hash still missing; `None` if the file is better stored as it is.
///
/// Programs that do not know transforms see from a stored length that is not the file's that they must not restore it.
pub(super) fn transform_of(parts: &Parts, entry: &Entry) -> Option<Transform> {
    let stored_bytes = parts.sections.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part))?;
    let inline_max = u64::try_from(FileContent::INLINE_BYTES_MAX).unwrap_or(u64::MAX);
    let is_sound = (1..=Transform::NAME_BYTES_MAX).contains(&parts.name.len())
        && parts.decoded_bytes.is_none_or(|decoded| decoded <= stored_bytes);
    let is_worth_it = entry.size > inline_max
        && stored_bytes > 0
        && stored_bytes != entry.size
        && entry.holes.is_empty();
    (is_sound && is_worth_it).then(|| Transform {
        name: parts.name.clone(),
        stored_bytes,
        stored_hash: [0; 32],
        decoded_bytes: parts.decoded_bytes,
    })
}

/// How much of a file is done when so much of what is stored of it is: progress is told in bytes of the file.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Length of the file and of what is stored, if the two are not the same.
    of: Option<(u64, u64)>,
    stored: u64,
    told: u64,
}

impl Share {
    /// The file itself is stored.
    pub(super) fn whole() -> Self {
        Self::default()
    }

    pub(super) fn of(file_bytes: u64, stored_bytes: u64) -> Self {
        Self { of: Some((file_bytes, stored_bytes)), ..Self::default() }
    }

    /// So much more is stored; how many bytes of the file that stands for.
    pub(super) fn of_file(&mut self, bytes: usize) -> u64 {
        let bytes = u64::try_from(bytes).expect("a buffer is smaller than 2^64 bytes");
        let Some((file_bytes, stored_bytes)) = self.of else { return bytes };
        self.stored = self.stored.saturating_add(bytes);
        let done =
            u128::from(file_bytes) * u128::from(self.stored) / u128::from(stored_bytes.max(1));
        let done = u64::try_from(done).unwrap_or(u64::MAX);
        let more = done.saturating_sub(self.told);
        self.told = done;
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Kind;

    #[test]
    fn progress_comes_to_the_length_of_the_file() {
        for (file, stored) in [(1000, 7), (7, 1000), (5, 5)] {
            let mut share = Share::of(file, stored);
            let told: u64 = (0..stored).map(|_| share.of_file(1)).sum();
            assert_eq!(told, file, "{file} bytes stored in {stored}");
        }
    }

    #[test]
    fn what_cannot_be_told_from_the_file_or_makes_no_sense_is_not_taken() {
        let mut entry = Entry::new(Kind::File);
        entry.size = 10_000;
        let sound = Parts {
            name: "x/1".to_owned(),
            sections: vec![9000, 0, 2000],
            decoded_bytes: Some(9000),
            hash: [0; 32],
        };
        assert_eq!(transform_of(&sound, &entry).map(|it| it.stored_bytes), Some(11_000));
        let with = |change: fn(&mut Parts)| {
            let mut parts = sound.clone();
            change(&mut parts);
            transform_of(&parts, &entry)
        };
        assert_eq!(with(|parts| parts.sections = vec![9000, 1000]), None, "as long as the file");
        assert_eq!(with(|parts| parts.sections = vec![u64::MAX, 1]), None, "an absurd length");
        assert_eq!(with(|parts| parts.sections = Vec::new()), None, "nothing");
        assert_eq!(with(|parts| parts.name = String::new()), None, "no name");
        assert_eq!(with(|parts| parts.name = "x".repeat(65)), None, "a name too long");
        assert_eq!(with(|parts| parts.decoded_bytes = Some(11_001)), None, "more than is stored");
        entry.holes = vec![(1, 1)];
        assert_eq!(transform_of(&sound, &entry), None, "a sparse file");
        (entry.holes, entry.size) = (Vec::new(), 500);
        assert_eq!(transform_of(&sound, &entry), None, "a file that fits into its entry");
    }
}

//! The bytes of one file on their way into an archive.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use heirloom_engine::error::ReadError;
use heirloom_engine::view::File;

/// Read before anything is written: damage in a smaller file costs that file only.
const FIRST_BYTES: usize = 4 << 20;
/// Read at a time after that.
const PART_BYTES: usize = 1 << 20;

/// The content of a file from front to back.
pub(super) struct Body {
    file: File,
    part: Bytes,
    at: u64,
    /// What ended it too early.
    pub(super) failure: Option<ReadError>,
}

impl Body {
    /// Reads the beginning.
    pub(super) fn open(file: File) -> Result<Self, ReadError> {
        let part = file.read(0, FIRST_BYTES)?;
        Ok(Self { at: length(&part), file, part, failure: None })
    }

    pub(super) fn size(&self) -> u64 {
        self.file.size()
    }

    /// What is at hand.
    pub(super) fn part(&self) -> &[u8] {
        &self.part
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.part.is_empty() && self.at < self.size() {
            match self.file.read(self.at, PART_BYTES) {
                Ok(part) => {
                    self.at += length(&part);
                    self.part = part;
                }
                Err(error) => {
                    self.failure = Some(error);
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        }
        let take = buffer.len().min(self.part.len());
        if let Some(buffer) = buffer.get_mut(..take) {
            self.part.copy_to_slice(buffer);
        }
        Ok(take)
    }
}

fn length(part: &Bytes) -> u64 {
    u64::try_from(part.len()).unwrap_or(u64::MAX)
}

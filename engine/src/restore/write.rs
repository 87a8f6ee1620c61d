//! Writes pieces of content to an open file: neighbours in one call, holes left out.

use std::io::IoSlice;

use rustix::fd::OwnedFd;
use rustix::io::{Errno, pwrite, pwritev};

/// Linux takes no more slices in one call.
const SLICES_MAX: usize = 1024;
/// Zeros are looked for in blocks of this size, which is what file systems can leave out.
const BLOCK_BYTES: usize = 4096;
/// Shorter runs of zeros are not worth a hole.
const ZEROS_BYTES_MIN: u64 = 64 << 10;

/// Bytes and their offset in the file.
pub(super) type Part<'b> = (u64, &'b [u8]);

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("memory is smaller than 2^64")
}

/// Writes parts in ascending order.
pub(super) fn write_all(fd: &OwnedFd, parts: &[Part<'_>]) -> Result<(), Errno> {
    if let [(offset, bytes)] = parts {
        return write_one(fd, *offset, bytes);
    }
    let mut rest = parts;
    let mut slices = Vec::new();
    while let Some((start, _)) = rest.first() {
        slices.clear();
        let mut end = *start;
        for (offset, bytes) in rest.iter().take(SLICES_MAX) {
            if *offset != end {
                break;
            }
            slices.push(IoSlice::new(bytes));
            end += len(bytes);
        }
        let (now, later) = rest.split_at_checked(slices.len()).unwrap_or((rest, &[]));
        let written = u64::try_from(retry(|| pwritev(fd, &slices, *start))?).unwrap_or(0);
        if *start + written < end {
            finish_short_write(fd, now, *start + written)?;
        }
        rest = later;
    }
    Ok(())
}

fn finish_short_write(fd: &OwnedFd, parts: &[Part<'_>], written_to: u64) -> Result<(), Errno> {
    for (offset, bytes) in parts {
        let skip = usize::try_from(written_to.saturating_sub(*offset)).unwrap_or(usize::MAX);
        if let Some(rest) = bytes.get(skip..) {
            write_one(fd, offset.max(&written_to).to_owned(), rest)?;
        }
    }
    Ok(())
}

fn write_one(fd: &OwnedFd, mut offset: u64, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let written = retry(|| pwrite(fd, bytes, offset))?;
        if written == 0 {
            return Err(Errno::IO);
        }
        bytes = bytes.get(written..).unwrap_or_default();
        offset += u64::try_from(written).unwrap_or(0);
    }
    Ok(())
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Takes long runs of zeros out, also those that begin in one part and end in a later one.
pub(super) fn without_zeros<'b>(parts: &[Part<'b>]) -> Vec<Part<'b>> {
    let mut kept = Vec::with_capacity(parts.len());
    let mut zeros: Vec<Part<'b>> = Vec::new();
    let mut zero_bytes = 0;
    let mut end = 0;
    for (start, bytes) in parts {
        if *start != end {
            settle(&mut kept, &mut zeros, &mut zero_bytes);
        }
        let mut offset = *start;
        for block in bytes.chunks(BLOCK_BYTES) {
            if is_zero(block) {
                zeros.push((offset, block));
                zero_bytes += len(block);
            } else {
                settle(&mut kept, &mut zeros, &mut zero_bytes);
                extend(&mut kept, (*start, bytes), (offset, block));
            }
            offset += len(block);
        }
        end = offset;
    }
    settle(&mut kept, &mut zeros, &mut zero_bytes);
    kept
}

/// Appends a block, to the last part if it continues it.
fn extend<'b>(kept: &mut Vec<Part<'b>>, whole: Part<'b>, block: Part<'b>) {
    if let Some((offset, bytes)) = kept.last_mut()
        && *offset >= whole.0
        && *offset + len(bytes) == block.0
        && let (Ok(from), Ok(to)) =
            (usize::try_from(*offset - whole.0), usize::try_from(block.0 + len(block.1) - whole.0))
        && let Some(longer) = whole.1.get(from..to)
    {
        *bytes = longer;
        return;
    }
    kept.push(block);
}

fn settle<'b>(kept: &mut Vec<Part<'b>>, zeros: &mut Vec<Part<'b>>, zero_bytes: &mut u64) {
    if *zero_bytes < ZEROS_BYTES_MIN {
        kept.append(zeros);
    }
    zeros.clear();
    *zero_bytes = 0;
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_zeros_are_left_out_even_across_parts() {
        let zeros = vec![0; 40 << 10];
        let data = vec![7; 5000];
        let parts: Vec<Part<'_>> = vec![
            (0, data.as_slice()),
            (5000, zeros.as_slice()),
            (5000 + (40 << 10), zeros.as_slice()),
            (5000 + (80 << 10), data.as_slice()),
        ];
        let kept = without_zeros(&parts);
        let bytes: usize = kept.iter().map(|(_, bytes)| bytes.len()).sum();
        assert_eq!(bytes, 10_000);
        let short = without_zeros(&[(0, &data), (5000, &zeros), (5000 + (40 << 10), &data)]);
        let bytes: usize = short.iter().map(|(_, bytes)| bytes.len()).sum();
        assert_eq!(bytes, 10_000 + (40 << 10));
    }

    #[test]
    fn parts_land_where_they_belong() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let fd = OwnedFd::from(file.reopen().unwrap());
        let many: Vec<[u8; 2]> = (0..3000_u16).map(u16::to_le_bytes).collect();
        let offsets = (0..).step_by(2);
        let mut parts: Vec<Part<'_>> =
            offsets.zip(&many).map(|(at, bytes)| (at, bytes.as_slice())).collect();
        parts.push((7000, b"end"));
        write_all(&fd, &parts).unwrap();
        let read = std::fs::read(file.path()).unwrap();
        let mut want = many.concat();
        want.resize(7000, 0);
        want.extend_from_slice(b"end");
        assert_eq!(read, want);
    }
}

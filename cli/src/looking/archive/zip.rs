//! As zip, without going back: sizes and sums stand behind each file.

use std::io::{self, Write as _};

use heirloom_engine::tree::{Entry, Kind};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use zip::write::{FullFileOptions, SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{Archive, Body, Item, Tap};

const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
/// Compressed content may be a little larger than what it is made of.
const LARGE_BYTES: u64 = 0xf000_0000;
/// Enough to see whether a file can be compressed.
const SAMPLE_BYTES: usize = 64 << 10;

/// Writes a zip file.
pub(super) struct Zip<'a> {
    /// There until the end.
    writer: Option<ZipWriter<StreamWriter<Tap<'a>>>>,
}

impl<'a> Zip<'a> {
    pub(super) fn new(tap: Tap<'a>) -> Self {
        Self { writer: Some(ZipWriter::new_stream(tap)) }
    }

    fn writer(&mut self) -> io::Result<&mut ZipWriter<StreamWriter<Tap<'a>>>> {
        self.writer.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Archive for Zip<'_> {
    fn add(&mut self, item: &Item<'_>) -> io::Result<bool> {
        let entry = item.entry;
        match entry.kind {
            Kind::Folder => {
                // The writer takes only text for folders; one with another name follows from what is in it.
                let Ok(name) = std::str::from_utf8(item.name) else { return Ok(false) };
                let options = options(entry, FOLDER)?.compression_method(CompressionMethod::Stored);
                self.writer()?
                    .add_directory(format!("{name}/"), options)
                    .map_err(io::Error::from)?;
            }
            Kind::Symlink => {
                let options = options(entry, LINK)?.compression_method(CompressionMethod::Stored);
                let writer = self.writer()?;
                writer.start_file_with_options(options.name(item.name)).map_err(io::Error::from)?;
                writer.write_all(entry.target.as_deref().unwrap_or_default())?;
            }
            Kind::File | Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn add_file(&mut self, item: &Item<'_>, body: &mut Body) -> io::Result<()> {
        let options = options(item.entry, FILE)?
            .compression_method(method(body.part()))
            .large_file(body.size() > LARGE_BYTES);
        let writer = self.writer()?;
        writer.start_file_with_options(options.name(item.name)).map_err(io::Error::from)?;
        io::copy(body, writer).map(drop)
    }

    fn add_link(&mut self, _: &Item<'_>, _: &[u8]) -> io::Result<bool> {
        Ok(false)
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.finish().map_err(io::Error::from)?.into_inner().flush()
    }
}

fn options(entry: &Entry, kind: u32) -> io::Result<FullFileOptions<'static, 'static>> {
    let folder = if kind == FOLDER { 0x10 } else { 0 };
    let attributes = (kind | entry.mode & 0o7777) << 16 | folder;
    let options = SimpleFileOptions::default()
        .external_attributes(attributes)
        .last_modified_time(calendar(entry.mtime_ns).unwrap_or_default());
    let seconds = entry.mtime_ns.div_euclid(1_000_000_000);
    // Readers take it for a signed number.
    match i32::try_from(seconds).ok().and_then(|seconds| u32::try_from(seconds).ok()) {
        Some(seconds) => {
            options.with_extended_timestamp(Some(seconds), None, None).map_err(io::Error::from)
        }
        None => Ok(options.into_full_options()),
    }
}

/// Local time, as is the custom of this format; it begins in 1980.
fn calendar(ns: i128) -> Option<DateTime> {
    let local = Timestamp::from_nanosecond(ns).ok()?.to_zoned(TimeZone::system());
    DateTime::from_date_and_time(
        u16::try_from(local.year()).ok()?,
        u8::try_from(local.month()).ok()?,
        u8::try_from(local.day()).ok()?,
        u8::try_from(local.hour()).ok()?,
        u8::try_from(local.minute()).ok()?,
        u8::try_from(local.second()).ok()?,
    )
    .ok()
}

/// Pictures, videos and archives are compressed already. The end of the part says more than headers do.
fn method(part: &[u8]) -> CompressionMethod {
    let sample = part.get(part.len().saturating_sub(SAMPLE_BYTES)..).unwrap_or_default();
    let shrinks = zstd::bulk::compress(sample, 1)
        .is_ok_and(|packed| packed.len() < sample.len() - sample.len() / 32);
    if shrinks { CompressionMethod::Deflated } else { CompressionMethod::Stored }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_shrinks_is_deflated() {
        assert_eq!(method(&[7; 5000]), CompressionMethod::Deflated);
        assert_eq!(method(b""), CompressionMethod::Stored);
        let noise = *blake3::hash(b"noise").as_bytes();
        assert_eq!(method(&noise), CompressionMethod::Stored);
    }
}

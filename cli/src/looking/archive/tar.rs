//! As tar, with pax headers for what the old header has no place for.

use std::io::{self, Write};

use heirloom_engine::tree::{Entry, Kind};
use tar::{Builder, EntryType, Header};
use zstd::Encoder;

use super::{Archive, ArchiveError, Body, Item, Tap};

/// Larger numbers of users, groups and devices do not fit into the header.
const OCTAL_7: u64 = 0o777_7777;
/// The same for sizes and times.
const OCTAL_11: u64 = 0o777_7777_7777;
/// Longer names do not fit into the header.
const NAME_BYTES_MAX: usize = 100;
/// The same for the names of users and groups, which end with a zero byte.
const OWNER_BYTES_MAX: usize = 31;

/// Writes a tar file.
pub(super) struct Tar<W: Sink> {
    builder: Builder<W>,
}

/// Where it goes.
pub(super) trait Sink: Write {
    /// Writes what is due at the end.
    fn end(&mut self) -> io::Result<()>;
}

impl Sink for Tap<'_> {
    fn end(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Sink for Encoder<'_, Tap<'_>> {
    fn end(&mut self) -> io::Result<()> {
        self.do_finish()?;
        self.get_mut().flush()
    }
}

/// Compresses what goes there.
pub(super) fn compressed(tap: Tap<'_>) -> Result<Encoder<'static, Tap<'_>>, ArchiveError> {
    let encoder = Encoder::new(tap, zstd::DEFAULT_COMPRESSION_LEVEL).and_then(|mut encoder| {
        encoder.include_checksum(true)?;
        Ok(encoder)
    });
    encoder.map_err(ArchiveError::Output)
}

impl<W: Sink> Tar<W> {
    pub(super) fn new(out: W) -> Self {
        Self { builder: Builder::new(out) }
    }

    /// Writes what does not fit into the header, and gives the header.
    fn header(
        &mut self,
        item: &Item<'_>,
        kind: EntryType,
        target: Option<&[u8]>,
    ) -> io::Result<Header> {
        let entry = item.entry;
        let mut header = Header::new_ustar();
        let mut pax = Pax::default();
        let name = if kind == EntryType::Directory {
            [item.name, b"/"].concat()
        } else {
            item.name.to_vec()
        };
        pax.text("path", &name, &mut header.as_old_mut().name);
        if let Some(target) = target {
            pax.text("linkpath", target, &mut header.as_old_mut().linkname);
        }
        header.set_entry_type(kind);
        header.set_mode(entry.mode & 0o7777);
        header.set_uid(pax.number("uid", entry.uid.into(), OCTAL_7));
        header.set_gid(pax.number("gid", entry.gid.into(), OCTAL_7));
        let size = if kind == EntryType::Regular { entry.size } else { 0 };
        header.set_size(pax.number("size", size, OCTAL_11));
        header.set_mtime(pax.time("mtime", entry.mtime_ns));
        if let Some(ustar) = header.as_ustar_mut() {
            for (key, name, field) in [
                ("uname", &entry.user, &mut ustar.uname),
                ("gname", &entry.group, &mut ustar.gname),
            ] {
                let name = name.as_deref().unwrap_or_default();
                pax.text(key, name, field.split_at_mut(OWNER_BYTES_MAX).0);
            }
        }
        if let (EntryType::Char | EntryType::Block, Some((major, minor))) = (kind, entry.rdev) {
            header.set_device_major(major)?;
            header.set_device_minor(minor)?;
        }
        if kind != EntryType::Link {
            for (name, value) in &item.xattrs {
                pax.xattr(name, value);
            }
        }
        let records = pax.0.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
        self.builder.append_pax_extensions(records)?;
        header.set_cksum();
        Ok(header)
    }
}

impl<W: Sink> Archive for Tar<W> {
    fn add(&mut self, item: &Item<'_>) -> io::Result<bool> {
        let kind = match item.entry.kind {
            Kind::Folder => EntryType::Directory,
            Kind::Symlink => EntryType::Symlink,
            Kind::Fifo => EntryType::Fifo,
            Kind::CharDevice => EntryType::Char,
            Kind::BlockDevice => EntryType::Block,
            Kind::File | Kind::Socket => return Ok(false),
        };
        if !has_place(item.entry) {
            return Ok(false);
        }
        let header = self.header(item, kind, item.entry.target.as_deref())?;
        self.builder.append(&header, io::empty())?;
        Ok(true)
    }

    fn add_file(&mut self, item: &Item<'_>, body: &mut Body) -> io::Result<()> {
        let header = self.header(item, EntryType::Regular, None)?;
        self.builder.append(&header, body)
    }

    fn add_link(&mut self, item: &Item<'_>, earlier: &[u8]) -> io::Result<bool> {
        let header = self.header(item, EntryType::Link, Some(earlier))?;
        self.builder.append(&header, io::empty())?;
        Ok(true)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.builder.finish()?;
        self.builder.get_mut().end()
    }
}

/// There is no pax record for devices.
fn has_place(entry: &Entry) -> bool {
    entry.rdev.is_none_or(|(major, minor)| u64::from(major.max(minor)) <= OCTAL_7)
}

/// What goes before the header.
#[derive(Default)]
struct Pax(Vec<(String, Vec<u8>)>);

impl Pax {
    /// Fills the field with as much as fits.
    fn text(&mut self, key: &str, text: &[u8], field: &mut [u8]) {
        debug_assert!(field.len() <= NAME_BYTES_MAX, "the fields of a tar header are short");
        if text.len() > field.len() {
            self.0.push((key.to_owned(), text.to_vec()));
        }
        field.iter_mut().zip(text).for_each(|(field, byte)| *field = *byte);
    }

    /// What to write into the field.
    fn number(&mut self, key: &str, number: u64, largest: u64) -> u64 {
        if number > largest {
            self.0.push((key.to_owned(), number.to_string().into_bytes()));
        }
        number.min(largest)
    }

    /// What to write into the field: whole seconds.
    fn time(&mut self, key: &str, ns: i128) -> u64 {
        const SECOND: u128 = 1_000_000_000;
        let seconds = u64::try_from(ns.div_euclid(1_000_000_000)).unwrap_or(0).min(OCTAL_11);
        if i128::from(seconds) * 1_000_000_000 != ns {
            let (whole, fraction) = (ns.unsigned_abs() / SECOND, ns.unsigned_abs() % SECOND);
            let sign = if ns < 0 { "-" } else { "" };
            let fraction = format!("{fraction:09}");
            let value = format!("{sign}{whole}.{fraction}");
            let value = value.trim_end_matches('0').trim_end_matches('.');
            self.0.push((key.to_owned(), value.as_bytes().to_vec()));
        }
        seconds
    }

    /// As GNU tar writes it. A name that is no text has no place.
    fn xattr(&mut self, name: &[u8], value: &[u8]) {
        if let Ok(name) = std::str::from_utf8(name) {
            let name = name.replace('%', "%25").replace('=', "%3D");
            self.0.push((format!("SCHILY.xattr.{name}"), value.to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(ns: i128) -> (u64, Option<String>) {
        let mut pax = Pax::default();
        let seconds = pax.time("mtime", ns);
        (seconds, pax.0.pop().map(|(_, value)| String::from_utf8(value).expect("digits")))
    }

    #[test]
    fn times_are_exact_before_and_after_1970() {
        assert_eq!(time(5_000_000_000), (5, None));
        assert_eq!(time(5_000_000_010), (5, Some("5.00000001".to_owned())));
        assert_eq!(time(-500_000_000), (0, Some("-0.5".to_owned())));
        assert_eq!(time(-10_000_000_000), (0, Some("-10".to_owned())));
    }
}

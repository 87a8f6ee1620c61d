//! A folder or a file of a snapshot as an archive, written from front to back into anything that takes bytes.
//!
//! Nothing but links and, for zip, its directory is kept in memory. A file that turns out to be damaged before any of it
//! was written is reported and left out; later it is too late for that, and the archive ends with an error and without
//! the end that its format demands, so that nobody takes it for a whole one.

mod body;
mod links;
mod tar;
mod zip;

use std::cell::{Cell, RefCell};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::rc::Rc;

use heirloom_engine::error::{Problem, ReadError};
use heirloom_engine::id::NodeId;
use heirloom_engine::tree::{Entry, Kind, file_name, parent_key, path_from_key, safe_key};
use heirloom_engine::view::{Depth, Reader};

use self::body::Body;
use self::links::Links;

/// How the archive is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// With pax headers: everything that an entry has but sockets.
    Tar,
    /// The same, compressed.
    TarZst,
    /// For everybody: files, folders and symbolic links; each hard link is a file of its own.
    Zip,
}

/// What is in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    /// Entries.
    pub(crate) entries: u64,
    /// Files among them, without further names of the same file.
    pub(crate) files: u64,
    /// Bytes of the files.
    pub(crate) content_bytes: u64,
    /// Entries that the format has no place for, such as sockets.
    pub(crate) left_out: u64,
    /// Entries that are missing and were reported.
    pub(crate) missing: u64,
}

/// Why there is no archive, or only the beginning of one.
#[derive(Debug)]
pub(crate) enum ArchiveError {
    /// The snapshot has no such path.
    NotFound {
        /// What was asked for.
        path: PathBuf,
    },
    /// The repository cannot be read.
    Read(ReadError),
    /// The content of a file ends too early, and its beginning is written.
    Cut {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read to its end.
        source: ReadError,
    },
    /// Nobody takes the archive.
    Output(io::Error),
}

/// Writes what is at and below a key. Names are relative to the folder, or the name of the file if it is none.
#[expect(clippy::too_many_arguments, reason = "a place, a form, and two listeners")]
pub(crate) fn write(
    reader: &Reader,
    root: NodeId,
    key: &[u8],
    format: Format,
    out: &mut dyn Write,
    report: &mut dyn FnMut(Problem),
) -> Result<Written, ArchiveError> {
    let view = reader.view(root);
    let first = view.entry(key).map_err(ArchiveError::Read)?;
    if first.is_none() && !key.is_empty() {
        return Err(ArchiveError::NotFound { path: path_from_key(key) });
    }
    let tap = Tap::new(out);
    let is_cut = Rc::clone(&tap.is_cut);
    let archive: Box<dyn Archive + '_> = match format {
        Format::Tar => Box::new(tar::Tar::new(tap)),
        Format::TarZst => Box::new(tar::Tar::new(tar::compressed(tap)?)),
        Format::Zip => Box::new(zip::Zip::new(tap)),
    };
    let mut packer = Packer {
        reader,
        archive,
        links: Links::default(),
        below: key.to_vec(),
        closed: None,
        written: Written::default(),
    };
    let added = match &first {
        Some(entry) if entry.kind != Kind::Folder => {
            packer.below = parent_key(key).unwrap_or_default().to_vec();
            packer.add(key, entry, report)
        }
        _ => packer.add_below(root, key, report),
    };
    let done = added.and_then(|()| packer.archive.finish().map_err(ArchiveError::Output));
    // What is dropped from here on would write the end of an archive.
    is_cut.set(done.is_err());
    done.map(|()| packer.written)
}

/// An extended attribute.
type Attribute<'a> = (&'a [u8], Vec<u8>);

/// An entry with what an archive needs to know of it.
struct Item<'a> {
    /// Its path in the archive, without a slash at either end.
    name: &'a [u8],
    entry: &'a Entry,
    xattrs: Vec<Attribute<'a>>,
}

/// Takes entries in the order of their keys.
trait Archive {
    /// Adds an entry without content; false if the format has no place for it.
    fn add(&mut self, item: &Item<'_>) -> io::Result<bool>;

    /// Adds a file.
    fn add_file(&mut self, item: &Item<'_>, body: &mut Body) -> io::Result<()>;

    /// Adds another name of an entry that was added before; false if the format knows no such thing.
    fn add_link(&mut self, item: &Item<'_>, earlier: &[u8]) -> io::Result<bool>;

    /// Writes the end.
    fn finish(&mut self) -> io::Result<()>;
}

struct Packer<'a> {
    reader: &'a Reader,
    archive: Box<dyn Archive + 'a>,
    links: Links,
    /// The key that names are relative to.
    below: Vec<u8>,
    /// The last entry that is no folder: nothing can be below it.
    closed: Option<Vec<u8>>,
    written: Written,
}

impl Packer<'_> {
    fn add_below(
        &mut self,
        root: NodeId,
        key: &[u8],
        report: &mut dyn FnMut(Problem),
    ) -> Result<(), ArchiveError> {
        let (mut failed, mut unread) = (None, None);
        let mut gaps = 0;
        let report = RefCell::new(report);
        self.reader.view(root).list(
            key,
            Depth::All,
            &mut |key, entry| {
                let added = self.add(key, entry, &mut |problem| report.borrow_mut()(problem));
                failed = added.err();
                failed.is_none()
            },
            &mut |problem| {
                let is_local = |source: &ReadError| source.is_local();
                if matches!(&problem, Problem::TreeDamaged { source, .. } if !is_local(source)) {
                    unread = Some(problem);
                    return;
                }
                gaps += 1;
                report.borrow_mut()(problem);
            },
        );
        self.written.missing += gaps;
        match (failed, unread) {
            (Some(failed), _) => Err(failed),
            (None, Some(Problem::TreeDamaged { source, .. })) => Err(ArchiveError::Read(*source)),
            (None, _) => Ok(()),
        }
    }

    fn add(
        &mut self,
        key: &[u8],
        entry: &Entry,
        report: &mut dyn FnMut(Problem),
    ) -> Result<(), ArchiveError> {
        let path = || path_from_key(key);
        // What unpacks this must not write through a link or above its target.
        let inside =
            self.closed.as_deref().is_some_and(|closed| key.starts_with(&[closed, &[0]].concat()));
        if inside || !safe_key(key) {
            self.written.missing += 1;
            report(Problem::Unsafe { path: path() });
            return Ok(());
        }
        if entry.kind != Kind::Folder {
            self.closed = Some(key.to_vec());
        }
        let name = self.name(key);
        let xattrs = match self.xattrs(entry) {
            Ok(xattrs) => xattrs,
            Err(source) if source.is_local() => {
                self.written.missing += 1;
                report(Problem::ContentDamaged { path: path(), source: Box::new(source) });
                return Ok(());
            }
            Err(error) => return Err(ArchiveError::Read(error)),
        };
        let item = Item { name: &name, entry, xattrs };
        if let Some(earlier) = self.links.earlier(entry)
            && self.archive.add_link(&item, earlier).map_err(ArchiveError::Output)?
        {
            self.written.entries += 1;
            return Ok(());
        }
        if entry.kind == Kind::File {
            if let Err(source) = self.add_file(key, &item)? {
                self.written.missing += 1;
                report(Problem::ContentDamaged { path: path(), source: Box::new(source) });
                return Ok(());
            }
        } else if !self.archive.add(&item).map_err(ArchiveError::Output)? {
            self.written.left_out += 1;
            return Ok(());
        }
        self.written.entries += 1;
        self.links.note(entry, &name);
        Ok(())
    }

    /// Whether its beginning could be read; if not, nothing of it is written.
    fn add_file(
        &mut self,
        key: &[u8],
        item: &Item<'_>,
    ) -> Result<Result<(), ReadError>, ArchiveError> {
        let mut body = match Body::open(self.reader.open(item.entry)) {
            Ok(body) => body,
            Err(source) if source.is_local() => return Ok(Err(source)),
            Err(error) => return Err(ArchiveError::Read(error)),
        };
        let added = self.archive.add_file(item, &mut body);
        if let Some(source) = body.failure {
            return Err(ArchiveError::Cut { path: path_from_key(key), source });
        }
        added.map_err(ArchiveError::Output)?;
        self.written.files += 1;
        self.written.content_bytes = self.written.content_bytes.saturating_add(item.entry.size);
        Ok(Ok(()))
    }

    fn xattrs<'e>(&self, entry: &'e Entry) -> Result<Vec<Attribute<'e>>, ReadError> {
        let value = |xattr| self.reader.xattr(xattr);
        entry.xattrs.iter().map(|xattr| Ok((&*xattr.name, value(xattr)?))).collect()
    }

    fn name(&self, key: &[u8]) -> Vec<u8> {
        let skip = if self.below.is_empty() { 0 } else { self.below.len() + 1 };
        let name = key.get(skip..).unwrap_or(file_name(key));
        name.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }).collect()
    }
}

/// Where the archive goes. Once it is cut, nothing goes there any more.
struct Tap<'a> {
    out: BufWriter<&'a mut dyn Write>,
    is_cut: Rc<Cell<bool>>,
}

impl<'a> Tap<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Self { out: BufWriter::with_capacity(256 << 10, out), is_cut: Rc::default() }
    }
}

impl Write for Tap<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_cut.get() { Ok(bytes.len()) } else { self.out.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_cut.get() { Ok(()) } else { self.out.flush() }
    }
}

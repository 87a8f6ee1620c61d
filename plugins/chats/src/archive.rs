//! A zip archive as a tree of files, below the path of the archive itself.
//!
//! Only the list at its end is read when it is opened; members are unpacked as they are read. Lists and members that cannot be what they say are refused, so that
//! an archive takes no more memory than its own size warrants.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, ReadAt};

/// No export has more files.
const MEMBERS_MAX: usize = 500_000;

/// No list of them is longer.
const LIST_BYTES_MAX: u64 = 128 << 20;

/// Zeros shrink to a thousandth and no further; text shrinks to a twentieth at best.
const SHRINKS_MAX: u64 = 250;

/// Members up to this size may shrink as much as they can.
const HARMLESS_BYTES: u64 = 64 << 20;

/// Bytes of the record that ends an archive, without its comment.
const END_BYTES: u64 = 22;

/// A zip archive.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    mtime_ns: i128,
    file: Arc<dyn ReadAt>,
    members: BTreeMap<PathBuf, Member>,
}

/// What the list says about a member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// Where the header in front of its bytes is.
    pub(crate) header: u64,
    /// Bytes in the archive.
    pub(crate) packed: u64,
    /// Bytes of the file.
    pub(crate) size: u64,
    crc: u32,
    /// Whether it is deflated.
    pub(crate) is_packed: bool,
    /// Whether it is neither encrypted nor compressed in another way.
    pub(crate) is_readable: bool,
}

impl Member {
    /// Where its bytes begin; `None` if it is not where the list says.
    pub(crate) fn start(&self, file: &dyn ReadAt) -> io::Result<Option<u64>> {
        let header = file.read_at(self.header, 30)?;
        let fields = Fields(&header);
        let names = fields.u16(26).zip(fields.u16(28)).filter(|_| fields.u32(0) == Some(LOCAL));
        Ok(names.and_then(|(name, extra)| {
            self.header.checked_add(30 + u64::from(name) + u64::from(extra))
        }))
    }
}

/// The mark of a member's header.
const LOCAL: u32 = 0x0403_4b50;

/// The mark of an entry of the list.
const LISTED: u32 = 0x0201_4b50;

/// How long a list may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) members: usize,
    pub(crate) list_bytes: u64,
}

/// The members in the order of the list, by their names.
pub(crate) fn members(file: &dyn ReadAt, limits: Limits) -> Result<Vec<(String, Member)>, Fault> {
    let Place { start, bytes, shift } = place_of_list(file)?;
    if bytes > limits.list_bytes {
        return Err(Fault::TooLarge { what: "the list of its members may have 128 MiB" });
    }
    let list = file.read_at(start, usize::try_from(bytes).unwrap_or(0)).map_err(Fault::Read)?;
    let mut members = Vec::new();
    let mut rest: &[u8] = &list;
    while let Some((name, mut member, after)) = entry(rest) {
        rest = after;
        member.header = member.header.saturating_add(shift);
        members.push((name, member));
        if members.len() > limits.members {
            return Err(Fault::TooLarge { what: "an archive may have 500,000 members" });
        }
    }
    if rest.is_empty() { Ok(members) } else { Err(NO_LIST) }
}

impl Archive {
    /// Reads the list of members.
    pub fn open(path: &Path, mtime_ns: i128, file: Arc<dyn ReadAt>) -> Result<Self, ChatError> {
        let members =
            list(&*file, path).map_err(|fault| ChatError { path: path.to_owned(), fault })?;
        Ok(Self { path: path.to_owned(), mtime_ns, file, members })
    }

    fn item(&self, path: &Path, member: Member) -> Item {
        Item { path: path.to_owned(), is_folder: false, size: member.size, mtime_ns: self.mtime_ns }
    }
}

impl Files for Archive {
    fn walk(&self, folder: &Path, visit: &mut dyn FnMut(&Item)) -> io::Result<()> {
        for (path, member) in &self.members {
            if path.starts_with(folder) {
                visit(&self.item(path, *member));
            }
        }
        Ok(())
    }

    fn find(&self, path: &Path) -> io::Result<Option<Item>> {
        if let Some(member) = self.members.get(path) {
            return Ok(Some(self.item(path, *member)));
        }
        let below = self.members.range(path.to_owned()..).next();
        let is_folder =
            path.starts_with(&self.path) && below.is_some_and(|(below, _)| below.starts_with(path));
        Ok(is_folder.then(|| Item {
            path: path.to_owned(),
            is_folder,
            size: 0,
            mtime_ns: self.mtime_ns,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        let member = *self.members.get(path).ok_or(io::ErrorKind::NotFound)?;
        open_member(&self.file, member)
    }
}

/// The bytes of a member.
pub(crate) fn open_member(file: &Arc<dyn ReadAt>, member: Member) -> io::Result<Arc<dyn ReadAt>> {
    if !member.is_readable {
        return Err(damaged("a member is encrypted, or packed in a way that is not known"));
    }
    let is_bomb = member.size > HARMLESS_BYTES && member.size / SHRINKS_MAX > member.packed;
    if is_bomb || !member.is_packed && member.size != member.packed {
        return Err(damaged("a member cannot be as large as it says"));
    }
    let start = member.start(file.as_ref())?;
    let start = start.ok_or_else(|| damaged("a member is not where the list says"))?;
    let section =
        Section { file: Arc::clone(file), at: start, end: start.saturating_add(member.packed) };
    if !member.is_packed {
        return Ok(Arc::new(Stored { size: member.size, section }));
    }
    Ok(Arc::new(Packed { member, section, unpacking: Mutex::new(None) }))
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Numbers at places of a record.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn u64(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(*self.0.get(at..)?.first_chunk()?))
    }
}

const NO_LIST: Fault =
    Fault::Damaged { what: "the list of its members is missing or contradicts itself" };

/// All members, by path.
fn list(file: &dyn ReadAt, path: &Path) -> Result<BTreeMap<PathBuf, Member>, Fault> {
    let limits = Limits { members: MEMBERS_MAX, list_bytes: LIST_BYTES_MAX };
    let listed = members(file, limits)?.into_iter();
    let inside = |(name, member): (String, Member)| Some((path.join(path_inside(&name)?), member));
    Ok(listed.filter_map(inside).collect())
}

/// Where the list is.
struct Place {
    start: u64,
    bytes: u64,
    /// How much stands before the archive that it does not know of.
    shift: u64,
}

/// Where the list begins and how long it is: the record at the end says it.
fn place_of_list(file: &dyn ReadAt) -> Result<Place, Fault> {
    // Behind the record is a comment of at most 64 KiB.
    let size = file.size();
    let tail_start = size.saturating_sub(END_BYTES + 0xffff);
    let tail = file.read_at(tail_start, 0x1_0015).map_err(Fault::Read)?;
    let at = tail.windows(4).rposition(|signature| signature == b"PK\x05\x06").ok_or(NO_LIST)?;
    let end = Fields(tail.get(at..).unwrap_or_default());
    let (bytes, start) = end.u32(12).zip(end.u32(16)).ok_or(NO_LIST)?;
    let end_at = tail_start.saturating_add(u64::try_from(at).unwrap_or(0));
    let mut after = end_at;
    let (start, bytes) = if start == u32::MAX || bytes == u32::MAX || end.u16(10) == Some(u16::MAX)
    {
        let locator = file.read_at(end_at.saturating_sub(20), 20).map_err(Fault::Read)?;
        match Fields(&locator).u32(0) {
            Some(0x0706_4b50) => {
                after = Fields(&locator).u64(8).ok_or(NO_LIST)?;
                let record = file.read_at(after, 56).map_err(Fault::Read)?;
                Fields(&record).u64(48).zip(Fields(&record).u64(40)).ok_or(NO_LIST)?
            }
            _ => (u64::from(start), u64::from(bytes)),
        }
    } else {
        (u64::from(start), u64::from(bytes))
    };
    let before = start.checked_add(bytes).and_then(|end| end_at.checked_sub(end)).ok_or(NO_LIST)?;
    if before == 0 || bytes == 0 || is_listed(file, start)? {
        return Ok(Place { start, bytes, shift: 0 });
    }
    // Something was put before the archive: then the list ends where the record begins.
    let shift = after.saturating_sub(start + bytes);
    if shift > 0 && is_listed(file, start + shift)? {
        return Ok(Place { start: start + shift, bytes, shift });
    }
    Err(NO_LIST)
}

fn is_listed(file: &dyn ReadAt, at: u64) -> Result<bool, Fault> {
    let mark = file.read_at(at, 4).map_err(Fault::Read)?;
    Ok(Fields(&mark).u32(0) == Some(LISTED))
}

/// The first entry of the list: its name, the member, and the rest of the list.
fn entry(list: &[u8]) -> Option<(String, Member, &[u8])> {
    let fields = Fields(list);
    if fields.u32(0)? != LISTED {
        return None;
    }
    let [name_bytes, extra_bytes, comment_bytes] =
        [fields.u16(28)?, fields.u16(30)?, fields.u16(32)?].map(usize::from);
    let (name, after) = list.get(46..)?.split_at_checked(name_bytes)?;
    let (extra, after) = after.split_at_checked(extra_bytes)?;
    let (_, after) = after.split_at_checked(comment_bytes)?;
    let mut large = large_numbers(extra);
    let mut number = |at: usize| {
        let number = fields.u32(at)?;
        if number == u32::MAX {
            large.next().or(Some(u64::from(number)))
        } else {
            Some(u64::from(number))
        }
    };
    let (size, packed, header) = (number(24)?, number(20)?, number(42)?);
    let method = fields.u16(10)?;
    let member = Member {
        header,
        packed,
        size,
        crc: fields.u32(16)?,
        is_packed: method == 8,
        is_readable: (method == 0 || method == 8) && fields.u16(8)? & 1 == 0,
    };
    // Whoever writes an archive says whether names are UTF-8, and often wrongly.
    let name = std::str::from_utf8(name)
        .map_or_else(|_| name.iter().map(|byte| from_cp437(*byte)).collect(), str::to_owned);
    Some((name, member, after))
}

/// The numbers that have no room in the entry itself.
fn large_numbers(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut numbers = Vec::new();
    while let Some((kind, bytes)) = Fields(extra).u16(0).zip(Fields(extra).u16(2)) {
        let Some((field, rest)) =
            extra.get(4..).and_then(|rest| rest.split_at_checked(usize::from(bytes)))
        else {
            break;
        };
        if kind == 1 {
            numbers = field.chunks_exact(8).filter_map(|chunk| Fields(chunk).u64(0)).collect();
        }
        extra = rest;
    }
    numbers.into_iter()
}

/// A name as a path that stays inside; `None` for folders, and for what a Macintosh adds.
fn path_inside(name: &str) -> Option<PathBuf> {
    let name = name.replace('\\', "/");
    if name.ends_with('/') || name.contains('\0') {
        return None;
    }
    let path = PathBuf::from(name);
    let is_inside = path.components().all(|component| matches!(component, Component::Normal(_)));
    let is_added = path.starts_with("__MACOSX");
    (is_inside && !is_added && path.file_name().is_some()).then_some(path)
}

/// The letters of the first PCs, which archives are written in that say nothing else.
fn from_cp437(byte: u8) -> char {
    const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(at) => UPPER.chars().nth(usize::from(at)).unwrap_or('_'),
    }
}

/// A part of a file.
#[derive(Debug, Clone)]
struct Section {
    file: Arc<dyn ReadAt>,
    at: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let bytes = self.file.read_at(self.at, left.min(buffer.len()))?;
        let Some(room) = buffer.get_mut(..bytes.len()) else { return Ok(0) };
        room.copy_from_slice(&bytes);
        self.at = self.at.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        Ok(bytes.len())
    }
}

/// A member that lies in the archive as it is.
#[derive(Debug)]
struct Stored {
    size: u64,
    section: Section,
}

impl ReadAt for Stored {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(Bytes::new());
        }
        self.section.file.read_at(self.section.at.saturating_add(offset), bytes.min(left))
    }
}

/// A member that has to be unpacked: quick when it is read from front to back.
#[derive(Debug)]
struct Packed {
    member: Member,
    section: Section,
    unpacking: Mutex<Option<Unpacking>>,
}

#[derive(Debug)]
struct Unpacking {
    at: u64,
    crc: Crc,
    bytes: DeflateDecoder<BufReader<Section>>,
}

impl Packed {
    fn begin(&self) -> Unpacking {
        let reader = BufReader::with_capacity(128 << 10, self.section.clone());
        Unpacking { at: 0, crc: Crc::new(), bytes: DeflateDecoder::new(reader) }
    }
}

impl Unpacking {
    fn take(&mut self, bytes: u64, member: &Member) -> io::Result<Vec<u8>> {
        let mut taken = Vec::new();
        Read::by_ref(&mut self.bytes)
            .take(bytes.min(member.size.saturating_sub(self.at)))
            .read_to_end(&mut taken)?;
        self.crc.update(&taken);
        self.at = self.at.saturating_add(u64::try_from(taken.len()).unwrap_or(0));
        if self.at == member.size && self.crc.sum() != member.crc {
            return Err(damaged("a member has another checksum than the list says"));
        }
        Ok(taken)
    }
}

/// What is skipped at once.
const SKIP_BYTES: u64 = 1 << 20;

impl ReadAt for Packed {
    fn size(&self) -> u64 {
        self.member.size
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let mut slot = self.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unpacking =
            slot.take().filter(|unpacking| unpacking.at <= offset).unwrap_or_else(|| self.begin());
        while unpacking.at < offset {
            if unpacking.take(SKIP_BYTES.min(offset - unpacking.at), &self.member)?.is_empty() {
                return Ok(Bytes::new());
            }
        }
        let taken = unpacking.take(u64::try_from(bytes).unwrap_or(u64::MAX), &self.member)?;
        *slot = Some(unpacking);
        Ok(taken.into())
    }
}

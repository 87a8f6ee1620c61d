//! How many rows there are for each value of an index, told by its inner pages alone.
//!
//! A database of a million rows has some ten of these pages, and thousands of others: for a look at a database in a
//! store far away an estimate in a few requests is worth more than a number in thousands.

use super::Database;
use crate::error::ChatError;

/// The first column of an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum First {
    Number(i64),
    Text(String),
}

/// An index, as its inner pages show it.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// The entries between each two leaves, in order.
    pub(crate) between: Vec<First>,
    /// Entries of a leaf, on average over a few.
    pub(crate) in_a_leaf: u64,
}

/// More inner pages than an index of a hundred million rows has.
const PAGES_MAX: usize = 20_000;

/// No tree is higher.
const HEIGHT_MAX: usize = 20;

/// Leaves that are counted.
const SAMPLES: usize = 3;

const INNER: u8 = 2;
const LEAF: u8 = 10;

/// A page of an index.
struct Page {
    bytes: Vec<u8>,
}

impl Page {
    fn kind(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    fn cells(&self) -> usize {
        self.number_16(3).unwrap_or(0)
    }

    fn number_16(&self, at: usize) -> Option<usize> {
        self.bytes.get(at..)?.first_chunk::<2>().map(|two| usize::from(u16::from_be_bytes(*two)))
    }

    fn number_32(&self, at: usize) -> Option<u64> {
        self.bytes.get(at..)?.first_chunk::<4>().map(|four| u64::from(u32::from_be_bytes(*four)))
    }

    /// The page before an entry, and the first column of the entry.
    fn entry(&self, cell: usize) -> Option<(u64, First)> {
        let place = self.number_16(cell.checked_mul(2)?.checked_add(12)?)?;
        let child = self.number_32(place)?;
        let (_, rest) = varint(self.bytes.get(place.checked_add(4)?..)?)?;
        let (header, after) = varint(rest)?;
        let (kind, _) = varint(after)?;
        let body = rest.get(usize::try_from(header).ok()?..)?;
        Some((child, first(kind, body)?))
    }

    fn last(&self) -> Option<u64> {
        self.number_32(8)
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().take(9) {
        if at == 8 {
            return Some(((number << 8) | u64::from(byte), bytes.get(9..)?));
        }
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

fn first(kind: u64, body: &[u8]) -> Option<First> {
    let width = match kind {
        8 => return Some(First::Number(0)),
        9 => return Some(First::Number(1)),
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 => 8,
        13.. if kind % 2 == 1 => {
            let text = body.get(..usize::try_from((kind - 13) / 2).ok()?)?;
            return Some(First::Text(String::from_utf8_lossy(text).into_owned()));
        }
        _ => return None,
    };
    let bytes = body.get(..width)?;
    let is_negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let begin = if is_negative { -1_i64 } else { 0 };
    Some(First::Number(bytes.iter().fold(begin, |number, byte| (number << 8) | i64::from(*byte))))
}

impl Database {
    /// The shape of an index that begins with a column; `None` if there is none, or none that can be understood.
    pub(crate) fn shape(&self, table: &str, column: &str) -> Result<Option<Shape>, ChatError> {
        let mut root = None;
        let sql = "SELECT m.rootpage FROM sqlite_master m, pragma_index_info(m.name) c \
            WHERE m.type = 'index' AND lower(m.tbl_name) = ?1 AND c.seqno = 0 AND lower(c.name) = ?2 \
            AND coalesce(m.sql, '') NOT LIKE '% WHERE %' AND coalesce(m.sql, '') NOT LIKE '%DESC%' \
            ORDER BY (SELECT count(*) FROM pragma_index_info(m.name)) LIMIT 1";
        self.each(sql, [table, column], &mut |row| {
            root = row.unsigned(0);
            true
        })?;
        let Some(root) = root else { return Ok(None) };
        let mut walk =
            Walk { database: self, left: PAGES_MAX, leaves: Vec::new(), between: Vec::new() };
        let Some(height) = walk.height(root) else { return Ok(None) };
        if walk.descend(root, height).is_none() {
            return Ok(None);
        }
        let step = walk.leaves.len() / SAMPLES + 1;
        let chosen: Vec<u64> = walk.leaves.iter().skip(step / 2).step_by(step).copied().collect();
        let pages = chosen.iter().filter_map(|leaf| walk.page(*leaf));
        let counts: Vec<u64> = pages.filter_map(|page| u64::try_from(page.cells()).ok()).collect();
        let Some(samples) = u64::try_from(counts.len()).ok().filter(|count| *count > 0) else {
            return Ok(None);
        };
        let in_a_leaf = counts.iter().sum::<u64>() / samples;
        Ok(Some(Shape { between: walk.between, in_a_leaf }))
    }
}

/// A way through the inner pages.
struct Walk<'a> {
    database: &'a Database,
    left: usize,
    leaves: Vec<u64>,
    between: Vec<First>,
}

impl Walk<'_> {
    fn page(&self, number: u64) -> Option<Page> {
        let bytes = self.database.page(number)?;
        Some(Page { bytes })
    }

    /// How many pages lie above the leaves.
    fn height(&self, root: u64) -> Option<usize> {
        let mut number = root;
        for height in 0..HEIGHT_MAX {
            let page = self.page(number)?;
            match page.kind()? {
                LEAF => return Some(height),
                INNER => number = page.entry(0)?.0,
                _ => return None,
            }
        }
        None
    }

    /// Notes what lies below a page, in order. Leaves are not read.
    fn descend(&mut self, number: u64, height: usize) -> Option<()> {
        if height == 0 {
            self.leaves.push(number);
            return Some(());
        }
        self.left = self.left.checked_sub(1)?;
        let page = self.page(number).filter(|page| page.kind() == Some(INNER))?;
        for cell in 0..page.cells() {
            let (child, first) = page.entry(cell)?;
            self.descend(child, height - 1)?;
            self.between.push(first);
        }
        self.descend(page.last()?, height - 1)
    }
}

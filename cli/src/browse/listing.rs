//! What is in a folder, in an order that people look for things in.

use std::sync::Arc;

use heirloom_engine::tree::{Kind, file_name};
use heirloom_engine::view::{Depth, View};
use quick_cache::Weighter;

use super::app::Bounded;
use crate::render::numbers::count;
use crate::render::problem;

/// Of a folder with more entries only so many are shown.
const ENTRIES_MAX: usize = 250_000;

/// Entries of all folders that are remembered.
const REMEMBERED_MAX: u64 = 300_000;

/// Damaged places of one folder that are told of.
const PROBLEMS_MAX: usize = 10;

/// What is in a folder: folders first, by name.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) rows: Vec<Row>,
    /// Why some are missing.
    pub(super) problems: Vec<String>,
    /// Whether there are more than are ever shown.
    pub(super) cut: bool,
}

/// One line of it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: Box<[u8]>,
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) mtime_ns: i128,
}

/// By what a listing is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Name,
    Size,
    Time,
}

impl Order {
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "size" => Self::Size,
            "time" => Self::Time,
            _ => Self::Name,
        }
    }
}

impl Listing {
    pub(super) fn read(view: &View<'_>, key: &[u8]) -> Self {
        let mut listing = Self::default();
        let Self { rows, problems, cut } = &mut listing;
        let visit = &mut |key: &[u8], entry: &heirloom_engine::tree::Entry| {
            let (kind, size, mtime_ns) = (entry.kind, entry.size, entry.mtime_ns);
            *cut = rows.len() == ENTRIES_MAX;
            if !*cut {
                rows.push(Row { name: file_name(key).into(), kind, size, mtime_ns });
            }
            !*cut
        };
        view.list(key, Depth::Children, visit, &mut |found| {
            if problems.len() < PROBLEMS_MAX {
                problems.push(problem::describe(&found).text);
            }
        });
        rows.sort_by_cached_key(|row| {
            let folded = String::from_utf8_lossy(&row.name).to_lowercase();
            (row.kind != Kind::Folder, folded, row.name.clone())
        });
        listing
    }

    /// The rows in another order, and what is not all there.
    pub(super) fn sorted(&self, order: Order) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        match order {
            Order::Name => {}
            Order::Size => rows.sort_by_key(|row| std::cmp::Reverse(row.size)),
            Order::Time => rows.sort_by_key(|row| std::cmp::Reverse(row.mtime_ns)),
        }
        rows
    }

    /// The files before and behind this one.
    pub(super) fn neighbours(&self, name: &[u8]) -> (Option<&Row>, Option<&Row>) {
        let files = || self.rows.iter().filter(|row| row.kind == Kind::File);
        let Some(at) = files().position(|row| *row.name == *name) else { return (None, None) };
        (at.checked_sub(1).and_then(|before| files().nth(before)), files().nth(at + 1))
    }

    /// What is not all there, in words.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.problems.clone();
        if self.cut {
            let most = count(u64::try_from(ENTRIES_MAX).unwrap_or(u64::MAX));
            notes.push(format!("only {most} entries of this folder are listed; search for others"));
        }
        notes
    }
}

/// Listings, each as heavy as it is long.
pub(super) type Listings = Bounded<Arc<Listing>, Length>;

/// As heavy as it is long.
#[derive(Debug, Clone)]
pub(super) struct Length;

impl Weighter<[u8; 32], Arc<Listing>> for Length {
    fn weight(&self, _name: &[u8; 32], listing: &Arc<Listing>) -> u64 {
        u64::try_from(listing.rows.len()).unwrap_or(u64::MAX).max(1)
    }
}

pub(super) fn listings() -> Listings {
    Listings::with_weighter(16, REMEMBERED_MAX, Length)
}

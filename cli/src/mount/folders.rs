//! An open folder: the kernel reads it in parts, and may go back to any entry that it has seen.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::inodes::Known;
use crate::layout::{Found, Layout, Listing};

/// Entries that are read at once.
const PART: usize = 512;

/// An open folder.
#[derive(Debug, Default)]
pub(super) struct OpenFolder(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// After what each part but the first begins. Parts can have fewer entries than they were read for.
    starts: Vec<(u64, Box<[u8]>)>,
    part: Option<Part>,
    is_damaged: bool,
}

#[derive(Debug)]
struct Part {
    /// The number of its first entry in the folder.
    first: u64,
    listing: Listing,
}

/// What a reader of a folder gets.
pub(super) enum Step<'a> {
    /// The entry that it asked for.
    Entry(&'a [u8], &'a Found),
    /// There is none, and something before could not be read.
    Damaged,
    /// There is none.
    End,
}

/// Somebody who reads.
pub(super) struct Reading<'a> {
    state: MutexGuard<'a, State>,
    layout: &'a Layout,
    folder: &'a Known,
}

impl OpenFolder {
    pub(super) fn read<'a>(&'a self, layout: &'a Layout, folder: &'a Known) -> Reading<'a> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Reading { state, layout, folder }
    }
}

impl Reading<'_> {
    /// The entry with this number.
    pub(super) fn entry(&mut self, number: u64) -> Step<'_> {
        if !self.has(number) {
            self.load(number);
        }
        let State { part, is_damaged, .. } = &*self.state;
        let found = part.as_ref().and_then(|part| {
            let at = usize::try_from(number.checked_sub(part.first)?).ok()?;
            part.listing.found.get(at)
        });
        match found {
            Some((name, found)) => Step::Entry(name, found),
            None if *is_damaged => Step::Damaged,
            None => Step::End,
        }
    }

    fn has(&self, number: u64) -> bool {
        self.state.part.as_ref().is_some_and(|part| {
            let end = part.first + count(&part.listing);
            number >= part.first && (number < end || part.listing.last.is_none())
        })
    }

    /// Reads parts from the last known start on, until one holds the entry or the folder ends.
    fn load(&mut self, number: u64) {
        let state = &mut *self.state;
        let known = state.starts.partition_point(|(first, _)| *first <= number);
        let start = known.checked_sub(1).and_then(|at| state.starts.get(at));
        let (mut first, mut last) = start.map_or((0, None), |(at, last)| (*at, Some(last.clone())));
        loop {
            let listing = self.layout.list(&self.folder.place, last.as_deref(), PART);
            state.is_damaged |= listing.is_damaged;
            let end = first + count(&listing);
            last.clone_from(&listing.last);
            state.part = Some(Part { first, listing });
            let Some(after) = &last else {
                return;
            };
            if state.starts.last().is_none_or(|(first, _)| *first < end) {
                state.starts.push((end, after.clone()));
            }
            if number < end {
                return;
            }
            first = end;
        }
    }
}

fn count(listing: &Listing) -> u64 {
    u64::try_from(listing.found.len()).unwrap_or(u64::MAX)
}

//! What every part of one restore shares: the ports, the options, the counters, and the reason to stop.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::file::FilePool;
use super::folder::FolderPool;
use super::links::Links;
use super::options::RestoreOptions;
use super::owner::Ownership;
use super::report::{RestoreError, Tally, count};
use crate::error::Problem;
use crate::fetch::BlobReader;
use crate::progress::{Counter, Progress};

/// Locks even if another thread panicked while it held the lock: every critical section leaves its data whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) reader: &'a dyn BlobReader,
    pub(super) options: &'a RestoreOptions,
    pub(super) progress: &'a dyn Progress,
    pub(super) tally: Tally,
    pub(super) ownership: Ownership<'a>,
    pub(super) folders: FolderPool,
    pub(super) files: FilePool,
    pub(super) links: Mutex<Links>,
    stop: Mutex<Option<RestoreError>>,
    stopped: AtomicBool,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        reader: &'a dyn BlobReader,
        options: &'a RestoreOptions,
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            reader,
            options,
            progress,
            tally: Tally::default(),
            ownership: Ownership::new(&options.owner),
            folders: FolderPool::default(),
            files: FilePool::default(),
            links: Mutex::default(),
            stop: Mutex::default(),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn problem(&self, problem: &Problem) {
        count(&self.tally.problems);
        self.progress.problem(problem);
    }

    /// An entry could not be written. A full or read-only target ends the restore; anything else concerns this entry.
    pub(super) fn failed(&self, path: PathBuf, error: io::Error) {
        if matches!(Errno::from_io_error(&error), Some(Errno::NOSPC | Errno::DQUOT | Errno::ROFS)) {
            self.stop(RestoreError::Target { path, source: error });
            return;
        }
        count(&self.tally.failed);
        self.problem(&Problem::NotRestored { path, source: error });
    }

    pub(super) fn unsafe_entry(&self, path: PathBuf) {
        count(&self.tally.failed);
        self.problem(&Problem::Unsafe { path });
    }

    pub(super) fn attribute(&self, path: PathBuf, attribute: &'static str, error: Errno) {
        self.problem(&Problem::AttributeNotRestored { path, attribute, source: error.into() });
    }

    pub(super) fn entry_done(&self) {
        self.progress.add(Counter::Entries, 1);
    }

    /// The first reason counts.
    pub(super) fn stop(&self, reason: RestoreError) {
        lock(&self.stop).get_or_insert(reason);
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether to end early; asks the caller too.
    pub(super) fn stopped(&self) -> bool {
        if self.stopped.load(Ordering::Acquire) {
            return true;
        }
        if self.progress.cancelled() {
            self.stop(RestoreError::Cancelled);
            return true;
        }
        false
    }

    pub(super) fn take_stop(&self) -> Option<RestoreError> {
        lock(&self.stop).take()
    }
}

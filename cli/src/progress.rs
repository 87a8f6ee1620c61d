//! Shows how an operation gets on. Counting costs an atomic addition; drawing happens on a thread of its own.

mod draw;
mod rate;

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use heirloom_engine::error::Problem;
use heirloom_engine::progress::{Counter, Progress};
use serde_json::Value;

use self::draw::Drawer;
use crate::exit::Exit;
use crate::output::{Event, Output, complain};
use crate::render::names;
use crate::render::problem::{self, Weight};
use crate::system;

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) entries: u64,
    pub(crate) content_bytes: u64,
    pub(crate) stored_bytes: u64,
    pub(crate) entries_total: u64,
    pub(crate) content_bytes_total: u64,
}

#[derive(Debug, Default)]
struct Shared {
    entries: AtomicU64,
    content_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    entries_total: AtomicU64,
    content_bytes_total: AtomicU64,
    /// Set by the drawing thread when it wants to know the path; most calls of `current` end at looking at it.
    wants_path: AtomicBool,
    path: Mutex<PathBuf>,
}

impl Shared {
    fn counts(&self) -> Counts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            entries: load(&self.entries),
            content_bytes: load(&self.content_bytes),
            stored_bytes: load(&self.stored_bytes),
            entries_total: load(&self.entries_total),
            content_bytes_total: load(&self.content_bytes_total),
        }
    }

    fn path(&self) -> PathBuf {
        self.wants_path.store(true, Ordering::Relaxed);
        self.path.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Watches one operation.
pub(crate) struct Meter {
    output: Output,
    shared: Arc<Shared>,
    drawer: Arc<Drawer>,
    cancelled: Arc<AtomicBool>,
    /// Counted by weight, for the exit code.
    remarks: AtomicU64,
    warnings: AtomicU64,
    missing: AtomicU64,
    rollbacks: AtomicU64,
    started: Instant,
    timer: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("counts", &self.shared.counts()).finish_non_exhaustive()
    }
}

impl Meter {
    /// Begins to watch; interrupts are answered from now on.
    pub(crate) fn start(output: Output, cancelled: Arc<AtomicBool>) -> Self {
        let shared = Arc::new(Shared { wants_path: AtomicBool::new(true), ..Shared::default() });
        let drawer = Arc::new(Drawer::new(output));
        let started = system::monotonic();
        let timer = drawer.period().and_then(|period| {
            let (stop, stopped) = mpsc::channel();
            let (shared, drawer) = (Arc::clone(&shared), Arc::clone(&drawer));
            std::thread::Builder::new()
                .name("progress".to_owned())
                .spawn(move || {
                    while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                        drawer.draw(&shared.counts(), &shared.path(), started.elapsed());
                    }
                })
                .ok()
                .map(|thread| (stop, thread))
        });
        Self {
            output,
            shared,
            drawer,
            cancelled,
            remarks: AtomicU64::new(0),
            warnings: AtomicU64::new(0),
            missing: AtomicU64::new(0),
            rollbacks: AtomicU64::new(0),
            started,
            timer: Mutex::new(timer),
        }
    }

    /// Takes the display away and says how long it took.
    pub(crate) fn finish(&self) -> Duration {
        let timer = self.timer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = timer {
            drop(stop);
            // A display that broke down is no reason to fail.
            drop(thread.join());
        }
        self.drawer.clear();
        self.started.elapsed()
    }

    /// How the operation ends for its caller, as far as problems go.
    pub(crate) fn exit(&self) -> Exit {
        self.heaviest().map_or(Exit::Success, Weight::exit)
    }

    /// The heaviest problem so far.
    fn heaviest(&self) -> Option<Weight> {
        [
            (Weight::Rollback, &self.rollbacks),
            (Weight::Missing, &self.missing),
            (Weight::Warning, &self.warnings),
            (Weight::Remark, &self.remarks),
        ]
        .into_iter()
        .find(|(_, count)| count.load(Ordering::Relaxed) > 0)
        .map(|(weight, _)| weight)
    }

    fn counter_of(&self, weight: Weight) -> &AtomicU64 {
        match weight {
            Weight::Remark => &self.remarks,
            Weight::Warning => &self.warnings,
            Weight::Missing => &self.missing,
            Weight::Rollback => &self.rollbacks,
        }
    }

    fn say_path(&self, path: &Path) {
        if self.output.json {
            let fields = Value::Object(names::path_fields(path.as_os_str().as_bytes()));
            // A closed pipe is noticed where the summary is written.
            drop(self.output.event(Event::File, "file.current", fields));
        } else {
            self.drawer.suspend(|| complain(&names::path(path)));
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Progress for Meter {
    fn add(&self, counter: Counter, amount: u64) {
        let counter = match counter {
            Counter::Entries => &self.shared.entries,
            Counter::ContentBytes => &self.shared.content_bytes,
            Counter::StoredBytes => &self.shared.stored_bytes,
            Counter::EntriesTotal => &self.shared.entries_total,
            Counter::ContentBytesTotal => &self.shared.content_bytes_total,
            _ => return,
        };
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    fn current(&self, path: &Path) {
        if self.output.verbose > 0 {
            self.say_path(path);
        }
        if self.shared.wants_path.load(Ordering::Relaxed)
            && self.shared.wants_path.swap(false, Ordering::Relaxed)
        {
            let mut shown = self.shared.path.lock().unwrap_or_else(PoisonError::into_inner);
            path.clone_into(&mut shown);
        }
    }

    fn problem(&self, problem: &Problem) {
        let description = problem::describe(problem);
        self.counter_of(description.weight).fetch_add(1, Ordering::Relaxed);
        if description.weight == Weight::Remark && self.output.verbose == 0 {
            return;
        }
        self.drawer.suspend(|| {
            self.output.warning(description.id, &description.text, description.fields);
        });
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const SILENT: Output = Output { json: false, quiet: true, verbose: 0, colour: false };

    #[test]
    fn counters_add_up_over_threads() {
        let meter = Meter::start(SILENT, Arc::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        meter.add(Counter::Entries, 1);
                        meter.add(Counter::ContentBytes, 10);
                        meter.current(Path::new("/a"));
                    }
                });
            }
        });
        assert_eq!(meter.shared.counts().entries, 4000);
        assert_eq!(meter.shared.counts().content_bytes, 40_000);
    }

    #[test]
    fn the_heaviest_problem_counts() {
        let meter = Meter::start(SILENT, Arc::default());
        assert_eq!(meter.heaviest(), None);
        meter.problem(&Problem::ChangedWhileRead { path: "/a".into() });
        assert_eq!(meter.heaviest(), Some(Weight::Warning));
        meter.problem(&Problem::Unreadable {
            path: "/b".into(),
            source: io::ErrorKind::PermissionDenied.into(),
        });
        assert_eq!(meter.heaviest(), Some(Weight::Missing));
        assert_eq!(meter.warnings.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_interrupt_is_passed_on() {
        let flag = Arc::new(AtomicBool::new(false));
        let meter = Meter::start(SILENT, Arc::clone(&flag));
        assert!(!meter.cancelled());
        flag.store(true, Ordering::Relaxed);
        assert!(meter.cancelled());
    }
}

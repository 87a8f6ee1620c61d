//! Fetches what a reader that goes on as it began will want next.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::file::Inner;

/// What one thread fetches at a time.
const JOB_BYTES: u64 = 2 << 20;
/// Jobs that wait; when there are more, readers are served before guesses are.
const JOBS_MAX: usize = 64;
/// A store far away is asked for so much at once.
const THREADS_MIN: usize = 4;
/// How far ahead the second read in a row looks.
const WINDOW_MIN: u64 = 1 << 20;
/// Who asks for less at a time looks things up: no more is fetched ahead than was read already.
const LOOKUP_BYTES: u64 = 32 << 10;
/// Readers ask in parts, and not quite in order.
const SLACK: u64 = 1 << 20;

/// Threads that fetch, from the first guess on.
#[derive(Debug)]
pub(super) struct Ahead {
    window_max: u64,
    threads: usize,
    /// Files that are being read from front to back.
    streams: AtomicU64,
    jobs: OnceLock<Option<Sender<Job>>>,
}

#[derive(Debug)]
struct Job {
    file: Arc<Inner>,
    content: Range<u64>,
}

impl Ahead {
    /// All readers together look so many bytes ahead.
    pub(super) fn new(window_max: u64, threads: usize) -> Self {
        let (streams, jobs) = (AtomicU64::new(0), OnceLock::new());
        Self { window_max, threads: threads.max(THREADS_MIN), streams, jobs }
    }

    fn window_max(&self) -> u64 {
        self.window_max / self.streams.load(Ordering::Relaxed).max(1)
    }

    fn fetch(&self, job: Job) -> bool {
        let jobs = self.jobs.get_or_init(|| {
            let (sender, receiver) = bounded::<Job>(JOBS_MAX);
            let started = (0..self.threads).map(|_| start(receiver.clone()));
            // Without threads nothing is fetched ahead, and nothing else is wrong.
            (started.filter(|is_started| *is_started).count() > 0).then_some(sender)
        });
        jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok())
    }
}

fn start(jobs: Receiver<Job>) -> bool {
    let work = move || {
        for job in jobs {
            job.file.prepare(job.content);
        }
    };
    thread::Builder::new().name("read-ahead".to_owned()).spawn(work).is_ok()
}

/// How one file is being read.
#[derive(Debug, Default)]
pub(super) struct Habit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Where the next read begins, if it goes on.
    next: u64,
    /// Everything before was asked for.
    asked: u64,
    window: u64,
    /// What was read since it began to go on.
    read: u64,
}

impl Habit {
    /// Notes that this part of the content is read, and fetches what comes next if there seems to be a next.
    pub(super) fn note(&self, ahead: &Ahead, file: &Arc<Inner>, read: &Range<u64>, content: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = read.start + SLACK >= state.next && read.start <= state.next + SLACK;
        if !goes_on || read.start == 0 && state.next == 0 {
            state.forget(ahead);
            (state.next, state.asked) = (read.end, read.end);
            return;
        }
        let bytes = read.end - read.start;
        state.read += bytes;
        if state.window == 0 {
            ahead.streams.fetch_add(1, Ordering::Relaxed);
            state.window = WINDOW_MIN;
        }
        state.next = state.next.max(read.end);
        state.asked = state.asked.max(read.end);
        let window = if bytes < LOOKUP_BYTES { state.window.min(state.read) } else { state.window };
        let target = (state.next + window).min(content);
        // In parts that are worth a thread's attention.
        while state.asked < target && (target - state.asked >= JOB_BYTES || target == content) {
            let end = (state.asked + JOB_BYTES).min(content);
            let job = Job { file: Arc::clone(file), content: state.asked..end };
            if !ahead.fetch(job) {
                break;
            }
            state.asked = end;
        }
        state.window = (state.window * 2).min(ahead.window_max()).max(JOB_BYTES);
    }

    /// The file is not read from front to back any more.
    pub(super) fn stop(&self, ahead: &Ahead) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).forget(ahead);
    }
}

impl State {
    fn forget(&mut self, ahead: &Ahead) {
        self.read = 0;
        if std::mem::take(&mut self.window) > 0 {
            ahead.streams.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

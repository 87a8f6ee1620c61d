//! A watcher that remembers what it was told.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use heirloom_engine::error::Problem;
use heirloom_engine::progress::{Counter, Progress};

/// Collects counters, paths and problems; can ask the operation to end early.
#[derive(Debug, Default)]
pub struct CollectedProgress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    counters: Vec<(Counter, u64)>,
    paths: Vec<PathBuf>,
    problems: Vec<String>,
    asked: u64,
    cancel_after: Option<u64>,
}

impl CollectedProgress {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the operation to end when it has looked `looks` times.
    pub fn cancelling_after(looks: u64) -> Self {
        let progress = Self::default();
        progress.state().cancel_after = Some(looks);
        progress
    }

    /// Every problem with its causes, as `problem: cause: cause`.
    pub fn problems(&self) -> Vec<String> {
        self.state().problems.clone()
    }

    /// Every path that was announced, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().paths.clone()
    }

    /// The sum of a counter.
    pub fn total(&self, counter: Counter) -> u64 {
        let state = self.state();
        state.counters.iter().find(|(known, _)| *known == counter).map_or(0, |(_, sum)| *sum)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for CollectedProgress {
    fn add(&self, counter: Counter, amount: u64) {
        let counters = &mut self.state().counters;
        match counters.iter_mut().find(|(known, _)| *known == counter) {
            Some((_, sum)) => *sum += amount,
            None => counters.push((counter, amount)),
        }
    }

    fn current(&self, path: &Path) {
        self.state().paths.push(path.to_owned());
    }

    fn problem(&self, problem: &Problem) {
        let mut text = problem.to_string();
        let mut cause = problem.source();
        while let Some(error) = cause {
            write!(text, ": {error}").expect("a String takes everything");
            cause = error.source();
        }
        self.state().problems.push(text);
    }

    fn cancelled(&self) -> bool {
        let mut state = self.state();
        state.asked += 1;
        state.cancel_after.is_some_and(|looks| state.asked > looks)
    }
}

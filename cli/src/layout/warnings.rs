//! What could not be read, on standard error: once, and not each time that somebody tries again.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use heirloom_engine::error::{ErrorKind, Problem, ReadError};
use heirloom_engine::repository::RepositoryError;
use serde_json::{Value, json};

use crate::explain;
use crate::output::Output;
use crate::render::{names, problem};
use crate::system::monotonic;

/// After this time the same is said again.
const AGAIN_AFTER: Duration = Duration::from_mins(10);
/// What was said, and is remembered.
const SAID_MAX: usize = 4096;

#[derive(Debug)]
pub(super) struct Warnings {
    output: Output,
    said: Mutex<HashMap<PathBuf, Instant>>,
}

impl Warnings {
    pub(super) fn new(output: Output) -> Self {
        Self { output, said: Mutex::default() }
    }

    /// The content of a file cannot be read.
    pub(super) fn content(&self, path: PathBuf, error: ReadError) {
        if !self.is_news(&path) {
            return;
        }
        if may_pass(&error) {
            self.unreachable(&path, &error);
        } else {
            let source = Box::new(error);
            self.problem(&Problem::ContentDamaged { path, source });
        }
    }

    /// A part of a folder cannot be read.
    pub(super) fn tree(&self, path: PathBuf, error: ReadError) {
        if !self.is_news(&path) {
            return;
        }
        if may_pass(&error) {
            self.unreachable(&path, &error);
        } else {
            let source = Box::new(error);
            self.problem(&Problem::TreeDamaged { after: path, source });
        }
    }

    /// Nobody knows whether there are new snapshots.
    pub(super) fn refresh(&self, error: &RepositoryError) {
        if self.is_news(Path::new("")) {
            let why = explain::chain(error);
            let text = format!("cannot look for new snapshots: {why}");
            self.output.warning("repository.unreachable", &text, json!({}));
        }
    }

    fn unreachable(&self, path: &Path, error: &ReadError) {
        let text =
            format!("{} cannot be read now: {}", names::path(path), explain::read(error).what);
        let fields = Value::Object(names::path_fields(path.as_os_str().as_bytes()));
        self.output.warning("repository.unreachable", &text, fields);
    }

    fn problem(&self, problem: &Problem) {
        let description = problem::describe(problem);
        self.output.warning(description.id, &description.text, description.fields);
    }

    fn is_news(&self, path: &Path) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let now = monotonic();
        if said.get(path).is_some_and(|when| now.duration_since(*when) < AGAIN_AFTER) {
            return false;
        }
        if said.len() >= SAID_MAX {
            said.clear();
        }
        said.insert(path.to_owned(), now);
        true
    }
}

/// Whether nothing is wrong but the way to the store.
fn may_pass(error: &ReadError) -> bool {
    matches!(error, ReadError::Storage(error) if error.kind != ErrorKind::NotFound)
}

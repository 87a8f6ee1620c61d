//! What of a snapshot is lost: every place is reported, a few are kept for the error.

use std::path::PathBuf;

use crate::error::{Problem, ReadError};
use crate::progress::Progress;
use crate::tree::path_from_key;

/// Paths that the error names.
const PATHS_MAX: usize = 10;

/// What is lost so far.
#[derive(Debug)]
pub(crate) struct Loss<'p> {
    progress: &'p dyn Progress,
    paths: Vec<PathBuf>,
    last: Option<PathBuf>,
    places: u64,
}

impl<'p> Loss<'p> {
    pub(crate) fn new(progress: &'p dyn Progress) -> Self {
        Self { progress, paths: Vec::new(), last: None, places: 0 }
    }

    pub(crate) fn is_any(&self) -> bool {
        self.places > 0
    }

    /// Content of the entry at this key is lost. Further pieces of the same entry do not count again.
    pub(crate) fn content(&mut self, key: &[u8], source: ReadError) {
        let path = path_from_key(key);
        if self.last.as_ref() != Some(&path) {
            let problem = Problem::ContentDamaged { path: path.clone(), source: Box::new(source) };
            self.note(path, &problem);
        }
    }

    /// What follows this key in the tree is lost.
    pub(crate) fn tree(&mut self, after: &[u8], source: ReadError) {
        let after = path_from_key(after);
        let problem = Problem::TreeDamaged { after: after.clone(), source: Box::new(source) };
        self.note(after, &problem);
        self.last = None;
    }

    fn note(&mut self, path: PathBuf, problem: &Problem) {
        self.places += 1;
        self.progress.problem(problem);
        if self.paths.len() < PATHS_MAX {
            self.paths.push(path.clone());
        }
        self.last = Some(path);
    }

    /// The first paths that are damaged, and how many there are; `None` if nothing is.
    pub(crate) fn found(self) -> Option<(Vec<PathBuf>, u64)> {
        (self.places > 0).then_some((self.paths, self.places))
    }
}

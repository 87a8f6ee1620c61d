//! Tests against real files. They pass as root and as anybody else; what needs root is skipped without it.

mod changes;
mod kinds;
mod order;
mod rules;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::backup::source::Content;
use crate::tree::{Entry, key_from_path};

/// Everything that a source yields.
struct Walked {
    found: Vec<Found>,
    problems: Vec<Problem>,
    excluded: u64,
}

impl Walked {
    /// Paths relative to `folder`, without the folders above it and itself.
    fn below(&self, folder: &Path) -> Vec<String> {
        let mut prefix = key_from_path(folder);
        prefix.push(0);
        let below = self.found.iter().filter_map(|found| found.key.strip_prefix(&prefix[..]));
        below.map(|key| String::from_utf8_lossy(key).replace('\0', "/")).collect()
    }

    fn take(mut self, path: &Path) -> Found {
        let key = key_from_path(path);
        let at = self.found.iter().position(|found| found.key == key).expect("no such entry");
        self.found.swap_remove(at)
    }
}

fn walk(roots: &[&Path], excludes: Excludes) -> Walked {
    let roots: Vec<PathBuf> = roots.iter().map(|root| root.to_path_buf()).collect();
    let mut source = LocalSource::new(&roots, excludes);
    let mut walked = Walked { found: Vec::new(), problems: Vec::new(), excluded: 0 };
    while let Some(next) = source.next() {
        match next {
            Ok(found) => walked.found.push(found),
            Err(problem) => walked.problems.push(problem),
        }
    }
    walked.excluded = source.excluded();
    walked
}

/// Walks without any rules and without problems.
fn walk_all(roots: &[&Path]) -> Walked {
    let walked = walk(roots, Excludes::default());
    assert!(walked.problems.is_empty(), "{:?}", walked.problems);
    walked
}

/// Opens an entry that has no problems.
fn open(found: &mut Found) -> Option<Box<dyn Content>> {
    found.handle.open(&mut found.entry, &mut |problem| panic!("{problem:?}")).unwrap()
}

/// The entry of a path, with everything that can be known.
fn entry(path: &Path) -> Entry {
    let mut found = walk_all(&[path]).take(path);
    assert_eq!(found.handle.path(), path);
    drop(open(&mut found));
    found.entry
}

fn read_all(content: &mut dyn Content) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 7001];
    loop {
        let bytes = content.read(&mut buffer).unwrap();
        if bytes == 0 {
            return all;
        }
        all.extend_from_slice(&buffer[..bytes]);
    }
}

/// Makes files (with their path as content) and, for paths with a slash at the end, folders.
fn tree(paths: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        let full = folder.path().join(path);
        if path.ends_with('/') {
            fs::create_dir_all(full).unwrap();
        } else {
            fs::create_dir_all(full.parent().unwrap()).unwrap();
            fs::write(full, path).unwrap();
        }
    }
    folder
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

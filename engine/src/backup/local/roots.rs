//! The paths that a backup was asked for, as a tree of names.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;

use super::stat::{Links, Stat};
use crate::error::Problem;

/// A name on the way to a root, or a root.
#[derive(Debug, Default)]
pub(super) struct Root {
    below: BTreeMap<Vec<u8>, usize>,
    /// Everything below was asked for.
    pub(super) whole: bool,
    /// Written with a slash at its end.
    pub(super) follow: bool,
}

impl Root {
    /// Whether there are roots below this one.
    pub(super) fn is_ancestor(&self) -> bool {
        !self.below.is_empty()
    }

    /// The names that lead to roots, ascending.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.below.keys().map(Vec::as_slice)
    }
}

/// All roots. Node 0 is the root of the file system.
#[derive(Debug)]
pub(super) struct Roots {
    nodes: Vec<Root>,
}

impl Roots {
    /// Merges the roots that exist; the others go to `problem`.
    pub(super) fn find(paths: &[PathBuf], mut problem: impl FnMut(Problem)) -> Self {
        let mut roots = Self { nodes: vec![Root::default()] };
        for path in paths {
            let Some((components, links)) = split(path) else {
                let source = io::Error::from(io::ErrorKind::InvalidInput);
                problem(Problem::Unreadable { path: path.clone(), source });
                continue;
            };
            match Stat::of_name(CWD, path.as_os_str().as_bytes(), links) {
                Ok(_) => roots.add(&components, links),
                Err(source) => problem(Problem::Unreadable { path: path.clone(), source }),
            }
        }
        roots
    }

    pub(super) fn get(&self, node: usize) -> Option<&Root> {
        self.nodes.get(node)
    }

    pub(super) fn child(&self, node: usize, name: &[u8]) -> Option<usize> {
        self.get(node)?.below.get(name).copied()
    }

    fn add(&mut self, components: &[&[u8]], links: Links) {
        let mut at = 0;
        for component in components {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = *node.below.entry(component.to_vec()).or_insert(next);
            if at == next {
                self.nodes.push(Root::default());
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.whole = true;
            node.follow |= links == Links::Follow;
        }
    }
}

/// The components of an absolute path. `..` is taken away with the component before it, as in other programs.
fn split(path: &Path) -> Option<(Vec<&[u8]>, Links)> {
    let bytes = path.as_os_str().as_bytes();
    if !bytes.starts_with(b"/") || bytes.contains(&0) {
        return None;
    }
    let follow = bytes.ends_with(b"/") || bytes.ends_with(b"/.");
    let mut components = Vec::new();
    for component in bytes.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                components.pop();
            }
            _ => components.push(component),
        }
    }
    Some((components, if follow { Links::Follow } else { Links::Keep }))
}

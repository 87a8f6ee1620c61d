//! Compares two file trees on disk in everything that a restore promises.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::xattr;

/// What is compared beyond kinds, bytes, modes, times, attributes, links and targets.
#[derive(Debug, Clone, Copy)]
pub struct Compared {
    /// User and group.
    pub owners: bool,
    /// Where files have holes; the two trees must lie on the same kind of file system.
    pub holes: bool,
    /// The mode, time, owner and attributes of the two roots themselves.
    pub roots: bool,
}

impl Default for Compared {
    /// Owners and holes, but not the roots.
    fn default() -> Self {
        Self { owners: true, holes: true, roots: false }
    }
}

/// An error that lists the first differences between two trees, if there are any.
pub fn assert_same_tree(left: &Path, right: &Path) -> anyhow::Result<()> {
    let differences = tree_differences(left, right, Compared::default())?;
    ensure!(
        differences.is_empty(),
        "{} and {} differ in {} places:\n{}",
        left.display(),
        right.display(),
        differences.len(),
        differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
    Ok(())
}

/// Every difference between two trees, as `path: what, left, right`.
pub fn tree_differences(
    left: &Path,
    right: &Path,
    compared: Compared,
) -> anyhow::Result<Vec<String>> {
    let (left, right) = (Tree::read(left)?, Tree::read(right)?);
    let mut found = Differences { compared, list: Vec::new() };
    let paths: BTreeSet<&PathBuf> = left.entries.keys().chain(right.entries.keys()).collect();
    for path in paths {
        match (left.entries.get(path), right.entries.get(path)) {
            (Some(_), None) => found.list.push(format!("{}: only left", path.display())),
            (None, Some(_)) => found.list.push(format!("{}: only right", path.display())),
            _ if path.as_os_str().is_empty() && !compared.roots => {}
            _ => found
                .entry(path, &left, &right)
                .with_context(|| format!("comparing {}", path.display()))?,
        }
    }
    Ok(found.list)
}

struct Tree {
    root: PathBuf,
    entries: BTreeMap<PathBuf, Metadata>,
    /// The first name of every inode.
    first_names: HashMap<(u64, u64), PathBuf>,
}

impl Tree {
    fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree =
            Self { root: root.to_owned(), entries: BTreeMap::new(), first_names: HashMap::new() };
        let mut waiting = vec![PathBuf::new()];
        while let Some(path) = waiting.pop() {
            let full = tree.full(&path);
            let metadata =
                fs::symlink_metadata(&full).with_context(|| full.display().to_string())?;
            if metadata.is_dir() {
                for entry in fs::read_dir(&full).with_context(|| full.display().to_string())? {
                    waiting.push(path.join(entry?.file_name()));
                }
            }
            tree.entries.insert(path, metadata);
        }
        for (path, metadata) in &tree.entries {
            let inode = (metadata.dev(), metadata.ino());
            tree.first_names.entry(inode).or_insert_with(|| path.clone());
        }
        Ok(tree)
    }

    fn full(&self, path: &Path) -> PathBuf {
        // Joining an empty path would add a slash, which follows a root that is a link.
        if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn first_name(&self, metadata: &Metadata) -> Option<&PathBuf> {
        self.first_names.get(&(metadata.dev(), metadata.ino()))
    }
}

struct Differences {
    compared: Compared,
    list: Vec<String>,
}

impl Differences {
    fn entry(&mut self, path: &Path, left: &Tree, right: &Tree) -> anyhow::Result<()> {
        let (l, r) = (&left.entries[path], &right.entries[path]);
        self.check(path, "kind", &kind(l), &kind(r));
        if kind(l) != kind(r) {
            return Ok(());
        }
        if !l.is_symlink() {
            self.check(path, "mode", &octal(l.mode()), &octal(r.mode()));
        }
        if self.compared.owners {
            self.check(path, "owner", &(l.uid(), l.gid()), &(r.uid(), r.gid()));
        }
        self.check(path, "mtime", &(l.mtime(), l.mtime_nsec()), &(r.mtime(), r.mtime_nsec()));
        self.check(path, "device", &l.rdev(), &r.rdev());
        self.check(path, "hard link of", &left.first_name(l), &right.first_name(r));
        let (left, right) = (left.full(path), right.full(path));
        self.check(path, "attributes", &xattr::list(&left)?, &xattr::list(&right)?);
        if l.is_symlink() {
            self.check(path, "target", &fs::read_link(&left)?, &fs::read_link(&right)?);
        }
        if l.is_file() {
            self.check(path, "size", &l.len(), &r.len());
            self.check(path, "first different byte", &None, &first_difference(&left, &right)?);
            if self.compared.holes {
                self.check(path, "holes", &holes(&left)?, &holes(&right)?);
            }
        }
        Ok(())
    }

    fn check<T: PartialEq + Debug>(&mut self, path: &Path, what: &str, left: &T, right: &T) {
        if left != right {
            self.list.push(format!("{}: {what}, {left:?}, {right:?}", path.display()));
        }
    }
}

fn octal(mode: u32) -> String {
    format!("{:o}", mode & 0o7777)
}

fn kind(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    match () {
        () if kind.is_dir() => "folder",
        () if kind.is_file() => "file",
        () if kind.is_symlink() => "link",
        () if kind.is_fifo() => "fifo",
        () if kind.is_socket() => "socket",
        () if kind.is_block_device() => "block device",
        () => "character device",
    }
}

/// Where two files begin to differ; a shorter one differs at its end.
fn first_difference(left: &Path, right: &Path) -> io::Result<Option<u64>> {
    const BLOCK: u64 = 1 << 20;
    let (mut left, mut right) = (File::open(left)?, File::open(right)?);
    let (mut l, mut r) = (Vec::new(), Vec::new());
    let mut position = 0;
    loop {
        l.clear();
        r.clear();
        (&mut left).take(BLOCK).read_to_end(&mut l)?;
        (&mut right).take(BLOCK).read_to_end(&mut r)?;
        if l != r {
            let same = l.iter().zip(&r).take_while(|(l, r)| l == r).count();
            return Ok(Some(position + u64::try_from(same).map_err(io::Error::other)?));
        }
        if l.is_empty() {
            return Ok(None);
        }
        position += BLOCK;
    }
}

/// The holes of a file as (start, end), the one that every file ends with left out.
/// Shorter holes save no space worth mentioning, and a backup reads them as zeros.
const HOLE_BYTES_MIN: u64 = 4096;

fn holes(path: &Path) -> io::Result<Vec<(u64, u64)>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut holes = Vec::new();
    let mut position = 0;
    while position < size {
        let start = rustix::fs::seek(&file, SeekFrom::Hole(position))?;
        if start >= size {
            break;
        }
        position = match rustix::fs::seek(&file, SeekFrom::Data(start)) {
            Err(Errno::NXIO) => size,
            data => data?,
        };
        if position - start >= HOLE_BYTES_MIN {
            holes.push((start, position));
        }
    }
    Ok(holes)
}

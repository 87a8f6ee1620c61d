//! Several names of one file, told apart by device and inode, when devices are renumbered and when a name cannot be read.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use heirloom_engine::backup::source::{Content, Found, Handle, Source};
use heirloom_engine::error::Problem;
use heirloom_engine::id::NodeId;
use heirloom_engine::tree::{Entry, FileContent, Kind, key_from_path};
use heirloom_engine::view::View;
use heirloom_kit::{Lab, back_up_from, options_for};

const FOLDER: &str = "/linked";

/// Files as a disk has them: name, device, inode, content; without content the name cannot be opened.
#[derive(Debug)]
struct Names(Vec<Found>);

#[derive(Debug)]
struct Name {
    path: PathBuf,
    kind: Kind,
    content: Option<&'static [u8]>,
}

#[derive(Debug)]
struct Bytes(&'static [u8]);

impl Names {
    fn new(names: &[(&str, u64, u64, Option<&'static [u8]>)]) -> Self {
        let found = |kind, path: PathBuf, (device, inode), content: Option<&'static [u8]>| Found {
            key: key_from_path(&path),
            entry: Entry {
                mode: 0o600,
                mtime_ns: 1,
                ctime_ns: Some(1),
                size: content.map_or(0, |bytes| bytes.len() as u64),
                device,
                inode,
                links: if kind == Kind::File { 2 } else { 0 },
                ..Entry::new(kind)
            },
            handle: Box::new(Name { path, kind, content }),
        };
        let mut entries = vec![found(Kind::Folder, FOLDER.into(), (1, 1), None)];
        for (name, device, inode, content) in names {
            let path = Path::new(FOLDER).join(name);
            entries.push(found(Kind::File, path, (*device, *inode), *content));
        }
        entries.reverse();
        Self(entries)
    }
}

impl Source for Names {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        self.0.pop().map(Ok)
    }
}

impl Handle for Name {
    fn path(&self) -> &Path {
        &self.path
    }

    fn open(
        &mut self,
        _entry: &mut Entry,
        _problem: &mut dyn FnMut(Problem),
    ) -> io::Result<Option<Box<dyn Content>>> {
        match (self.kind, self.content) {
            (Kind::File, Some(bytes)) => Ok(Some(Box::new(Bytes(bytes)))),
            (Kind::File, None) => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Ok(None),
        }
    }
}

impl Content for Bytes {
    fn holes(&self) -> &[(u64, u64)] {
        &[]
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn unchanged(&mut self, _entry: &mut Entry) -> io::Result<bool> {
        Ok(true)
    }

    fn rewind(&mut self, _entry: &mut Entry) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn entry(lab: &Lab, root: NodeId, name: &str) -> Result<Entry> {
    let key = key_from_path(&Path::new(FOLDER).join(name));
    View::new(&lab.repository, root).entry(&key)?.with_context(|| name.to_owned())
}

#[test]
fn a_file_is_read_under_its_first_name_only_and_has_its_content_under_all() -> Result<()> {
    let lab = Lab::new(1)?;
    let mut names = Names::new(&[("a", 1, 7, Some(b"once")), ("b", 1, 7, Some(b"not read"))]);
    let done = back_up_from(&lab.repository, &mut names, &options_for(Path::new(FOLDER)))?;
    assert_eq!(entry(&lab, done.root(), "b")?.content, FileContent::Inline(b"once".to_vec()));
    Ok(())
}

#[test]
fn two_files_never_become_one_because_a_device_got_the_number_of_another() -> Result<()> {
    let lab = Lab::new(2)?;
    let options = options_for(Path::new(FOLDER));
    let mut before = Names::new(&[("a", 1, 7, Some(b"first disk")), ("b", 1, 7, Some(b""))]);
    back_up_from(&lab.repository, &mut before, &options)?;
    // After a start the first disk is number 2, and another one, with its own inode 7, is number 1.
    let mut after = Names::new(&[
        ("a", 2, 7, Some(b"first disk")),
        ("b", 2, 7, Some(b"")),
        ("c", 1, 7, Some(b"second disk")),
        ("d", 1, 7, Some(b"")),
    ]);
    let root = back_up_from(&lab.repository, &mut after, &options)?.root();
    let identity = |name| entry(&lab, root, name).map(|entry| (entry.device, entry.inode));
    assert_eq!(identity("a")?, identity("b")?);
    assert_eq!(identity("c")?, identity("d")?);
    assert_ne!(identity("a")?, identity("c")?);
    assert_eq!(entry(&lab, root, "d")?.content, FileContent::Inline(b"second disk".to_vec()));
    Ok(())
}

#[test]
fn every_name_of_a_file_that_cannot_be_read_is_reported() -> Result<()> {
    let lab = Lab::new(3)?;
    let mut names = Names::new(&[("a", 1, 7, None), ("b", 1, 7, Some(b"read too late"))]);
    let done = back_up_from(&lab.repository, &mut names, &options_for(Path::new(FOLDER)))?;
    assert_eq!(done.problems.len(), 2, "{:?}", done.problems);
    for name in ["a", "b"] {
        assert!(done.problems.iter().any(|problem| problem.contains(&format!("{FOLDER}/{name}"))));
    }
    Ok(())
}

//! Files that change while they are read.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use heirloom_engine::backup::source::{Content, Found, Handle, Source};
use heirloom_engine::error::Problem;
use heirloom_engine::tree::{Entry, Kind, key_from_path};
use heirloom_engine::view::View;
use heirloom_kit::{Lab, Random, back_up_from, options_for, restore_to};

const FOLDER: &str = "/moving";
const FILE: &str = "/moving/file";

/// One file whose content is another one each time it is read, for the first so many times.
#[derive(Debug)]
struct MovingSource {
    entries: Vec<Found>,
}

#[derive(Debug, Clone)]
struct Moving {
    readings: Vec<Vec<u8>>,
    reading: usize,
    position: usize,
}

impl Moving {
    fn content(&self) -> &[u8] {
        &self.readings[self.reading]
    }
}

#[derive(Debug)]
struct MovingHandle {
    path: PathBuf,
    content: Option<Moving>,
}

impl MovingSource {
    fn new(readings: Vec<Vec<u8>>) -> Self {
        let entry = |kind, path: &str, content| Found {
            key: key_from_path(Path::new(path)),
            entry: Entry { mode: 0o700, mtime_ns: 1, ctime_ns: Some(1), ..Entry::new(kind) },
            handle: Box::new(MovingHandle { path: path.into(), content }),
        };
        let size = readings.last().map_or(0, Vec::len);
        let content = Moving { readings, reading: 0, position: 0 };
        let mut file = entry(Kind::File, FILE, Some(content));
        file.entry.size = u64::try_from(size).expect("a usize has at most 64 bits");
        // From the last to the first.
        Self { entries: vec![file, entry(Kind::Folder, FOLDER, None)] }
    }
}

impl Source for MovingSource {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        self.entries.pop().map(Ok)
    }
}

impl Handle for MovingHandle {
    fn path(&self) -> &Path {
        &self.path
    }

    fn open(
        &mut self,
        _entry: &mut Entry,
        _problem: &mut dyn FnMut(Problem),
    ) -> io::Result<Option<Box<dyn Content>>> {
        Ok(self.content.clone().map(|content| Box::new(content) as Box<dyn Content>))
    }
}

impl Content for Moving {
    fn holes(&self) -> &[(u64, u64)] {
        &[]
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.content()[self.position..];
        // Short answers, as a pipe or a network file system gives them.
        let bytes = rest.len().min(buffer.len()).min(10_007);
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        self.position += bytes;
        Ok(bytes)
    }

    fn unchanged(&mut self, entry: &mut Entry) -> io::Result<bool> {
        entry.size = u64::try_from(self.position).map_err(io::Error::other)?;
        Ok(self.reading + 1 == self.readings.len())
    }

    fn rewind(&mut self, _entry: &mut Entry) -> io::Result<()> {
        self.reading += 1;
        self.position = 0;
        Ok(())
    }
}

/// Backs the readings up, and gives what was stored, whether it is marked as changed, and the problems.
fn stored(readings: Vec<Vec<u8>>) -> Result<(Vec<u8>, bool, Vec<String>)> {
    let lab = Lab::new(1)?;
    let folder = Path::new(FOLDER);
    let mut source = MovingSource::new(readings.clone());
    let done = back_up_from(&lab.repository, &mut source, &options_for(folder))?;
    let target = lab.fresh_path();
    let restored = restore_to(&lab.repository, done.root(), folder, &target)?;
    assert!(restored.problems.is_empty(), "{:?}", restored.problems);
    let view = View::new(&lab.repository, done.root());
    let entry = view.entry(&key_from_path(Path::new(FILE)))?.expect("the file is in the snapshot");
    let bytes = std::fs::read(target.join("file"))?;
    // A file that was marked as changed is read again by the next backup, whatever its times say.
    let mut source = MovingSource::new(readings);
    let again = back_up_from(&lab.repository, &mut source, &options_for(folder))?;
    assert_eq!(again.report.read_bytes > 0, entry.changed);
    Ok((bytes, entry.changed, done.problems))
}

fn readings(sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut random = Random::new(7);
    sizes.iter().map(|size| random.bytes(*size)).collect()
}

#[test]
fn a_file_that_keeps_changing_is_stored_as_last_read_and_reported() -> Result<()> {
    let readings = readings(&[2_000_000, 900_000, 3_000_000, 700_000, 1_000_000]);
    let (bytes, changed, problems) = stored(readings.clone())?;
    assert!(readings.contains(&bytes), "a mixture of several readings was stored");
    assert_eq!(bytes.len(), 3_000_000, "three attempts are made");
    assert!(changed);
    assert_eq!(problems, [format!("{FILE} changed while it was read")]);
    Ok(())
}

#[test]
fn a_file_that_comes_to_rest_is_stored_as_it_came_to_rest_and_not_reported() -> Result<()> {
    let readings = readings(&[3_000_000, 600_000]);
    let (bytes, changed, problems) = stored(readings.clone())?;
    assert!(bytes == readings[1]);
    assert!(!changed && problems.is_empty(), "{problems:?}");
    Ok(())
}

#[test]
fn a_file_that_shrinks_to_nothing_or_to_a_few_bytes_while_it_is_read_is_stored_so() -> Result<()> {
    for last in [0, 10] {
        let readings = readings(&[3_000_000, last]);
        let (bytes, changed, problems) = stored(readings.clone())?;
        assert!(bytes == readings[1]);
        assert!(!changed && problems.is_empty(), "{problems:?}");
    }
    Ok(())
}

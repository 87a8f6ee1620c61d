//! Trees to look at, and what is in them.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_engine::id::NodeId;
use heirloom_engine::tree::{Entry, Kind, key_from_path, path_from_key};
use heirloom_engine::view::{Depth, File, Reader};
use heirloom_kit::{Client, Lab, Random};

/// Content that a reader keeps; less than the larger files have.
pub(crate) const KEPT_BYTES: u64 = 8 << 20;

pub(crate) fn reader(client: &Client) -> Result<Reader> {
    Ok(Reader::new(Arc::new(client.open()?), KEPT_BYTES))
}

/// A file of each make: many blobs, pages of a database, text, holes, next to nothing.
pub(crate) fn make_files(lab: &Lab, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let tree = &lab.tree;
    fs::create_dir(tree.join("inside"))?;
    fs::write(tree.join("film.mp4"), random.bytes(24 << 20))?;
    let pages: Vec<u8> = (0..3000_u32)
        .flat_map(|page| {
            let mut bytes = page.to_le_bytes().repeat(1024);
            bytes.splice(0..64, Random::new(u64::from(page) ^ seed).bytes(64));
            bytes
        })
        .collect();
    fs::write(
        tree.join("inside/chats.db"),
        [b"SQLite format 3\0\x10\0".as_slice(), &pages].concat(),
    )?;
    fs::write(tree.join("inside/words.txt"), "the same again and again\n".repeat(90_000))?;
    for n in 0..200 {
        let bytes = usize::try_from(random.below(5000))?;
        fs::write(tree.join(format!("inside/{n}")), random.bytes(bytes))?;
    }
    let sparse = fs::File::create_new(tree.join("sparse"))?;
    for n in [0, 3, 4, 9, 30] {
        sparse.write_all_at(&random.bytes(100_000), n << 20)?;
    }
    sparse.set_len(33 << 20)?;
    fs::write(tree.join("empty"), "")?;
    Ok(())
}

/// The files of a snapshot, each with the path that it was read from.
pub(crate) fn files(reader: &Reader, root: NodeId) -> Vec<(PathBuf, Entry)> {
    let mut files = Vec::new();
    let keep = &mut |key: &[u8], entry: &Entry| {
        if entry.kind == Kind::File {
            files.push((path_from_key(key), entry.clone()));
        }
        true
    };
    reader.view(root).list(&[], Depth::All, keep, &mut |problem| panic!("{problem}"));
    files
}

pub(crate) fn file(reader: &Reader, root: NodeId, path: &Path) -> Result<File> {
    let entry = reader.view(root).entry(&key_from_path(path))?;
    Ok(reader.open(&entry.with_context(|| path.display().to_string())?))
}

/// Reads here and there, and compares.
pub(crate) fn read_at_random(
    reader: &Reader,
    (path, entry): &(PathBuf, Entry),
    seed: u64,
    times: usize,
) -> Result<()> {
    let expected = fs::File::open(path)?;
    let (file, mut random) = (reader.open(entry), Random::new(seed));
    for _ in 0..times {
        let offset = random.below(entry.size + 2);
        let most = if random.one_in(20) { 3 << 20 } else { 200_000 };
        let bytes = usize::try_from(random.below(most))?;
        let read = file.read(offset, bytes)?;
        let rest = usize::try_from(entry.size.saturating_sub(offset))?;
        let mut plain = vec![0; rest.min(bytes)];
        expected.read_exact_at(&mut plain, offset)?;
        assert!(read == plain, "{} at {offset}, {bytes} bytes", path.display());
    }
    Ok(())
}

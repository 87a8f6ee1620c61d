//! What a snapshot adds to the store, all objects counted; and odd large files.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use anyhow::{Result, ensure};
use heirloom_engine::backup::exclude::Excludes;
use heirloom_engine::backup::local::LocalSource;
use heirloom_engine::backup::source::{Found, Source};
use heirloom_engine::backup::stdin::{StreamMetadata, StreamSource};
use heirloom_engine::error::Problem;
use heirloom_engine::tree::key_from_path;
use heirloom_kit::{BackedUp, Content, Lab, Random, back_up_from, options_for};

/// A folder without the folders above it, which other tests change at the same time.
#[derive(Debug)]
struct Below {
    source: LocalSource,
    top: Vec<u8>,
}

impl Below {
    fn new(folder: &Path) -> Self {
        let source = LocalSource::new(&[folder.to_owned()], Excludes::default());
        Self { source, top: key_from_path(folder) }
    }
}

impl Source for Below {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        loop {
            match self.source.next()? {
                Ok(found) if !found.key.starts_with(&self.top) => {}
                found => return Some(found),
            }
        }
    }
}

/// Backs up and gives what the store has grown by; the snapshot is restored and compared.
fn growth(lab: &Lab) -> Result<(u64, BackedUp)> {
    let before = lab.store.total_bytes();
    let mut source = Below::new(&lab.tree);
    let done = back_up_from(&lab.repository, &mut source, &options_for(&lab.tree))?;
    ensure!(done.problems.is_empty(), "{:?}", done.problems);
    let grown = lab.store.total_bytes() - before;
    let said = done.stored_bytes();
    ensure!(said >= grown, "{grown} bytes were added, and {said} reported");
    Ok((grown, done))
}

fn checked_growth(lab: &Lab) -> Result<u64> {
    let (grown, done) = growth(lab)?;
    lab.check(done.root(), &lab.tree)?;
    Ok(grown)
}

#[test]
fn an_unchanged_tree_costs_nothing_but_a_record() -> Result<()> {
    let lab = Lab::new(1)?;
    for number in 0..500_u32 {
        fs::write(lab.tree.join(format!("file{number}")), number.to_le_bytes().repeat(300))?;
    }
    growth(&lab)?;
    let packs = lab.store.names_in("packs/");
    for _ in 0..3 {
        let (grown, done) = growth(&lab)?;
        assert!(grown <= 4096, "{grown} bytes for nothing new");
        assert_eq!((done.report.unchanged, done.report.read_bytes), (done.report.entries, 0));
    }
    assert_eq!(lab.store.names_in("packs/"), packs);
    assert_eq!(lab.store.names_in("sessions/"), [""; 0]);
    Ok(())
}

#[test]
fn one_new_file_in_a_folder_of_100_000_costs_at_most_64_kib() -> Result<()> {
    let lab = Lab::new(2)?;
    for number in 0..100_000_u32 {
        fs::write(lab.tree.join(format!("file{number:06}")), number.to_le_bytes())?;
    }
    growth(&lab)?;
    fs::write(lab.tree.join("file050000a"), Random::new(1).bytes(1024))?;
    let (grown, done) = growth(&lab)?;
    assert!(grown <= 64 << 10, "{grown} bytes for one file of 1 KiB");
    assert_eq!(done.report.added, 1);
    Ok(())
}

/// A database of so many pages, one of them changed.
fn database(changed: u64) -> Vec<u8> {
    let mut pages = Random::new(3).bytes(100 * 4096);
    pages[..18].copy_from_slice(b"SQLite format 3\0\x10\0");
    let at = usize::try_from(changed).expect("small") * 4096;
    pages[at + 100..at + 200].copy_from_slice(&Random::new(changed).bytes(100));
    pages
}

#[test]
fn a_database_from_a_pipe_costs_its_changed_pages() -> Result<()> {
    let lab = Lab::new(20)?;
    let take = |changed| -> Result<u64> {
        let metadata = StreamMetadata { mtime_ns: 0, mode: 0o600, uid: 0, gid: 0 };
        let path = Path::new("/dump.db");
        let pipe = Box::new(std::io::Cursor::new(database(changed)));
        let mut source = StreamSource::new(path, pipe, metadata)?;
        let before = lab.store.total_bytes();
        back_up_from(&lab.repository, &mut source, &options_for(path))?;
        Ok(lab.store.total_bytes() - before)
    };
    take(7)?;
    let grown = take(50)?;
    assert!(grown < 20_000, "{grown} bytes for two pages of 4 KiB");
    Ok(())
}

#[test]
fn a_moved_folder_costs_its_names_and_not_its_content() -> Result<()> {
    let lab = Lab::new(3)?;
    let from = lab.tree.join("from");
    fs::create_dir(&from)?;
    for number in 0..40 {
        fs::write(from.join(number.to_string()), Random::new(number).bytes(50_000))?;
    }
    growth(&lab)?;
    fs::rename(from, lab.tree.join("to"))?;
    let grown = checked_growth(&lab)?;
    assert!(grown <= 32 << 10, "{grown} bytes for a moved folder");
    Ok(())
}

#[test]
fn a_large_file_of_noise_comes_back_and_an_insertion_costs_little_more_than_itself() -> Result<()> {
    let lab = Lab::new(4)?;
    let noise = Random::new(9).bytes(20 << 20);
    let path = lab.tree.join("noise");
    fs::write(&path, &noise)?;
    let first = checked_growth(&lab)?;
    let size = 20 << 20;
    assert!(first < size + size / 50, "{first} bytes for {size} that cannot be compressed");
    let inserted = Random::new(10).bytes(100_000);
    fs::write(&path, [&noise[..9_999_999], &inserted, &noise[9_999_999..]].concat())?;
    let grown = checked_growth(&lab)?;
    assert!(grown < 6 << 20, "{grown} bytes for an insertion of 100,000");
    Ok(())
}

#[test]
fn scattered_pages_of_a_database_cost_little_more_than_themselves() -> Result<()> {
    const PAGE: usize = 4096;
    const CHANGED: usize = 100;
    let lab = Lab::new(5)?;
    let path = lab.tree.join("data.db");
    let mut database = Random::new(11).bytes(8 << 20);
    database[..16].copy_from_slice(b"SQLite format 3\0");
    database[16..18].copy_from_slice(&[0x10, 0]);
    // The fractions that the file format fixes, which tell a database from a text about one.
    database[18..24].copy_from_slice(&[1, 1, 0, 64, 32, 32]);
    fs::write(&path, &database)?;
    checked_growth(&lab)?;
    let file = OpenOptions::new().write(true).open(&path)?;
    let mut random = Random::new(12);
    for _ in 0..CHANGED {
        let page = 1 + random.index(database.len() / PAGE - 1);
        file.write_all_at(&random.bytes(PAGE), u64::try_from(page * PAGE)?)?;
    }
    let grown = checked_growth(&lab)?;
    let bound = u64::try_from(CHANGED * PAGE)? + (160 << 10);
    assert!(grown <= bound, "{grown} bytes for {CHANGED} pages of {PAGE}");
    Ok(())
}

#[test]
fn lines_at_the_end_of_a_log_cost_about_themselves() -> Result<()> {
    let lab = Lab::new(6)?;
    let path = lab.tree.join("log");
    fs::write(&path, Content::Text(1).bytes(3 << 20))?;
    checked_growth(&lab)?;
    for round in 2..6 {
        let mut file = OpenOptions::new().append(true).open(&path)?;
        file.write_all(&Content::Text(round).bytes(10_000))?;
        let grown = checked_growth(&lab)?;
        assert!(grown <= 64 << 10, "{grown} bytes for 10,000 more");
    }
    Ok(())
}

#[test]
fn a_sparse_file_costs_its_data_and_comes_back_sparse() -> Result<()> {
    let lab = Lab::new(7)?;
    let path = lab.tree.join("sparse");
    let mut file = File::create(&path)?;
    for place in [0, 300 << 20, 700 << 20] {
        file.seek(SeekFrom::Start(place))?;
        file.write_all(&Random::new(place).bytes(4096))?;
    }
    file.set_len(1 << 30)?;
    drop(file);
    let (grown, done) = growth(&lab)?;
    assert!(grown < 64 << 10, "{grown} bytes");
    assert!(done.report.read_bytes <= 3 * 4096 + (1 << 20), "{} read", done.report.read_bytes);
    let restored = lab.restore(done.root())?;
    let metadata = fs::metadata(restored.join("sparse"))?;
    assert!(metadata.len() == 1 << 30 && metadata.blocks() * 512 < 1 << 20);
    for place in [0, 300 << 20, 700 << 20] {
        let mut bytes = vec![0; 4096];
        File::open(restored.join("sparse"))?.read_exact_at(&mut bytes, place)?;
        assert!(bytes == Random::new(place).bytes(4096), "at {place}");
    }
    Ok(())
}

#[test]
fn equal_files_are_stored_once_and_zeros_cost_nothing_worth_mentioning() -> Result<()> {
    let lab = Lab::new(8)?;
    let twin = |name: &str, bytes: &[u8]| fs::write(Path::new(&lab.tree).join(name), bytes);
    let noise = Random::new(13).bytes(1 << 20);
    twin("a", &noise)?;
    twin("b", &noise)?;
    twin("zeros", &vec![0; 16 << 20])?;
    let grown = checked_growth(&lab)?;
    assert!(grown < (1 << 20) + (200 << 10), "{grown} bytes");
    Ok(())
}

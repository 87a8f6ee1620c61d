//! Databases that are damaged, hostile, or with a log beside them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::tempdir;

use super::Database;
use crate::android::tests::builders::{MESSAGES, modern};
use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, ReadAt};
use crate::folder::Folder;
use crate::model::Message;
use crate::reader::{Range, open_all};

const SOME: &str =
    "CREATE TABLE message(_id INTEGER PRIMARY KEY, chat_row_id INTEGER, text_data TEXT);
    CREATE TABLE chat(_id INTEGER PRIMARY KEY, jid_row_id INTEGER);
    CREATE INDEX i ON message(chat_row_id);
    WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
    INSERT INTO message SELECT i, i % 3, 'text of message ' || i || hex(zeroblob(60)) FROM n;";

fn made(sql: &str) -> Vec<u8> {
    let folder = tempdir().unwrap();
    let path = folder.path().join("made.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    fs::read(path).unwrap()
}

/// Files in memory, which count what is read of them.
#[derive(Debug)]
struct Memory {
    files: Vec<(PathBuf, Arc<Counted>)>,
}

#[derive(Debug)]
struct Counted {
    bytes: Bytes,
    read: AtomicU64,
    fails_from: Mutex<Option<u64>>,
}

impl Memory {
    fn new(files: &[(&str, Vec<u8>)]) -> Self {
        let counted = |bytes: &Vec<u8>| Counted {
            bytes: bytes.clone().into(),
            read: AtomicU64::new(0),
            fails_from: Mutex::default(),
        };
        let files = files.iter().map(|(path, bytes)| (path.into(), Arc::new(counted(bytes))));
        Self { files: files.collect() }
    }

    fn get(&self, path: &Path) -> Option<&Arc<Counted>> {
        self.files.iter().find(|(name, _)| name == path).map(|(_, file)| file)
    }
}

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.bytes.len().try_into().unwrap()
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        if self.fails_from.lock().unwrap().is_some_and(|from| offset >= from) {
            return Err(io::Error::other("the store is gone"));
        }
        let begin = usize::try_from(offset).unwrap().min(self.bytes.len());
        let end = self.bytes.len().min(begin + bytes);
        self.read.fetch_add((end - begin).try_into().unwrap(), Ordering::Relaxed);
        Ok(self.bytes.slice(begin..end))
    }
}

impl Files for Memory {
    fn walk(&self, _folder: &Path, visit: &mut dyn FnMut(&Item)) -> io::Result<()> {
        for (path, _) in &self.files {
            visit(&self.find(path)?.unwrap());
        }
        Ok(())
    }

    fn find(&self, path: &Path) -> io::Result<Option<Item>> {
        Ok(self.get(path).map(|file| Item {
            path: path.to_owned(),
            is_folder: false,
            size: file.size(),
            mtime_ns: 0,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        let file = self.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::<Counted>::clone(file))
    }
}

fn opened(files: &dyn Files, path: &str) -> Database {
    Database::open(files, Path::new(path)).unwrap().unwrap()
}

fn count(database: &Database) -> Result<i64, ChatError> {
    let mut count = 0;
    database.begin();
    database.each("SELECT count(*) FROM message", [], &mut |row| {
        count = row.integer(0).unwrap();
        true
    })?;
    Ok(count)
}

#[test]
fn what_was_committed_to_a_log_beside_the_database_is_seen() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.db");
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;").unwrap();
    writer.execute_batch(SOME).unwrap();
    writer.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    writer.execute_batch("INSERT INTO message VALUES(1000, 1, 'late')").unwrap();
    writer.execute_batch("INSERT INTO message VALUES(1001, 1, 'later')").unwrap();
    let files = Folder::new(folder.path());
    assert_eq!(count(&opened(&files, "a.db")).unwrap(), 401);

    // A log that ends in the middle counts up to the last whole commit.
    let log = folder.path().join("a.db-wal");
    let bytes = fs::read(&log).unwrap();
    let (main, copies) = (fs::read(&path).unwrap(), folder.path().join("copies"));
    fs::create_dir(&copies).unwrap();
    fs::write(copies.join("a.db"), &main).unwrap();
    fs::write(copies.join("a.db-wal"), bytes.get(..bytes.len() - 1).unwrap()).unwrap();
    assert_eq!(count(&opened(&Folder::new(&copies), "a.db")).unwrap(), 400);
    let mut changed = bytes.clone();
    *changed.get_mut(60).unwrap() ^= 1;
    fs::write(copies.join("a.db-wal"), changed).unwrap();
    assert_eq!(count(&opened(&Folder::new(&copies), "a.db")).unwrap(), 399);
    assert_eq!(fs::read(&path).unwrap(), main, "nothing was written");
}

#[test]
fn a_database_whose_transaction_was_under_way_is_marked() {
    let files = Memory::new(&[("a.db", made(SOME)), ("a.db-journal", vec![1])]);
    assert!(opened(&files, "a.db").has_journal());
    let files = Memory::new(&[("a.db", made(SOME)), ("a.db-journal", Vec::new())]);
    assert!(!opened(&files, "a.db").has_journal());
}

#[test]
fn nothing_can_be_written_or_opened_beside() {
    let files = Memory::new(&[("a.db", made(SOME))]);
    let database = opened(&files, "a.db");
    for sql in [
        "INSERT INTO message VALUES(9999, 1, 'x')",
        "ATTACH 'other.db' AS other",
        "PRAGMA journal_mode = WAL",
        "CREATE TEMP TABLE t(x)",
    ] {
        let tried = database.each(sql, [], &mut |_| true);
        assert!(tried.is_err() || sql.starts_with("PRAGMA"), "{sql}");
    }
    assert_eq!(count(&database).unwrap(), 399);
}

#[test]
fn a_store_that_fails_is_not_called_damage() {
    let files = Memory::new(&[("a.db", made(SOME))]);
    let database = opened(&files, "a.db");
    assert_eq!(count(&database).unwrap(), 399);
    let big = made(&format!(
        "{SOME} INSERT INTO message SELECT _id + 10000, 1, text_data || hex(zeroblob(900)) FROM message"
    ));
    let files = Memory::new(&[("a.db", big)]);
    let database = opened(&files, "a.db");
    *files.get(Path::new("a.db")).unwrap().fails_from.lock().unwrap() = Some(65536);
    let error = database.each("SELECT text_data FROM message", [], &mut |_| true).unwrap_err();
    assert!(matches!(error.fault, Fault::Read(_)), "{error:?}");
    assert_eq!(error.path, Path::new("a.db"));
}

#[test]
fn a_tree_that_leads_in_circles_ends() {
    let mut bytes = made(SOME);
    // Every child of the first inner page of a table becomes that page itself.
    let interior =
        (0..bytes.len() / 4096).find(|page| *page > 0 && bytes[page * 4096] == 5).unwrap();
    let begin = interior * 4096;
    let cells = usize::from(u16::from_be_bytes([bytes[begin + 3], bytes[begin + 4]]));
    for cell in 0..cells {
        let at = begin + 12 + 2 * cell;
        let place = begin + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let own = u32::try_from(interior + 1).unwrap().to_be_bytes();
        bytes[place..place + 4].copy_from_slice(&own);
    }
    let files = Memory::new(&[("a.db", bytes)]);
    let database = opened(&files, "a.db");
    database.begin();
    let read = database.each("SELECT text_data FROM message", [], &mut |_| true);
    assert!(read.is_err());
}

/// Reads everything that there is, of whatever was found; what is wrong is reported and nothing else.
fn read_all(bytes: Vec<u8>) {
    let files: Arc<dyn Files> = Arc::new(Memory::new(&[("msgstore.db", bytes)]));
    let mut messages = 0;
    for chats in open_all(&files, &mut |_| {}) {
        for chat in chats.conversations().unwrap_or_default() {
            let mut visit = |_: Message| {
                messages += 1;
                messages < 10_000
            };
            let _result = chats.messages(&chat.id, Range::default(), &mut visit);
            let last = Range { last: Some(3), ..Range::default() };
            let _result = chats.messages(&chat.id, last, &mut |_| true);
        }
        let _result = chats.search(&crate::needle::Needle::new("message 7"), &mut |_, _| true);
        let _result = chats.business();
    }
}

/// A whole message store, made once.
static PHONE: LazyLock<Vec<u8>> = LazyLock::new(|| made(&format!("{}{MESSAGES}", modern(true))));

/// A smaller one.
static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| made(SOME));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn changed_bytes_are_survived(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let mut bytes = PHONE.clone();
        let length = bytes.len();
        for (at, byte) in changes {
            // Every page begins with what matters most.
            let at = at.index(length);
            let at = if byte % 2 == 0 { at - at % 4096 + at % 100 } else { at };
            *bytes.get_mut(at).unwrap() = byte;
        }
        read_all(bytes);
    }

    #[test]
    fn cut_databases_are_survived(end in any::<prop::sample::Index>()) {
        let bytes = &*SMALL;
        read_all(bytes.get(..end.index(bytes.len())).unwrap().to_vec());
    }

    #[test]
    fn anything_after_the_name_is_survived(mut tail in prop::collection::vec(any::<u8>(), 600..9000)) {
        let mut bytes = super::MAGIC.to_vec();
        bytes.append(&mut tail);
        read_all(bytes);
    }
}

#[test]
fn an_index_that_lost_entries_is_found_without_looking_each_row_up() {
    let lost = "PRAGMA writable_schema = ON;
        CREATE TABLE other(a INTEGER PRIMARY KEY, b UNIQUE); INSERT INTO other VALUES(1, 2), (2, 3), (3, 4);
        CREATE TABLE fewer(b UNIQUE); INSERT INTO fewer VALUES(2);
        UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_fewer_1')
        WHERE name = 'sqlite_autoindex_other_1';";
    let check = |sql: &str| {
        let files = Memory::new(&[("a.db", made(sql))]);
        Database::open(&files, Path::new("a.db")).unwrap().unwrap().check().unwrap()
    };
    assert!(check(SOME).is_empty());
    let found = check(&format!("{SOME}{lost}"));
    assert_eq!(found, ["wrong # of entries in index sqlite_autoindex_other_1"]);
}

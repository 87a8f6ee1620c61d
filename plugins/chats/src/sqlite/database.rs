//! A database that is only read, and not trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Statement};

use super::MAGIC;
use super::pages::Pages;
use super::rows::Fields;
use super::vfs::Vfs;
use super::wal::Wal;
use crate::error::{ChatError, Fault};
use crate::files::Files;

/// No message and no thumbnail is larger.
const VALUE_BYTES_MAX: i32 = 64 << 20;

/// After so many steps SQLite asks whether to go on.
const STEPS: c_int = 100_000;

/// Nobody reads more findings about one database.
const FINDINGS_MAX: usize = 100;

/// Steps that the smallest database is allowed for one question.
const STEPS_MIN: u64 = 5_000_000;

/// Steps for one question, for every byte. A row is four bytes at least, and no question takes 200 steps for each of
/// them; a damaged database can name the same pages over and over.
const STEPS_PER_BYTE: u64 = 50;

/// What a table has.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of its columns, in small letters.
    pub columns: BTreeSet<String>,
    /// The column that is the number of the row.
    pub key: Option<String>,
    /// The columns of its indexes. Backups often have none of the app's own.
    pub indexes: Vec<Vec<String>>,
}

impl Table {
    /// Whether rows can be found by a column without reading all of them.
    pub fn is_indexed_by(&self, column: &str) -> bool {
        self.key.as_deref() == Some(column)
            || self.indexes.iter().any(|index| index.first().is_some_and(|first| first == column))
    }
}

/// A database.
#[derive(Debug)]
pub struct Database {
    // Dropped before the file system that it reads through.
    connection: Connection,
    vfs: Vfs,
    path: PathBuf,
    tables: BTreeMap<String, Table>,
    steps: Arc<AtomicU64>,
    page_bytes: u64,
    has_journal: bool,
}

impl Database {
    /// Opens a database with the log beside it; `None` if the file is none.
    pub fn open(files: &dyn Files, path: &Path) -> Result<Option<Self>, ChatError> {
        let fail = |fault| ChatError { path: path.to_owned(), fault };
        let source = files.open(path).map_err(|error| fail(Fault::Read(error)))?;
        let header = source.read_at(0, 100).map_err(|error| fail(Fault::Read(error)))?;
        if !header.starts_with(MAGIC) {
            return Ok(None);
        }
        let Some(page_bytes) = page_bytes(&header) else {
            return Err(fail(Fault::Damaged { what: "the size of its pages" }));
        };
        let wal = match beside(files, path, "-wal").map_err(|error| fail(Fault::Read(error)))? {
            Some(log) => Wal::open(log, page_bytes).map_err(|error| fail(Fault::Read(error)))?,
            None => None,
        };
        let has_journal = beside(files, path, "-journal").is_ok_and(|journal| journal.is_some());
        let pages = Arc::new(Pages::new(source, wal));
        let bytes = pages.size();
        let vfs =
            Vfs::new(pages).ok_or_else(|| fail(Fault::Database(rusqlite::Error::InvalidQuery)))?;
        let steps = Arc::new(AtomicU64::new(0));
        let connection = connect(&vfs, bytes, &steps).map_err(|error| {
            fail(vfs.pages().take_failure().map_or(Fault::Database(error), Fault::Read))
        })?;
        let path = path.to_owned();
        let tables = BTreeMap::new();
        let mut database = Self { connection, vfs, path, tables, steps, page_bytes, has_journal };
        database.tables = database.read_tables()?;
        Ok(Some(database))
    }

    /// The same database once more, for another thread: what one has read the other need not fetch.
    pub(crate) fn again_opened(&self) -> Result<Self, ChatError> {
        let refused = || self.fault(rusqlite::Error::InvalidQuery);
        let vfs = Vfs::new(self.vfs.shared_pages()).ok_or_else(refused)?;
        let steps = Arc::new(AtomicU64::new(0));
        let connection = connect(&vfs, self.bytes(), &steps).map_err(|error| self.fault(error))?;
        let (path, tables) = (self.path.clone(), self.tables.clone());
        let (page_bytes, has_journal) = (self.page_bytes, self.has_journal);
        Ok(Self { connection, vfs, path, tables, steps, page_bytes, has_journal })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A page, by its number from 1 on; `None` if there is no such whole page, or it cannot be read.
    pub(super) fn page(&self, number: u64) -> Option<Vec<u8>> {
        let mut page = vec![0; usize::try_from(self.page_bytes).ok()?];
        let offset = number.checked_sub(1)?.checked_mul(self.page_bytes)?;
        let read = self.vfs.pages().read(offset, &mut page)?;
        (read == page.len()).then_some(page)
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.vfs.pages().size()
    }

    /// Whether a transaction was under way when it was copied: its pages are partly old and partly new.
    pub fn has_journal(&self) -> bool {
        self.has_journal
    }

    /// A table, by its name in small letters.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// Whether there is such a column.
    pub fn has(&self, table: &str, column: &str) -> bool {
        self.table(table).is_some_and(|table| table.columns.contains(column))
    }

    /// Whether a table is there and has a row.
    pub fn has_rows(&self, table: &str) -> Result<bool, ChatError> {
        let mut has_rows = false;
        if self.table(table).is_some() {
            self.each(&format!("SELECT 1 FROM \"{table}\" LIMIT 1"), [], &mut |_| {
                has_rows = true;
                false
            })?;
        }
        Ok(has_rows)
    }

    /// A new question is asked, which may take as many steps as the size of the database permits.
    pub(crate) fn begin(&self) {
        self.steps.store(0, Ordering::Relaxed);
    }

    /// A list of columns for SQL, `NULL` for each that is not there.
    pub(crate) fn columns(&self, table: &str, columns: &[&str]) -> String {
        let named = columns.iter().map(|column| {
            if self.has(table, column) {
                format!("\"{table}\".\"{column}\"")
            } else {
                "NULL".to_owned()
            }
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// Asks, and visits every row of the answer until `visit` returns false.
    pub(crate) fn each(
        &self,
        sql: &str,
        parameters: impl Params,
        visit: &mut dyn FnMut(&Fields<'_>) -> bool,
    ) -> Result<(), ChatError> {
        let mut statement = self.prepare(sql)?;
        self.again(&mut statement, parameters, visit)
    }

    /// Something that is asked several times.
    pub(crate) fn prepare(&self, sql: &str) -> Result<Statement<'_>, ChatError> {
        self.connection.prepare(sql).map_err(|error| self.fault(error))
    }

    /// Asks what was prepared.
    pub(crate) fn again(
        &self,
        statement: &mut Statement<'_>,
        parameters: impl Params,
        visit: &mut dyn FnMut(&Fields<'_>) -> bool,
    ) -> Result<(), ChatError> {
        let mut rows = statement.query(parameters).map_err(|error| self.fault(error))?;
        while let Some(row) = rows.next().map_err(|error| self.fault(error))? {
            if !visit(&Fields::new(row)) {
                break;
            }
        }
        Ok(())
    }

    /// What it finds wrong with its tables and their indexes, at most so much of each as people read. Tables that only
    /// the app's own extensions understand, such as those for searching, are left out.
    ///
    /// Entries of indexes are counted, not looked up for each row: a database in a repository is decompressed wherever
    /// it is read, and each look would be somewhere else.
    pub(crate) fn check(&self) -> Result<Vec<String>, ChatError> {
        let mut findings = Vec::new();
        for table in self.tables.keys() {
            // Names come from the file.
            let sql = format!("PRAGMA quick_check(\"{}\")", table.replace('"', "\"\""));
            let checked = self.each(&sql, [], &mut |row| {
                let is_table = |finding: &String| finding != "ok";
                findings.extend(row.text(0).filter(is_table));
                findings.len() < FINDINGS_MAX
            });
            match checked {
                Ok(()) => {}
                Err(ChatError { fault: Fault::Database(error), .. }) if is_foreign(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(findings)
    }

    fn fault(&self, error: rusqlite::Error) -> ChatError {
        let failure = self.vfs.pages().take_failure();
        let fault = failure.map_or(Fault::Database(error), Fault::Read);
        ChatError { path: self.path.clone(), fault }
    }

    fn read_tables(&self) -> Result<BTreeMap<String, Table>, ChatError> {
        let mut tables: BTreeMap<String, Table> = BTreeMap::new();
        let columns = "SELECT lower(m.name), lower(c.name), c.pk, lower(c.type) = 'integer' \
            FROM sqlite_master m, pragma_table_info(m.name) c \
            WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%'";
        self.each(columns, [], &mut |row| {
            if let (Some(table), Some(column)) = (row.text(0), row.text(1)) {
                let table = tables.entry(table).or_default();
                // Of a key of several columns none is the number of the row.
                match row.integer(2) {
                    Some(1) if row.flag(3) => table.key = Some(column.clone()),
                    Some(number) if number > 1 => table.key = None,
                    Some(_) | None => {}
                }
                table.columns.insert(column);
            }
            true
        })?;
        let indexes = "SELECT lower(m.tbl_name), m.name, lower(c.name) FROM sqlite_master m, pragma_index_info(m.name) c \
            WHERE m.type = 'index' AND coalesce(m.sql, '') NOT LIKE '% WHERE %' ORDER BY m.rowid, c.seqno";
        let mut last = None;
        self.each(indexes, [], &mut |row| {
            let index = row.text(1);
            let table = row.text(0).and_then(|table| tables.get_mut(&table));
            if let (Some(table), column) = (table, row.text(2).unwrap_or_default()) {
                if index != last {
                    table.indexes.push(Vec::new());
                }
                table.indexes.last_mut().into_iter().for_each(|index| index.push(column.clone()));
            }
            last = index;
            true
        })?;
        Ok(tables)
    }
}

/// Whether it is not damage, but an order of words or a module that only the app has.
fn is_foreign(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::Unknown)
}

fn page_bytes(header: &[u8]) -> Option<u64> {
    let field = header.get(16..)?.first_chunk::<2>()?;
    match u64::from(u16::from_be_bytes(*field)) {
        1 => Some(65536),
        bytes if bytes >= 512 && bytes.is_power_of_two() => Some(bytes),
        _ => None,
    }
}

/// A file beside another that has something in it.
fn beside(
    files: &dyn Files,
    path: &Path,
    end: &str,
) -> std::io::Result<Option<Arc<dyn crate::files::ReadAt>>> {
    let Some(name) = path.file_name() else { return Ok(None) };
    let mut name = name.to_owned();
    name.push(end);
    let path = path.with_file_name(name);
    match files.find(&path)? {
        Some(item) if !item.is_folder && item.size > 0 => files.open(&path).map(Some),
        Some(_) | None => Ok(None),
    }
}

fn connect(vfs: &Vfs, bytes: u64, steps: &Arc<AtomicU64>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags_and_vfs("chats", flags, vfs.name().as_c_str())?;
    for (config, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        connection.set_db_config(config, is_on)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    connection.execute_batch(
        "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; \
        PRAGMA cache_size = -8192; PRAGMA query_only = ON;",
    )?;
    let steps = Arc::clone(steps);
    let calls_max = steps_max(bytes) / u64::try_from(STEPS).unwrap_or(1);
    connection
        .progress_handler(STEPS, Some(move || steps.fetch_add(1, Ordering::Relaxed) > calls_max))?;
    Ok(connection)
}

fn steps_max(bytes: u64) -> u64 {
    bytes.saturating_mul(STEPS_PER_BYTE).max(STEPS_MIN)
}

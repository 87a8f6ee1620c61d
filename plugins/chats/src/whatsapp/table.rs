//! The main table of messages: which conversation has which rows, in which order, and sums over them.
//!
//! Backups often lack the app's own indexes. With them a conversation is found without reading the others; without
//! them the table is read once from one end to the other.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;

use crate::error::ChatError;
use crate::model::Participant;
use crate::needle::Needle;
use crate::reader::Range;
use crate::sqlite::{Database, Fields};

use super::core::Core;
use super::names::Names;

/// Without an index the last messages of a conversation are looked for from the end. Rows are nearly, but not quite,
/// in the order of messages: so many rows more are looked at.
const SLACK_ROWS: u64 = 20_000;

/// What the rows of one conversation have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The number of a row of the table of conversations.
    Row(i64),
    /// An address.
    Address(String),
}

impl Key {
    fn value(&self) -> Value {
        match self {
            Self::Row(row) => Value::Integer(*row),
            Self::Address(address) => Value::Text(address.clone()),
        }
    }

    /// What a conversation is called that the table of conversations does not know.
    pub(crate) fn orphan_id(&self) -> String {
        match self {
            Self::Row(row) => format!("row {row}"),
            Self::Address(address) => address.clone(),
        }
    }

    /// Whether the app put it there itself, to mark the beginning of the table.
    pub(crate) fn is_sentinel(&self) -> bool {
        match self {
            Self::Row(row) => *row < 0,
            Self::Address(address) => address == "-1",
        }
    }
}

/// Sums over the messages of a conversation.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) messages: u64,
    pub(crate) media: u64,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    /// Who wrote, where that was seen on the way.
    pub(crate) writers: BTreeSet<Key>,
}

/// How the main table of a generation is built.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) table: &'static str,
    pub(crate) chat: &'static str,
    /// In which order messages are shown.
    pub(crate) order: &'static str,
    pub(crate) kind: &'static str,
    /// The number of a row.
    pub(crate) row: &'static str,
    pub(crate) time: &'static str,
    /// The time in a row, in ms since 1970.
    pub(crate) millis: fn(&Fields<'_>, usize) -> Option<i64>,
    /// Whether messages of a kind have a file.
    pub(crate) has_media: fn(i64) -> bool,
    /// Words that lie in tables with one row for each message: the table, the column that says for which, the words.
    pub(crate) beside: &'static [(&'static str, &'static str, &'static [&'static str])],
    pub(crate) sender: &'static str,
    /// What is read of a message.
    pub(crate) columns: &'static [&'static str],
    /// Makes a message of that.
    pub(crate) read: fn(&Fields<'_>, &Names, Option<&Participant>) -> Core,
    /// Columns with words.
    pub(crate) words: &'static [&'static str],
    /// Whether conversations are named by an address.
    pub(crate) is_by_address: bool,
}

impl Layout {
    /// What a row is found by. In databases that were put together by others the app's own number may be no key.
    pub(crate) fn id(&self, database: &Database) -> &'static str {
        let key = database.table(self.table).and_then(|table| table.key.as_deref());
        if key == Some(self.row) { self.row } else { "rowid" }
    }
}

/// A row, its place in the order, and its time.
type Placed = (i64, i64, i64);

/// The main table of a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Main<'a> {
    pub(crate) database: &'a Database,
    pub(crate) layout: &'static Layout,
}

impl Main<'_> {
    fn order(&self) -> &'static str {
        if self.database.has(self.layout.table, self.layout.order) {
            self.layout.order
        } else {
            self.layout.row
        }
    }

    fn time(&self) -> &'static str {
        if self.database.has(self.layout.table, self.layout.time) { self.layout.time } else { "0" }
    }

    fn place(&self, row: &Fields<'_>, column: usize) -> Placed {
        let number = |column| row.integer(column).unwrap_or(0);
        let time = (self.layout.millis)(row, column + 2).unwrap_or(0);
        (number(column), number(column + 1), time)
    }

    /// Whether a conversation is found without reading the others.
    pub(crate) fn is_indexed(&self) -> bool {
        let table = self.database.table(self.layout.table);
        table.is_some_and(|table| table.is_indexed_by(self.layout.chat))
    }

    fn key(&self, fields: &Fields<'_>, column: usize) -> Option<Key> {
        let key = if self.layout.is_by_address {
            fields.text(column).map(Key::Address)
        } else {
            fields.integer(column).map(Key::Row)
        };
        key.filter(|key| !key.is_sentinel())
    }

    /// Sums over every conversation.
    pub(crate) fn sums(&self) -> Result<BTreeMap<Key, Sums>, ChatError> {
        let Layout { table, chat, kind, sender, .. } = *self.layout;
        let columns = self.database.columns(table, &[chat, kind, self.layout.time, sender]);
        let mut all: BTreeMap<Key, Sums> = BTreeMap::new();
        // An index has its pages all over the file, and whoever reads in its order reads them again and again.
        let sql = format!("SELECT {columns} FROM {table} NOT INDEXED");
        self.database.each(&sql, [], &mut |row| {
            let Some(key) = self.key(row, 0) else { return true };
            let sums = all.entry(key).or_default();
            sums.messages += 1;
            sums.media += u64::from(row.integer(1).is_some_and(self.layout.has_media));
            if let Some(time) = (self.layout.millis)(row, 2) {
                sums.first = Some(sums.first.map_or(time, |first| first.min(time)));
                sums.last = Some(sums.last.map_or(time, |last| last.max(time)));
            }
            let writer = if self.layout.is_by_address {
                row.text(3).map(Key::Address)
            } else {
                row.integer(3).filter(|row| *row > 0).map(Key::Row)
            };
            if let Some(writer) = writer.filter(|writer| !sums.writers.contains(writer)) {
                sums.writers.insert(writer);
            }
            true
        })?;
        Ok(all)
    }

    /// The rows of a conversation in a range, in order.
    pub(crate) fn rows(&self, keys: &[Key], range: Range) -> Result<Vec<i64>, ChatError> {
        let only_last = range.last.filter(|_| range.since.is_none() && range.until.is_none());
        let mut placed = Vec::new();
        if self.is_indexed() {
            for key in keys {
                self.find(key, only_last, &mut placed)?;
            }
        } else if let Some(last) = only_last {
            self.look_from_the_end(keys, last, &mut placed)?;
        } else {
            self.look_everywhere(keys, &mut placed)?;
        }
        placed.sort_unstable();
        let begin = range.since.map_or(0, |since| {
            placed.iter().position(|(_, _, time)| *time >= since.millis()).unwrap_or(placed.len())
        });
        placed.drain(..begin);
        if let Some(until) = range.until {
            let end = placed.iter().position(|(_, _, time)| *time >= until.millis());
            placed.truncate(end.unwrap_or(placed.len()));
        }
        if let Some(last) = range.last.and_then(|last| usize::try_from(last).ok()) {
            placed.drain(..placed.len().saturating_sub(last));
        }
        Ok(placed.into_iter().map(|(_, row, _)| row).collect())
    }

    fn find(
        &self,
        key: &Key,
        last: Option<u64>,
        placed: &mut Vec<Placed>,
    ) -> Result<(), ChatError> {
        let Layout { table, chat, .. } = *self.layout;
        let id = self.layout.id(self.database);
        let order = self.order();
        // The time is asked for only where it decides: it is not in the index.
        let (time, end) = match last {
            Some(last) => (
                "0",
                format!(
                    " ORDER BY {order} DESC, {id} DESC LIMIT {}",
                    i64::try_from(last).unwrap_or(i64::MAX)
                ),
            ),
            None => (self.time(), String::new()),
        };
        let sql = format!("SELECT {order}, {id}, {time} FROM {table} WHERE {chat} = ?1{end}");
        self.database.each(&sql, [key.value()], &mut |row| {
            placed.push(self.place(row, 0));
            true
        })
    }

    fn look_everywhere(&self, keys: &[Key], placed: &mut Vec<Placed>) -> Result<(), ChatError> {
        let Layout { table, chat, .. } = *self.layout;
        let id = self.layout.id(self.database);
        let sql = format!("SELECT {chat}, {}, {id}, {} FROM {table}", self.order(), self.time());
        self.database.each(&sql, [], &mut |row| {
            if self.key(row, 0).is_some_and(|key| keys.contains(&key)) {
                placed.push(self.place(row, 1));
            }
            true
        })
    }

    fn look_from_the_end(
        &self,
        keys: &[Key],
        last: u64,
        placed: &mut Vec<Placed>,
    ) -> Result<(), ChatError> {
        let Layout { table, chat, .. } = *self.layout;
        let id = self.layout.id(self.database);
        let sql = format!(
            "SELECT {chat}, {}, {id}, {} FROM {table} ORDER BY {id} DESC",
            self.order(),
            self.time()
        );
        let mut slack = 0;
        self.database.each(&sql, [], &mut |row| {
            if self.key(row, 0).is_some_and(|key| keys.contains(&key)) {
                placed.push(self.place(row, 1));
            }
            let has_enough = u64::try_from(placed.len()).is_ok_and(|placed| placed >= last);
            slack += u64::from(has_enough);
            slack < SLACK_ROWS
        })
    }

    /// Rows whose words contain something, with their conversation, in the order of the table.
    pub(crate) fn search(
        &self,
        needle: &Needle,
        visit: &mut dyn FnMut(Key, i64) -> bool,
    ) -> Result<(), ChatError> {
        let Layout { table, chat, words, .. } = *self.layout;
        let mut columns = vec![
            format!("{table}.{}, {table}.{chat}", self.layout.id(self.database)),
            self.database.columns(table, words),
        ];
        let mut joins = String::new();
        let mut count = words.len();
        for (other, of, words) in self.layout.beside {
            if self.database.table(other).is_some_and(|other| other.is_indexed_by(of)) {
                columns.push(self.database.columns(other, words));
                count += words.len();
                joins = format!(
                    "{joins} LEFT JOIN {other} ON {other}.{of} = {table}.{}",
                    self.layout.row
                );
            }
        }
        let others = self.hits_in_options(needle)?;
        let columns = columns.join(", ");
        let sql = format!("SELECT {columns} FROM {table}{joins}");
        self.database.each(&sql, [], &mut |row| {
            let (Some(id), Some(key)) = (row.integer(0), self.key(row, 1)) else { return true };
            let mut words = (2..2 + count).filter_map(|column| row.bytes(column));
            let is_hit = words.any(|words| needle.is_in(&String::from_utf8_lossy(words)));
            if is_hit || others.contains(&id) { visit(key, id) } else { true }
        })
    }

    /// Messages with a word in a table that has several rows for each.
    fn hits_in_options(&self, needle: &Needle) -> Result<BTreeSet<i64>, ChatError> {
        let mut hits = BTreeSet::new();
        for (table, column) in [("message_poll_option", "option_name"), ("message_vcard", "vcard")]
        {
            if !self.database.has(table, "message_row_id") || !self.database.has(table, column) {
                continue;
            }
            let sql = format!("SELECT message_row_id, {column} FROM {table}");
            self.database.each(&sql, [], &mut |row| {
                let words = row.text(1).filter(|words| needle.is_in(words));
                hits.extend(words.and(row.integer(0)));
                true
            })?;
        }
        Ok(hits)
    }
}

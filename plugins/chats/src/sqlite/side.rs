//! Tables that say more about the rows of another.

use rusqlite::Statement;

use super::{Database, Fields};
use crate::error::ChatError;

/// A table whose rows belong to rows of another.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    database: &'a Database,
    statement: Statement<'a>,
    /// Without an index every question would read the whole table: it is read once, for the numbers of its rows.
    links: Option<Links<'a>>,
}

#[derive(Debug)]
struct Links<'a> {
    table: &'a str,
    column: &'a str,
    /// What a row belongs to, and its number. Read when it is asked for the first time.
    pairs: Option<Vec<(i64, i64)>>,
}

impl<'a> Side<'a> {
    /// A table whose `column` says what its rows belong to; `None` if it is not there or empty.
    pub(crate) fn open(
        database: &'a Database,
        table: &'a str,
        column: &'a str,
        columns: &[&str],
    ) -> Result<Option<Self>, ChatError> {
        if !database.has(table, column) || !database.has_rows(table)? {
            return Ok(None);
        }
        let is_indexed = database.table(table).is_some_and(|table| table.is_indexed_by(column));
        let columns = database.columns(table, columns);
        let by = if is_indexed { column } else { "rowid" };
        let sql = format!("SELECT {columns} FROM \"{table}\" WHERE \"{by}\" = ?1");
        let statement = database.prepare(&sql)?;
        let links = (!is_indexed).then_some(Links { table, column, pairs: None });
        Ok(Some(Self { database, statement, links }))
    }

    /// Visits every row that belongs to one.
    pub(crate) fn each(
        &mut self,
        owner: i64,
        visit: &mut dyn FnMut(&Fields<'_>),
    ) -> Result<(), ChatError> {
        let mut visit = |row: &Fields<'_>| {
            visit(row);
            true
        };
        let Some(links) = &mut self.links else {
            return self.database.again(&mut self.statement, [owner], &mut visit);
        };
        let pairs = match &mut links.pairs {
            Some(pairs) => pairs,
            none => none.insert(read_links(self.database, links.table, links.column)?),
        };
        let begin = pairs.partition_point(|(of, _)| *of < owner);
        for (_, row) in pairs.iter().skip(begin).take_while(|(of, _)| *of == owner) {
            self.database.again(&mut self.statement, [row], &mut visit)?;
        }
        Ok(())
    }
}

fn read_links(
    database: &Database,
    table: &str,
    column: &str,
) -> Result<Vec<(i64, i64)>, ChatError> {
    let mut pairs = Vec::new();
    let sql = format!("SELECT \"{column}\", rowid FROM \"{table}\"");
    database.each(&sql, [], &mut |row| {
        pairs.extend(row.integer(0).zip(row.integer(1)));
        true
    })?;
    pairs.sort_unstable();
    Ok(pairs)
}

//! The list of calls of an iPhone. Its calls belong to conversations, but lie in a database of their own.

use std::collections::BTreeMap;

use crate::error::ChatError;
use crate::model::{Call, Direction, Message, MessageKind, Time};
use crate::sqlite::Database;
use crate::whatsapp::names::Names;

use super::storage::millis;

/// Whether a database is a list of calls.
pub(crate) fn is_call_history(database: &Database) -> bool {
    database.has("zwacdcallevent", "zdate") && database.has("zwacdcallevent", "z_pk")
}

/// The outcome of a call that was taken.
const TAKEN: i64 = 0;

/// All calls, with the conversations that they belong to.
pub(super) fn read(
    database: &Database,
    names: &Names,
) -> Result<Vec<(String, Message)>, ChatError> {
    let people = people(database, names)?;
    let columns = ["z_pk", "zdate", "zduration", "zoutcome", "zgroupjidstring"];
    let columns = database.columns("zwacdcallevent", &columns);
    let has_sums = database.has("zwacdcallevent", "z1callevents")
        && database.has("zwaaggregatecallevent", "z_pk");
    let (sums, join) = if has_sums {
        let sums = database.columns("zwaaggregatecallevent", &["zincoming", "zvideo", "zmissed"]);
        let join = " LEFT JOIN zwaaggregatecallevent \
                ON zwaaggregatecallevent.z_pk = zwacdcallevent.z1callevents";
        (sums, join)
    } else {
        ("NULL, NULL, NULL".to_owned(), "")
    };
    let mut all = Vec::new();
    let sql = format!("SELECT {columns}, {sums} FROM zwacdcallevent{join}");
    database.each(&sql, [], &mut |row| {
        let id = row.integer(0).unwrap_or(0);
        let group = row.text(4).filter(|group| group.contains('@'));
        let address = group.or_else(|| people.get(&id).cloned());
        let mut message = Message::new(row.unsigned(0).unwrap_or(0), MessageKind::Call);
        message.time = millis(row, 1).map(Time::Utc);
        message.direction = match row.integer(5) {
            Some(0) => Direction::Sent,
            Some(_) => Direction::Received,
            None => Direction::Unknown,
        };
        let seconds = row.integer(2).and_then(|seconds| u64::try_from(seconds).ok());
        let is_taken = row.integer(3) == Some(TAKEN) || seconds.unwrap_or(0) > 0;
        let is_missed = row.flag(7) || !is_taken;
        message.call = Some(Call { is_video: row.flag(6), is_missed, seconds });
        message.sender = match message.direction {
            Direction::Sent => Some(names.me()),
            Direction::Received => people.get(&id).map(|who| names.by_address(who)),
            Direction::Unknown => None,
        };
        all.push((address.unwrap_or_else(|| "calls".to_owned()), message));
        true
    })?;
    Ok(all)
}

/// Somebody who took part, by the call.
fn people(database: &Database, names: &Names) -> Result<BTreeMap<i64, String>, ChatError> {
    let mut people = BTreeMap::new();
    let table = "zwacdcalleventparticipant";
    if database.has(table, "z1participants") && database.has(table, "zjidstring") {
        let sql = format!("SELECT z1participants, zjidstring FROM {table}");
        database.each(&sql, [], &mut |row| {
            if let (Some(call), Some(who)) = (row.integer(0), row.text(1)) {
                people.entry(call).or_insert_with(|| names.canonical(&who));
            }
            true
        })?;
    }
    Ok(people)
}

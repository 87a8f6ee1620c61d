//! The list of calls of databases in which no message stands for a call.

use crate::error::ChatError;
use crate::model::{Direction, Message, MessageKind, Time};
use crate::sqlite::Database;
use crate::whatsapp::names::Names;

/// Since 2022 every call has a message.
pub(super) fn are_apart(database: &Database) -> Result<bool, ChatError> {
    Ok(database.has("call_log", "timestamp")
        && database.has("call_log", "jid_row_id")
        && database.has_rows("call_log")?
        && !database.has_rows("message_call_log")?)
}

/// All calls, with the conversations that they belong to.
pub(super) fn read(
    database: &Database,
    names: &Names,
) -> Result<Vec<(String, Message)>, ChatError> {
    let columns = [
        "_id",
        "jid_row_id",
        "group_jid_row_id",
        "from_me",
        "timestamp",
        "video_call",
        "duration",
        "call_result",
        "call_id",
    ];
    let columns = database.columns("call_log", &columns);
    let mut all = Vec::new();
    database.each(&format!("SELECT {columns} FROM call_log"), [], &mut |row| {
        let address = |column| row.integer(column).and_then(|row| names.address(row));
        let who = address(1);
        let conversation = address(2).or(who).unwrap_or("calls").to_owned();
        let mut message = Message::new(row.unsigned(0).unwrap_or(0), MessageKind::Call);
        message.id = row.text(8);
        message.time = super::millis(row, 4).map(Time::Utc);
        let is_mine = row.flag(3);
        message.direction = if is_mine { Direction::Sent } else { Direction::Received };
        let them = || who.map(|who| names.by_address(who));
        message.sender = if is_mine { Some(names.me()) } else { them() };
        message.call = Some(super::details::call(row, [5, 6, 7]));
        all.push((conversation, message));
        true
    })?;
    Ok(all)
}

//! The main table since 2021: `message`, with `chat` and `jid` beside it.

use std::collections::BTreeMap;

use crate::error::ChatError;
use crate::model::Participant;
use crate::sqlite::Fields;

use crate::whatsapp::core::Core;
use crate::whatsapp::names::{Names, kind};
use crate::whatsapp::store::{Chat, Context, Members};
use crate::whatsapp::table::{Key, Layout};

pub(super) static LAYOUT: Layout = Layout {
    table: "message",
    chat: "chat_row_id",
    order: "sort_id",
    kind: "message_type",
    sender: "sender_jid_row_id",
    columns: &[
        "_id",
        "from_me",
        "key_id",
        "sender_jid_row_id",
        "timestamp",
        "message_type",
        "origin",
        "text_data",
        "starred",
        "origination_flags",
    ],
    read,
    words: &["text_data"],
    is_by_address: false,
    row: "_id",
    time: "timestamp",
    millis: super::millis,
    has_media: super::kinds::has_media,
    beside: super::BESIDE,
};

/// In the flags of where a message came from.
const FORWARDED: i64 = 1;

fn read(row: &Fields<'_>, names: &Names, peer: Option<&Participant>) -> Core {
    let is_mine = row.flag(1);
    let sender = row.integer(3).filter(|sender| *sender > 0).and_then(|row| names.participant(row));
    let number = row.integer(5).unwrap_or(0);
    let (kind, is_view_once) = super::kinds::kind(number, row.integer(6).unwrap_or(0));
    Core {
        row: row.integer(0).unwrap_or(0),
        is_mine,
        key: row.text(2),
        sender: if is_mine { Some(names.me()) } else { sender.or_else(|| peer.cloned()) },
        time: row.integer(4),
        number,
        kind: Some(kind),
        is_view_once,
        text: row.text(7),
        is_starred: row.flag(8),
        is_forwarded: row.integer(9).is_some_and(|flags| flags & FORWARDED != 0),
        ..Core::default()
    }
}

/// Every conversation that the database knows, and those whose hidden address has become a number together.
pub(super) fn chats(context: Context<'_>) -> Result<Vec<Chat>, ChatError> {
    let Context { database, names } = context;
    let channels = channel_names(context)?;
    let columns = ["_id", "jid_row_id", "subject", "archived", "hidden", "sort_timestamp"];
    let columns = database.columns("chat", &columns);
    let mut chats: BTreeMap<String, Chat> = BTreeMap::new();
    database.each(&format!("SELECT {columns} FROM chat"), [], &mut |row| {
        let Some(id) = row.integer(0) else { return true };
        let address = row.integer(1).and_then(|row| names.address(row));
        let key = Key::Row(id);
        let is_known = address.is_some();
        let address = address.map_or_else(|| key.orphan_id(), str::to_owned);
        let subject = row.text(2).or_else(|| channels.get(&id).cloned());
        let chat = chats.entry(address.clone()).or_insert_with(|| Chat {
            name: names.name(&address),
            kind: kind(&address),
            id: address,
            keys: Vec::new(),
            is_archived: true,
            last: None,
            is_listed: false,
        });
        chat.name = subject.unwrap_or(std::mem::take(&mut chat.name));
        chat.keys.push(key);
        chat.is_archived &= row.flag(3);
        chat.last = chat.last.max(super::millis(row, 5));
        chat.is_listed |= is_known && !row.flag(4);
        true
    })?;
    Ok(chats.into_values().collect())
}

fn channel_names(context: Context<'_>) -> Result<BTreeMap<i64, String>, ChatError> {
    let mut names = BTreeMap::new();
    if context.database.has("newsletter", "name")
        && context.database.has("newsletter", "chat_row_id")
    {
        context.database.each("SELECT chat_row_id, name FROM newsletter", [], &mut |row| {
            names.extend(row.integer(0).zip(row.text(1)));
            true
        })?;
    }
    Ok(names)
}

/// Who takes part in which group, now and earlier, by the address of the group.
pub(super) fn members(context: Context<'_>) -> Result<Members, ChatError> {
    let Context { database, names } = context;
    let mut members = Members::new();
    for table in ["group_participant_user", "group_past_participant_user"] {
        if !database.has(table, "group_jid_row_id") || !database.has(table, "user_jid_row_id") {
            continue;
        }
        let sql = format!("SELECT group_jid_row_id, user_jid_row_id FROM {table}");
        database.each(&sql, [], &mut |row| {
            let address = |column| row.integer(column).and_then(|row| names.address(row));
            if let (Some(group), Some(member)) = (address(0), address(1)) {
                members.entry(group.to_owned()).or_default().push(member.to_owned());
            }
            true
        })?;
    }
    Ok(members)
}

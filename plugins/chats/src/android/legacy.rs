//! The main table until 2021: `messages`, which names people and groups by their addresses.

use std::collections::BTreeMap;

use crate::error::ChatError;
use crate::model::{Media, Participant, Place, Quote};
use crate::sqlite::{Fields, Side};

use super::details::card_text;
use crate::whatsapp::core::{Core, file_name, media_path};
use crate::whatsapp::names::{Names, kind};
use crate::whatsapp::store::{Chat, Context, Members};
use crate::whatsapp::table::{Key, Layout};

pub(super) static LAYOUT: Layout = Layout {
    table: "messages",
    chat: "key_remote_jid",
    order: "_id",
    kind: "media_wa_type",
    sender: "remote_resource",
    columns: &[
        "_id",
        "key_from_me",
        "key_id",
        "remote_resource",
        "timestamp",
        "media_wa_type",
        "origin",
        "data",
        "starred",
        "forwarded",
        "status",
        "media_mime_type",
        "media_size",
        "media_name",
        "media_caption",
        "media_hash",
        "media_duration",
        "latitude",
        "longitude",
        "thumb_image",
        "quoted_row_id",
    ],
    read,
    words: &["data", "media_caption", "media_name"],
    is_by_address: true,
    row: "_id",
    time: "timestamp",
    millis: super::millis,
    has_media: super::kinds::has_media,
    beside: super::BESIDE,
};

/// The status of a message that the app itself put in. Its size says what happened.
const SYSTEM_STATUS: i64 = 6;

fn read(row: &Fields<'_>, names: &Names, peer: Option<&Participant>) -> Core {
    let is_mine = row.flag(1);
    let sender = row.text(3).filter(|address| address.contains('@'));
    let sender = sender.map(|address| names.by_address(&address)).or_else(|| peer.cloned());
    let number = row.integer(5).unwrap_or(0);
    let (kind, is_view_once) = super::kinds::kind(number, row.integer(6).unwrap_or(0));
    let mut core = Core {
        row: row.integer(0).unwrap_or(0),
        is_mine,
        key: row.text(2),
        sender: if is_mine { Some(names.me()) } else { sender },
        time: row.integer(4),
        number,
        kind: Some(kind),
        is_view_once,
        text: row.text(7),
        is_starred: row.flag(8),
        is_forwarded: row.integer(9).is_some_and(|flags| flags & 1 != 0),
        ..Core::default()
    };
    if row.integer(10) == Some(SYSTEM_STATUS) {
        core.system = Some(row.integer(12).unwrap_or(0));
        return core;
    }
    match number {
        4 | 14 => core.text = core.text.map(|card| card_text(&card)),
        5 | 16 => core.place = place(row),
        8 | 10 => core.call = Some(row.unsigned(16).unwrap_or(0)),
        1 | 2 | 3 | 9 | 13 | 20 | 42 | 43 => {
            // The words of such a row are a small picture, in the oldest versions.
            core.text = row.text(14);
            core.media = Some(media(row));
        }
        _ => core.text = core.text.or_else(|| row.text(14)),
    }
    core
}

fn place(row: &Fields<'_>) -> Option<Place> {
    let (latitude, longitude) = row.real(17).zip(row.real(18))?;
    Some(Place { latitude, longitude, name: row.text(13) })
}

fn media(row: &Fields<'_>) -> Media {
    let path = row.bytes(19).and_then(serialised_path);
    Media {
        name: row.text(13).or_else(|| file_name(path.as_deref()?)),
        path: path.as_deref().and_then(media_path),
        mime: row.text(11),
        bytes: row.unsigned(12).filter(|bytes| *bytes > 0),
        sha256: row.sha256(15),
        duration_ms: row.unsigned(16).filter(|s| *s > 0).map(|s| s.saturating_mul(1000)),
        missing: None,
    }
}

/// The path in a Java object: a `t`, the length in two bytes, the text.
fn serialised_path(object: &[u8]) -> Option<String> {
    if !object.starts_with(&[0xac, 0xed]) {
        return None;
    }
    object.windows(3).enumerate().find_map(|(at, head)| {
        let &[b't', high, low] = head else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let text = std::str::from_utf8(object.get(at + 3..at + 3 + length)?).ok()?;
        let is_path =
            text.starts_with("Media/") || text.starts_with('/') && text.contains("/Media/");
        is_path.then(|| text.to_owned())
    })
}

/// What messages answer: copies of them.
pub(super) fn quotes(context: Context<'_>) -> Result<Option<Side<'_>>, ChatError> {
    let columns = ["key_id", "key_from_me", "remote_resource", "data", "media_caption"];
    Side::open(context.database, "messages_quotes", "_id", &columns)
}

/// The answered message, of a row of copies.
pub(super) fn quote(row: &Fields<'_>, names: &Names, peer: Option<&Participant>) -> Quote {
    let sender = row.text(2).filter(|address| address.contains('@'));
    let sender = sender.map(|address| names.by_address(&address)).or_else(|| peer.cloned());
    let sender = if row.flag(1) { Some(names.me()) } else { sender };
    Quote { id: row.text(0), sender, text: row.text(3).or_else(|| row.text(4)) }
}

/// The subject of a conversation, whether it was put away, and when somebody wrote last.
type Listed = (Option<String>, bool, Option<i64>);

/// Every conversation that a list has.
pub(super) fn chats(context: Context<'_>) -> Result<Vec<Chat>, ChatError> {
    let Context { database, names } = context;
    let mut known: BTreeMap<String, Listed> = BTreeMap::new();
    if database.has("chat_list", "key_remote_jid") {
        let columns = database
            .columns("chat_list", &["key_remote_jid", "subject", "archived", "sort_timestamp"]);
        database.each(&format!("SELECT {columns} FROM chat_list"), [], &mut |row| {
            let listed = (row.text(1), row.flag(2), super::millis(row, 3));
            known.extend(row.text(0).map(|address| (address, listed)));
            true
        })?;
    }
    if database.has("chat", "jid_row_id") {
        let columns = database.columns("chat", &["jid_row_id", "subject", "archived", "hidden"]);
        database.each(&format!("SELECT {columns} FROM chat"), [], &mut |row| {
            let address = row.integer(0).and_then(|row| names.address(row));
            if let Some(address) = address.filter(|_| !row.flag(3)) {
                let entry = known.entry(address.to_owned()).or_default();
                *entry = (entry.0.take().or_else(|| row.text(1)), row.flag(2), entry.2);
            }
            true
        })?;
    }
    let mut chats: BTreeMap<String, Chat> = BTreeMap::new();
    for (spelling, (subject, is_archived, last)) in known {
        let id = names.canonical(&spelling);
        let chat = chats.entry(id.clone()).or_insert_with(|| Chat {
            name: names.name(&id),
            kind: kind(&id),
            id,
            keys: Vec::new(),
            is_archived,
            last,
            is_listed: true,
        });
        chat.name = subject.unwrap_or(std::mem::take(&mut chat.name));
        chat.keys.push(Key::Address(spelling));
    }
    Ok(chats.into_values().collect())
}

/// Who takes part in which group, by the address of the group.
pub(super) fn members(context: Context<'_>) -> Result<Members, ChatError> {
    let Context { database, names } = context;
    let mut members = Members::new();
    if database.has("group_participants", "gjid") && database.has("group_participants", "jid") {
        database.each("SELECT gjid, jid FROM group_participants", [], &mut |row| {
            // Whose phone it is has an empty address there.
            if let (Some(group), Some(member)) = (row.text(0), row.text(1)) {
                members.entry(group).or_default().push(names.canonical(&member));
            }
            true
        })?;
    }
    Ok(members)
}

//! The main tables of an iPhone: `ZWAMESSAGE`, `ZWACHATSESSION`, and who is in which group.

use crate::error::ChatError;
use crate::model::{MessageKind, Participant};
use crate::sqlite::{Database, Fields};
use crate::whatsapp::core::Core;
use crate::whatsapp::names::{Names, kind};
use crate::whatsapp::store::{Chat, Context, Members};
use crate::whatsapp::table::{Key, Layout};

/// From 1970 to 2001, where these times begin, in s.
const EPOCH: f64 = 978_307_200.0;

pub(super) static LAYOUT: Layout = Layout {
    table: "zwamessage",
    chat: "zchatsession",
    order: "zsort",
    kind: "zmessagetype",
    sender: "zgroupmember",
    columns: &[
        "z_pk",
        "zisfromme",
        "zstanzaid",
        "zgroupmember",
        "zmessagedate",
        "zmessagetype",
        "zfromjid",
        "ztext",
        "zstarred",
        "zgroupeventtype",
        "zmediaitem",
    ],
    read,
    words: &["ztext"],
    is_by_address: false,
    row: "z_pk",
    time: "zmessagedate",
    millis,
    has_media,
    beside: &[("zwamediaitem", "zmessage", &["ztitle", "zmedialocalpath"])],
};

/// The column of the layout that says which row of files belongs to a message.
pub(super) const MEDIA_ITEM: usize = 10;

/// A time, in ms since 1970.
pub(super) fn millis(row: &Fields<'_>, column: usize) -> Option<i64> {
    let seconds = row.real(column).filter(|seconds| seconds.abs() > 0.0)?;
    crate::sqlite::whole(((seconds + EPOCH) * 1000.0).round())
}

fn has_media(number: i64) -> bool {
    matches!(number, 1 | 2 | 3 | 8 | 11 | 15 | 38 | 39 | 53 | 54)
}

fn message_kind(number: i64) -> (MessageKind, bool) {
    let kind = match number {
        0 => MessageKind::Text,
        1 | 38 => MessageKind::Image,
        2 | 39 => MessageKind::Video,
        3 => MessageKind::Audio,
        4 => MessageKind::Contact,
        5 => MessageKind::Location,
        6 | 10 => MessageKind::System,
        7 => MessageKind::Link,
        8 => MessageKind::Document,
        11 => MessageKind::Gif,
        14 => MessageKind::Deleted,
        15 => MessageKind::Sticker,
        46 => MessageKind::Poll,
        53 => MessageKind::VoiceNote,
        54 => MessageKind::VideoNote,
        59 => MessageKind::Call,
        66 => MessageKind::Album,
        _ => MessageKind::Other,
    };
    (kind, matches!(number, 38 | 39 | 53))
}

fn read(row: &Fields<'_>, names: &Names, peer: Option<&Participant>) -> Core {
    let is_mine = row.flag(1);
    // A message of a group is from the group, and its member says from whom; some have the sender there.
    let member = row.integer(3).and_then(|member| names.participant(member));
    let sender = row.text(6).filter(|address| address.contains('@') && !address.ends_with("@g.us"));
    let sender = member
        .or_else(|| peer.cloned())
        .or_else(|| sender.map(|address| names.by_address(&address)));
    let number = row.integer(5).unwrap_or(0);
    let (kind, is_view_once) = message_kind(number);
    Core {
        row: row.integer(0).unwrap_or(0),
        is_mine,
        key: row.text(2),
        sender: if is_mine { Some(names.me()) } else { sender },
        time: millis(row, 4),
        number,
        kind: Some(kind),
        is_view_once,
        text: row.text(7),
        is_starred: row.flag(8),
        system: (kind == MessageKind::System).then(|| row.integer(9).unwrap_or(0)),
        ..Core::default()
    }
}

/// Reads who is who: the book of contacts, the members of groups, and what people call themselves.
pub(super) fn names(storage: &Database, contacts: Option<&Database>) -> Result<Names, ChatError> {
    let mut names = Names::default();
    let mut called = Vec::new();
    if let Some(contacts) = contacts {
        let columns = ["zwhatsappid", "zlid", "zfullname", "zbusinessname", "zgivenname"];
        let columns = contacts.columns("zwaaddressbookcontact", &columns);
        let sql = format!("SELECT {columns} FROM zwaaddressbookcontact");
        contacts.each(&sql, [], &mut |row| {
            let address = row.text(0).map(|address| with_server(&address));
            if let (Some(number), Some(hidden)) = (&address, row.text(1)) {
                names.hide(&hidden, number);
            }
            let name = row.text(2).or_else(|| row.text(3)).or_else(|| row.text(4));
            called.push((address.or_else(|| row.text(1)), name));
            true
        })?;
    }
    if storage.has("zwachatsession", "zcontactidentifier")
        && storage.has("zwachatsession", "zcontactjid")
    {
        let sql = "SELECT zcontactjid, zcontactidentifier FROM zwachatsession";
        storage.each(sql, [], &mut |row| {
            let number = row.text(1).filter(|number| number.ends_with("@s.whatsapp.net"));
            if let (Some(hidden), Some(number)) = (row.text(0), number) {
                names.hide(&hidden, &number);
            }
            true
        })?;
    }
    if storage.has("zwaprofilepushname", "zjid") && storage.has("zwaprofilepushname", "zpushname") {
        let sql = "SELECT zjid, zpushname FROM zwaprofilepushname";
        storage.each(sql, [], &mut |row| {
            names.call(row.text(0), row.text(1));
            true
        })?;
    }
    if storage.has("zwagroupmember", "zmemberjid") && storage.has("zwagroupmember", "z_pk") {
        let columns = ["z_pk", "zmemberjid", "zcontactname", "zfirstname"];
        let columns = storage.columns("zwagroupmember", &columns);
        storage.each(&format!("SELECT {columns} FROM zwagroupmember"), [], &mut |row| {
            if let (Some(member), Some(address)) = (row.integer(0), row.text(1)) {
                names.place(member, &address);
                names.call(Some(address), row.text(2).or_else(|| row.text(3)));
            }
            true
        })?;
    }
    // Whoever is in the book of contacts is called what the book says.
    for (address, name) in called {
        names.call(address, name);
    }
    Ok(names)
}

/// Numbers are written with and without what follows them.
fn with_server(address: &str) -> String {
    if address.contains('@') { address.to_owned() } else { format!("{address}@s.whatsapp.net") }
}

/// Every conversation of the list.
pub(super) fn chats(context: Context<'_>) -> Result<Vec<Chat>, ChatError> {
    let Context { database, names } = context;
    let columns = [
        "z_pk",
        "zcontactjid",
        "zpartnername",
        "zarchived",
        "zremoved",
        "zhidden",
        "zlastmessagedate",
    ];
    let columns = database.columns("zwachatsession", &columns);
    let mut chats: std::collections::BTreeMap<String, Chat> = std::collections::BTreeMap::new();
    database.each(&format!("SELECT {columns} FROM zwachatsession"), [], &mut |row| {
        let Some(id) = row.integer(0) else { return true };
        let key = Key::Row(id);
        let address = row.text(1).map(|address| names.canonical(&address));
        let is_known = address.is_some();
        let address = address.unwrap_or_else(|| key.orphan_id());
        let chat = chats.entry(address.clone()).or_insert_with(|| Chat {
            name: names.name(&address),
            kind: kind(&address),
            id: address,
            keys: Vec::new(),
            is_archived: true,
            last: None,
            is_listed: false,
        });
        chat.name = row.text(2).unwrap_or(std::mem::take(&mut chat.name));
        chat.keys.push(key);
        chat.is_archived &= row.flag(3);
        chat.last = chat.last.max(millis(row, 6));
        chat.is_listed |= is_known && !row.flag(4) && !row.flag(5);
        true
    })?;
    Ok(chats.into_values().collect())
}

/// Who is in which group.
pub(super) fn members(context: Context<'_>) -> Result<Members, ChatError> {
    let Context { database, names } = context;
    let mut members = Members::new();
    let has_all = database.has("zwagroupmember", "zchatsession")
        && database.has("zwagroupmember", "zmemberjid")
        && database.has("zwachatsession", "zcontactjid");
    if has_all {
        let sql = "SELECT s.zcontactjid, m.zmemberjid FROM zwagroupmember m \
            JOIN zwachatsession s ON s.z_pk = m.zchatsession";
        database.each(sql, [], &mut |row| {
            if let (Some(group), Some(member)) = (row.text(0), row.text(1)) {
                members.entry(group).or_default().push(names.canonical(&member));
            }
            true
        })?;
    }
    Ok(members)
}

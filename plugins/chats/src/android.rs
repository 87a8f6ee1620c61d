//! WhatsApp on Android: `msgstore.db`, of every generation, with the names of `wa.db` beside it.

mod business;
mod calls;
mod details;
mod kinds;
mod legacy;
mod modern;
mod places;

#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::ChatError;
use crate::files::{Files, Item};
use crate::model::{App, Business, Found, Media, Message, Participant, Remark};
use crate::reader::Chats;
use crate::sqlite::{Database, Fields, Side};
use crate::whatsapp::calls::Calls;
use crate::whatsapp::core::Core;
use crate::whatsapp::names::Names;
use crate::whatsapp::store::{Chat, Context, Members, Phone, Reader, Store};
use crate::whatsapp::table::Layout;

use self::details::Details;
use self::places::Places;

pub(crate) use self::details::card_text;

/// Tables that most versions have, and that say something of messages.
const USUAL: &[&str] =
    &["jid", "message_media", "message_quoted", "message_add_on", "message_system", "call_log"];

/// Words that lie beside the main table, one row for each message.
const BESIDE: &[(&str, &str, &[&str])] = &[
    ("message_media", "message_row_id", &["media_name", "media_caption", "file_path"]),
    ("message_quoted", "message_row_id", &["text_data"]),
    ("message_product", "message_row_id", &["title", "description"]),
    ("message_order", "message_row_id", &["order_title", "message"]),
    ("message_event", "message_row_id", &["name", "description"]),
    ("message_template", "message_row_id", &["content_text_data"]),
    ("message_group_invite", "message_row_id", &["group_name"]),
];

/// A time as these databases write it.
fn millis(row: &Fields<'_>, column: usize) -> Option<i64> {
    row.integer(column).filter(|time| *time > 0)
}

/// A phone with Android.
#[derive(Debug)]
struct Android {
    layout: &'static Layout,
    places: Places,
    files: Arc<dyn Files>,
}

/// Whether a database is a message store.
pub(crate) fn is_message_store(database: &Database) -> bool {
    is_modern(database) || has_all(database, "messages", &["_id", "key_remote_jid"])
}

fn has_all(database: &Database, table: &str, columns: &[&str]) -> bool {
    columns.iter().all(|column| database.has(table, column))
}

fn is_modern(database: &Database) -> bool {
    has_all(database, "message", &["_id", "chat_row_id"]) && database.has("chat", "_id")
}

/// Takes a message store for reading.
pub(crate) fn open(
    files: &Arc<dyn Files>,
    database: Database,
    report: &mut dyn FnMut(ChatError),
) -> Result<Vec<Box<dyn Chats>>, ChatError> {
    let path = database.path().to_owned();
    let layout = generation(&database)?;
    let places = Places::of(&path);
    let contacts = places.contacts(files.as_ref(), report);
    let is_business = places.is_business() || database.has_rows("quick_replies")?;
    let app = if is_business { App::WhatsAppBusiness } else { App::WhatsApp };
    let mut remarks = Vec::new();
    let is_legacy = layout.is_by_address;
    let absent = USUAL.iter().filter(|table| !is_legacy && database.table(table).is_none());
    remarks.extend(absent.map(|table| Remark::Absent { what: (*table).to_owned() }));
    if contacts.is_none() {
        remarks.push(Remark::Absent { what: "wa.db".to_owned() });
    }
    if database.has_journal() {
        remarks.push(Remark::Unfinished);
    }
    let found = Found { path, app, form: "database", remarks };
    let names = Names::read(&database, contacts.as_ref())?;
    let mut all: Vec<Box<dyn Chats>> = Vec::new();
    if calls::are_apart(&database)? {
        let found = Found { form: "calls", remarks: Vec::new(), ..found.clone() };
        let (database, names) = (database.again_opened()?, names.clone());
        all.push(Box::new(Calls { found, database, names, read: calls::read }));
    }
    let phone = Android { layout, places, files: Arc::clone(files) };
    all.insert(0, Box::new(Store { found, database, layout, names, phone }));
    Ok(all)
}

/// While a database is changed from one generation to the next it has both tables: the one with more in it counts.
fn generation(database: &Database) -> Result<&'static Layout, ChatError> {
    let last = |table| {
        let mut last = None;
        if database.has(table, "_id") {
            // Both begin with a row that marks the beginning.
            let sql = format!("SELECT _id FROM {table} WHERE _id > 1 ORDER BY _id DESC LIMIT 1");
            database.each(&sql, [], &mut |row| {
                last = row.integer(0);
                true
            })?;
        }
        Ok(last)
    };
    if !is_modern(database) {
        return Ok(&legacy::LAYOUT);
    }
    if !database.has("messages", "key_remote_jid") || last("message")? >= last("messages")? {
        return Ok(&modern::LAYOUT);
    }
    Ok(&legacy::LAYOUT)
}

impl Phone for Android {
    fn chats(&self, context: Context<'_>) -> Result<Vec<Chat>, ChatError> {
        if self.layout.is_by_address { legacy::chats(context) } else { modern::chats(context) }
    }

    fn members(&self, context: Context<'_>) -> Result<Members, ChatError> {
        if self.layout.is_by_address { legacy::members(context) } else { modern::members(context) }
    }

    fn reader<'a>(&'a self, context: Context<'a>) -> Result<Box<dyn Reader + 'a>, ChatError> {
        let Layout { table, columns, .. } = *self.layout;
        let columns = context.database.columns(table, columns);
        let id = self.layout.id(context.database);
        let sql = format!("SELECT {columns} FROM {table} WHERE {id} = ?1");
        let quotes = if self.layout.is_by_address { legacy::quotes(context)? } else { None };
        Ok(Box::new(Rows {
            context,
            layout: self.layout,
            statement: context.database.prepare(&sql)?,
            details: Details::open(context)?,
            quotes,
            quoted: self.layout.columns.iter().position(|column| *column == "quoted_row_id"),
        }))
    }

    fn business(&self, context: Context<'_>) -> Result<Business, ChatError> {
        // What is wrong with the book of contacts was said when it was opened first.
        let contacts = self.places.contacts(self.files.as_ref(), &mut |_| {});
        business::read(context, contacts.as_ref())
    }

    fn files(&self) -> &dyn Files {
        self.files.as_ref()
    }

    fn find_media(&self, media: &Media) -> Result<Option<Item>, ChatError> {
        self.places.find_media(self.files.as_ref(), media)
    }

    fn media_folders(&self) -> Vec<PathBuf> {
        self.places.media_folders(self.files.as_ref())
    }
}

/// What messages are read with: statements are prepared once.
struct Rows<'a> {
    context: Context<'a>,
    layout: &'static Layout,
    statement: rusqlite::Statement<'a>,
    details: Details<'a>,
    quotes: Option<Side<'a>>,
    quoted: Option<usize>,
}

impl Reader for Rows<'_> {
    fn read(&mut self, row: i64, peer: Option<&Participant>) -> Result<Option<Message>, ChatError> {
        let names = self.context.names;
        let (mut core, mut quoted): (Option<Core>, Option<i64>) = (None, None);
        self.context.database.again(&mut self.statement, [row], &mut |fields: &Fields<'_>| {
            core = Some((self.layout.read)(fields, names, peer));
            quoted = self.quoted.and_then(|column| fields.integer(column)).filter(|row| *row > 0);
            false
        })?;
        let Some(mut core) = core else { return Ok(None) };
        if let (Some(quotes), Some(quoted)) = (&mut self.quotes, quoted) {
            quotes.each(quoted, &mut |fields| {
                core.quote = Some(legacy::quote(fields, names, peer));
            })?;
        }
        self.details.complete(core, peer).map(Some)
    }
}

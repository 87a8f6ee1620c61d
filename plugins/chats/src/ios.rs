//! WhatsApp on iPhones: `ChatStorage.sqlite`, in a folder or in a backup that Finder or iTunes made.

mod backup;
mod calls;
mod storage;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::android::card_text;
use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, find_file};
use crate::model::{
    App, Found, Media, Message, MessageKind, Participant, Place, Quote, Reaction, Remark, Time,
};
use crate::proto::{Value, fields};
use crate::reader::Chats;
use crate::sqlite::{Database, Fields, Side};
use crate::whatsapp::calls::Calls;
use crate::whatsapp::core::{Core, file_name};
use crate::whatsapp::store::{Chat, Context, Members, Phone, Reader, Store};
use crate::whatsapp::table::Layout;

use self::backup::Backup;
use self::storage::{LAYOUT, MEDIA_ITEM};

pub(crate) use self::backup::is_list;

/// What the database is called in a backup: the SHA-1 of its place on the phone.
pub(crate) const HASHED: &[&str] =
    &["7c7fba66680ef796b916b067077cc246adacf01d", "724bd3b98b18518b455a87c1f3ac3a0d189c4466"];

/// The book of contacts of each of them.
const HASHED_CONTACTS: &[&str] =
    &["b8548dc30aa1030df0ce18ef08b882cf7ab5212f", "d7246a707f51ddf8b17ee2dddabd9e0a4da5c552"];

/// What is found in backups by name.
const STORAGE: &str = "ChatStorage.sqlite";
const CONTACTS: &str = "ContactsV2.sqlite";
const CALLS: &str = "CallHistory.sqlite";

const MEDIA: &[&str] = &[
    "zmedialocalpath",
    "ztitle",
    "zfilesize",
    "zmovieduration",
    "zvcardstring",
    "zvcardname",
    "zlatitude",
    "zlongitude",
    "zmetadata",
];

/// An iPhone.
#[derive(Debug)]
struct Iphone {
    files: Arc<dyn Files>,
    folder: PathBuf,
}

/// Whether a database is a message store.
pub(crate) fn is_message_store(database: &Database) -> bool {
    ["z_pk", "zchatsession"].iter().all(|column| database.has(LAYOUT.table, column))
        && database.has("zwachatsession", "z_pk")
}

/// Takes a message store for reading.
pub(crate) fn open(
    files: &Arc<dyn Files>,
    database: Database,
    report: &mut dyn FnMut(ChatError),
) -> Result<Box<dyn Chats>, ChatError> {
    let path = database.path().to_owned();
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut remarks = Vec::new();
    let contacts = contacts(files.as_ref(), &path, report);
    if contacts.is_none() {
        remarks.push(Remark::Absent { what: CONTACTS.to_owned() });
    }
    let others = ["zwamediaitem", "zwagroupmember", "zwamessageinfo"];
    let absent = others.iter().filter(|table| database.table(table).is_none());
    remarks.extend(absent.map(|table| Remark::Absent { what: (*table).to_uppercase() }));
    if database.has_journal() {
        remarks.push(Remark::Unfinished);
    }
    let found = Found { app: app(&path), path, form: "database", remarks };
    let names = storage::names(&database, contacts.as_ref())?;
    let phone = Iphone { files: Arc::clone(files), folder };
    Ok(Box::new(Store { found, database, layout: &LAYOUT, names, phone }))
}

/// Opens what a backup has, by its list.
pub(crate) fn open_backup(
    files: &Arc<dyn Files>,
    list: &Database,
    report: &mut dyn FnMut(ChatError),
) -> Vec<Box<dyn Chats>> {
    let apps = Backup::read(files, list).unwrap_or_else(|error| {
        report(error);
        Vec::new()
    });
    let mut chats: Vec<Box<dyn Chats>> = Vec::new();
    for (place, backup) in apps {
        let files: Arc<dyn Files> = Arc::new(backup);
        for name in [STORAGE, CALLS] {
            let path = place.join(name);
            // A list can name more than was copied.
            if !matches!(files.find(&path), Ok(Some(_))) {
                continue;
            }
            let opened = match Database::open(files.as_ref(), &path) {
                Ok(Some(database)) if is_message_store(&database) => open(&files, database, report),
                Ok(Some(database)) if is_call_history(&database) => {
                    open_calls(&files, database, report)
                }
                Ok(_) => Err(ChatError {
                    path,
                    fault: Fault::Unrecognised { expected: "database of WhatsApp" },
                }),
                Err(error) => Err(error),
            };
            match opened {
                Ok(opened) => chats.push(opened),
                Err(error) => report(error),
            }
        }
    }
    chats
}

pub(crate) use self::calls::is_call_history;

/// Takes a list of calls for reading.
pub(crate) fn open_calls(
    files: &Arc<dyn Files>,
    database: Database,
    report: &mut dyn FnMut(ChatError),
) -> Result<Box<dyn Chats>, ChatError> {
    let path = database.path().to_owned();
    let contacts = contacts(files.as_ref(), &path, report);
    let names = storage::names(&database, contacts.as_ref())?;
    let found = Found { app: app(&path), path, form: "calls", remarks: Vec::new() };
    Ok(Box::new(Calls { found, database, names, read: calls::read }))
}

fn app(path: &Path) -> App {
    let path = path.to_string_lossy();
    let is_business =
        path.contains("WhatsAppSMB") || HASHED.get(1).is_some_and(|id| path.ends_with(id));
    if is_business { App::WhatsAppBusiness } else { App::WhatsApp }
}

fn contacts(files: &dyn Files, path: &Path, report: &mut dyn FnMut(ChatError)) -> Option<Database> {
    let beside = path.with_file_name(CONTACTS);
    let name = path.file_name().unwrap_or_default();
    let hashed = HASHED.iter().zip(HASHED_CONTACTS).find(|(id, _)| name == **id);
    let hashed =
        hashed.and_then(|(_, id)| Some(path.parent()?.parent()?.join(id.get(..2)?).join(id)));
    for path in std::iter::once(beside).chain(hashed) {
        if !matches!(files.find(&path), Ok(Some(_))) {
            continue;
        }
        match Database::open(files, &path) {
            Ok(Some(database)) if database.table("zwaaddressbookcontact").is_some() => {
                return Some(database);
            }
            Ok(_) => {}
            Err(error) => report(error),
        }
    }
    None
}

impl Phone for Iphone {
    fn chats(&self, context: Context<'_>) -> Result<Vec<Chat>, ChatError> {
        storage::chats(context)
    }

    fn members(&self, context: Context<'_>) -> Result<Members, ChatError> {
        storage::members(context)
    }

    fn reader<'a>(&'a self, context: Context<'a>) -> Result<Box<dyn Reader + 'a>, ChatError> {
        let Layout { table, columns, .. } = LAYOUT;
        let id = LAYOUT.id(context.database);
        let columns = context.database.columns(table, columns);
        let sql = format!("SELECT {columns} FROM {table} WHERE {id} = ?1");
        let side =
            |table, column, columns: &[&str]| Side::open(context.database, table, column, columns);
        let link = ["ztitle", "zsummary", "zcontent1"];
        Ok(Box::new(Rows {
            context,
            statement: context.database.prepare(&sql)?,
            media: side("zwamediaitem", "z_pk", MEDIA)?,
            // Where the message does not say which row is its own, the row says whose it is.
            media_by_message: if context.database.has(table, "zmediaitem") {
                None
            } else {
                side("zwamediaitem", "zmessage", MEDIA)?
            },
            receipts: side("zwamessageinfo", "zmessage", &["zreceiptinfo"])?,
            links: side("zwamessagedataitem", "zmessage", &link)?,
        }))
    }

    fn files(&self) -> &dyn Files {
        self.files.as_ref()
    }

    fn find_media(&self, media: &Media) -> Result<Option<Item>, ChatError> {
        match &media.path {
            Some(path) => find_file(self.files.as_ref(), &self.folder.join(path)),
            None => Ok(None),
        }
    }

    fn media_folders(&self) -> Vec<PathBuf> {
        let folder = self.folder.join("Message/Media");
        let is_there = self.files.find(&folder).ok().flatten().is_some_and(|item| item.is_folder);
        is_there.then_some(folder).into_iter().collect()
    }
}

/// What messages are read with.
struct Rows<'a> {
    context: Context<'a>,
    statement: rusqlite::Statement<'a>,
    media: Option<Side<'a>>,
    media_by_message: Option<Side<'a>>,
    receipts: Option<Side<'a>>,
    links: Option<Side<'a>>,
}

impl Reader for Rows<'_> {
    fn read(&mut self, row: i64, peer: Option<&Participant>) -> Result<Option<Message>, ChatError> {
        let names = self.context.names;
        let (mut core, mut item): (Option<Core>, Option<i64>) = (None, None);
        self.context.database.again(&mut self.statement, [row], &mut |row: &Fields<'_>| {
            core = Some((LAYOUT.read)(row, names, peer));
            item = row.integer(MEDIA_ITEM);
            false
        })?;
        let Some(core) = core else { return Ok(None) };
        let mut message = core.message();
        if let (Some(media), Some(item)) = (&mut self.media, item) {
            media.each(item, &mut |fields| self.context.add_media(fields, &mut message))?;
        }
        if let Some(media) = &mut self.media_by_message {
            media.each(row, &mut |fields| self.context.add_media(fields, &mut message))?;
        }
        if let Some(receipts) = &mut self.receipts {
            receipts.each(row, &mut |fields| {
                message.reactions = self.context.reactions(fields.bytes(0).unwrap_or_default());
            })?;
        }
        if let (Some(links), true) = (&mut self.links, message.kind == MessageKind::Text) {
            links.each(row, &mut |fields| {
                if fields.text(0).or_else(|| fields.text(1)).is_some() {
                    message.kind = MessageKind::Link;
                }
            })?;
        }
        Ok(Some(message))
    }
}

impl Context<'_> {
    /// A row of files belongs to everything that is more than words, and to answers.
    fn add_media(&self, row: &Fields<'_>, message: &mut Message) {
        if let Some(metadata) = row.bytes(8) {
            message.quote = self.quote(metadata);
        }
        let (path, title) = (row.text(0), row.text(1));
        match message.kind {
            MessageKind::Location | MessageKind::LiveLocation => {
                let place = row.real(6).zip(row.real(7));
                message.place =
                    place.map(|(latitude, longitude)| Place { latitude, longitude, name: title });
            }
            MessageKind::Contact => {
                message.text = row.text(4).map(|card| card_text(&card)).or_else(|| row.text(5));
            }
            MessageKind::Image
            | MessageKind::Video
            | MessageKind::Gif
            | MessageKind::VideoNote
            | MessageKind::Audio
            | MessageKind::VoiceNote
            | MessageKind::Sticker
            | MessageKind::Document
            | MessageKind::Other => add_file(row, path.as_deref(), title, message),
            MessageKind::Text
            | MessageKind::Link
            | MessageKind::Poll
            | MessageKind::Event
            | MessageKind::Album
            | MessageKind::Call
            | MessageKind::Invitation
            | MessageKind::Product
            | MessageKind::System
            | MessageKind::Deleted => {
                message.text = message.text.take().or(title);
            }
        }
    }

    /// What a message answers: the id, who said it, and a copy of what was said.
    fn quote(&self, metadata: &[u8]) -> Option<Quote> {
        let mut quote = Quote { id: None, sender: None, text: None };
        for (number, value) in sound_fields(metadata) {
            match number {
                5 => quote.id = value.text(),
                6 => {
                    quote.sender = value
                        .text()
                        .filter(|who| who.contains('@'))
                        .map(|who| self.names.by_address(&who));
                }
                19 => quote.text = value.text(),
                _ => {}
            }
        }
        quote.id.is_some().then_some(quote)
    }

    /// The last reaction of each person; an empty one was taken back. One without a sender is one's own.
    fn reactions(&self, receipts: &[u8]) -> Vec<Reaction> {
        let mut latest: BTreeMap<Option<String>, (u64, String)> = BTreeMap::new();
        let lists = sound_fields(receipts).filter(|(number, _)| *number == 7);
        let entries = lists.filter_map(|(_, list)| list.bytes()).flat_map(sound_fields);
        for entry in
            entries.filter(|(number, _)| *number == 1).filter_map(|(_, entry)| entry.bytes())
        {
            let (mut sender, mut text, mut time) = (None, None, 0);
            for (number, value) in sound_fields(entry) {
                match number {
                    2 => sender = value.text(),
                    3 => {
                        text = value.bytes().map(|text| String::from_utf8_lossy(text).into_owned());
                    }
                    4 => time = value.number().unwrap_or(0),
                    _ => {}
                }
            }
            let Some(text) = text else { continue };
            let kept = latest.entry(sender).or_default();
            if time >= kept.0 {
                *kept = (time, text);
            }
        }
        let latest = latest.into_iter().filter(|(_, (_, text))| !text.is_empty());
        latest
            .map(|(sender, (time, text))| Reaction {
                sender: Some(
                    sender.map_or_else(|| self.names.me(), |who| self.names.by_address(&who)),
                ),
                text,
                count: 1,
                time: i64::try_from(time)
                    .ok()
                    .filter(|time| *time > 1_000_000_000_000)
                    .map(Time::Utc),
            })
            .collect()
    }
}

fn add_file(row: &Fields<'_>, path: Option<&str>, title: Option<String>, message: &mut Message) {
    let mime = row.text(4).filter(|mime| mime.contains('/') && mime.len() < 100);
    let is_voice = path
        .is_some_and(|path| Path::new(path).extension().is_some_and(|end| end == "opus"))
        || mime.as_deref().is_some_and(|mime| mime.contains("opus"));
    if message.kind == MessageKind::Audio && is_voice {
        message.kind = MessageKind::VoiceNote;
    }
    let is_document = message.kind == MessageKind::Document;
    let name = title.clone().filter(|_| is_document);
    if message.kind == MessageKind::Other && path.is_none() {
        message.text = message.text.take().or(title);
        return;
    }
    let inside =
        path.filter(|path| !path.split('/').any(|part| part == "..") && !path.starts_with('/'));
    message.media = vec![Media {
        name: name.or_else(|| file_name(path?)),
        // What is stored is relative to this folder, in most versions.
        path: inside.map(|path| {
            let is_whole = path.starts_with("Message/");
            if is_whole { PathBuf::from(path) } else { Path::new("Message").join(path) }
        }),
        mime,
        bytes: row.unsigned(2).filter(|bytes| *bytes > 0),
        sha256: row.sha256(5).or_else(|| row.sha256(4)),
        duration_ms: row.unsigned(3).filter(|s| *s > 0).map(|s| s.saturating_mul(1000)),
        missing: None,
    }];
    if !is_document {
        message.text = message.text.take().or(title);
    }
}

/// The fields up to where they make no sense any more: what is known of a message is shown.
fn sound_fields(message: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    fields(message).map_while(Result::ok)
}

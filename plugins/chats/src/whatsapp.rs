//! WhatsApp's databases, of whichever phone: recognised by what is in them, once each.

pub(crate) mod calls;
pub(crate) mod core;
mod estimate;
pub(crate) mod names;
pub(crate) mod store;
pub(crate) mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::android;
use crate::error::{ChatError, Fault};
use crate::files::{Files, Item};
use crate::ios;
use crate::reader::{Chats, Format, Interest};
use crate::sqlite::Database;

/// Databases of WhatsApp.
pub(crate) const FORMAT: Format = Format { interest, open };

/// No database is smaller than a page.
const BYTES_MIN: u64 = 512;

/// Files beside a database that are read with it.
const BESIDE: &[&str] = &["-wal", "-shm", "-journal"];

fn interest(item: &Item) -> Interest {
    let name = item.path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if item.size < BYTES_MIN || BESIDE.iter().any(|end| name.ends_with(end)) {
        return Interest::No;
    }
    let is_named =
        ["manifest.db", "chatstorage.sqlite", "callhistory.sqlite"].contains(&name.as_str());
    if is_named || name.contains("msgstore") || ios::HASHED.contains(&name.as_str()) {
        return Interest::Named;
    }
    match name.rsplit_once('.') {
        Some((_, "db" | "db3" | "sqlite" | "sqlite3" | "decrypted")) => Interest::Perhaps,
        Some(_) | None => Interest::No,
    }
}

fn open(
    files: &Arc<dyn Files>,
    items: &[Item],
    report: &mut dyn FnMut(ChatError),
) -> Vec<Box<dyn Chats>> {
    let mut chats = Vec::new();
    // Where there is a list of a backup, it names its databases.
    let mut lists: Vec<PathBuf> = Vec::new();
    let (hashed, named): (Vec<_>, Vec<_>) = items.iter().partition(|item| is_hashed(&item.path));
    for item in named.into_iter().chain(hashed) {
        if is_hashed(&item.path) && lists.iter().any(|list| item.path.starts_with(list)) {
            continue;
        }
        match open_one(files, item, report) {
            Ok(Opened::Chats(opened)) => chats.extend(opened),
            Ok(Opened::Backup(opened)) => {
                lists.extend(item.path.parent().map(Path::to_owned));
                chats.extend(opened);
            }
            Err(error) if interest(item) == Interest::Named => report(error),
            // Something else that is damaged.
            Ok(Opened::Nothing) | Err(_) => {}
        }
    }
    chats
}

/// What a database turned out to be.
enum Opened {
    Chats(Vec<Box<dyn Chats>>),
    Backup(Vec<Box<dyn Chats>>),
    Nothing,
}

fn open_one(
    files: &Arc<dyn Files>,
    item: &Item,
    report: &mut dyn FnMut(ChatError),
) -> Result<Opened, ChatError> {
    let name = item.path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let fail = |fault| Err(ChatError { path: item.path.clone(), fault });
    let Some(database) = Database::open(files.as_ref(), &item.path)? else {
        // An encrypted backup has an encrypted list.
        let beside = item.path.with_file_name("Manifest.plist");
        let is_list = name == "manifest.db" && matches!(files.find(&beside), Ok(Some(_)));
        let expected = "list of an unencrypted backup of an iPhone";
        return if is_list { fail(Fault::Unrecognised { expected }) } else { Ok(Opened::Nothing) };
    };
    if android::is_message_store(&database) {
        return android::open(files, database, report).map(Opened::Chats);
    }
    if ios::is_message_store(&database) {
        return ios::open(files, database, report).map(|opened| Opened::Chats(vec![opened]));
    }
    if ios::is_call_history(&database) {
        return ios::open_calls(files, database, report).map(|opened| Opened::Chats(vec![opened]));
    }
    if ios::is_list(&database) {
        return Ok(Opened::Backup(ios::open_backup(files, &database, report)));
    }
    let tables = match name.as_str() {
        "chatstorage.sqlite" => "ZWAMESSAGE, ZWACHATSESSION",
        name if name.contains("msgstore") => "message, chat or messages",
        _ => return Ok(Opened::Nothing),
    };
    fail(Fault::Schema { tables: tables.to_owned() })
}

fn is_hashed(path: &Path) -> bool {
    path.file_name().is_some_and(|name| ios::HASHED.iter().any(|hashed| name == *hashed))
}

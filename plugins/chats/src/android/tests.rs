//! Databases of every generation, made here, and real ones where there are any.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use crate::files::Files;
use crate::folder::Folder;
use crate::model::{Conversation, Message};
use crate::reader::{Chats, Range, open_all};

// The kit has them for all; a package may not depend on the kit.
#[expect(unreachable_pub, reason = "the same source is a public module of the kit")]
#[path = "../../../../tests/kit/src/msgstore.rs"]
pub(crate) mod builders;
#[expect(unreachable_pub, reason = "the same source is a public module of the kit")]
#[expect(clippy::disallowed_methods, reason = "tests are told where the files are")]
#[path = "../../../../tests/kit/src/fixtures.rs"]
pub(crate) mod fixtures;
mod real;
mod store;

pub(crate) fn open(folder: &Path) -> Vec<Box<dyn Chats>> {
    let files: Arc<dyn Files> = Arc::new(Folder::new(folder));
    open_all(&files, &mut |error| panic!("{error:?}"))
}

pub(crate) fn only(folder: &Path) -> Box<dyn Chats> {
    let mut all = open(folder);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

pub(crate) fn conversation(chats: &dyn Chats, id: &str) -> Conversation {
    let all = chats.conversations().unwrap();
    all.iter().find(|chat| chat.id == id).cloned().unwrap_or_else(|| panic!("{id} in {all:#?}"))
}

pub(crate) fn messages(chats: &dyn Chats, id: &str, range: Range) -> Vec<Message> {
    let mut all = Vec::new();
    chats
        .messages(id, range, &mut |message| {
            all.push(message);
            true
        })
        .unwrap();
    all
}

pub(crate) fn build(folder: &Path, name: &str, sql: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    path
}

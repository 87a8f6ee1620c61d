//! What Telegram Desktop exports as JSON: one conversation, or all of an account in one file.
//!
//! The file is read from front to back for every conversation that is asked for; only one message of it is in memory.

mod message;

use std::path::{Component, Path};
use std::sync::Arc;

use serde_json::Value;

use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, ReadAt, find_file, open_found};
use crate::json::{self, Start, Take, Want};
use crate::model::{App, Conversation, ConversationKind, Found, Media, Message};
use crate::reader::{Chats, Format, Interest, Range, Window, open_each};
use crate::tally::Tally;

/// Exports of Telegram Desktop.
pub const FORMAT: Format = Format { interest, open };

/// So much of a file tells what it is.
const SNIFF_BYTES: usize = 16 << 10;

fn interest(item: &Item) -> Interest {
    let name =
        item.path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    match name.strip_suffix(".json") {
        Some(stem) if stem.starts_with("result") => Interest::Named,
        Some(stem) if item.size > 16 && !stem.starts_with("message_") => Interest::Perhaps,
        Some(_) | None => Interest::No,
    }
}

fn open(
    files: &Arc<dyn Files>,
    items: &[Item],
    report: &mut dyn FnMut(ChatError),
) -> Vec<Box<dyn Chats>> {
    open_each(items, report, |item, report| Account::open(files, &item.path, report))
}

/// All conversations of one file.
#[derive(Debug)]
struct Account {
    found: Found,
    files: Arc<dyn Files>,
    file: Arc<dyn ReadAt>,
    own: Option<String>,
    conversations: Vec<Conversation>,
    /// Which of them is in no list.
    alone: Option<usize>,
}

impl Account {
    fn open(
        files: &Arc<dyn Files>,
        path: &Path,
        report: &mut dyn FnMut(ChatError),
    ) -> Result<Option<Self>, ChatError> {
        let failed = |error| ChatError { path: path.to_owned(), fault: Fault::Read(error) };
        let file = files.open(path).map_err(failed)?;
        let start = Start::read(&*file, SNIFF_BYTES).map_err(failed)?;
        let is_ours = !start.has(&["\"participants\""])
            && !start.has(&["\"sender_name\""])
            && (start.has(&["\"about\"", "\"personal_information\""])
                || start.has(&["\"about\"", "\"chats\""])
                || start.has(&["\"messages\"", "\"date_unixtime\""])
                || start.has(&["\"messages\"", "\"type\"", "\"from_id\""])
                || start.has(&["\"messages\"", "\"type\"", "\"text_entities\""])
                || start.has(&["\"messages\"", "\"type\"", "_chat\"", "\"id\""]));
        if !is_ours {
            return Ok(None);
        }
        let mut count = Count::default();
        // What could be read until there is shown.
        if let Err(error) = json::read(path, &file, &mut count) {
            report(error);
        }
        let alone = count.settle();
        let found = Found {
            path: path.to_owned(),
            app: App::Telegram,
            form: "export",
            remarks: Vec::new(),
        };
        let conversations: Vec<Conversation> =
            count.chats.into_iter().map(|chat| chat.conversation(path)).collect();
        Ok((!conversations.is_empty()).then(|| Self {
            found,
            files: Arc::clone(files),
            file,
            own: count.own,
            conversations,
            alone,
        }))
    }
}

/// Whether a key leads to conversations, and what is wanted of it.
fn want(key: &str) -> Want {
    match key {
        "chats" | "left_chats" => Want::Inside,
        "list" => Want::EachInside,
        "messages" => Want::Elements,
        "name" | "type" | "id" | "personal_information" => Want::Whole,
        _ => Want::Nothing,
    }
}

/// Counts the messages of all conversations.
#[derive(Debug, Default)]
struct Count {
    own: Option<String>,
    chats: Vec<Chat>,
    /// A conversation that is no element of a list: the only one of its file.
    alone: Chat,
    is_in_list: bool,
}

#[derive(Debug, Default)]
struct Chat {
    id: Option<String>,
    name: Option<String>,
    kind: Option<String>,
    tally: Tally,
}

impl Count {
    fn chat(&mut self) -> &mut Chat {
        match self.chats.last_mut() {
            Some(chat) if self.is_in_list => chat,
            Some(_) | None => &mut self.alone,
        }
    }

    /// The conversation that is in no list is one, if it has messages; then it is the last.
    fn settle(&mut self) -> Option<usize> {
        if self.alone.tally.messages > 0 || self.chats.is_empty() && self.alone.kind.is_some() {
            self.chats.push(std::mem::take(&mut self.alone));
            return self.chats.len().checked_sub(1);
        }
        None
    }
}

impl Take for Count {
    fn want(&mut self, key: &str) -> Want {
        want(key)
    }

    fn value(&mut self, key: &str, value: Value) {
        match key {
            "personal_information" => {
                self.own = json::number(&value, "user_id").map(|id| format!("user{id}"));
            }
            "id" => self.chat().id = value.as_i64().map(|id| id.to_string()),
            "name" => self.chat().name = value.as_str().map(str::to_owned),
            _ => self.chat().kind = value.as_str().map(str::to_owned),
        }
    }

    fn element(&mut self, _: &str, value: Value) -> bool {
        let own = self.own.clone();
        let chat = self.chat();
        let message = message::read(&value, chat.tally.messages, own.as_deref());
        chat.tally.add(&message);
        true
    }

    fn begin(&mut self) -> bool {
        self.is_in_list = true;
        self.chats.push(Chat::default());
        true
    }

    fn end(&mut self) -> bool {
        self.is_in_list = false;
        true
    }
}

impl Chat {
    fn conversation(self, path: &Path) -> Conversation {
        let kind = self.kind.as_deref().unwrap_or_default();
        let participants = self.tally.people();
        let named = || {
            participants
                .iter()
                .take(4)
                .filter_map(|who| who.name.clone())
                .collect::<Vec<_>>()
                .join(", ")
        };
        Conversation {
            id: self.id.clone().unwrap_or_else(|| path.to_string_lossy().into_owned()),
            app: App::Telegram,
            name: match (&self.name, kind) {
                (Some(name), _) if !name.is_empty() => name.clone(),
                (_, "saved_messages") => "Saved Messages".to_owned(),
                _ => named(),
            },
            kind: match kind {
                "personal_chat" | "saved_messages" => ConversationKind::Person,
                "bot_chat" => ConversationKind::Bot,
                _ if kind.ends_with("group") => ConversationKind::Group,
                _ if kind.ends_with("channel") => ConversationKind::Channel,
                _ => ConversationKind::Unknown,
            },
            messages: self.tally.messages,
            media: self.tally.media,
            first: self.tally.first,
            last: self.tally.last,
            participants,
            is_archived: false,
        }
    }
}

/// Takes the messages of one conversation.
struct Pick<'a> {
    wanted: usize,
    /// How many conversations of lists have begun.
    begun: usize,
    is_in_list: bool,
    is_alone: bool,
    position: u64,
    own: Option<&'a str>,
    window: Window<'a>,
}

impl Take for Pick<'_> {
    fn want(&mut self, key: &str) -> Want {
        if want(key) == Want::Whole { Want::Nothing } else { want(key) }
    }

    fn value(&mut self, _: &str, _: Value) {}

    fn element(&mut self, _: &str, value: Value) -> bool {
        let is_wanted = if self.is_in_list {
            !self.is_alone && self.begun == self.wanted + 1
        } else {
            self.is_alone
        };
        if !is_wanted {
            return true;
        }
        let message = message::read(&value, self.position, self.own);
        self.position += 1;
        self.window.push(message)
    }

    fn begin(&mut self) -> bool {
        self.is_in_list = true;
        self.begun += 1;
        self.is_alone || self.begun <= self.wanted + 1
    }

    fn end(&mut self) -> bool {
        self.is_in_list = false;
        true
    }
}

impl Chats for Account {
    fn found(&self) -> &Found {
        &self.found
    }

    fn conversations(&self) -> Result<Vec<Conversation>, ChatError> {
        Ok(self.conversations.clone())
    }

    fn messages(
        &self,
        conversation: &str,
        range: Range,
        visit: &mut dyn FnMut(Message) -> bool,
    ) -> Result<(), ChatError> {
        let Some(wanted) = self.conversations.iter().position(|other| other.id == conversation)
        else {
            return Ok(());
        };
        let is_alone = self.alone == Some(wanted);
        let window = Window::new(range, visit);
        let mut pick = Pick {
            wanted,
            begun: 0,
            is_in_list: false,
            is_alone,
            position: 0,
            own: self.own.as_deref(),
            window,
        };
        let read = json::read(&self.found.path, &self.file, &mut pick);
        pick.window.finish();
        read
    }

    fn find_media(&self, media: &Media) -> Result<Option<Item>, ChatError> {
        let inside = media
            .path
            .as_deref()
            .filter(|path| path.components().all(|part| matches!(part, Component::Normal(_))));
        let Some(inside) = inside else { return Ok(None) };
        let folder = self.found.path.parent().unwrap_or(Path::new(""));
        find_file(self.files.as_ref(), &folder.join(inside))
    }

    fn open_media(&self, media: &Media) -> Result<Option<Arc<dyn ReadAt>>, ChatError> {
        open_found(self.files.as_ref(), self.find_media(media)?)
    }
}

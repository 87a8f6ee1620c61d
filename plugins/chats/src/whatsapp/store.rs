//! Conversations of a database, whichever phone it is from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, ReadAt, open_found};
use crate::model::{
    Business, Conversation, ConversationKind, Found, Media, Message, Participant, Time,
};
use crate::needle::Needle;
use crate::reader::{Chats, Counts, Overview, Range};
use crate::sqlite::Database;

use super::names::{self, Names, shown};
use super::table::{Key, Layout, Main, Sums};

/// Whom a message is to be understood with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) database: &'a Database,
    pub(crate) names: &'a Names,
}

/// A conversation of the database.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) id: String,
    /// Rows or addresses that are this conversation.
    pub(crate) keys: Vec<Key>,
    pub(crate) name: String,
    pub(crate) kind: ConversationKind,
    pub(crate) is_archived: bool,
    /// When somebody wrote last, as the list of conversations says.
    pub(crate) last: Option<i64>,
    /// Whether people see it, even if it has no messages.
    pub(crate) is_listed: bool,
}

/// So many messages are read by several threads: fewer are not worth it, and more are not kept in memory.
const TOGETHER_MIN: usize = 16;
const TOGETHER_MAX: usize = 1000;
const THREADS: usize = 8;

/// Below this a database is read as fast as it is estimated.
const SMALL_BYTES: u64 = 8 << 20;

/// Who is in which group, by the address of the group.
pub(crate) type Members = BTreeMap<String, Vec<String>>;

/// What differs from phone to phone, apart from the main table.
pub(crate) trait Phone: Debug + Send + Sync {
    /// Every conversation that has a row of its own.
    fn chats(&self, context: Context<'_>) -> Result<Vec<Chat>, ChatError>;

    /// Who is in which group.
    fn members(&self, context: Context<'_>) -> Result<Members, ChatError>;

    /// Reads messages. Statements are prepared once.
    fn reader<'a>(&'a self, context: Context<'a>) -> Result<Box<dyn Reader + 'a>, ChatError>;

    /// What a business keeps.
    fn business(&self, _context: Context<'_>) -> Result<Business, ChatError> {
        Ok(Business::default())
    }

    /// The app's files.
    fn files(&self) -> &dyn Files;

    /// Where a file is.
    fn find_media(&self, media: &Media) -> Result<Option<Item>, ChatError>;

    /// The folders that hold files of messages, and nothing else.
    fn media_folders(&self) -> Vec<PathBuf>;
}

/// Reads messages by their rows.
pub(crate) trait Reader {
    /// One message; `None` if there is no such row.
    fn read(&mut self, row: i64, peer: Option<&Participant>) -> Result<Option<Message>, ChatError>;
}

/// Conversations of a database.
#[derive(Debug)]
pub(crate) struct Store<P> {
    pub(crate) found: Found,
    pub(crate) database: Database,
    pub(crate) layout: &'static Layout,
    pub(crate) names: Names,
    pub(crate) phone: P,
}

impl<P: Phone> Store<P> {
    fn main(&self) -> Main<'_> {
        Main { database: &self.database, layout: self.layout }
    }

    fn context(&self) -> Context<'_> {
        Context { database: &self.database, names: &self.names }
    }

    fn chats(&self) -> Result<Vec<Chat>, ChatError> {
        self.phone.chats(self.context())
    }

    /// A conversation that only messages know.
    fn orphan(&self, key: Key) -> Chat {
        let names = self.context().names;
        let (id, name, kind) = match &key {
            Key::Address(address) => {
                let id = names.canonical(address);
                (id.clone(), names.name(&id), names::kind(&id))
            }
            Key::Row(_) => (key.orphan_id(), key.orphan_id(), ConversationKind::Unknown),
        };
        Chat { id, keys: vec![key], name, kind, is_archived: false, last: None, is_listed: false }
    }

    fn chat(&self, id: &str) -> Result<Option<Chat>, ChatError> {
        let mut chats = self.chats()?;
        if let Some(at) = chats.iter().position(|chat| chat.id == id) {
            return Ok(Some(chats.swap_remove(at)));
        }
        let row = id.strip_prefix("row ").and_then(|row| row.parse().ok()).map(Key::Row);
        let address = self.layout.is_by_address.then(|| Key::Address(id.to_owned()));
        Ok(address.or(row).map(|key| self.orphan(key)))
    }

    fn conversation(&self, chat: Chat, sums: &Sums, members: &[String]) -> Conversation {
        let names = self.context().names;
        let mut people: Vec<Participant> =
            members.iter().map(|address| names.by_address(address)).collect();
        let writers = sums.writers.iter().filter_map(|key| match key {
            Key::Row(row) => names.participant(*row),
            Key::Address(address) => address.contains('@').then(|| names.by_address(address)),
        });
        people.extend(writers);
        if matches!(chat.kind, ConversationKind::Person | ConversationKind::Bot) {
            people = vec![names.by_address(&chat.id)];
        }
        people.push(names.me());
        people.sort();
        people.dedup();
        Conversation {
            app: self.found.app,
            name: if chat.name.is_empty() { shown(&chat.id) } else { chat.name },
            kind: chat.kind,
            participants: people,
            messages: sums.messages,
            media: sums.media,
            first: sums.first.map(Time::Utc),
            last: sums.last.map(Time::Utc),
            is_archived: chat.is_archived,
            id: chat.id,
        }
    }

    /// Reads a few rows in several threads: they lie anywhere, and each may be a request to a store far away.
    fn read_together(
        &self,
        rows: &[i64],
        peer: Option<&Participant>,
    ) -> Result<Vec<Message>, ChatError> {
        let (phone, names) = (&self.phone, &self.names);
        let read = |rows: &[i64], database: Database| {
            let mut reader = phone.reader(Context { database: &database, names })?;
            let mut messages = Vec::with_capacity(rows.len());
            for row in rows {
                messages.extend(reader.read(*row, peer)?);
            }
            Ok(messages)
        };
        let read = &read;
        let mut parts = Vec::new();
        for rows in rows.chunks(rows.len().div_ceil(THREADS).max(1)) {
            parts.push((rows, self.database.again_opened()?));
        }
        let fail = |error| ChatError { path: self.found.path.clone(), fault: Fault::Read(error) };
        let parts: Result<Vec<Vec<Message>>, ChatError> = thread::scope(|scope| {
            let started: Vec<_> = parts
                .into_iter()
                .map(|(rows, database)| {
                    thread::Builder::new().spawn_scoped(scope, move || read(rows, database))
                })
                .collect();
            let ended = started.into_iter().map(|started| {
                let thread = started.map_err(fail)?;
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            ended.collect()
        });
        Ok(parts?.into_iter().flatten().collect())
    }

    fn peer(&self, chat: &Chat) -> Option<Participant> {
        let is_person = matches!(chat.kind, ConversationKind::Person | ConversationKind::Bot);
        is_person.then(|| self.context().names.by_address(&chat.id))
    }
}

impl<P: Phone> Chats for Store<P> {
    fn found(&self) -> &Found {
        &self.found
    }

    fn conversations(&self) -> Result<Vec<Conversation>, ChatError> {
        self.database.begin();
        let mut sums = self.main().sums()?;
        let mut chats = self.chats()?;
        let mut all = Vec::new();
        let members = self.phone.members(self.context())?;
        let known: Vec<Key> = chats.iter().flat_map(|chat| chat.keys.clone()).collect();
        let known: BTreeSet<Key> = known.into_iter().collect();
        let mut orphans: BTreeMap<String, Chat> = BTreeMap::new();
        for key in sums.keys().filter(|key| !known.contains(key)) {
            let orphan = self.orphan(key.clone());
            match chats.iter_mut().find(|chat| chat.id == orphan.id) {
                Some(chat) => chat.keys.extend(orphan.keys),
                None => drop(orphans.entry(orphan.id.clone()).or_insert(orphan)),
            }
        }
        chats.extend(orphans.into_values());
        for chat in chats {
            let parts = chat.keys.iter().filter_map(|key| sums.remove(key));
            let total = parts.fold(Sums::default(), add);
            if total.messages > 0 || chat.is_listed {
                let members = members.get(&chat.id).map(Vec::as_slice).unwrap_or_default();
                all.push(self.conversation(chat, &total, members));
            }
        }
        Ok(all)
    }

    fn overview(&self) -> Result<Overview, ChatError> {
        if self.database.bytes() < SMALL_BYTES {
            return Ok(Overview { conversations: self.conversations()?, counts: Counts::Exact });
        }
        self.database.begin();
        let mut chats = self.chats()?;
        let keys: BTreeSet<Key> = chats.iter().flat_map(|chat| chat.keys.clone()).collect();
        let (counts, about) = match self.main().estimate(&keys)? {
            Some(about) => (Counts::Estimated, about),
            None => (Counts::Unknown, BTreeMap::new()),
        };
        let orphans = about.keys().filter(|key| !keys.contains(key) && !key.is_sentinel());
        chats.extend(orphans.map(|key| self.orphan(key.clone())));
        let mut conversations = Vec::new();
        for chat in chats {
            let messages = chat.keys.iter().filter_map(|key| about.get(key)).sum();
            if messages > 0 || chat.is_listed {
                let sums = Sums { messages, last: chat.last, ..Sums::default() };
                conversations.push(self.conversation(chat, &sums, &[]));
            }
        }
        Ok(Overview { conversations, counts })
    }

    fn messages(
        &self,
        conversation: &str,
        range: Range,
        visit: &mut dyn FnMut(Message) -> bool,
    ) -> Result<(), ChatError> {
        self.database.begin();
        let Some(chat) = self.chat(conversation)? else { return Ok(()) };
        let peer = self.peer(&chat);
        let rows = self.main().rows(&chat.keys, range)?;
        if (TOGETHER_MIN..=TOGETHER_MAX).contains(&rows.len()) && self.main().is_indexed() {
            for message in self.read_together(&rows, peer.as_ref())? {
                if !visit(message) {
                    break;
                }
            }
            return Ok(());
        }
        let mut reader = self.phone.reader(self.context())?;
        for row in rows {
            let message = reader.read(row, peer.as_ref())?;
            if message.is_some_and(|message| !visit(message)) {
                break;
            }
        }
        Ok(())
    }

    fn search(
        &self,
        needle: &Needle,
        visit: &mut dyn FnMut(&str, Message) -> bool,
    ) -> Result<(), ChatError> {
        self.database.begin();
        let mut known: BTreeMap<Key, (String, Option<Participant>)> = BTreeMap::new();
        for chat in self.chats()? {
            let peer = self.peer(&chat);
            known
                .extend(chat.keys.iter().map(|key| (key.clone(), (chat.id.clone(), peer.clone()))));
        }
        let mut reader = self.phone.reader(self.context())?;
        let mut result = Ok(());
        self.main().search(needle, &mut |key, row| {
            let (id, peer) = known.entry(key).or_insert_with_key(|key| {
                let chat = self.orphan(key.clone());
                let peer = self.peer(&chat);
                (chat.id, peer)
            });
            match reader.read(row, peer.as_ref()) {
                Ok(Some(message)) if needle.is_in_message(&message) => visit(id, message),
                Ok(_) => true,
                Err(error) => {
                    result = Err(error);
                    false
                }
            }
        })?;
        result
    }

    fn business(&self) -> Result<Business, ChatError> {
        self.database.begin();
        self.phone.business(self.context())
    }

    fn find_media(&self, media: &Media) -> Result<Option<Item>, ChatError> {
        self.phone.find_media(media)
    }

    fn open_media(&self, media: &Media) -> Result<Option<Arc<dyn ReadAt>>, ChatError> {
        open_found(self.phone.files(), self.phone.find_media(media)?)
    }

    fn each_media(&self, visit: &mut dyn FnMut(&Item)) -> Result<(), ChatError> {
        let files = self.phone.files();
        for folder in self.phone.media_folders() {
            let fail = |error| ChatError { path: folder.clone(), fault: Fault::Read(error) };
            files.walk(&folder, visit).map_err(fail)?;
        }
        Ok(())
    }

    fn check(&self) -> Result<Vec<String>, ChatError> {
        self.database.begin();
        self.database.check()
    }
}

fn add(mut sum: Sums, part: Sums) -> Sums {
    sum.messages += part.messages;
    sum.media += part.media;
    sum.first = [sum.first, part.first].into_iter().flatten().min();
    sum.last = sum.last.max(part.last);
    sum.writers.extend(part.writers);
    sum
}

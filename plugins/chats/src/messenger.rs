//! What Facebook and Instagram give to download: a folder for each conversation, with files of 10,000 messages, newest first.
//!
//! End-to-end encrypted conversations come apart from the others, as one file each. All of them write UTF-8 as if each byte were a letter.

mod message;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use self::message::{repair, text_of};
use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, ReadAt, find_file, open_found};
use crate::json::{self, Start, Take, Want};
use crate::model::{
    App, Conversation, ConversationKind, Found, Media, Message, Participant, Remark,
};
use crate::reader::{Chats, Format, Interest, Range, Window};
use crate::tally::Tally;

/// Downloads from Facebook and Instagram.
pub const FORMAT: Format = Format { interest, open };

/// The messages of one file are sorted in memory; files that are written by Facebook are a hundredth of this.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// What says in the beginning or at the end of a file what it is.
const SNIFF_BYTES: usize = 16 << 10;

fn interest(item: &Item) -> Interest {
    let is_json = item.path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    if is_html(&item.path) {
        return Interest::Named;
    }
    if !is_json || item.size < 16 {
        return Interest::No;
    }
    if part_number(&item.path).is_some() { Interest::Named } else { Interest::Perhaps }
}

/// Whether it is a conversation of a download as HTML.
fn is_html(path: &Path) -> bool {
    let is_part = path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with("message_") && name.ends_with(".html")
    });
    let above = path.ancestors().nth(3).and_then(Path::file_name);
    is_part && above.is_some_and(|name| name == "messages")
}

/// The N of `message_N.json`.
fn part_number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("message_")?.strip_suffix(".json")?.parse().ok()
}

fn open(
    files: &Arc<dyn Files>,
    items: &[Item],
    report: &mut dyn FnMut(ChatError),
) -> Vec<Box<dyn Chats>> {
    let mut downloads: BTreeMap<PathBuf, BTreeMap<PathBuf, Thread>> = BTreeMap::new();
    if let Some(item) = items.iter().find(|item| is_html(&item.path)) {
        let fault = Fault::Form { what: "HTML; ask Facebook or Instagram for a download as JSON" };
        report(ChatError { path: item.path.clone(), fault });
    }
    for item in items.iter().filter(|item| !is_html(&item.path)) {
        match open_part(files, item) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                report(error);
                continue;
            }
        }
        let (root, thread) = places(&item.path);
        downloads.entry(root).or_default().entry(thread).or_default().parts.push(item.path.clone());
    }
    let mut chats: Vec<Box<dyn Chats>> = Vec::new();
    for (root, mut threads) in downloads {
        for thread in threads.values_mut() {
            // The last part is the oldest; 10 comes after 9.
            thread.parts.sort_by_key(|part| std::cmp::Reverse((part_number(part), part.clone())));
        }
        let mut download = Download::new(files, root, threads);
        download.count(report);
        chats.push(Box::new(download));
    }
    chats
}

/// Whether a file is a part of a conversation.
fn open_part(files: &Arc<dyn Files>, item: &Item) -> Result<bool, ChatError> {
    let failed = |error| ChatError { path: item.path.clone(), fault: Fault::Read(error) };
    let file = files.open(&item.path).map_err(failed)?;
    let start = Start::read(&*file, SNIFF_BYTES).map_err(failed)?;
    let is_part = start.has(&["\"participants\"", "\"messages\"", "\"sender_name\""])
        || start.has(&["\"participants\"", "\"messages\"", "\"senderName\""])
        || start.has(&["\"participants\"", "\"threadName\""])
        || start.has(&["\"sender_name\"", "\"timestamp_ms\""])
        || part_number(&item.path).is_some() && start.has(&["\"participants\""]);
    if is_part && item.size > FILE_BYTES_MAX {
        let fault = Fault::TooLarge { what: "a file of a download may have 512 MiB" };
        return Err(ChatError { path: item.path.clone(), fault });
    }
    Ok(is_part)
}

/// The folder of the download that a part belongs to, and what stands for its conversation.
fn places(path: &Path) -> (PathBuf, PathBuf) {
    let folder = path.parent().unwrap_or(Path::new(""));
    if part_number(path).is_none() {
        return (folder.to_owned(), path.to_owned());
    }
    // .../messages/inbox/thread/message_1.json
    let above = folder
        .parent()
        .and_then(Path::parent)
        .filter(|messages| messages.file_name().is_some_and(|name| name == "messages"));
    let root = above.and_then(Path::parent).map_or_else(
        || folder.to_owned(),
        |activity| {
            let is_activity = activity
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("your_"));
            if is_activity {
                activity.parent().unwrap_or(activity).to_owned()
            } else {
                activity.to_owned()
            }
        },
    );
    (root, folder.to_owned())
}

/// The parts of a conversation, oldest first.
#[derive(Debug, Default)]
struct Thread {
    parts: Vec<PathBuf>,
}

/// All conversations of one download.
#[derive(Debug)]
struct Download {
    found: Found,
    files: Arc<dyn Files>,
    root: PathBuf,
    threads: BTreeMap<PathBuf, Thread>,
    conversations: Vec<(PathBuf, Conversation)>,
}

/// One part, in memory.
#[derive(Debug, Default)]
struct Part {
    title: Option<String>,
    path: Option<String>,
    people: Vec<String>,
    messages: Vec<Message>,
    from: u64,
}

impl Take for Part {
    fn want(&mut self, key: &str) -> Want {
        match key {
            "messages" => Want::Elements,
            "title" | "threadName" | "thread_path" | "participants" => Want::Whole,
            _ => Want::Nothing,
        }
    }

    fn value(&mut self, key: &str, value: Value) {
        match key {
            "participants" => {
                self.people = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|who| text_of(who, &["name"]))
                    .collect();
            }
            "thread_path" => self.path = value.as_str().map(repair),
            _ => self.title = value.as_str().map(repair),
        }
    }

    fn element(&mut self, _: &str, value: Value) -> bool {
        let position = self.from + u64::try_from(self.messages.len()).unwrap_or(0);
        self.messages.push(message::read(&value, position));
        true
    }
}

impl Download {
    fn new(files: &Arc<dyn Files>, root: PathBuf, threads: BTreeMap<PathBuf, Thread>) -> Self {
        let is_instagram = threads
            .keys()
            .next()
            .is_some_and(|path| path.to_string_lossy().to_lowercase().contains("instagram"));
        let app = if is_instagram { App::Instagram } else { App::Messenger };
        let found = Found { path: root.clone(), app, form: "download", remarks: Vec::new() };
        Self { found, files: Arc::clone(files), root, threads, conversations: Vec::new() }
    }

    /// Reads everything once for the sums. What cannot be read is left out of them and reported.
    fn count(&mut self, report: &mut dyn FnMut(ChatError)) {
        let own = self.own_name(report);
        let mut threads = std::mem::take(&mut self.threads);
        for (folder, thread) in &mut threads {
            let mut tally = Tally::default();
            let mut known = Part::default();
            let mut begins = BTreeMap::new();
            for path in &thread.parts {
                let (mut part, failed) = self.part(path, tally.messages);
                if let Some(error) = failed {
                    report(error);
                }
                begins.insert(path.clone(), part.messages.first().and_then(|message| message.time));
                part.messages.iter().for_each(|message| tally.add(message));
                known.title = part.title.take().or(known.title);
                known.path = part.path.take().or(known.path);
                known.people.append(&mut part.people);
            }
            // Numbers are only a hint: in some downloads the first part is the oldest.
            thread.parts.sort_by_key(|path| begins.get(path).copied().flatten());
            for name in &known.people {
                tally.meet(&Participant {
                    id: name.clone(),
                    name: Some(name.clone()),
                    is_self: false,
                });
            }
            let mut conversation = self.conversation(folder, known, &tally);
            for who in &mut conversation.participants {
                who.is_self = own.as_ref() == Some(&who.id);
            }
            self.conversations.push((folder.clone(), conversation));
        }
        self.threads = threads;
        if self.conversations.iter().any(|(_, conversation)| conversation.messages == 0) {
            self.found
                .remarks
                .push(Remark::Absent { what: "messages of some conversations".to_owned() });
        }
    }

    /// Whoever takes part in all conversations, if there are several: whose download it is.
    fn own_name(&self, report: &mut dyn FnMut(ChatError)) -> Option<String> {
        let mut everywhere: Option<Vec<String>> = None;
        let mut threads = 0_u64;
        for thread in self.threads.values() {
            let Some(path) = thread.parts.first() else { continue };
            let mut people = People::default();
            match self
                .files
                .open(path)
                .map_err(|error| ChatError { path: path.clone(), fault: Fault::Read(error) })
            {
                Ok(file) => {
                    // What is wrong with it is said when its messages are read.
                    let _error = json::read(path, &file, &mut people);
                }
                Err(error) => report(error),
            }
            threads += 1;
            match &mut everywhere {
                None => everywhere = Some(people.0),
                Some(everywhere) => everywhere.retain(|name| people.0.contains(name)),
            }
        }
        let mut names = everywhere.unwrap_or_default();
        names.dedup();
        if threads > 1 && names.len() == 1 { names.pop() } else { None }
    }

    fn part(&self, path: &Path, from: u64) -> (Part, Option<ChatError>) {
        let mut part = Part { from, ..Part::default() };
        let read = self
            .files
            .open(path)
            .map_err(|error| ChatError { path: path.to_owned(), fault: Fault::Read(error) })
            .and_then(|file| json::read(path, &file, &mut part));
        let time = |message: Option<&Message>| message.and_then(|message| message.time);
        if time(part.messages.first()) > time(part.messages.last()) {
            part.messages.reverse();
        }
        for (position, message) in (from..).zip(&mut part.messages) {
            message.position = position;
        }
        (part, read.err())
    }

    fn conversation(&self, folder: &Path, known: Part, tally: &Tally) -> Conversation {
        let below = folder.strip_prefix(&self.root).unwrap_or(folder);
        let id = known.path.unwrap_or_else(|| below.to_string_lossy().into_owned());
        let participants = tally.people();
        let kind = match participants.len() {
            0 => ConversationKind::Unknown,
            1 | 2 => ConversationKind::Person,
            _ => ConversationKind::Group,
        };
        let named = || {
            participants.iter().take(4).map(|who| who.id.as_str()).collect::<Vec<_>>().join(", ")
        };
        Conversation {
            id,
            app: self.found.app,
            name: known.title.filter(|title| !title.is_empty()).unwrap_or_else(named),
            kind,
            messages: tally.messages,
            media: tally.media,
            first: tally.first,
            last: tally.last,
            participants,
            is_archived: folder.components().any(|part| part.as_os_str() == "archived_threads"),
        }
    }
}

/// Only who takes part.
#[derive(Debug, Default)]
struct People(Vec<String>);

impl Take for People {
    fn want(&mut self, key: &str) -> Want {
        match key {
            "participants" => Want::Whole,
            "messages" if !self.0.is_empty() => Want::Elements,
            _ => Want::Nothing,
        }
    }

    fn value(&mut self, _: &str, value: Value) {
        self.0 = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|who| text_of(who, &["name"]))
            .collect();
    }

    fn element(&mut self, _: &str, _: Value) -> bool {
        false
    }
}

impl Chats for Download {
    fn found(&self) -> &Found {
        &self.found
    }

    fn conversations(&self) -> Result<Vec<Conversation>, ChatError> {
        Ok(self.conversations.iter().map(|(_, conversation)| conversation.clone()).collect())
    }

    fn messages(
        &self,
        conversation: &str,
        range: Range,
        visit: &mut dyn FnMut(Message) -> bool,
    ) -> Result<(), ChatError> {
        let found = self.conversations.iter().find(|(_, other)| other.id == conversation);
        let Some((thread, conversation)) =
            found.and_then(|(folder, known)| Some((self.threads.get(folder)?, known)))
        else {
            return Ok(());
        };
        let own = conversation.participants.iter().find(|who| who.is_self);
        let mut window = Window::new(range, visit);
        let (mut position, mut failed, mut goes_on) = (0, None, true);
        for path in &thread.parts {
            let (part, error) = self.part(path, position);
            position += u64::try_from(part.messages.len()).unwrap_or(0);
            failed = failed.or(error);
            for mut message in part.messages {
                message::turn(&mut message, own);
                goes_on = goes_on && window.push(message);
            }
            if !goes_on {
                break;
            }
        }
        window.finish();
        failed.map_or(Ok(()), Err)
    }

    fn find_media(&self, media: &Media) -> Result<Option<Item>, ChatError> {
        let Some(path) = media.path.as_deref().filter(|path| is_inside(path)) else {
            return Ok(None);
        };
        // Addresses count from where the download was unpacked, or from the folder of its activity; those of encrypted conversations from their own.
        let activities: BTreeSet<&Path> =
            self.threads.keys().filter_map(|thread| thread.ancestors().nth(3)).collect();
        let below = activities.into_iter().filter(|activity| activity.starts_with(&self.root));
        for path in [&*self.root].into_iter().chain(below).map(|folder| folder.join(path)) {
            let found = find_file(self.files.as_ref(), &path)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn open_media(&self, media: &Media) -> Result<Option<Arc<dyn ReadAt>>, ChatError> {
        open_found(self.files.as_ref(), self.find_media(media)?)
    }
}

fn is_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir))
}

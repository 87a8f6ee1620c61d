//! What `DiscordChatExporter` writes as JSON: one channel in one file, or in several parts.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, ReadAt, find_file, open_found};
use crate::json::{self, Start, Take, Want, is, list, number, text};
use crate::model::{
    App, Call, Conversation, ConversationKind, Edit, Found, Media, Message, MessageKind,
    Participant, Quote, Reaction, Time,
};
use crate::reader::{Chats, Format, Interest, Range, Window, open_each};
use crate::tally::Tally;

/// Exports of channels.
pub const FORMAT: Format = Format { interest, open };

/// So much of a file tells what it is.
const SNIFF_BYTES: usize = 8 << 10;

fn interest(item: &Item) -> Interest {
    let name =
        item.path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    match name.strip_suffix(".json") {
        // Guild - Channel [id]
        Some(stem) if stem.ends_with(']') && stem.contains(" - ") => Interest::Named,
        Some(stem)
            if item.size > 16 && !stem.starts_with("message_") && !stem.starts_with("result") =>
        {
            Interest::Perhaps
        }
        Some(_) | None => Interest::No,
    }
}

fn open(
    files: &Arc<dyn Files>,
    items: &[Item],
    report: &mut dyn FnMut(ChatError),
) -> Vec<Box<dyn Chats>> {
    open_each(items, report, |item, report| Channel::open(files, &item.path, report))
}

/// One channel.
#[derive(Debug)]
struct Channel {
    found: Found,
    files: Arc<dyn Files>,
    file: Arc<dyn ReadAt>,
    conversation: Conversation,
}

#[derive(Debug, Default)]
struct Count {
    guild: Value,
    channel: Value,
    tally: Tally,
}

impl Take for Count {
    fn want(&mut self, key: &str) -> Want {
        match key {
            "guild" | "channel" => Want::Whole,
            "messages" => Want::Elements,
            _ => Want::Nothing,
        }
    }

    fn value(&mut self, key: &str, value: Value) {
        if key == "guild" {
            self.guild = value;
        } else {
            self.channel = value;
        }
    }

    fn element(&mut self, _: &str, value: Value) -> bool {
        let message = read_message(&value, self.tally.messages);
        self.tally.add(&message);
        true
    }
}

impl Channel {
    fn open(
        files: &Arc<dyn Files>,
        path: &Path,
        report: &mut dyn FnMut(ChatError),
    ) -> Result<Option<Self>, ChatError> {
        let failed = |error| ChatError { path: path.to_owned(), fault: Fault::Read(error) };
        let file = files.open(path).map_err(failed)?;
        if !Start::read(&*file, SNIFF_BYTES).map_err(failed)?.has(&["\"guild\"", "\"channel\""]) {
            return Ok(None);
        }
        let mut count = Count::default();
        // What could be read until there is shown.
        if let Err(error) = json::read(path, &file, &mut count) {
            report(error);
        }
        let found =
            Found { path: path.to_owned(), app: App::Discord, form: "export", remarks: Vec::new() };
        Ok(Some(Self {
            found,
            files: Arc::clone(files),
            file,
            conversation: conversation(&count, path),
        }))
    }
}

fn conversation(count: &Count, path: &Path) -> Conversation {
    let kind = text(&count.channel, "type").unwrap_or_default();
    let is_direct = kind.starts_with("Direct");
    let name = text(&count.channel, "name").unwrap_or_default();
    let guild = text(&count.guild, "name").filter(|guild| !is_direct && !guild.is_empty());
    Conversation {
        id: text(&count.channel, "id")
            .map_or_else(|| path.to_string_lossy().into_owned(), str::to_owned),
        app: App::Discord,
        name: guild.map_or_else(|| name.to_owned(), |guild| format!("{guild} / {name}")),
        kind: match kind {
            "DirectTextChat" => ConversationKind::Person,
            "GuildNews" => ConversationKind::Channel,
            _ => ConversationKind::Group,
        },
        messages: count.tally.messages,
        media: count.tally.media,
        first: count.tally.first,
        last: count.tally.last,
        participants: count.tally.people(),
        is_archived: false,
    }
}

fn read_message(value: &Value, position: u64) -> Message {
    let mut message = Message::new(position, MessageKind::Text);
    message.id = text(value, "id").map(str::to_owned);
    message.time = time(value, "timestamp");
    message.sender = value.get("author").and_then(person);
    message.text = text(value, "content").filter(|text| !text.is_empty()).map(str::to_owned);
    message.edit =
        time(value, "timestampEdited").map(|time| Edit { time: Some(time), earlier: Vec::new() });
    message.is_starred = is(value, "isPinned");
    let reference = value.get("reference").and_then(|reference| text(reference, "messageId"));
    message.quote = reference.map(|id| Quote { id: Some(id.to_owned()), sender: None, text: None });
    for file in list(value, "attachments") {
        message.kind = MessageKind::Document;
        message.media.push(media(file, text(file, "url"), text(file, "fileName")));
    }
    if let Some(kind) = message.media.first().and_then(kind_by_name) {
        message.kind = kind;
    }
    for sticker in list(value, "stickers") {
        message.kind = MessageKind::Sticker;
        message.media.push(media(sticker, text(sticker, "sourceUrl"), text(sticker, "name")));
    }
    message.reactions = list(value, "reactions").iter().flat_map(reactions).collect();
    if let Some(forwarded) = value.get("forwardedMessage").filter(|forwarded| forwarded.is_object())
    {
        message.is_forwarded = true;
        message.text = message.text.or_else(|| text(forwarded, "content").map(str::to_owned));
    }
    kind(&mut message, value);
    message
}

fn kind(message: &mut Message, value: &Value) {
    match text(value, "type").unwrap_or("Default") {
        "Default" | "Reply" => {
            if message.kind == MessageKind::Text && message.text.is_none() {
                message.kind = MessageKind::Other;
            }
        }
        "Call" => {
            let end = time(value, "callEndedTimestamp").zip(message.time);
            let seconds = end.and_then(|(end, begin)| {
                u64::try_from((end.millis() - begin.millis()) / 1000).ok()
            });
            message.kind = MessageKind::Call;
            message.call = Some(Call { is_video: false, is_missed: false, seconds });
        }
        other => {
            message.kind = MessageKind::System;
            message.raw_kind = Some(other.to_owned());
        }
    }
}

fn time(value: &Value, key: &str) -> Option<Time> {
    let time: jiff::Timestamp = text(value, key)?.parse().ok()?;
    Some(Time::Utc(time.as_millisecond()))
}

fn person(value: &Value) -> Option<Participant> {
    let name = text(value, "nickname").or_else(|| text(value, "name")).map(str::to_owned);
    Some(Participant {
        id: text(value, "id").map(str::to_owned).or_else(|| name.clone())?,
        name,
        is_self: false,
    })
}

/// Files that were downloaded with the export have a path, others the address that they were at.
fn media(file: &Value, address: Option<&str>, name: Option<&str>) -> Media {
    let is_elsewhere = address.is_none_or(|address| address.contains("://"));
    Media {
        path: address.filter(|_| !is_elsewhere).map(PathBuf::from),
        name: name.map(str::to_owned),
        bytes: number(file, "fileSizeBytes").and_then(|bytes| u64::try_from(bytes).ok()),
        missing: is_elsewhere.then(|| address.unwrap_or_default().to_owned()),
        ..Media::default()
    }
}

fn kind_by_name(media: &Media) -> Option<MessageKind> {
    let (_, end) = media.name.as_deref()?.rsplit_once('.')?;
    Some(match end.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "png" | "webp" | "heic" => MessageKind::Image,
        "gif" => MessageKind::Gif,
        "mp4" | "mov" | "webm" => MessageKind::Video,
        "mp3" | "m4a" | "wav" | "flac" => MessageKind::Audio,
        "ogg" => MessageKind::VoiceNote,
        _ => MessageKind::Document,
    })
}

fn reactions(value: &Value) -> Vec<Reaction> {
    let words = value.get("emoji").and_then(|emoji| text(emoji, "name")).unwrap_or_default();
    let count = number(value, "count").and_then(|count| u64::try_from(count).ok()).unwrap_or(1);
    let by =
        |sender| Reaction { sender: Some(sender), text: words.to_owned(), count: 1, time: None };
    let named = list(value, "users").iter().filter_map(person).map(by).collect();
    Reaction::with_unnamed(named, words, count)
}

/// Takes the messages.
struct Pick<'a> {
    position: u64,
    window: Window<'a>,
}

impl Take for Pick<'_> {
    fn want(&mut self, key: &str) -> Want {
        if key == "messages" { Want::Elements } else { Want::Nothing }
    }

    fn value(&mut self, _: &str, _: Value) {}

    fn element(&mut self, _: &str, value: Value) -> bool {
        let message = read_message(&value, self.position);
        self.position += 1;
        self.window.push(message)
    }
}

impl Chats for Channel {
    fn found(&self) -> &Found {
        &self.found
    }

    fn conversations(&self) -> Result<Vec<Conversation>, ChatError> {
        Ok(vec![self.conversation.clone()])
    }

    fn messages(
        &self,
        conversation: &str,
        range: Range,
        visit: &mut dyn FnMut(Message) -> bool,
    ) -> Result<(), ChatError> {
        if conversation != self.conversation.id {
            return Ok(());
        }
        let mut pick = Pick { position: 0, window: Window::new(range, visit) };
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

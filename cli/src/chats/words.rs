//! Words about conversations.

use std::fmt::Write as _;

use heirloom_chats::crypt::{Header, KeyType};
use heirloom_chats::error::{ChatError, Fault};
use heirloom_chats::model::{
    App, Call, Conversation, ConversationKind, Direction, Found, Media, Message, MessageKind,
    Remark, Time,
};
use heirloom_chats::reader::Counts;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::explain;
use crate::output::Output;
use crate::render::entry::hex;
use crate::render::names;
use crate::render::numbers::{bytes, count, counted};

/// What others wrote must not be obeyed by a terminal; line ends are part of what they wrote.
fn shown(text: &str) -> String {
    text.lines().map(|line| names::shown(line.as_bytes())).collect::<Vec<_>>().join("\n")
}

pub(crate) fn app_name(app: App) -> &'static str {
    match app {
        App::WhatsApp => "WhatsApp",
        App::WhatsAppBusiness => "WhatsApp Business",
        App::Messenger => "Messenger",
        App::Instagram => "Instagram",
        App::Telegram => "Telegram",
        App::Discord => "Discord",
        App::Signal => "Signal",
    }
}

fn kind(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::Person => "person",
        ConversationKind::Group => "group",
        ConversationKind::Broadcast => "broadcast",
        ConversationKind::Channel => "channel",
        ConversationKind::Status => "status",
        ConversationKind::Bot => "bot",
        ConversationKind::Unknown => "unknown",
    }
}

fn message_kind(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Text => "text",
        MessageKind::Image => "picture",
        MessageKind::Video => "video",
        MessageKind::Gif => "gif",
        MessageKind::VideoNote => "video note",
        MessageKind::Audio => "audio",
        MessageKind::VoiceNote => "voice note",
        MessageKind::Sticker => "sticker",
        MessageKind::Document => "document",
        MessageKind::Contact => "contact",
        MessageKind::Location => "location",
        MessageKind::LiveLocation => "live location",
        MessageKind::Link => "link",
        MessageKind::Poll => "poll",
        MessageKind::Event => "event",
        MessageKind::Album => "album",
        MessageKind::Call => "call",
        MessageKind::Invitation => "invitation",
        MessageKind::Product => "product",
        MessageKind::System => "system",
        MessageKind::Deleted => "deleted",
        MessageKind::Other => "other",
    }
}

/// Day and minute. Local times are what they are; points in time are shown as this machine's clock would.
pub(super) fn day_and_minute(time: Time) -> (Date, String) {
    let zone = match time {
        Time::Utc(_) => TimeZone::system(),
        Time::Local(_) => TimeZone::UTC,
    };
    let timestamp = Timestamp::from_millisecond(time.millis()).unwrap_or_default();
    let zoned = timestamp.to_zoned(zone);
    (zoned.date(), zoned.strftime("%H:%M").to_string())
}

fn date(time: Option<Time>) -> String {
    time.map(|time| day_and_minute(time).0.to_string()).unwrap_or_default()
}

fn time_field(time: Option<Time>) -> Value {
    let text = |millis| Timestamp::from_millisecond(millis).unwrap_or_default();
    match time {
        None => Value::Null,
        Some(Time::Utc(millis)) => json!(text(millis).to_string()),
        Some(Time::Local(millis)) => {
            json!(text(millis).to_zoned(TimeZone::UTC).datetime().to_string())
        }
    }
}

/// A row of the list.
pub(super) fn row(conversation: &Conversation, counts: Counts) -> Vec<String> {
    let name = if conversation.name.is_empty() { &conversation.id } else { &conversation.name };
    vec![
        names::shown(name.as_bytes()),
        app_name(conversation.app).to_owned(),
        kind(conversation.kind).to_owned(),
        match counts {
            Counts::Exact => count(conversation.messages),
            Counts::Estimated => format!("~{}", count(conversation.messages)),
            Counts::Unknown => "?".to_owned(),
        },
        if counts == Counts::Exact { count(conversation.media) } else { "?".to_owned() },
        date(conversation.first),
        date(conversation.last),
    ]
}

/// Where a conversation is.
pub(super) fn places(places: &[&Found]) -> String {
    places.iter().map(|found| names::path(&found.path)).collect::<Vec<_>>().join(", ")
}

/// What numbers of messages are worth, for programs.
pub(super) fn counts(counts: Counts) -> &'static str {
    match counts {
        Counts::Exact => "exact",
        Counts::Estimated => "estimated",
        Counts::Unknown => "unknown",
    }
}

pub(super) fn conversation_fields(
    conversation: &Conversation,
    counts: Counts,
    places: &[&Found],
) -> Value {
    let found = places.first();
    let path = |found: &&Found| found.path.to_string_lossy().into_owned();
    let participants: Vec<Value> = conversation
        .participants
        .iter()
        .map(|one| json!({ "id": one.id, "name": one.name, "self": one.is_self }))
        .collect();
    json!({
        "conversation": conversation.id,
        "name": conversation.name,
        "app": app_name(conversation.app),
        "kind": kind(conversation.kind),
        "participants": participants,
        "messages": (counts != Counts::Unknown).then_some(conversation.messages),
        "media": (counts == Counts::Exact).then_some(conversation.media),
        "counts": self::counts(counts),
        "first": time_field(conversation.first),
        "last": time_field(conversation.last),
        "archived": conversation.is_archived,
        "form": found.map(|found| found.form),
        "path": found.map(path),
        "places": places.iter().map(path).collect::<Vec<_>>(),
    })
}

/// What stands above the messages.
pub(super) fn heading(conversation: &Conversation) -> String {
    format!("{} ({})\n", shown(&conversation.name), shown(&about(conversation)))
}

/// A message as people read it; a new day is said first.
pub(super) fn message(message: &Message, day: &mut Option<Date>) -> String {
    let mut text = String::new();
    let mut minute = "     ".to_owned();
    if let Some(time) = message.time {
        let (date, clock) = day_and_minute(time);
        if day.replace(date) != Some(date) {
            text = format!("\n-- {date} --\n");
        }
        minute = clock;
    }
    text + &line(&minute, message)
}

/// A message that was found, with the conversation that it is in.
pub(super) fn hit(conversation: &str, message: &Message) -> String {
    format!("[{}] {}", shown(conversation), said(message))
}

/// A message with its day.
pub(crate) fn said(message: &Message) -> String {
    let time = message.time.map(day_and_minute);
    let time = time.map(|(date, clock)| format!("{date} {clock}")).unwrap_or_default();
    line(&time, message)
}

fn line(time: &str, message: &Message) -> String {
    let sender = match (&message.sender, message.direction) {
        (_, Direction::Sent) => "me".to_owned(),
        (Some(sender), _) => shown(sender.name.as_deref().unwrap_or(&sender.id)),
        (None, Direction::Received | Direction::Unknown) => "*".to_owned(),
    };
    let mut text = format!("{time} {sender}: ");
    if let Some(quote) = &message.quote {
        let said = quote.text.as_deref().unwrap_or_default();
        let _written = writeln!(text, "> {}", shown(said.lines().next().unwrap_or_default()));
        text.push_str("      ");
    }
    text.push_str(&body(message));
    for option in &message.poll {
        let _written = write!(
            text,
            "\n      - {} ({})",
            shown(&option.text),
            counted(option.votes, "vote", "votes")
        );
    }
    let mut marks: Vec<String> = marks(message).map(str::to_owned).collect();
    for reaction in &message.reactions {
        let times =
            if reaction.count > 1 { format!(" x{}", reaction.count) } else { String::new() };
        marks.push(format!("{}{times}", shown(&reaction.text)));
    }
    if !marks.is_empty() {
        let _written = write!(text, " [{}]", marks.join(", "));
    }
    text.push('\n');
    text
}

/// What a message says: what it is, if that is not words; and the words.
fn body(message: &Message) -> String {
    let what = not_words(message, true).map(|what| format!("<{}>", shown(&what)));
    let text = message.text.as_deref().map(|text| shown(text).replace('\n', "\n      "));
    what.into_iter().chain(text).collect::<Vec<_>>().join(" ")
}

/// What a message is, if that is not words: its media too, unless they are shown.
pub(super) fn not_words(message: &Message, with_media: bool) -> Option<String> {
    if matches!(message.kind, MessageKind::Text | MessageKind::System) && message.media.is_empty() {
        return None;
    }
    if !with_media && !message.media.is_empty() {
        return None;
    }
    let mut what = message.raw_kind.as_deref().unwrap_or(message_kind(message.kind)).to_owned();
    what.extend(message.media.iter().map(media_words));
    what.extend(message.call.iter().map(call_words));
    if let Some(place) = &message.place {
        let _written = write!(what, " {:.5}, {:.5}", place.latitude, place.longitude);
        what.extend(place.name.iter().map(|name| format!(" {name}")));
    }
    Some(what)
}

/// What else is said about a message.
pub(super) fn marks(message: &Message) -> impl Iterator<Item = &'static str> {
    let is = [
        (message.edit.is_some(), "edited"),
        (message.is_forwarded, "forwarded"),
        (message.is_starred, "starred"),
        (message.is_view_once, "to be seen once"),
    ];
    is.into_iter().filter(|(is, _)| *is).map(|(_, word)| word)
}

/// A message as WhatsApp exports it from an iPhone, but the date has one reading, and what has none is left out.
pub(super) fn exported<'a>(message: &Message, files: impl Iterator<Item = &'a str>) -> String {
    let time = message.time.map(day_and_minute);
    let time = time.map(|(date, clock)| format!("[{date}, {clock}:00] ")).unwrap_or_default();
    let sender = message.sender.as_ref().map(|sender| sender.name.as_deref().unwrap_or(&sender.id));
    let sender = sender.map(|sender| format!("{sender}: ")).unwrap_or_default();
    let mut parts: Vec<String> = files.map(|file| format!("<attached: {file}>")).collect();
    parts.extend(not_words(message, parts.is_empty()).map(|what| format!("<{what}>")));
    parts.extend(message.text.clone());
    format!("{time}{sender}{}\n", parts.join(" "))
}

/// What stands below the name of a conversation.
pub(super) fn about(conversation: &Conversation) -> String {
    let people = conversation.participants.iter();
    let people: Vec<&str> = people.map(|one| one.name.as_deref().unwrap_or(&one.id)).collect();
    let kind = format!("{}, {}", app_name(conversation.app), kind(conversation.kind));
    // Of a first look at a large group nobody is known but oneself.
    if people.len() < 2 { kind } else { format!("{kind}: {}", people.join(", ")) }
}

/// What stands for itself in an address.
pub(super) const ADDRESS: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

pub(super) fn media_words(media: &Media) -> String {
    let path = media.path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let name = media.name.clone().or(path).or_else(|| media.missing.clone());
    let mut text = name.map(|name| format!(" {name}")).unwrap_or_default();
    text.extend(media.bytes.map(|size| format!(", {}", bytes(size))));
    text.extend(media.duration_ms.map(|ms| format!(", {}", clock(ms / 1000))));
    text
}

fn call_words(call: &Call) -> String {
    let mut text = if call.is_video { " with video" } else { "" }.to_owned();
    text.push_str(if call.is_missed { ", missed" } else { "" });
    text.extend(call.seconds.map(|seconds| format!(", {}", clock(seconds))));
    text
}

fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

pub(crate) fn message_fields(conversation: &str, message: &Message) -> Value {
    let person = |one: &Option<heirloom_chats::model::Participant>| {
        one.as_ref().map(|one| json!({ "id": one.id, "name": one.name, "self": one.is_self }))
    };
    let direction = match message.direction {
        Direction::Sent => "sent",
        Direction::Received => "received",
        Direction::Unknown => "unknown",
    };
    let media: Vec<Value> = message.media.iter().map(media_fields).collect();
    let reactions: Vec<Value> = message.reactions.iter().map(|one| {
        json!({ "text": one.text, "sender": person(&one.sender), "count": one.count, "time": time_field(one.time) })
    }).collect();
    let poll: Vec<Value> =
        message.poll.iter().map(|one| json!({ "text": one.text, "votes": one.votes })).collect();
    let fields = json!({
        "conversation": conversation,
        "message": message.id,
        "position": message.position,
        "sent": time_field(message.time),
        "direction": direction,
        "sender": person(&message.sender),
        "kind": message_kind(message.kind),
        "raw_kind": message.raw_kind,
        "text": message.text,
        "media": media,
        "quote": message.quote.as_ref().map(|quote| json!({ "message": quote.id, "sender": person(&quote.sender), "text": quote.text })),
        "reactions": reactions,
        "edited": message.edit.as_ref().map(|edit| json!({ "time": time_field(edit.time), "earlier": edit.earlier })),
        "forwarded": message.is_forwarded,
        "starred": message.is_starred,
        "view_once": message.is_view_once,
        "poll": poll,
        "place": message.place.as_ref().map(|place| json!({ "latitude": place.latitude, "longitude": place.longitude, "name": place.name })),
        "call": message.call.as_ref().map(|call| json!({ "video": call.is_video, "missed": call.is_missed, "seconds": call.seconds })),
    });
    without_nothing(fields)
}

fn media_fields(media: &Media) -> Value {
    without_nothing(json!({
        "path": media.path.as_ref().map(|path| path.to_string_lossy().into_owned()),
        "name": media.name,
        "mime": media.mime,
        "bytes": media.bytes,
        "sha256": media.sha256.map(|hash| hex(&hash)),
        "duration_ms": media.duration_ms,
        "missing": media.missing,
    }))
}

/// Leaves out what is not known, not so, or empty.
fn without_nothing(fields: Value) -> Value {
    let Value::Object(mut fields) = fields else { return fields };
    fields.retain(|_, value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) | Value::Object(_) => true,
    });
    Value::Object(fields)
}

/// A file that could not be understood; the exit code that this calls for.
pub(crate) fn tell_fault(output: Output, fault: Option<ChatError>) -> Exit {
    let Some(fault) = fault else { return Exit::Success };
    let (text, fields) = self::fault(&fault);
    output.warning(fault_id(&fault), &text, fields);
    Exit::Partial
}

pub(crate) fn fault_id(fault: &ChatError) -> &'static str {
    if matches!(fault.fault, Fault::Locked { .. }) {
        "chats.locked"
    } else if matches!(fault.fault, Fault::Crypt(_)) {
        "chats.not-decrypted"
    } else {
        "chats.not-understood"
    }
}

pub(crate) fn fault(fault: &ChatError) -> (String, Value) {
    let path = names::path(&fault.path);
    let text = if let Fault::Locked { header } = &fault.fault {
        format!("{path} {}", locked(header))
    } else {
        format!("{path} {}", explain::chain(&fault.fault))
    };
    (text, json!({ "path": fault.path.to_string_lossy() }))
}

fn locked(header: &Header) -> String {
    let number = header.number_suffix.as_deref().map(shown);
    let number = number.map(|last| format!(" of the number that ends in {last}"));
    let key = match header.key_type {
        KeyType::Account => "the file `key` of the phone",
        KeyType::Digits | KeyType::User => "its key of 64 digits",
        KeyType::Password | KeyType::Passkey => {
            "the file encrypted_backup.key of the phone, because a password or passkey protects it"
        }
    };
    format!(
        "is an encrypted backup{}: give {key} once with `heirloom chats key add`, or with --chat-key",
        number.unwrap_or_default()
    )
}

pub(super) fn remark(found: &Found, remark: &Remark) -> (String, Value) {
    let what = match remark {
        Remark::ProbablyCut { messages } => format!(
            "has {} messages, as many as WhatsApp exports at most: older ones are probably missing",
            count(*messages)
        ),
        Remark::AmbiguousDates => {
            "does not tell day and month apart: dates may be wrong".to_owned()
        }
        Remark::MixedDates => "has dates in two orders of day and month".to_owned(),
        Remark::LinesBefore { lines } => {
            format!("begins with {} that belong to no message", counted(*lines, "line", "lines"))
        }
        Remark::InvalidText { messages } => {
            format!("has {} with text that is not UTF-8", counted(*messages, "message", "messages"))
        }
        Remark::Absent { what } => format!("has no {}", shown(what)),
        Remark::LongText { messages } => {
            format!("has {} of more text than is shown", counted(*messages, "message", "messages"))
        }
        Remark::Unfinished => {
            "was copied in the middle of a change: the newest messages may be missing".to_owned()
        }
    };
    let text = format!("{} {what}", names::path(&found.path));
    (text, json!({ "path": found.path.to_string_lossy() }))
}

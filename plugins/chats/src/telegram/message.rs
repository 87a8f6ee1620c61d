//! One message of an export of Telegram.

use std::path::PathBuf;

use serde_json::Value;

use crate::json::{is, list, number, text};
use crate::model::{
    Call, Direction, Edit, Media, Message, MessageKind, Participant, Place, PollOption, Quote,
    Reaction, Time,
};

/// Makes a message of one element of `messages`.
pub(super) fn read(value: &Value, position: u64, own: Option<&str>) -> Message {
    let mut message = Message::new(position, MessageKind::Text);
    message.id = number(value, "id").map(|id| id.to_string());
    message.time = time(value, "date");
    message.sender = person(value, "from", own).or_else(|| person(value, "actor", own));
    message.direction = match (&message.sender, own) {
        (Some(sender), Some(_)) if sender.is_self => Direction::Sent,
        (Some(_), Some(_)) => Direction::Received,
        (_, _) => Direction::Unknown,
    };
    message.text = words(value.get("text")).filter(|text| !text.is_empty());
    message.edit = time(value, "edited")
        .filter(|time| time.millis() > 86_400_000)
        .map(|time| Edit { time: Some(time), earlier: Vec::new() });
    let reply = number(value, "reply_to_message_id");
    message.quote = reply.map(|id| Quote { id: Some(id.to_string()), sender: None, text: None });
    message.is_forwarded =
        value.get("forwarded_from").is_some() || value.get("forwarded_from_id").is_some();
    message.is_view_once = number(value, "self_destruct_period_seconds").is_some();
    message.reactions = list(value, "reactions").iter().flat_map(reactions).collect();
    if text(value, "type") == Some("service") {
        service(&mut message, value);
    } else {
        content(&mut message, value);
    }
    message
}

/// What is not only words.
fn content(message: &mut Message, value: &Value) {
    if let Some(address) = value.get("photo").or_else(|| value.get("file")).and_then(Value::as_str)
    {
        message.kind = kind(value);
        message.media.push(media(value, address));
    }
    if let Some(poll) = value.get("poll") {
        message.kind = MessageKind::Poll;
        message.text = words(poll.get("question"));
        message.poll = list(poll, "answers").iter().filter_map(answer).collect();
    }
    if let Some(place) = value.get("location_information") {
        let is_live = value.get("live_location_period_seconds").is_some();
        message.kind = if is_live { MessageKind::LiveLocation } else { MessageKind::Location };
        let degrees = |key| place.get(key).and_then(Value::as_f64);
        message.place =
            degrees("latitude").zip(degrees("longitude")).map(|(latitude, longitude)| Place {
                latitude,
                longitude,
                name: text(value, "place_name").map(str::to_owned),
            });
    }
    if let Some(contact) = value.get("contact_information") {
        message.kind = MessageKind::Contact;
        let parts =
            ["first_name", "last_name", "phone_number"].iter().filter_map(|key| text(contact, key));
        message.text = Some(parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "));
        if let Some(card) = text(value, "contact_vcard") {
            message.media.push(media(value, card));
        }
    }
    if message.kind == MessageKind::Text && message.text.is_none() {
        message.kind = MessageKind::Other;
    }
}

fn kind(value: &Value) -> MessageKind {
    if value.get("photo").is_some() {
        return MessageKind::Image;
    }
    match text(value, "media_type") {
        Some("sticker") => MessageKind::Sticker,
        Some("voice_message") => MessageKind::VoiceNote,
        Some("video_message") => MessageKind::VideoNote,
        Some("video_file") => MessageKind::Video,
        Some("audio_file") => MessageKind::Audio,
        Some("animation") => MessageKind::Gif,
        Some(_) | None => MessageKind::Document,
    }
}

/// A path, or a sentence in brackets that says why there is no file.
fn media(value: &Value, address: &str) -> Media {
    let is_missing = address.starts_with('(') && address.ends_with(')');
    let name = text(value, "file_name").map(str::to_owned);
    let own_name = || address.rsplit('/').next().map(str::to_owned).filter(|_| !is_missing);
    let unsigned = |key| number(value, key).and_then(|number| u64::try_from(number).ok());
    Media {
        name: name.or_else(own_name),
        path: (!is_missing).then(|| PathBuf::from(address)),
        mime: text(value, "mime_type").map(str::to_owned),
        bytes: unsigned("file_size").or_else(|| unsigned("photo_file_size")),
        duration_ms: unsigned("duration_seconds").map(|seconds| seconds.saturating_mul(1000)),
        missing: is_missing.then(|| address.to_owned()),
        sha256: None,
    }
}

fn answer(value: &Value) -> Option<PollOption> {
    let votes = number(value, "voters").and_then(|votes| u64::try_from(votes).ok()).unwrap_or(0);
    Some(PollOption { text: words(value.get("text"))?, votes, voters: Vec::new() })
}

/// What the app says: a call, or somebody who came or went.
fn service(message: &mut Message, value: &Value) {
    let action = text(value, "action").unwrap_or_default();
    message.raw_kind = Some(action.to_owned());
    if action == "phone_call" {
        let reason = text(value, "discard_reason").unwrap_or_default();
        let seconds =
            number(value, "duration_seconds").and_then(|seconds| u64::try_from(seconds).ok());
        message.kind = MessageKind::Call;
        message.call = Some(Call {
            is_video: is(value, "is_video"),
            is_missed: matches!(reason, "missed" | "busy")
                || seconds.is_none() && reason != "hangup",
            seconds,
        });
        return;
    }
    message.kind = MessageKind::System;
    if let Some(photo) = text(value, "photo") {
        message.media.push(media(value, photo));
    }
    if message.text.is_none() {
        let members: Vec<&str> = list(value, "members").iter().filter_map(Value::as_str).collect();
        let parts = [
            Some(action.replace('_', " ")),
            text(value, "title").map(str::to_owned),
            (!members.is_empty()).then(|| members.join(", ")),
        ];
        message.text = Some(
            parts
                .into_iter()
                .flatten()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(": "),
        );
    }
}

/// Words, or a list of words with and without form.
fn words(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(
            parts.iter().filter_map(|part| part.as_str().or_else(|| text(part, "text"))).collect(),
        ),
        Value::Object(_) => text(value?, "text").map(str::to_owned),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Seconds since 1970 where they are given; older exports only have the clock of the computer.
fn time(value: &Value, key: &str) -> Option<Time> {
    if let Some(seconds) = number(value, &format!("{key}_unixtime")) {
        return Some(Time::Utc(seconds.checked_mul(1000)?));
    }
    local(text(value, key)?).map(Time::Local)
}

fn local(text: &str) -> Option<i64> {
    let time: jiff::civil::DateTime = text.parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

fn person(value: &Value, key: &str, own: Option<&str>) -> Option<Participant> {
    let name = text(value, key).map(str::to_owned);
    let id = value.get(format!("{key}_id"));
    let id = match id {
        Some(Value::String(id)) => Some(id.clone()),
        // Until 2021 only people had ids, without a word before.
        Some(Value::Number(id)) => Some(format!("user{id}")),
        Some(_) | None => None,
    };
    let id = id.or_else(|| name.clone())?;
    Some(Participant { is_self: own == Some(id.as_str()), name, id })
}

fn reactions(value: &Value) -> Vec<Reaction> {
    let words = text(value, "emoji")
        .or_else(|| text(value, "document_id"))
        .or_else(|| text(value, "type"))
        .unwrap_or_default();
    let count = number(value, "count").and_then(|count| u64::try_from(count).ok()).unwrap_or(1);
    let named = list(value, "recent")
        .iter()
        .filter_map(|recent| {
            let time = local(text(recent, "date").unwrap_or_default()).map(Time::Local);
            Some(Reaction {
                sender: Some(person(recent, "from", None)?),
                text: words.to_owned(),
                count: 1,
                time,
            })
        })
        .collect();
    Reaction::with_unnamed(named, words, count)
}

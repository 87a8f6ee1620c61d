//! One message of a download from Facebook or Instagram.

use std::path::PathBuf;

use serde_json::Value;

use crate::json::{self, list, number, text};
use crate::model::{Call, Direction, Media, Message, MessageKind, Participant, Reaction, Time};

/// Text whose bytes were written as letters, as text again. Other text is left as it is.
pub(super) fn repair(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let bytes: Option<Vec<u8>> =
        text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned())
}

/// The words of the first key that has some; of the value itself, if it is words.
pub(super) fn text_of(value: &Value, keys: &[&str]) -> Option<String> {
    value.as_str().or_else(|| keys.iter().find_map(|key| text(value, key))).map(repair)
}

/// The lists of files, and what is in them.
const FILES: &[(&str, MessageKind)] = &[
    ("photos", MessageKind::Image),
    ("videos", MessageKind::Video),
    ("audio_files", MessageKind::Audio),
    ("audio", MessageKind::Audio),
    ("gifs", MessageKind::Gif),
    ("files", MessageKind::Document),
    ("media", MessageKind::Image),
];

/// Makes a message of one element of `messages`, in the form of either kind of download.
pub(super) fn read(value: &Value, position: u64) -> Message {
    let mut message = Message::new(position, MessageKind::Text);
    let millis = number(value, "timestamp_ms").or_else(|| number(value, "timestamp"));
    message.time = millis.map(Time::Utc);
    message.sender = text_of(value, &["sender_name", "senderName"]).map(person);
    message.text = text(value, "content")
        .or_else(|| text(value, "text"))
        .map(repair)
        .filter(|text| !text.is_empty());
    for (key, kind) in FILES {
        for file in list(value, key) {
            message.kind = *kind;
            message.media.push(media(file));
        }
    }
    // Of encrypted conversations only the name of a file says what it is.
    if let Some(kind) =
        message.media.first().filter(|_| !list(value, "media").is_empty()).and_then(kind_by_name)
    {
        message.kind = kind;
    }
    if let Some(sticker) = value.get("sticker") {
        message.kind = MessageKind::Sticker;
        message.media.push(media(sticker));
    }
    if let Some(share) = value.get("share").filter(|share| share.is_object()) {
        share_of(&mut message, share);
    }
    if let Some(seconds) = number(value, "call_duration") {
        let is_missed = json::is(value, "missed") || seconds == 0;
        message.kind = MessageKind::Call;
        message.call = Some(Call {
            is_video: false,
            is_missed,
            seconds: u64::try_from(seconds).ok().filter(|_| !is_missed),
        });
    }
    message.reactions = list(value, "reactions").iter().filter_map(reaction).collect();
    special(&mut message, value);
    message
}

/// What the app says itself, and what was taken back.
fn special(message: &mut Message, value: &Value) {
    let kind = text(value, "type").unwrap_or("Generic");
    if json::is(value, "is_unsent") || json::is(value, "isUnsent") {
        message.kind = MessageKind::Deleted;
    } else if matches!(kind, "Subscribe" | "Unsubscribe" | "Plan") {
        message.kind = MessageKind::System;
    } else if message.kind == MessageKind::Text && message.text.is_none() {
        message.kind = MessageKind::Other;
    }
    if !matches!(kind, "Generic" | "Share" | "Call") {
        message.raw_kind = Some(kind.to_owned());
    }
    if json::is(value, "is_geoblocked_for_viewer")
        && message.media.is_empty()
        && message.text.is_none()
    {
        message.media.push(Media {
            missing: Some("is_geoblocked_for_viewer".to_owned()),
            ..Media::default()
        });
    }
}

fn share_of(message: &mut Message, share: &Value) {
    let link = text(share, "link").map(repair);
    let words = text(share, "share_text").map(repair);
    if message.kind == MessageKind::Text {
        message.kind = MessageKind::Link;
    }
    for more in [words, link].into_iter().flatten() {
        match &mut message.text {
            Some(text) if text.contains(&more) => {}
            Some(text) => {
                text.push('\n');
                text.push_str(&more);
            }
            None => message.text = Some(more),
        }
    }
}

fn person(name: String) -> Participant {
    Participant { id: name.clone(), name: Some(name), is_self: false }
}

fn media(file: &Value) -> Media {
    let address = text_of(file, &["uri", "filename"]);
    let is_elsewhere = address.as_ref().is_some_and(|address| address.contains("://"));
    let name = address.as_deref().and_then(|address| address.rsplit('/').next()).map(str::to_owned);
    Media {
        missing: address
            .clone()
            .filter(|_| is_elsewhere)
            .or_else(|| address.is_none().then(|| "uri".to_owned())),
        path: address.filter(|_| !is_elsewhere).map(PathBuf::from),
        name,
        ..Media::default()
    }
}

fn kind_by_name(media: &Media) -> Option<MessageKind> {
    let (_, end) = media.name.as_deref()?.rsplit_once('.')?;
    Some(match end.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "png" | "webp" | "heic" => MessageKind::Image,
        "gif" => MessageKind::Gif,
        "mp4" | "mov" | "webm" => MessageKind::Video,
        "mp3" | "m4a" | "aac" | "ogg" | "opus" | "wav" => MessageKind::Audio,
        _ => MessageKind::Document,
    })
}

fn reaction(value: &Value) -> Option<Reaction> {
    let time = number(value, "timestamp").map(|seconds| Time::Utc(seconds.saturating_mul(1000)));
    Some(Reaction {
        sender: text_of(value.get("actor")?, &["name"]).map(person),
        text: text_of(value, &["reaction"])?,
        count: 1,
        time,
    })
}

/// Says which way a message went, if it is known whose conversations they are.
pub(super) fn turn(message: &mut Message, own: Option<&Participant>) {
    if let (Some(sender), Some(own)) = (&mut message.sender, own) {
        sender.is_self = sender.id == own.id;
        message.direction = if sender.is_self { Direction::Sent } else { Direction::Received };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_written_as_letters_become_text_again_and_text_stays_text() {
        assert_eq!(repair("\u{c3}\u{a9}t\u{c3}\u{a9}"), "été");
        assert_eq!(repair("\u{f0}\u{9f}\u{98}\u{8a}"), "😊");
        assert_eq!(repair("été"), "été");
        assert_eq!(repair("привет"), "привет");
    }
}

//! What one message of an export is: who says it, and whether it is words, a file, a place, a call ...
//!
//! Told by form where that is possible: files by the names that they have or by being there, what stands in the place of a file by angles and marks.

use std::path::PathBuf;

use super::raw::Raw;
use super::{file_name, words};
use crate::model::{Call, Edit, Media, Message, MessageKind, Participant, Place, PollOption};
use crate::needle::is_mark;
use crate::stamp::header::Frame;

/// What is known of the file that a message is from.
pub(super) struct Context<'a> {
    /// Whether somebody of this name wrote something.
    pub is_sender: &'a dyn Fn(&str) -> bool,
    /// Whether a file of this name lies beside the text.
    pub is_file: &'a dyn Fn(&str) -> bool,
    /// iOS lets the conversation itself say what the app says: its name.
    pub speaks_for_app: Option<&'a str>,
}

/// Makes a message of what lies in the file. Its time is for the caller to tell.
pub(super) fn read(raw: &Raw, position: u64, context: &Context<'_>) -> Message {
    let (sender, body) = match split_sender(&raw.text, context.is_sender) {
        Some((sender, body)) => (Some(sender), body),
        None => (None, raw.text.as_str()),
    };
    let mut message = Message::new(position, MessageKind::Text);
    let says_app = sender.as_deref().is_none_or(|sender| Some(sender) == context.speaks_for_app);
    message.sender =
        sender.map(|name| Participant { id: name.clone(), name: Some(name), is_self: false });
    let is_marked = body.starts_with(is_mark);
    let (body, is_edited) = without_edited(body);
    message.edit = is_edited.then(|| Edit { time: None, earlier: Vec::new() });
    let is_special = call(&mut message, body)
        || attached(&mut message, body, context)
        || place(&mut message, body)
        || !says_app
            && (poll(&mut message, body)
                || missing(&mut message, body, raw)
                || deleted(&mut message, body));
    if is_special {
        return message;
    }
    if says_app || is_marked && raw.stamp.frame == Frame::Bracket {
        message.kind = MessageKind::System;
        message.text = Some(clean(body, is_mark));
    } else if body.trim().is_empty() {
        // What can be seen only once, and what is no more, leaves nothing behind.
        message.kind = MessageKind::Other;
    } else {
        // Marks within a text are part of it: they say which way it is written.
        message.text = Some(body.trim_start_matches(is_mark).to_owned());
    }
    message
}

fn clean(text: &str, is_out: impl Fn(char) -> bool) -> String {
    text.chars().filter(|character| !is_out(*character)).collect::<String>().trim().to_owned()
}

/// No name is longer: telephones take 25 letters for a name, address books more.
const NAME_CHARS_MAX: usize = 100;

/// Who says it, and what is said; `None` if it is the app that says it.
pub(super) fn split_sender<'a>(
    text: &'a str,
    is_sender: &dyn Fn(&str) -> bool,
) -> Option<(String, &'a str)> {
    let line = text.lines().next().unwrap_or_default();
    let at = line.find(": ").or_else(|| line.find(':'))?;
    let name = line.get(..at)?;
    let is_apart = line.get(at..)?.starts_with(": ");
    // Blanks at the end of a line get lost.
    if !is_apart && at + 1 != line.len() && !is_sender(&clean_name(name)) {
        return None;
    }
    let body_at = at + if is_apart { 2 } else { 1 };
    let is_long = name.chars().take(NAME_CHARS_MAX + 1).count() > NAME_CHARS_MAX;
    // `X changed the subject to “a: b”` is no name.
    if is_long || has_open_quote(name) {
        return None;
    }
    let name = clean_name(name);
    (!name.is_empty()).then(|| Some((name, text.get(body_at..)?))).flatten()
}

/// Whether a quotation begins in a text and does not end in it.
fn has_open_quote(text: &str) -> bool {
    let mut is_open = false;
    for character in text.chars() {
        match character {
            // Germans close with what others open with.
            '"' | '“' => is_open = !is_open,
            '„' | '«' | '「' | '『' => is_open = true,
            '”' | '»' | '」' | '』' => is_open = false,
            _ => {}
        }
    }
    is_open
}

/// Without marks, and without the tilde before names that are in no address book.
fn clean_name(name: &str) -> String {
    let name = clean(name, is_mark);
    let known = name.strip_prefix('~').map(|rest| rest.trim_start().to_owned());
    known.filter(|known| !known.is_empty()).unwrap_or(name)
}

/// The text, and whether it says at its end that it was changed.
fn without_edited(body: &str) -> (&str, bool) {
    let trimmed =
        body.trim_end_matches(|character: char| is_mark(character) || character.is_whitespace());
    let Some((before, inner)) = trimmed.strip_suffix('>').and_then(|start| start.rsplit_once('<'))
    else {
        return (body, false);
    };
    // After a mark, and with no name of a file in it, it says so in any language.
    let is_edited = words::is_edited(inner)
        || before.ends_with(is_mark)
            && !before.trim_matches(is_mark).trim().is_empty()
            && file_of(inner).is_none();
    if is_edited {
        (before.trim_end_matches(|character: char| is_mark(character) || character == ' '), true)
    } else {
        (body, false)
    }
}

/// The name of a file in `attached: NAME`.
fn file_of(inner: &str) -> Option<&str> {
    let at = inner.find([':', '：'])?;
    let name = inner.get(at..)?.trim_start_matches([':', '：']).trim();
    let (stem, end) = name.rsplit_once('.')?;
    (!stem.is_empty() && (1..=8).contains(&end.len()) && end.chars().all(char::is_alphanumeric))
        .then_some(name)
}

fn attached(message: &mut Message, body: &str, context: &Context<'_>) -> bool {
    let (line, caption) = body.split_once('\n').unwrap_or((body, ""));
    let found = attached_ios(line, context).or_else(|| attached_android(line, context));
    let Some((file, before)) = found else { return false };
    let plain = file_name::without_number(file);
    let label = before.split('•').next().unwrap_or_default().trim();
    let is_label = label == plain || label == file;
    let mut words: Vec<&str> = Vec::new();
    if !is_label && !before.is_empty() {
        words.push(before);
    }
    let caption = caption.trim_end();
    if !caption.is_empty() {
        words.push(caption);
    }
    message.text = (!words.is_empty()).then(|| words.join("\n"));
    message.kind = file_name::kind(file);
    message.media.push(Media {
        path: Some(PathBuf::from(file)),
        name: Some(plain.to_owned()),
        ..Media::default()
    });
    true
}

/// `<attached: NAME>`, and what stands before it.
fn attached_ios<'a>(line: &'a str, context: &Context<'_>) -> Option<(&'a str, &'a str)> {
    let line = line.trim_end_matches(is_mark);
    let (before, inner) = line.strip_suffix('>')?.rsplit_once('<')?;
    let file = file_of(inner)?;
    let is_file =
        file_name::is_numbered(file) || file_name::is_of_app(file) || (context.is_file)(file);
    is_file.then(|| (file, before.trim_matches(|c: char| is_mark(c) || c == ' ')))
}

/// `NAME (file attached)`, or the name alone.
fn attached_android<'a>(line: &'a str, context: &Context<'_>) -> Option<(&'a str, &'a str)> {
    let line = line.trim_matches(is_mark).trim_end();
    if file_name::is_of_app(line) || file_name::is_numbered(line) {
        return Some((line, ""));
    }
    let (file, words) = line.strip_suffix(')')?.rsplit_once(" (")?;
    let file = file.trim_end_matches(is_mark).trim();
    let has_end = file
        .rsplit_once('.')
        .is_some_and(|(stem, end)| !stem.is_empty() && (1..=8).contains(&end.len()));
    let is_file = file_name::is_of_app(file)
        || has_end && (words::is_attached(words) || file.to_ascii_lowercase().ends_with(".vcf"))
        || file.len() < 256 && !file.contains('/') && (context.is_file)(file);
    is_file.then_some((file, ""))
}

/// What stands in the place of a file that was left out.
fn missing(message: &mut Message, body: &str, raw: &Raw) -> bool {
    let (line, caption) = body.split_once('\n').unwrap_or((body, ""));
    let Some((words, before)) = missing_words(line, raw) else { return false };
    let label = before.split('•').next().unwrap_or_default().trim();
    let kind = words::kind_of_missing(words);
    let is_name = kind == Some(MessageKind::Document) && !label.is_empty();
    message.kind = if raw.stamp.frame == Frame::Bracket {
        kind.unwrap_or(MessageKind::Other)
    } else {
        MessageKind::Other
    };
    if message.kind == MessageKind::Other {
        message.raw_kind = Some(words.to_owned());
    }
    message.media.push(Media {
        name: is_name.then(|| label.to_owned()),
        missing: Some(words.to_owned()),
        ..Media::default()
    });
    let texts: Vec<&str> = [if is_name { "" } else { before }, caption.trim_end()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    message.text = (!texts.is_empty()).then(|| texts.join("\n"));
    true
}

/// The words in the place of a file, and what stands before them.
fn missing_words<'a>(line: &'a str, raw: &Raw) -> Option<(&'a str, &'a str)> {
    let trimmed = line.trim_matches(is_mark).trim_end();
    if raw.stamp.frame == Frame::Bracket {
        if raw.is_marked && line.contains(is_mark) {
            let at = line.trim_end_matches(is_mark).rfind(is_mark)?;
            let words = line.get(at..)?.trim_matches(is_mark).trim();
            let before = line.get(..at)?.trim_matches(|c: char| is_mark(c) || c == ' ');
            return Some((words, before)).filter(|(words, _)| !words.is_empty());
        }
        let at = words::omitted_at(trimmed)?;
        return Some((trimmed.get(at..)?, trimmed.get(..at)?.trim()));
    }
    // The only thing that all languages have in common: the whole line is in angles, and has blanks or letters of scripts without.
    let inner = trimmed.strip_prefix('<').and_then(|start| start.strip_suffix('>'));
    if let Some(inner) = inner.map(str::trim) {
        let is_prose = inner.contains(' ') || !inner.is_ascii();
        let has_signs = inner.contains(['<', '>', '=', '/']);
        return (inner.chars().count() >= 5 && is_prose && !has_signs).then_some((trimmed, ""));
    }
    // What Android says of pictures that are seen once, or that are no more.
    (trimmed == "null").then_some((trimmed, ""))
}

fn deleted(message: &mut Message, body: &str) -> bool {
    let words =
        body.trim_matches(|character: char| is_mark(character) || character.is_whitespace());
    if !words::is_deleted(words, body.starts_with(is_mark)) {
        return false;
    }
    message.kind = MessageKind::Deleted;
    message.text = Some(words.to_owned());
    true
}

fn call(message: &mut Message, body: &str) -> bool {
    let words =
        body.trim_matches(|character: char| is_mark(character) || character.is_whitespace());
    let Some((is_video, is_missed, after)) = words::call(words) else { return false };
    // `Video call` alone is what people write, too.
    if !is_missed && after.is_empty() && !body.starts_with(is_mark) {
        return false;
    }
    message.kind = MessageKind::Call;
    message.text = Some(clean(words, is_mark));
    message.call = Some(Call { is_video, is_missed, seconds: seconds(&clean(after, is_mark)) });
    true
}

/// `5 min`, `1 hr 2 min`, `37 sec` in languages that write them alike.
fn seconds(words: &str) -> Option<u64> {
    let mut sum = None;
    let mut parts = words.split_whitespace().map(|part| part.trim_matches([',', '.'])).peekable();
    while let Some(part) = parts.next() {
        let Ok(number) = part.parse::<u64>() else { continue };
        let unit = parts.peek().map_or(0, |unit| match unit.chars().next() {
            Some('s' | 'с') => 1,
            Some('m' | 'м' | 'd') => 60,
            Some('h' | 'ч') => 3600,
            _ => 0,
        });
        if unit > 0 {
            sum = Some(sum.unwrap_or(0_u64).saturating_add(number.saturating_mul(unit)));
        }
    }
    sum
}

fn place(message: &mut Message, body: &str) -> bool {
    let text = body.trim_matches(|character: char| is_mark(character) || character.is_whitespace());
    if words::is_live_location(text) {
        message.kind = MessageKind::LiveLocation;
        message.text = Some(text.to_owned());
        return true;
    }
    let Some(at) = text.find("https://") else { return false };
    let (before, address) = text.split_at_checked(at).unwrap_or((text, ""));
    if address.contains(char::is_whitespace) || before.len() > 300 {
        return false;
    }
    if let Some(place) = address.find("?q=").and_then(|at| coordinates(address.get(at + 3..)?)) {
        if !address.starts_with("https://maps.google.com/") {
            return false;
        }
        message.place = Some(place);
    } else if !address.starts_with("https://foursquare.com/v/") || before.is_empty() {
        return false;
    }
    message.kind = MessageKind::Location;
    message.text = Some(text.to_owned());
    true
}

fn coordinates(text: &str) -> Option<Place> {
    let (latitude, longitude) = text.split_once(',')?;
    let (latitude, longitude): (f64, f64) = (latitude.parse().ok()?, longitude.parse().ok()?);
    let is_place = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    is_place.then_some(Place { latitude, longitude, name: None })
}

/// A question under one word with a colon, and answers each with a number in brackets.
fn poll(message: &mut Message, body: &str) -> bool {
    let text = clean(body, |character| is_mark(character) || character == '\r');
    let mut lines = text.lines();
    let Some(first) = lines.next().map(str::trim_end) else { return false };
    if !first.ends_with(':') || first.contains(' ') {
        return false;
    }
    let mut question = Vec::new();
    for line in lines {
        match option(line) {
            Some(option) => message.poll.push(option),
            None if message.poll.is_empty() => question.push(line),
            None => {}
        }
    }
    if message.poll.is_empty() {
        return false;
    }
    message.kind = MessageKind::Poll;
    message.text = Some(question.join("\n"));
    true
}

/// `OPTION: What (3 votes)`.
fn option(line: &str) -> Option<PollOption> {
    let (word, rest) = line.split_once(": ")?;
    let (text, votes) = rest.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    let votes = votes.split_whitespace().find_map(|part| part.parse().ok())?;
    (!word.is_empty() && word.chars().count() <= 20 && word.chars().all(|c| !c.is_lowercase()))
        .then(|| PollOption { text: text.to_owned(), votes, voters: Vec::new() })
}

//! What telephones say in the place of a message, in many languages.
//!
//! That there is something in the place of a message is told by its form; these words only say what. Where a language is missing here, a picture is a file and a
//! deleted message a note of the app, and its words are still there.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::model::MessageKind;
use crate::needle::fold;

/// Parts of words for each kind of file, kind by kind. The first that fits counts.
const KINDS: &str = include_str!("words/kinds.txt");

/// What iOS says in the place of a file: needed where the marks got lost that say so in any language.
const OMITTED: &str = include_str!("words/omitted.txt");

/// What is said in the place of a message that was taken back, without the dot at its end.
const DELETED: &str = include_str!("words/deleted.txt");

/// What is said at the end of a message that was changed.
const EDITED: &str = include_str!("words/edited.txt");

/// What is said of calls: `voice` or `video`, `missed` or not.
const CALLS: &str = include_str!("words/calls.txt");

/// What is said of somebody who shows where they are for a while.
const LIVE: &str = include_str!("words/live.txt");

/// What Android says behind the name of a file.
const ATTACHED: &str = include_str!("words/attached.txt");

/// The words for taken back messages, small, and without accents.
static DELETED_FOLDED: LazyLock<HashSet<String>> = LazyLock::new(|| {
    DELETED.lines().map(str::to_lowercase).chain(DELETED.lines().map(fold)).collect()
});

/// The kinds of calls.
static CALLS_BY_WORDS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    CALLS
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(kind, words)| (words, kind))
        .collect()
});

/// What kind of file is missing, by what is said in its place.
pub(super) fn kind_of_missing(words: &str) -> Option<MessageKind> {
    let folded = fold(words);
    let pairs = KINDS.lines().filter_map(|line| line.split_once(": "));
    let mut fitting = pairs.filter(|(_, part)| folded.contains(part) || words.contains(part));
    Some(match fitting.next()?.0 {
        "gif" => MessageKind::Gif,
        "sticker" => MessageKind::Sticker,
        "contact" => MessageKind::Contact,
        "document" => MessageKind::Document,
        "video" => MessageKind::Video,
        "audio" => MessageKind::Audio,
        _ => MessageKind::Image,
    })
}

/// Where what is said in the place of a file begins, if a text ends with it.
pub(super) fn omitted_at(text: &str) -> Option<usize> {
    // Longer texts are searched in vain: in front of the words is the name of a file at most.
    if text.len() > 400 {
        return None;
    }
    let lower = text.to_lowercase();
    if lower.len() != text.len() {
        return None;
    }
    let words = OMITTED.lines().find(|words| lower.ends_with(words))?;
    let at = text.len() - words.len();
    let before = text.get(..at)?;
    (before.is_empty() || before.ends_with(char::is_whitespace)).then_some(at)
}

/// Whether a text is what stands in the place of a message that was taken back. Accents are looked at closely only where marks say that it is the app that speaks.
pub(super) fn is_deleted(text: &str, is_marked: bool) -> bool {
    let words = text.trim_end_matches(['.', '。', '।', '\u{6d4}']);
    // Most messages are longer or shorter than any of these.
    if words.len() > 160 || words.len() < 12 {
        return false;
    }
    DELETED_FOLDED.contains(&words.to_lowercase())
        || is_marked && DELETED_FOLDED.contains(&fold(words))
}

/// Whether words in angles say that a message was changed.
pub(super) fn is_edited(words: &str) -> bool {
    let lower = words.to_lowercase();
    EDITED.lines().any(|edited| edited == lower.trim_end_matches('.'))
}

/// A call: whether there was a picture, whether nobody took it, and what is said after the words.
pub(super) fn call(text: &str) -> Option<(bool, bool, &str)> {
    let end = text.find(['.', ',', '(', '\u{200e}', '·', '•']).unwrap_or(text.len());
    // Texts without such a sign are mostly longer than any of these words.
    let (words, after) = text
        .split_at_checked(end)
        .filter(|(words, after)| words.len() <= 60 && after.len() <= 100)?;
    let kind = CALLS_BY_WORDS.get(words.trim_end().to_lowercase().as_str())?;
    Some((kind.ends_with("video"), kind.starts_with("missed"), after))
}

/// Whether words in brackets say that there is a file.
pub(super) fn is_attached(words: &str) -> bool {
    let lower = words.to_lowercase();
    ATTACHED.lines().any(|attached| attached == lower)
}

/// Whether somebody shows where they are for a while.
pub(super) fn is_live_location(text: &str) -> bool {
    if text.len() > 80 {
        return false;
    }
    let lower = text.to_lowercase();
    LIVE.lines().any(|live| live == lower)
}

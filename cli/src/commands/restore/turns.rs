//! What is restored first: a restore in several runs over the snapshot, each with what is more urgent than the next.

use std::path::Path;

use clap::ValueEnum;
use heirloom_engine::restore::Turn;
use heirloom_engine::tree::{Entry, Kind, path_from_key};

/// What is restored first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum First {
    /// Documents, databases and chats; then pictures, sounds and films
    Text,
    /// Files of up to 1 MiB; then the others
    Small,
    /// What changed in the month before the snapshot; then in the year before it; then the others
    Newest,
}

const SMALL_BYTES: u64 = 1 << 20;
const DAY_NS: i128 = 86_400_000_000_000;
/// What changed so many days before the snapshot, and what changed in the year before it.
const NEW_DAYS: [i128; 2] = [30, 365];
/// What is large because it is a picture, a sound or a film. Everything else counts as text: documents, databases, chats.
const MEDIA: &[&str] = &[
    "3gp", "aac", "aif", "aiff", "amr", "arw", "avi", "avif", "bmp", "caf", "cr2", "cr3", "dng",
    "flac", "flv", "gif", "heic", "heif", "jpeg", "jpg", "m2ts", "m4a", "m4v", "mkv", "mov", "mp3",
    "mp4", "mpeg", "mpg", "mts", "nef", "oga", "ogg", "ogv", "opus", "orf", "png", "raf", "rw2",
    "tif", "tiff", "wav", "webm", "webp", "wma", "wmv",
];

/// In how many turns.
pub(super) fn count(first: Option<First>) -> usize {
    match first {
        None => 1,
        Some(First::Text | First::Small) => 2,
        Some(First::Newest) => NEW_DAYS.len() + 1,
    }
}

/// The turn of this number, from 0; none if there is only one.
pub(super) fn turn(first: Option<First>, number: usize, taken_ns: i64) -> Option<Box<dyn Turn>> {
    let first = first?;
    Some(Box::new(move |key: &[u8], entry: &Entry| turn_of(first, key, entry, taken_ns) == number))
}

/// Whether a file can wait does not depend on its name if it has several: all must come in one turn.
fn turn_of(first: First, key: &[u8], entry: &Entry, taken_ns: i64) -> usize {
    if entry.kind != Kind::File {
        return 0;
    }
    match first {
        First::Text => usize::from(entry.links <= 1 && is_media(&path_from_key(key))),
        First::Small => usize::from(entry.size > SMALL_BYTES),
        First::Newest => {
            let age_ns = i128::from(taken_ns) - entry.mtime_ns;
            NEW_DAYS.iter().take_while(|days| age_ns > **days * DAY_NS).count()
        }
    }
}

fn is_media(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| MEDIA.binary_search(&ending.as_str()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64, mtime_ns: i128, links: u64) -> Entry {
        Entry { size, mtime_ns, links, ..Entry::new(Kind::File) }
    }

    #[test]
    fn endings_can_be_searched() {
        assert!(MEDIA.is_sorted());
        assert!(is_media(Path::new("a/IMG.JPG")) && !is_media(Path::new("jpg")));
    }

    #[test]
    fn every_entry_has_one_turn() {
        let taken = i64::try_from(400 * DAY_NS).unwrap();
        let cases = [
            (First::Text, "chat.db", file(9 << 30, 0, 0), 0),
            (First::Text, "film.mp4", file(1, 0, 0), 1),
            (First::Text, "film.mp4", file(1, 0, 2), 0),
            (First::Text, "film.mp4", Entry::new(Kind::Symlink), 0),
            (First::Small, "a", file(SMALL_BYTES, 0, 2), 0),
            (First::Small, "a", file(SMALL_BYTES + 1, 0, 2), 1),
            (First::Newest, "a", file(1, 500 * DAY_NS, 0), 0),
            (First::Newest, "a", file(1, 370 * DAY_NS, 0), 0),
            (First::Newest, "a", file(1, 369 * DAY_NS, 0), 1),
            (First::Newest, "a", file(1, 0, 0), 2),
        ];
        for (first, key, entry, expected) in cases {
            let has =
                |number| turn(Some(first), number, taken).unwrap().has(key.as_bytes(), &entry);
            let turns: Vec<usize> = (0..count(Some(first))).filter(|number| has(*number)).collect();
            assert_eq!(turns, [expected], "{first:?} {key} {entry:?}");
        }
    }
}

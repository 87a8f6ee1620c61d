//! File names on a screen and in JSON. Names are bytes that somebody else chose: a terminal must not obey them.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde_json::{Map, Value, json};

/// The name with everything that a terminal could obey, or that is no text, as `\xNN`.
pub(crate) fn shown(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if harmful(character) {
                let mut buffer = [0; 4];
                escape(&mut text, character.encode_utf8(&mut buffer).as_bytes());
            } else {
                text.push(character);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

/// As [`shown`], for a path.
pub(crate) fn path(path: &Path) -> String {
    shown(path.as_os_str().as_bytes())
}

/// Control characters, and those that turn the direction of text around.
pub(crate) fn harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(text, "\\x{byte:02x}").expect("a String takes everything");
    }
}

/// The path as JSON: `path` for reading, and the exact bytes as `path_hex` if it is no text.
pub(crate) fn path_fields(path: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("path".to_owned(), json!(String::from_utf8_lossy(path)));
    if std::str::from_utf8(path).is_err() {
        fields.insert("path_hex".to_owned(), json!(super::entry::hex(path)));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_nothing_to_obey() {
        assert_eq!(shown(b"a\x1b[31mb\n"), "a\\x1b[31mb\\x0a");
        assert_eq!(shown(b"\xff\xc3\xa9"), "\\xff\u{e9}");
        assert_eq!(shown("a\u{202e}b".as_bytes()), "a\\xe2\\x80\\xaeb");
        assert_eq!(shown("Grüße 你好".as_bytes()), "Grüße 你好");
    }

    #[test]
    fn a_name_that_is_no_text_keeps_its_bytes_in_json() {
        let fields = path_fields(b"a\xff");
        assert_eq!(fields["path_hex"], "61ff");
        assert!(path_fields(b"a").get("path_hex").is_none());
    }
}

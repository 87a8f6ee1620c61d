//! What a file is, by its first bytes, and what a browser may be told about it.
//!
//! A browser that is told `text/html` or `image/svg+xml` runs what it is given. Only types that are on the list below are
//! ever named to it; everything else is a stream of bytes to be saved.

/// What can be shown of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// The browser shows it.
    Picture(&'static str),
    /// The browser plays it.
    Video(&'static str),
    /// The browser plays it.
    Audio(&'static str),
    /// We show it.
    Text,
    /// Nobody shows it.
    Other,
}

/// So many bytes tell what a file is.
pub(crate) const HEAD_BYTES: usize = 8192;

impl Media {
    /// By the first [`HEAD_BYTES`] of a file.
    pub(crate) fn of(head: &[u8]) -> Self {
        let Some(found) = infer::get(head) else {
            return if head.contains(&0) { Self::Other } else { Self::Text };
        };
        match found.mime_type() {
            "image/jpeg" => Self::Picture("image/jpeg"),
            "image/png" => Self::Picture("image/png"),
            "image/gif" => Self::Picture("image/gif"),
            "image/webp" => Self::Picture("image/webp"),
            "image/bmp" => Self::Picture("image/bmp"),
            "image/avif" => Self::Picture("image/avif"),
            // What browsers make of it is the same, and they refuse the other names.
            "video/mp4" | "video/x-m4v" | "video/quicktime" => Self::Video("video/mp4"),
            "video/webm" | "video/x-matroska" => Self::Video("video/webm"),
            "audio/mpeg" => Self::Audio("audio/mpeg"),
            "audio/m4a" => Self::Audio("audio/mp4"),
            "audio/ogg" => Self::Audio("audio/ogg"),
            "audio/x-flac" => Self::Audio("audio/flac"),
            "audio/x-wav" => Self::Audio("audio/wav"),
            "audio/aac" => Self::Audio("audio/aac"),
            _ if found.matcher_type() == infer::MatcherType::Text => Self::Text,
            _ => Self::Other,
        }
    }

    /// What to call it, if a browser may show it.
    pub(crate) fn mime(self) -> Option<&'static str> {
        match self {
            Self::Picture(mime) | Self::Video(mime) | Self::Audio(mime) => Some(mime),
            Self::Text | Self::Other => None,
        }
    }
}

/// What a name promises, for the signs of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    Picture,
    Video,
    Audio,
    Nothing,
}

impl Promise {
    pub(crate) fn of(name: &[u8]) -> Self {
        let extension = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        match extension.to_ascii_lowercase().as_slice() {
            b"jpg" | b"jpeg" | b"png" | b"gif" | b"webp" | b"bmp" => Self::Picture,
            b"mp4" | b"m4v" | b"mov" | b"webm" | b"mkv" => Self::Video,
            b"mp3" | b"m4a" | b"ogg" | b"opus" | b"flac" | b"wav" | b"aac" => Self::Audio,
            _ => Self::Nothing,
        }
    }
}

/// Text for a page: line feeds and tabs as they are, what is not text or could turn it around as `\xNN`.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let cells = line.split(|byte| *byte == b'\t').map(crate::render::names::shown);
        cells.collect::<Vec<_>>().join("\t")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_could_run_has_no_name() {
        for head in [
            &b"<!DOCTYPE html><html><script>alert(1)</script>"[..],
            b"<html>",
            b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            b"#!/bin/sh\necho",
            b"alert(1)",
            b"",
        ] {
            assert_eq!(Media::of(head), Media::Text);
            assert_eq!(Media::of(head).mime(), None);
        }
        assert_eq!(Media::of(b"%PDF-1.7 ...").mime(), None);
        assert_eq!(Media::of(b"MZ\0\0").mime(), None);
    }

    #[test]
    fn content_counts_and_not_the_name() {
        assert_eq!(Media::of(b"\xff\xd8\xff\xe0\0\x10JFIF"), Media::Picture("image/jpeg"));
        assert_eq!(Media::of(b"\0\0\0\x18ftypisom\0\0\0\0isom"), Media::Video("video/mp4"));
        let webm = [&b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm"[..], &[0; 300]].concat();
        assert_eq!(Media::of(&webm), Media::Video("video/webm"));
    }

    #[test]
    fn text_keeps_its_lines_and_shows_what_is_none() {
        assert_eq!(readable(b"a\tb\r\nc\xff\x1b[0m\n"), "a\tb\nc\\xff\\x1b[0m\n");
        assert_eq!(readable("\u{202e}x".as_bytes()), "\\xe2\\x80\\xaex");
    }
}

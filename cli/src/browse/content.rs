//! The bytes of a file, in parts as they are asked for: ranges, so that videos seek, and never all in memory.

use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use futures::stream;
use heirloom_engine::error::ReadError;
use heirloom_engine::tree::{Kind, file_name};
use heirloom_engine::view::File;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::app::{App, place_hash};
use super::ask::Ask;
use super::media::{HEAD_BYTES, Media};
use super::page::{Answer, Fault};
use crate::render::entry::hex;

/// What is read and sent at once.
const PART_BYTES: u64 = 256 << 10;

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// `attr-char` of RFC 5987.
const ATTR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The bytes of a file: to be shown if a browser may show them, else to be saved.
pub(super) fn answer(app: &App, ask: &Ask, save: bool) -> Answer {
    let snapshot = app.snapshot(ask.session)?;
    let entry = app.entry(&snapshot, &ask.key)?;
    if entry.kind != Kind::File {
        return Err(Fault::absent());
    }
    let file = app.reader.open(&entry);
    let tag = format!("\"{}\"", hex(&place_hash(&snapshot, &ask.key)[..16]));
    let is_same = ask.headers.get(IF_RANGE).is_none_or(|known| *known == *tag);
    let wanted = ask.headers.get(RANGE).filter(|_| is_same).and_then(|range| range.to_str().ok());
    let part = range(wanted, entry.size);
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    let head = file.read(0, HEAD_BYTES)?;
    let mime = Media::of(&head).mime().filter(|_| !save);
    headers.insert(CONTENT_TYPE, mime.map_or(BYTES, HeaderValue::from_static));
    headers.insert(CONTENT_DISPOSITION, disposition(file_name(&ask.key), mime.is_some()));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, HeaderValue::from_str(&tag).unwrap_or(BYTES));
    confine(headers);
    let (part, status) = match part {
        Part::All => (0..entry.size, StatusCode::OK),
        Part::Range(part) => {
            let range = format!("bytes {}-{}/{}", part.start, part.end - 1, entry.size);
            headers.insert(CONTENT_RANGE, HeaderValue::from_str(&range).unwrap_or(BYTES));
            (part, StatusCode::PARTIAL_CONTENT)
        }
        Part::Outside => {
            let range = format!("bytes */{}", entry.size);
            headers.insert(CONTENT_RANGE, HeaderValue::from_str(&range).unwrap_or(BYTES));
            (0..0, StatusCode::RANGE_NOT_SATISFIABLE)
        }
    };
    headers.insert(CONTENT_LENGTH, (part.end - part.start).into());
    // While an answer can still say that it is damaged.
    let first = part.start..part.end.min(part.start + PART_BYTES);
    let ready = read(&file, first.clone())?;
    *answer.status_mut() = status;
    *answer.body_mut() = body(file, ready, first.end..part.end);
    Ok(answer)
}

/// What a file contains is nothing that a browser shall run, wherever it is opened.
pub(super) fn confine(headers: &mut HeaderMap) {
    let policy = HeaderValue::from_static(
        "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
    );
    headers.insert(HeaderName::from_static("content-security-policy"), policy);
}

fn read(file: &File, part: Range<u64>) -> Result<Bytes, ReadError> {
    file.read(part.start, usize::try_from(part.end - part.start).unwrap_or_default())
}

/// A failure in the middle cuts the connection: whoever reads must not take a part for the whole.
fn body(file: File, ready: Bytes, rest: Range<u64>) -> Body {
    let start = (Arc::new(file), Some(ready), rest);
    Body::from_stream(stream::try_unfold(start, async |(file, ready, rest)| {
        if let Some(ready) = ready {
            return Ok(Some((ready, (file, None, rest))));
        }
        if rest.is_empty() {
            return Ok(None);
        }
        let part = rest.start..rest.end.min(rest.start + PART_BYTES);
        let (reader, end) = (Arc::clone(&file), part.end);
        let bytes = tokio::task::spawn_blocking(move || read(&reader, part)).await;
        let bytes = bytes.map_err(std::io::Error::other)?.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(Some((bytes, (file, None, end..rest.end))))
    }))
}

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    All,
    Range(Range<u64>),
    Outside,
}

/// Several ranges at once, and what makes no sense, mean the whole file, as RFC 9110 permits.
fn range(header: Option<&str>, size: u64) -> Part {
    let parse = |header: &str| {
        let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
        let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        if !digits(first) || !digits(last) {
            return None;
        }
        let (first, last) = (first.parse::<u64>().ok(), last.parse::<u64>().ok());
        match (first, last) {
            (Some(first), Some(last)) if first > last => None,
            (Some(first), Some(last)) => Some(first..last.saturating_add(1).min(size)),
            (Some(first), None) => Some(first..size),
            (None, Some(last)) => Some(size.saturating_sub(last)..size),
            (None, None) => None,
        }
    };
    match header.and_then(parse) {
        None => Part::All,
        Some(range) if range.is_empty() => Part::Outside,
        Some(range) => Part::Range(range),
    }
}

/// How to save it, and under which name: RFC 6266, with the name once in ASCII and once, by RFC 5987, in full.
pub(super) fn disposition(name: &[u8], is_shown: bool) -> HeaderValue {
    let how = if is_shown { "inline" } else { "attachment" };
    let name: String = String::from_utf8_lossy(name)
        .chars()
        .map(|c| if crate::render::names::harmful(c) || c == '/' || c == '\\' { '_' } else { c })
        .collect();
    let plain: String = name
        .chars()
        .map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '%') { c } else { '_' })
        .collect();
    let full = percent_encode(name.as_bytes(), ATTR);
    let text = format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{full}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (header, expected) in [
            ("bytes=0-0", Part::Range(0..1)),
            ("bytes=10-19", Part::Range(10..20)),
            ("bytes=90-", Part::Range(90..100)),
            ("bytes=90-1000", Part::Range(90..100)),
            ("bytes=-7", Part::Range(93..100)),
            ("bytes=-1000", Part::Range(0..100)),
            ("bytes=100-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=5-4", Part::All),
            ("bytes=0-1,5-6", Part::All),
            ("bytes=+1-2", Part::All),
            ("bytes=-", Part::All),
            ("bytes=18446744073709551616-", Part::All),
            ("lines=0-1", Part::All),
        ] {
            assert_eq!(range(Some(header), 100), expected, "{header}");
        }
        assert_eq!(range(Some("bytes=0-18446744073709551615"), 100), Part::Range(0..100));
        assert_eq!(range(Some("bytes=0-"), 0), Part::Outside);
        assert_eq!(range(None, 100), Part::All);
    }

    #[test]
    fn any_name_can_be_saved_and_none_breaks_out() {
        let text = |name: &[u8]| disposition(name, false).to_str().expect("ASCII").to_owned();
        assert_eq!(
            text(b"a b.txt"),
            "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"
        );
        assert_eq!(
            text("é\"%\\/\n.txt".as_bytes()),
            "attachment; filename=\"______.txt\"; filename*=UTF-8''%C3%A9%22%25___.txt"
        );
        assert!(text(b"\xff\r\nx: y").ends_with("%EF%BF%BD__x%3A%20y"));
        assert!(!text("exe\u{202e}fdp".as_bytes()).contains("%E2%80%AE"));
        assert!(disposition(b"a", true).to_str().expect("ASCII").starts_with("inline; "));
    }
}

//! Which bytes of a file are asked for, under which name they are saved, and what a browser may make of them.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

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

/// What a file contains is nothing that a browser shall run, wherever it is opened.
pub(crate) fn confine(headers: &mut HeaderMap) {
    let policy = HeaderValue::from_static(
        "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
    );
    headers.insert(HeaderName::from_static("content-security-policy"), policy);
}

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    Range(Range<u64>),
    Outside,
}

/// Several ranges at once, and what makes no sense, mean the whole file, as RFC 9110 permits.
pub(crate) fn range(header: Option<&str>, size: u64) -> Part {
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
pub(crate) fn disposition(name: &[u8], is_shown: bool) -> HeaderValue {
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

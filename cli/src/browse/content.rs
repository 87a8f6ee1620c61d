//! The bytes of a file, in parts as they are asked for: ranges, so that videos seek, and never all in memory.

use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_RANGE, RANGE,
};
use axum::http::{HeaderValue, Response, StatusCode};
use futures::stream;
use heirloom_engine::error::ReadError;
use heirloom_engine::tree::{Kind, file_name};
use heirloom_engine::view::File;

use super::app::{App, place_hash};
use super::page::{Answer, Fault};
use crate::render::entry::hex;
use crate::web::ask::Ask;
use crate::web::media::{HEAD_BYTES, Media};
use crate::web::parts::{Part, confine, disposition, range};

/// What is read and sent at once.
const PART_BYTES: u64 = 256 << 10;

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

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

//! Uploads: description and bytes in one body, or in a session.

use bytes::Bytes;
use http::header;

use super::answer::{Answer, Asked};
use super::files::{described, shown};
use super::world::{Session, World};

/// A session keeps whole pieces only.
const PIECE: usize = 256 << 10;

/// `multipart/related` with two parts.
pub(super) fn multipart(world: &mut World, asked: &Asked, damage: bool) -> Answer {
    let Some((description, data)) = parts(asked) else { return Answer::refusal(400, "badContent") };
    let data = if damage { damaged(&data) } else { data };
    let Some(node) = described(world, &description, Some(data)) else {
        return Answer::refusal(400, "badRequest");
    };
    match world.create(node) {
        Ok(id) => shown(world, &id, asked),
        Err(refused) => refused.into(),
    }
}

fn parts(asked: &Asked) -> Option<(Bytes, Bytes)> {
    let boundary = asked.header("content-type")?.strip_prefix("multipart/related; boundary=")?;
    let boundary = boundary.trim_matches('"');
    let opening = format!("--{boundary}\r\n");
    let between = format!("\r\n--{boundary}\r\n");
    let closing = format!("\r\n--{boundary}--");
    let body = &asked.body;
    let end = body.len() - usize::from(body.ends_with(b"\r\n")) * 2;
    let inside = body.slice(..end);
    let inside = inside.slice(..inside.strip_suffix(closing.as_bytes())?.len());
    let inside = inside.slice(inside.strip_prefix(opening.as_bytes()).map(|_| opening.len())?..);
    let at = find(&inside, between.as_bytes())?;
    Some((content(&inside.slice(..at))?, content(&inside.slice(at + between.len()..))?))
}

/// What follows the headers of a part.
fn content(part: &Bytes) -> Option<Bytes> {
    find(part, b"\r\n\r\n").map(|at| part.slice(at + 4..))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn damaged(data: &Bytes) -> Bytes {
    let mut data = data.to_vec();
    if let Some(byte) = data.first_mut() {
        *byte ^= 1;
    }
    data.into()
}

pub(super) fn open_session(world: &mut World, asked: &Asked, url: &str) -> Answer {
    let total = asked.header("x-upload-content-length").and_then(|length| length.parse().ok());
    let node = described(world, &asked.body, None);
    let (Some(total), Some(node)) = (total, node) else {
        return Answer::refusal(400, "badRequest");
    };
    if let Err(refused) = world.may_create(&node) {
        return refused.into();
    }
    let id = format!("upload-{}", world.new_id());
    world.sessions.insert(id.clone(), Session { node, total, received: Vec::new() });
    let fields = asked.query("fields").unwrap_or_default();
    let location =
        format!("{url}/upload/drive/v3/files?uploadType=resumable&fields={fields}&upload_id={id}");
    Answer::empty(200).with(header::LOCATION, location)
}

/// The next bytes of a session, or the question how many there are.
pub(super) fn session(world: &mut World, asked: &Asked, damage: bool) -> Answer {
    let id = asked.query("upload_id").unwrap_or_default().to_owned();
    let Some(session) = world.sessions.get_mut(&id) else { return Answer::not_found() };
    let range = asked.header("content-range").unwrap_or_default();
    let Some((start, total)) = parse(range) else { return Answer::refusal(400, "badRequest") };
    if total != session.total {
        return Answer::refusal(400, "badRequest");
    }
    if let Some(start) = start {
        if start != session.received.len() {
            return Answer::refusal(503, "backendError");
        }
        let data = if damage { damaged(&asked.body) } else { asked.body.clone() };
        session.received.extend_from_slice(&data);
    }
    if session.received.len() < session.total {
        return incomplete(session);
    }
    let session = world.sessions.remove(&id).expect("it was there a moment ago");
    match world.create(session.node.with_data(session.received.into())) {
        Ok(file) => shown(world, &file, asked),
        Err(refused) => refused.into(),
    }
}

/// A session that was cut off: what it has by then is kept.
pub(super) fn cut_session(world: &mut World, id: &str, content_range: &str, bytes: &[u8]) {
    let Some(session) = world.sessions.get_mut(id) else { return };
    if parse(content_range).and_then(|(start, _)| start) == Some(session.received.len()) {
        let kept = bytes.len() / PIECE * PIECE;
        session.received.extend_from_slice(&bytes[..kept]);
    }
}

fn incomplete(session: &Session) -> Answer {
    match session.received.len().checked_sub(1) {
        Some(last) => Answer::empty(308).with(header::RANGE, format!("bytes=0-{last}")),
        None => Answer::empty(308),
    }
}

/// `bytes a-b/total` or `bytes */total`
fn parse(range: &str) -> Option<(Option<usize>, usize)> {
    let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let total = total.parse().ok()?;
    if range == "*" {
        return Some((None, total));
    }
    let (start, _) = range.split_once('-')?;
    Some((Some(start.parse().ok()?), total))
}

//! `files.list`, `get`, `create`, `update`, `delete`, `generateIds`.

use bytes::Bytes;
use http::header;
use serde_json::{Value, json};

use super::answer::{Answer, Asked, select};
use super::question;
use super::world::{FOLDER, Node, Refused, World};

const DEFAULT_FIELDS: &str = "kind,id,name,mimeType";

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::UnknownId => Self::refusal(400, "invalid"),
            Refused::IdInUse => Self::refusal(409, "fileIdInUse"),
            Refused::NoParent => Self::not_found(),
            Refused::Quota => Self::refusal(403, "storageQuotaExceeded"),
        }
    }
}

/// What a client says of a new file.
pub(super) fn described(world: &World, body: &[u8], data: Option<Bytes>) -> Option<Node> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let parents: Vec<String> = match body.get("parents") {
        Some(parents) => serde_json::from_value(parents.clone()).ok()?,
        None => vec![world.root.clone()],
    };
    let kind = text("mimeType").unwrap_or("application/octet-stream");
    let mut node = Node::new(text("name").unwrap_or("Untitled"), "", kind, data);
    node.parents = parents.iter().map(|id| world.real_id(id).to_owned()).collect();
    text("id").unwrap_or_default().clone_into(&mut node.id);
    Some(node)
}

/// The file as the answer to a request that made it or asked for it.
pub(super) fn shown(world: &World, id: &str, asked: &Asked) -> Answer {
    match world.node(id) {
        Some(node) => {
            let fields = select(&world.fields(node), asked.query("fields"), DEFAULT_FIELDS);
            Answer::json(200, &fields)
        }
        None => Answer::not_found(),
    }
}

pub(super) fn list(world: &World, asked: &Asked) -> Answer {
    let Some(question) = question::parse(asked.query("q").unwrap_or("trashed = false")) else {
        return Answer::refusal(400, "invalid");
    };
    if question.parents().into_iter().any(|id| world.node(id).is_none()) {
        return Answer::not_found();
    }
    let number = |key: &str| asked.query(key).map(str::parse::<usize>);
    let (Ok(page_size), Ok(start)) =
        (number("pageSize").unwrap_or(Ok(100)), number("pageToken").unwrap_or(Ok(0)))
    else {
        return Answer::refusal(400, "invalid");
    };
    if !(1..=1000).contains(&page_size) {
        return Answer::refusal(400, "invalid");
    }
    let found = world.nodes().filter(|node| world.is_listed(node) && question.fits(world, node));
    let mut found: Vec<Value> = found.map(|node| world.fields(node)).collect();
    for order in asked.query("orderBy").unwrap_or_default().split(',').rev() {
        let mut words = order.split_whitespace();
        let Some(field) = words.next() else { continue };
        found.sort_by(|a, b| a[field].as_str().cmp(&b[field].as_str()));
        if words.next() == Some("desc") {
            found.reverse();
        }
    }
    let end = found.len().min(start + page_size);
    let files = found.get(start..end).unwrap_or_default();
    let mut page = json!({ "kind": "drive#fileList", "incompleteSearch": false, "files": files });
    if end < found.len() {
        page["nextPageToken"] = json!(end.to_string());
    }
    let default = format!("kind,incompleteSearch,nextPageToken,files({DEFAULT_FIELDS})");
    Answer::json(200, &select(&page, asked.query("fields"), &default))
}

pub(super) fn generate_ids(world: &mut World, asked: &Asked) -> Answer {
    let count = asked.query("count").map_or(Ok(10), str::parse);
    let Ok(count @ 1..=1000) = count else { return Answer::refusal(400, "invalid") };
    let ids: Vec<String> = (0..count).map(|_| world.new_id()).collect();
    let all = json!({ "kind": "drive#generatedIds", "space": "drive", "ids": ids });
    Answer::json(200, &select(&all, asked.query("fields"), "kind,space,ids"))
}

/// Without content: a folder.
pub(super) fn create(world: &mut World, asked: &Asked) -> Answer {
    let Some(mut node) = described(world, &asked.body, None) else {
        return Answer::refusal(400, "badRequest");
    };
    if node.mime_type != FOLDER {
        node.data = Some(Bytes::new());
    }
    match world.create(node) {
        Ok(id) => shown(world, &id, asked),
        Err(refused) => refused.into(),
    }
}

pub(super) fn media(world: &World, asked: &Asked) -> Answer {
    let Some(node) = world.node(asked.id()) else { return Answer::not_found() };
    let Some(data) = &node.data else { return Answer::refusal(403, "fileNotDownloadable") };
    let Some((start, end)) = asked.header("range").and_then(|range| parse_range(range, data.len()))
    else {
        return Answer::bytes(200, data.clone());
    };
    if start >= data.len() {
        return Answer::empty(416).with(header::CONTENT_RANGE, format!("bytes */{}", data.len()));
    }
    let range = format!("bytes {start}-{}/{}", end - 1, data.len());
    Answer::bytes(206, data.slice(start..end)).with(header::CONTENT_RANGE, range)
}

/// `bytes=a-b`, `bytes=a-` or `bytes=-n`; other ranges are ignored.
fn parse_range(range: &str, size: usize) -> Option<(usize, usize)> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    if start.is_empty() {
        let last: usize = end.parse().ok()?;
        return Some((size.saturating_sub(last), size));
    }
    let start: usize = start.parse().ok()?;
    let end = if end.is_empty() { size } else { end.parse::<usize>().ok()?.saturating_add(1) };
    (start < end || start >= size).then_some((start, end.min(size)))
}

pub(super) fn update(world: &mut World, asked: &Asked) -> Answer {
    let Ok(body) = serde_json::from_slice::<Value>(&asked.body) else {
        return Answer::refusal(400, "badRequest");
    };
    let id = asked.id().to_owned();
    let Some(node) = world.node_mut(&id) else { return Answer::not_found() };
    if let Some(trashed) = body.get("trashed").and_then(Value::as_bool) {
        node.trashed = trashed;
    }
    if let Some(name) = body.get("name").and_then(Value::as_str) {
        name.clone_into(&mut node.name);
    }
    shown(world, &id, asked)
}

pub(super) fn delete(world: &mut World, asked: &Asked) -> Answer {
    if world.remove(asked.id()) { Answer::empty(204) } else { Answer::not_found() }
}

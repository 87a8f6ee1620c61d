//! Answers as Google writes them.

use std::collections::BTreeMap;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Response, Uri, header};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// A request with its body.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    pub(super) fn new(uri: &Uri, headers: HeaderMap, body: Bytes) -> Self {
        let query = form(uri.query().unwrap_or_default().as_bytes());
        Self { path: uri.path().to_owned(), query, headers, body }
    }

    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Of `/drive/v3/files/ID`.
    pub(super) fn id(&self) -> &str {
        self.path.strip_prefix("/drive/v3/files/").unwrap_or_default()
    }
}

pub(super) fn form(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// An answer before it is written.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(header::HeaderName, String)>,
    body: Bytes,
}

impl Answer {
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(super) fn json(status: u16, value: &Value) -> Self {
        let body = Bytes::from(value.to_string());
        let headers = vec![(header::CONTENT_TYPE, "application/json; charset=UTF-8".to_owned())];
        Self { status, headers, body }
    }

    pub(super) fn bytes(status: u16, body: Bytes) -> Self {
        let headers = vec![(header::CONTENT_TYPE, "application/octet-stream".to_owned())];
        Self { status, headers, body }
    }

    pub(super) fn with(mut self, name: header::HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A refusal in the form of the interface for files.
    pub(super) fn refusal(status: u16, reason: &str) -> Self {
        let sentence = format!("The server says: {reason}.");
        let error = json!({ "domain": "global", "reason": reason, "message": sentence });
        let body = json!({ "error": { "errors": [error], "code": status, "message": sentence } });
        Self::json(status, &body)
    }

    pub(super) fn not_found() -> Self {
        Self::refusal(404, "notFound")
    }

    pub(super) fn response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body)).expect("these headers are well formed")
    }
}

/// Only the fields that are asked for: `a,b,files(c,d)`.
pub(super) fn select(value: &Value, fields: Option<&str>, default: &str) -> Value {
    let fields = fields.unwrap_or(default);
    let Value::Object(all) = value else { return value.clone() };
    let mut selected = Map::new();
    for field in split_fields(fields) {
        let (name, inner) = match field.split_once('(') {
            Some((name, inner)) => (name, inner.strip_suffix(')')),
            None => (field, None),
        };
        let Some(value) = all.get(name) else { continue };
        let value = match (value, inner) {
            (Value::Array(items), Some(inner)) => {
                items.iter().map(|item| select(item, Some(inner), "")).collect()
            }
            _ => value.clone(),
        };
        selected.insert(name.to_owned(), value);
    }
    selected.into()
}

fn split_fields(fields: &str) -> Vec<&str> {
    let mut depth = 0;
    let separator = |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    };
    fields.split(separator).filter(|field| !field.is_empty()).collect()
}

#[test]
fn only_what_is_asked_for_is_answered() {
    let value = json!({ "a": 1, "b": 2, "files": [{ "c": 3, "d": 4, "e": 5 }] });
    let selected = select(&value, Some("a,files(c,e),x"), "");
    assert_eq!(selected, json!({ "a": 1, "files": [{ "c": 3, "e": 5 }] }));
}

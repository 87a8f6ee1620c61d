//! What the store was asked for.

use heirloom_backends::{KindTraffic, RequestKind, Traffic};
use serde_json::{Map, Value, json};

use super::numbers::{bytes, count, counted};

/// One line for people.
pub(crate) fn text(traffic: &Traffic) -> String {
    let KindTraffic { requests, sent, received } = traffic.total();
    let kinds: Vec<String> = RequestKind::ALL
        .into_iter()
        .map(|kind| (kind, traffic.of(kind).requests))
        .filter(|(_, requests)| *requests > 0)
        .map(|(kind, requests)| format!("{} {}", count(requests), kind.name()))
        .collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    format!(
        "store: {}{kinds}, {} sent, {} received\n",
        counted(requests, "request", "requests"),
        bytes(sent),
        bytes(received),
    )
}

/// The fields of a summary with `store` among them.
pub(crate) fn with_store(fields: Value, traffic: &Traffic) -> Value {
    let object = |one: KindTraffic| json!({ "requests": one.requests, "sent": one.sent, "received": one.received });
    let kinds: Map<String, Value> = RequestKind::ALL
        .into_iter()
        .map(|kind| (kind.name().to_owned(), object(traffic.of(kind))))
        .collect();
    let mut fields = fields;
    if let Value::Object(fields) = &mut fields {
        fields.insert("store".to_owned(), Value::Object(kinds));
    }
    fields
}

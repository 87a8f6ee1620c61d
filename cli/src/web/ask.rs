//! What a request asks for: `VERB/SNAPSHOT/PATH?QUERY`, and the addresses of our own links.
//!
//! A path in an address is percent-encoded byte by byte, so that every file name has one.

use std::collections::HashMap;

use axum::extract::Query;
use axum::http::{HeaderMap, Request};
use heirloom_engine::id::SessionId;
use heirloom_engine::tree::{components, safe_key};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// Everything but what no address gives a meaning to.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b',');

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    pub(crate) verb: String,
    pub(crate) session: Option<SessionId>,
    pub(crate) key: Vec<u8>,
    query: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
}

impl Ask {
    /// `None` for what no link of ours leads to.
    pub(crate) fn parse<B>(base: &str, request: &Request<B>) -> Option<Self> {
        let mut parts = request.uri().path().strip_prefix(base)?.splitn(3, '/');
        let verb = parts.next()?.to_owned();
        let session = match parts.next() {
            None => None,
            Some(session) => Some(SessionId::from_hex(session)?),
        };
        let names = parts.next().unwrap_or_default().split('/').filter(|name| !name.is_empty());
        let names: Vec<Vec<u8>> = names.map(|name| percent_decode_str(name).collect()).collect();
        if names.iter().any(|name| name.contains(&0)) {
            return None;
        }
        let key = names.join(&0);
        let Query(query) = Query::try_from_uri(request.uri()).ok()?;
        let headers = request.headers().clone();
        safe_key(&key).then_some(Self { verb, session, key, query, headers })
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.query.get(name).map_or("", |value| value.trim())
    }

    /// Pages count from 1.
    pub(crate) fn page(&self) -> usize {
        self.text("page").parse().unwrap_or(1).max(1)
    }
}

/// An address relative to where the pages lie.
pub(crate) fn link(verb: &str, session: SessionId, key: &[u8]) -> String {
    let mut link = format!("{verb}/{session}");
    for name in components(key) {
        link.push('/');
        link.extend(percent_encode(name, ENCODED));
    }
    link
}

/// The value of a query.
pub(crate) fn encoded(text: &str) -> String {
    percent_encode(text.as_bytes(), ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &str) -> Option<Ask> {
        Ask::parse("/x/", &Request::builder().uri(path).body(()).expect("a request"))
    }

    #[test]
    fn every_name_comes_back_from_its_link() {
        let session = SessionId([7; 16]);
        for key in [
            &b"a\0b c\0d"[..],
            b"\xff\xfe\0\"<script>&'",
            b"new\nline\0%2e%2e\0?q=1#x",
            b"..a\0...\0a\\b",
            b"",
        ] {
            let ask = ask(&format!("/x/{}", link("f", session, key))).expect("a link of ours");
            assert_eq!((ask.verb.as_str(), ask.session, &*ask.key), ("f", Some(session), key));
        }
    }

    #[test]
    fn paths_that_climb_are_no_links() {
        let root = format!("/x/f/{}", SessionId([7; 16]));
        for path in ["/../etc", "/%2e%2e/etc", "/a/%2E%2e", "/a%2fb", "/a%00b", "/."] {
            assert!(ask(&format!("{root}{path}")).is_none(), "{path}");
        }
        assert!(ask("/x/f/latest/a").is_none());
        assert!(ask("/y/f").is_none());
        assert_eq!(ask(&format!("{root}//a//b/")).expect("a link").key, b"a\0b");
    }

    #[test]
    fn pages_count_from_one() {
        assert_eq!(ask("/x/?page=3").expect("a link").page(), 3);
        for path in ["/x/", "/x/?page=0", "/x/?page=-1", "/x/?page=x"] {
            assert_eq!(ask(path).expect("a link").page(), 1, "{path}");
        }
    }
}

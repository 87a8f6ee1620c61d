//! Who may come in: whoever knows the token, by an address of this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use dav_server::{DavHandler, DavMethodSet};
use heirloom_engine::clock::Clock as _;
use http::header::{CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use subtle::ConstantTimeEq as _;

use super::files::Files;
use crate::render::entry::hex;
use crate::system::{SystemClock, host_name};

const TOKEN_BYTES: usize = 16;
/// What is sent at once.
const PART_BYTES: usize = 256 << 10;
/// A page of a backup must not read the others with the token in its address.
const POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'";

/// Lets in, and hands on.
pub(super) struct Door {
    token: String,
    /// Other names for this machine than its numbers.
    names: Vec<String>,
    inside: DavHandler,
}

impl Door {
    pub(super) fn new(files: Files, is_remote: bool) -> Self {
        let mut token = [0; TOKEN_BYTES];
        SystemClock.fill_random(&mut token);
        let token = hex(&token);
        let mut names = vec!["localhost".to_owned()];
        if is_remote {
            let name = host_name().to_ascii_lowercase();
            names.extend([format!("{name}.local"), name]);
        }
        let inside = DavHandler::builder()
            .filesystem(Box::new(files))
            .methods(DavMethodSet::WEBDAV_RO)
            .strip_prefix(format!("/{token}"))
            .read_buf_size(PART_BYTES)
            .autoindex(true)
            .build_handler();
        Self { token, names, inside }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// A page of another site could send requests here under its own name, but under no other.
    fn is_addressed(&self, request: &Request) -> bool {
        let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = header.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
        host.is_some_and(|host| self.is_here(host))
    }

    fn is_here(&self, host: &str) -> bool {
        let (host, port) = match host.rsplit_once(':') {
            // The colons of an IPv6 address without port are inside brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (host, ""),
        };
        let number = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_name = self.names.iter().any(|name| name.eq_ignore_ascii_case(host));
        port.bytes().all(|digit| digit.is_ascii_digit())
            && (is_name || number.parse::<IpAddr>().is_ok())
    }

    fn is_known(&self, request: &Request) -> bool {
        let mut parts = request.uri().path().split('/').skip(1);
        let token = parts.next().unwrap_or_default();
        token.as_bytes().ct_eq(self.token.as_bytes()).into()
    }
}

/// Answers a request.
pub(super) async fn enter(State(door): State<Arc<Door>>, request: Request) -> Response {
    if !door.is_addressed(&request) {
        return (StatusCode::FORBIDDEN, "wrong host\n").into_response();
    }
    if !door.is_known(&request) {
        return (StatusCode::NOT_FOUND, "no such address\n").into_response();
    }
    let mut response = door.inside.handle(request).await.map(Body::new);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

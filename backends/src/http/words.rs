//! Words for errors: short, printable, and without secrets.

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use heirloom_engine::error::ErrorKind;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};

use super::HttpError;

const CHARACTERS_MAX: usize = 200;
/// Replacing shorter ones would leave nothing readable.
const SECRET_BYTES_MIN: usize = 3;
/// Words of an `Authorization` header or a query that are this long may be a key, a token or a signature.
const SUSPICIOUS_BYTES: usize = 16;

/// Knows what must not appear.
#[derive(Clone, Default)]
pub(super) struct Words {
    secrets: Arc<[SecretString]>,
    of_the_request: Vec<String>,
}

impl Words {
    pub(super) fn new(secrets: Arc<[SecretString]>, of_the_request: Vec<String>) -> Self {
        Self { secrets, of_the_request }
    }

    /// One line without secrets, queries and control characters.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(text);
        let known = self.secrets.iter().map(ExposeSecret::expose_secret);
        for secret in known.chain(self.of_the_request.iter().map(String::as_str)) {
            if secret.len() >= SECRET_BYTES_MIN && text.contains(secret) {
                text = Cow::Owned(text.replace(secret, "***"));
            }
        }
        let words = text.split(|c: char| c.is_whitespace() || c.is_control());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).map(without_query).collect();
        let line = words.join(" ");
        match line.char_indices().nth(CHARACTERS_MAX) {
            Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
            None => line,
        }
    }

    /// What became of a request that got no answer. The library's own words hold the whole URL.
    pub(super) fn failure(&self, host: &str, error: &reqwest::Error) -> HttpError {
        let reason = deepest(error);
        let text = self.clean(&reason.text);
        if error.is_builder() || error.is_request() && reason.tls {
            let kind = if reason.tls { ErrorKind::Unreachable } else { ErrorKind::Configuration };
            return HttpError::unanswered(kind, false, format!("cannot reach {host}: {text}"));
        }
        let what = if error.is_connect() { "cannot reach" } else { "lost the connection to" };
        HttpError::unanswered(ErrorKind::Unreachable, true, format!("{what} {host}: {text}"))
    }
}

/// A URL may carry credentials before its host and in its query.
fn without_query(word: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = word.split_once("://") else { return Cow::Borrowed(word) };
    let place = rest.split(['?', '#']).next().unwrap_or_default();
    let place = place.rsplit('@').next().unwrap_or_default();
    Cow::Owned(format!("{scheme}://{place}"))
}

struct Reason {
    text: String,
    /// The other side is not who it should be, or does not speak TLS; asking again does not help.
    tls: bool,
}

/// The last error of the chain says what happened; those above only repeat where.
fn deepest(error: &reqwest::Error) -> Reason {
    let mut last: &dyn Error = error;
    let mut tls = None;
    while let Some(next) = last.source() {
        last = next;
        tls = tls.or_else(|| last.downcast_ref().and_then(tls_in));
    }
    match tls {
        Some(text) => Reason { text, tls: true },
        // The outermost one prints the URL.
        None if last.is::<reqwest::Error>() => {
            Reason { text: "the request failed".to_owned(), tls: false }
        }
        None => Reason { text: last.to_string(), tls: false },
    }
}

/// An error of TLS hides in one of input and output, maybe in two; `source` leaves these out.
fn tls_in(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    match inner.downcast_ref::<rustls::Error>() {
        Some(tls) => Some(tls.to_string()),
        None => tls_in(inner.downcast_ref()?),
    }
}

/// Everything in a request that could be a credential, should the server repeat it.
pub(super) fn secrets_of(request: &http::Request<Bytes>) -> Vec<String> {
    let headers = request.headers();
    let names = [AUTHORIZATION.as_str(), PROXY_AUTHORIZATION.as_str(), COOKIE.as_str()];
    let values = names
        .into_iter()
        .chain(["x-amz-security-token", "x-api-key"])
        .flat_map(|name| headers.get_all(name));
    let values = values.filter_map(|value| value.to_str().ok());
    let query = request.uri().query().unwrap_or_default();
    let separators = [' ', ',', '=', '"', '&', ';'];
    let mut secrets: Vec<String> = values
        .chain([query])
        .flat_map(|text| text.split(separators))
        .filter(|word| word.len() >= SUSPICIOUS_BYTES)
        .chain([query])
        .map(str::to_owned)
        .collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

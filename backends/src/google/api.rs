//! Requests to Google Drive with a token of access, and answers told from failures.

use bytes::Bytes;
use heirloom_engine::error::ErrorKind;
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::endpoints::Endpoints;
use super::failure::{LOGIN_EXPIRED, failure, nonsense, refused};
use super::oauth::Tokens;
use crate::http::{Http, HttpError};
use crate::traffic::RequestKind;

/// Refusals are short.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// Statuses beside success that are answers: what they mean depends on the question.
const ANSWERS: [u16; 6] = [308, 401, 404, 409, 410, 416];

/// The way to one account.
pub(crate) struct Api {
    http: Http,
    pub(crate) endpoints: Endpoints,
    tokens: Tokens,
    /// A shared drive, instead of My Drive.
    pub(crate) drive: Option<String>,
}

/// A question to Google Drive.
pub(crate) struct Request {
    pub(crate) kind: RequestKind,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// The longest answer that makes sense.
    pub(crate) answer_bytes_max: usize,
}

/// What came back, complete.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn new(kind: RequestKind, method: Method, url: Url) -> Self {
        let (headers, body) = (Vec::new(), Bytes::new());
        Self { kind, method, url, headers, body, answer_bytes_max: REFUSAL_BYTES_MAX }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }
}

impl Api {
    pub(crate) fn new(
        http: Http,
        endpoints: Endpoints,
        tokens: Tokens,
        drive: Option<String>,
    ) -> Self {
        Self { http, endpoints, tokens, drive }
    }

    /// Asks; a token that is no longer accepted is replaced once.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, HttpError> {
        let token = self.tokens.get().await?;
        let answer = self.send_with(request, &token).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let token = self.tokens.replace(&token).await?;
        let answer = self.send_with(request, &token).await?;
        if answer.status == 401 {
            return Err(failure(ErrorKind::PermissionDenied, false, LOGIN_EXPIRED));
        }
        Ok(answer)
    }

    async fn send_with(
        &self,
        request: &Request,
        token: &SecretString,
    ) -> Result<Answer, HttpError> {
        let invalid = || failure(ErrorKind::Protocol, false, "the request cannot be written");
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_quotes| nonsense("the login server gave no usable token"))?;
        bearer.set_sensitive(true);
        let mut builder = http::Request::builder()
            .method(&request.method)
            .uri(request.url.as_str())
            .header(header::AUTHORIZATION, bearer);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let sent = builder.body(request.body.clone()).map_err(|_quotes| invalid())?;
        let answer = match self.http.send(request.kind, sent).await {
            Ok(answer) => answer,
            Err(HttpError { status: Some(status), .. }) if ANSWERS.contains(&status) => {
                return Ok(Answer { status, headers: HeaderMap::new(), body: Bytes::new() });
            }
            Err(error) => return Err(error),
        };
        let (parts, body) = answer.into_parts();
        let status = parts.status.as_u16();
        if parts.status.is_success() {
            let body = body.collect(request.answer_bytes_max).await?;
            return Ok(Answer { status, headers: parts.headers, body });
        }
        // The status says enough if the rest does not arrive.
        let body = body.collect(REFUSAL_BYTES_MAX).await.unwrap_or_default();
        if ANSWERS.contains(&status) {
            return Ok(Answer { status, headers: parts.headers, body });
        }
        Err(refused(status, &parts.headers, &body))
    }
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What a status that makes no sense here means.
    pub(crate) fn into_failure(self) -> HttpError {
        refused(self.status, &self.headers, &self.body)
    }

    /// The answer as a value.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T, HttpError> {
        if !self.is_success() {
            return Err(self.into_failure());
        }
        serde_json::from_slice(&self.body)
            .map_err(|_quotes| nonsense("Google Drive's answer makes no sense"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Ids become parts of addresses and of questions, so nothing else may pass for one.
pub(crate) fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=256).contains(&text.len()) && text.bytes().all(fits)
}

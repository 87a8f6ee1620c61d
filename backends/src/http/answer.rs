//! What the answer of a server means for the caller: retry, wait, make room, log in, or give up.

use std::time::{Duration, SystemTime};

use heirloom_engine::error::ErrorKind;
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::words::Words;
use super::{HttpBody, HttpError};

/// How much of the body of an error is read.
pub(crate) const REASON_BYTES_MAX: usize = 64 << 10;

/// What services call it when a client asks too often, in lower case.
const SLOW_DOWN: &[&str] = &[
    "userratelimitexceeded",
    "ratelimitexceeded",
    "user rate limit exceeded",
    "rate limit exceeded",
    "dailylimitexceeded",
    "sharingratelimitexceeded",
    "too_many_requests",
    "too_many_write_operations",
    "toomanyrequests",
    "requestlimitexceeded",
    "slowdown",
    "slow_down",
    "throttling",
    "throttlingexception",
    "serverbusy",
];

const NO_SPACE: &[&str] = &[
    "storagequotaexceeded",
    "teamdrivefilelimitexceeded",
    "quotaexceeded",
    "quota exceeded",
    "insufficientstorage",
    "insufficient_space",
    "xminiostoragefull",
    "xminioadminbucketquotaexceeded",
    "cap_exceeded",
    "storage_cap_exceeded",
    "quotalimitreached",
];

/// Kind, temporary, and words of our own.
type Verdict = (ErrorKind, bool, &'static str);

/// Codes of S3 and its relatives that a status alone does not tell.
const CODES: &[(&str, Verdict)] = &[
    ("NoSuchBucket", (ErrorKind::Configuration, false, "there is no such bucket")),
    ("InvalidBucketName", (ErrorKind::Configuration, false, "no bucket can have this name")),
    ("InvalidAccessKeyId", (ErrorKind::PermissionDenied, false, "the access key id is unknown")),
    (
        "SignatureDoesNotMatch",
        (ErrorKind::PermissionDenied, false, "the secret access key does not fit the key id"),
    ),
    ("ExpiredToken", (ErrorKind::PermissionDenied, false, "the credentials have expired")),
    ("TokenRefreshRequired", (ErrorKind::PermissionDenied, false, "the credentials have expired")),
    ("InvalidToken", (ErrorKind::PermissionDenied, false, "the session token is not accepted")),
    ("AccessDenied", (ErrorKind::PermissionDenied, false, "the credentials do not allow this")),
    (
        "RequestTimeTooSkewed",
        (
            ErrorKind::PermissionDenied,
            false,
            "the clocks of this machine and of the server differ too much; set this machine's clock",
        ),
    ),
    ("PermanentRedirect", WRONG_REGION),
    ("TemporaryRedirect", WRONG_REGION),
    ("AuthorizationHeaderMalformed", WRONG_REGION),
    ("IllegalLocationConstraintException", WRONG_REGION),
    ("InvalidObjectState", (ErrorKind::Unsupported, false, "the object is archived")),
    ("EntityTooLarge", (ErrorKind::Unsupported, false, "the object is too large for the server")),
    ("BadDigest", DAMAGED),
    ("InvalidDigest", DAMAGED),
    ("XAmzContentSHA256Mismatch", DAMAGED),
    ("RequestTimeout", (ErrorKind::Unreachable, true, "")),
    ("InternalError", (ErrorKind::Unreachable, true, "")),
    ("ServiceUnavailable", (ErrorKind::Unreachable, true, "")),
    ("OperationAborted", (ErrorKind::Unreachable, true, "")),
    ("IncompleteBody", (ErrorKind::Unreachable, true, "")),
];

const WRONG_REGION: Verdict =
    (ErrorKind::Configuration, false, "the bucket belongs to another region or endpoint");
const DAMAGED: Verdict = (ErrorKind::Unreachable, true, "the bytes changed on their way");

/// What the body of an error says.
#[derive(Default)]
struct Reason {
    code: String,
    message: String,
}

/// Who answered, and what of the question must not be repeated. Travels with the answer.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) host: String,
    pub(super) words: Words,
}

/// The error that an answer with a status of 4xx or 5xx stands for. `body` is its beginning.
pub(crate) fn judge(parts: &Parts, body: &[u8]) -> HttpError {
    let Origin { host, words } = parts
        .extensions
        .get()
        .cloned()
        .unwrap_or_else(|| Origin { host: "the server".to_owned(), words: Words::default() });
    verdict(&host, parts, body, &words)
}

fn verdict(host: &str, parts: &Parts, body: &[u8], words: &Words) -> HttpError {
    let (status, headers) = (parts.status, &parts.headers);
    let reason = Reason::of(body);
    let retry_after = retry_after(headers);
    let of_code = CODES.iter().find(|(code, _)| *code == reason.code).map(|(_, verdict)| *verdict);
    let (kind, temporary, ours) = if asks_to_slow_down(status, headers, &reason) {
        (ErrorKind::RateLimited, true, "it asks to slow down")
    } else if reason.is_one_of(NO_SPACE) {
        (ErrorKind::NoSpace, false, "the store is full")
    } else {
        of_code.unwrap_or_else(|| of_status(status))
    };
    let mut said = vec![format!("{host} answered {}", status.as_u16())];
    let region = headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
    let region = region.filter(|_| kind == ErrorKind::Configuration);
    let region = region.map(|region| format!("its region is {region}")).unwrap_or_default();
    let theirs = format!("{} {}", reason.code, reason.message);
    let theirs = if theirs.trim().is_empty() {
        status.canonical_reason().unwrap_or_default().to_owned()
    } else {
        words.clean(&theirs)
    };
    said.extend([ours.to_owned(), words.clean(&region), theirs]);
    said.retain(|part| !part.is_empty());
    let message = said.join(": ");
    HttpError { kind, temporary, message, status: Some(status.as_u16()), retry_after }
}

fn of_status(status: StatusCode) -> Verdict {
    match status.as_u16() {
        401 => (ErrorKind::PermissionDenied, false, "the login was not accepted"),
        403 => (ErrorKind::PermissionDenied, false, ""),
        404 | 410 => (ErrorKind::NotFound, false, ""),
        405 | 413 | 415 | 501 | 505 => (ErrorKind::Unsupported, false, ""),
        416 => (ErrorKind::Protocol, false, "the range reaches beyond the end of the object"),
        429 => (ErrorKind::RateLimited, true, "it asks to slow down"),
        507 => (ErrorKind::NoSpace, false, "the store is full"),
        300..=399 => (ErrorKind::Configuration, false, "it redirects without saying where to"),
        408 | 421 | 423 | 425 | 499 | 500..=599 => (ErrorKind::Unreachable, true, ""),
        _ => (ErrorKind::Protocol, false, ""),
    }
}

/// Lets every answer pass but a request to slow down.
pub(super) async fn slowed_down(
    answer: http::Response<HttpBody>,
) -> Result<http::Response<HttpBody>, HttpError> {
    let status = answer.status();
    if !matches!(status.as_u16(), 403 | 429 | 503) {
        return Ok(answer);
    }
    let (parts, body) = answer.into_parts();
    let (start, body) = body.peek(REASON_BYTES_MAX).await?;
    if asks_to_slow_down(status, &parts.headers, &Reason::of(&start)) {
        return Err(judge(&parts, &start));
    }
    Ok(http::Response::from_parts(parts, body))
}

fn asks_to_slow_down(status: StatusCode, headers: &HeaderMap, reason: &Reason) -> bool {
    match status.as_u16() {
        429 => true,
        503 => headers.contains_key(RETRY_AFTER) || reason.is_one_of(SLOW_DOWN),
        400 | 403 => reason.is_one_of(SLOW_DOWN),
        _ => false,
    }
}

/// Seconds, or a date of the server's own clock if it tells it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
    let now = now.and_then(|date| httpdate::parse_http_date(date).ok());
    Some(until.duration_since(now.unwrap_or_else(clock)).unwrap_or_default())
}

#[expect(clippy::disallowed_methods, reason = "a date is no use without the time")]
fn clock() -> SystemTime {
    SystemTime::now()
}

pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

impl Reason {
    /// Understands the errors of S3 and Azure (XML), WebDAV (XML), Google and most others (JSON), and plain text.
    fn of(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body.get(..REASON_BYTES_MAX).unwrap_or(body));
        if let Ok(json) = serde_json::from_str::<Value>(&text) {
            return Self::of_json(&json);
        }
        let code = element(&text, "Code").or_else(|| element(&text, "s:exception"));
        let message = element(&text, "Message").or_else(|| element(&text, "s:message"));
        if code.is_some() || message.is_some() {
            return Self {
                code: code.unwrap_or_default().to_owned(),
                message: message.unwrap_or_default().to_owned(),
            };
        }
        // A page for people has no short reason.
        if text.trim_start().starts_with('<') {
            return Self::default();
        }
        Self { code: String::new(), message: text.into_owned() }
    }

    fn of_json(json: &Value) -> Self {
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
        let first = |pointers: &[&str]| {
            pointers.iter().find_map(|pointer| text(pointer)).unwrap_or_default().to_owned()
        };
        Self {
            code: first(&[
                "/error/errors/0/reason",
                "/error/code",
                "/error/status",
                "/code",
                "/error",
            ]),
            message: first(&["/error/message", "/error_description", "/message", "/error_summary"]),
        }
    }

    /// The code, or a message that begins with it or says it.
    fn is_one_of(&self, known: &[&str]) -> bool {
        let code = self.code.to_lowercase();
        let message = self.message.to_lowercase();
        known.iter().any(|word| code == *word || message.contains(word))
    }
}

/// The text of the first element of this name. Good enough for words; nothing is decided by more than a known code.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inner.trim())
}

//! What Google's refusals mean. Only their codes are repeated in errors, never their sentences, which quote the question.

use std::time::Duration;

use heirloom_engine::error::{ErrorKind, StorageError};
use http::{HeaderMap, header};
use serde::Deserialize;

use crate::failure::Call;
use crate::http::HttpError;

/// What the login must be repeated for.
pub(crate) const LOGIN_EXPIRED: &str = "login expired: log in again";

#[derive(Debug, Deserialize)]
struct Refusal {
    error: Details,
}

#[derive(Debug, Deserialize)]
struct Details {
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    reason: String,
}

/// The failure as the port reports it.
pub(crate) fn storage_error(call: Call<'_>, error: HttpError) -> StorageError {
    call.error(error.kind, error.temporary, Some(error.into()))
}

/// A failure that no answer caused.
pub(crate) fn failure(kind: ErrorKind, temporary: bool, message: &str) -> HttpError {
    HttpError { kind, temporary, message: message.to_owned(), status: None, retry_after: None }
}

/// An answer that makes no sense. Asking again may help: bytes were lost, or a server was half broken.
pub(crate) fn nonsense(message: &str) -> HttpError {
    failure(ErrorKind::Protocol, true, message)
}

/// What an answer of the interface for files refuses.
pub(crate) fn refused(status: u16, headers: &HeaderMap, body: &[u8]) -> HttpError {
    let reason = serde_json::from_slice(body)
        .ok()
        .and_then(|Refusal { error }| error.errors.into_iter().next())
        .map(|Reason { reason }| reason)
        .filter(|reason| is_code(reason));
    let (kind, temporary) = judge(status, reason.as_deref().unwrap_or_default());
    let message = match reason {
        Some(reason) => format!("Google Drive answered {status} ({reason})"),
        None => format!("Google Drive answered {status}"),
    };
    HttpError { kind, temporary, message, status: Some(status), retry_after: retry_after(headers) }
}

/// Error codes are single words; anything else could hold what it should not.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn judge(status: u16, reason: &str) -> (ErrorKind, bool) {
    match (status, reason) {
        (
            403,
            "rateLimitExceeded" | "userRateLimitExceeded" | "dailyLimitExceeded" | "quotaExceeded",
        )
        | (429, _) => (ErrorKind::RateLimited, true),
        // The last three: more files than a folder, a shared drive or an account may have.
        (
            403,
            "storageQuotaExceeded"
            | "teamDriveFileLimitExceeded"
            | "numChildrenInNonRootLimitExceeded"
            | "activeItemCreationLimitExceeded",
        ) => (ErrorKind::NoSpace, false),
        (401 | 403, _) => (ErrorKind::PermissionDenied, false),
        (404, _) => (ErrorKind::NotFound, false),
        (408 | 500..=599, _) => (ErrorKind::Unreachable, true),
        _ => (ErrorKind::Protocol, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, reason: &str) -> HttpError {
        let body = format!(
            r#"{{"error":{{"errors":[{{"domain":"global","reason":"{reason}","message":"File x"}}],"code":{status}}}}}"#
        );
        refused(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn the_reason_decides_what_a_403_means() {
        for (reason, expected) in [
            ("rateLimitExceeded", (ErrorKind::RateLimited, true)),
            ("userRateLimitExceeded", (ErrorKind::RateLimited, true)),
            ("storageQuotaExceeded", (ErrorKind::NoSpace, false)),
            ("insufficientFilePermissions", (ErrorKind::PermissionDenied, false)),
            ("appNotAuthorizedToFile", (ErrorKind::PermissionDenied, false)),
        ] {
            let error = of(403, reason);
            assert_eq!((error.kind, error.temporary), expected, "{reason}");
            assert_eq!(error.message, format!("Google Drive answered 403 ({reason})"));
        }
    }

    #[test]
    fn a_server_in_trouble_may_be_asked_again() {
        for (status, expected) in [
            (429, (ErrorKind::RateLimited, true)),
            (500, (ErrorKind::Unreachable, true)),
            (503, (ErrorKind::Unreachable, true)),
            (404, (ErrorKind::NotFound, false)),
            (400, (ErrorKind::Protocol, false)),
        ] {
            let error = of(status, "x");
            assert_eq!((error.kind, error.temporary), expected, "{status}");
        }
    }

    #[test]
    fn sentences_of_a_server_are_not_repeated() {
        let error = of(403, "ya29.secret token");
        assert_eq!(error.message, "Google Drive answered 403");
        let error = refused(500, &HeaderMap::new(), b"<html>secret</html>");
        assert_eq!(error.message, "Google Drive answered 500");
    }

    #[test]
    fn a_server_may_say_how_long_to_wait() {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, "7".parse().expect("a value"))]);
        assert_eq!(refused(429, &headers, b"").retry_after, Some(Duration::from_secs(7)));
    }
}

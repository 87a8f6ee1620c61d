//! Holds a server to the range that it was asked for.

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use heirloom_engine::error::ErrorKind;
use http::header::{CONTENT_RANGE, RANGE};
use http::{HeaderMap, StatusCode};

use super::answer::content_length;
use super::{HttpBody, HttpError};

const BEYOND: &str = "the range reaches beyond the end of the object";

/// The bytes from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    start: u64,
    end: u64,
}

impl Wanted {
    /// What a request asks for, if it asks for a range with two ends.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let (start, last) = bounds(headers.get(RANGE)?.to_str().ok()?.strip_prefix("bytes=")?)?;
        Some(Self { start, end: last.checked_add(1)? })
    }

    /// Exactly these bytes, or an error. Servers that ignore ranges send everything.
    pub(super) fn cut(
        self,
        status: StatusCode,
        headers: &HeaderMap,
        body: HttpBody,
    ) -> Result<HttpBody, HttpError> {
        let Self { start, end } = self;
        if status == StatusCode::OK {
            if content_length(headers).is_some_and(|size| size < end) {
                return Err(wrong(status, BEYOND));
            }
            return Ok(exactly(body, start, end - start, BEYOND));
        }
        let given = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let given = given.and_then(|text| text.strip_prefix("bytes "));
        let given = given.and_then(|text| bounds(text.split('/').next()?));
        match given {
            Some((first, last)) if first == start && last.checked_add(1) == Some(end) => {
                Ok(exactly(body, 0, end - start, "the answer is shorter than its range"))
            }
            Some((first, last)) if first == start && last < end => Err(wrong(status, BEYOND)),
            _ => Err(wrong(status, "the server sent another range than it was asked for")),
        }
    }
}

fn bounds(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.trim().split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

fn wrong(status: StatusCode, what: &str) -> HttpError {
    let message = what.to_owned();
    let status = Some(status.as_u16());
    HttpError { kind: ErrorKind::Protocol, temporary: false, message, status, retry_after: None }
}

/// Leaves out the first bytes, then gives as many as are wanted. A body may go on after them only if it began before.
fn exactly(body: HttpBody, skip: u64, wanted: u64, too_short: &'static str) -> HttpBody {
    let state = Some((body, skip, wanted));
    HttpBody::from_stream(stream::unfold(state, move |state| async move {
        let (mut body, mut skip, mut wanted) = state?;
        loop {
            if wanted == 0 && skip == 0 {
                // Of a body that was to be skipped, nobody waits for the rest.
                return None;
            }
            let mut part: Bytes = match body.0.next().await {
                Some(Ok(part)) => part,
                Some(Err(error)) => return Some((Err(error), None)),
                None => return Some((Err(wrong(StatusCode::OK, too_short)), None)),
            };
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(part.len());
            skip -= u64::try_from(skipped).unwrap_or(skip);
            part = part.split_off(skipped);
            part.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
            if part.is_empty() {
                continue;
            }
            wanted -= u64::try_from(part.len()).unwrap_or(wanted);
            return Some((Ok(part), Some((body, skip, wanted))));
        }
    }))
}

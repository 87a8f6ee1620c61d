//! Brings the bytes of an object to Drive: in one request, or in a session that goes on after an interruption.

use bytes::{Bytes, BytesMut};
use heirloom_engine::error::ErrorKind;
use http::Method;
use url::Url;

use super::digest::md5_of;
use super::files::{FIELDS, File, new_file};
use super::ids::Attempt;
use crate::google::{Answer, Api, Request, failure, nonsense};
use crate::http::HttpError;
use crate::traffic::RequestKind;

/// Google takes smaller files in one request together with their description.
const ONE_REQUEST_BYTES: usize = 5 << 20;

/// Each time that the server has more bytes than before, the rest is sent; but not for ever.
const CONTINUATIONS: u32 = 16;

/// What a new object is.
pub(super) struct Upload<'a> {
    /// Its name within the folder.
    pub(super) name: &'a str,
    /// The id of the folder.
    pub(super) folder: &'a str,
    pub(super) bytes: Bytes,
}

/// How an upload ended, if not by a failure.
pub(super) enum Uploaded {
    /// The file is whole.
    Whole(File),
    /// The folder is in the trash, and with it the file.
    InTrash,
    /// Something is there, but not what was sent.
    Damaged,
    /// The folder is gone.
    NoFolder,
}

impl Upload<'_> {
    /// Sends it, or what is left of it after an earlier attempt, and compares what arrived.
    pub(super) async fn run(
        &self,
        api: &Api,
        attempt: &mut Attempt,
    ) -> Result<Uploaded, HttpError> {
        let answer = if self.bytes.len() < ONE_REQUEST_BYTES {
            api.send(&self.whole(api, &attempt.id)).await?
        } else {
            self.in_session(api, attempt).await?
        };
        let file = match answer.status {
            404 => return Ok(Uploaded::NoFolder),
            // Of this very id, so it was this upload: its answer was lost.
            409 => api.metadata(&attempt.id).await?.ok_or_else(|| {
                failure(ErrorKind::Unreachable, true, "the id is taken by nothing that can be seen")
            })?,
            _ => answer.json()?,
        };
        if file.id != attempt.id {
            return Err(nonsense("the upload became another file"));
        }
        if file.trashed {
            return Ok(Uploaded::InTrash);
        }
        if file.bytes() != u64::try_from(self.bytes.len()).ok()
            || file.md5_checksum != Some(md5_of(self.bytes.clone()).await)
        {
            return Ok(Uploaded::Damaged);
        }
        Ok(Uploaded::Whole(file))
    }

    fn describe(&self, id: &str) -> String {
        new_file(id, self.name, self.folder).to_string()
    }

    fn address(api: &Api, kind: &str) -> Url {
        let query = [("uploadType", kind), ("fields", FIELDS), ("supportsAllDrives", "true")];
        api.endpoints.file_url("/upload/drive/v3/files", &query)
    }

    /// Description and bytes as the two parts of one body.
    fn whole(&self, api: &Api, id: &str) -> Request {
        // Nobody but Google knew the id before, so it is not within the bytes.
        let boundary = format!("part-{id}");
        let head = format!(
            "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{}\r\n\
             --{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n",
            self.describe(id)
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let mut body = BytesMut::with_capacity(head.len() + self.bytes.len() + tail.len());
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&self.bytes);
        body.extend_from_slice(tail.as_bytes());
        Request::new(RequestKind::Put, Method::POST, Self::address(api, "multipart"))
            .body(format!("multipart/related; boundary={boundary}"), body)
    }

    async fn in_session(&self, api: &Api, attempt: &mut Attempt) -> Result<Answer, HttpError> {
        let mut start = 0;
        if let Some(session) = attempt.session.clone() {
            match self.progress(api, &session).await? {
                Progress::Until(received) => start = received,
                Progress::Over(answer) => return Ok(answer),
                Progress::Gone => attempt.session = None,
            }
        }
        let session = match attempt.session.clone() {
            Some(session) => session,
            None => match self.open(api, &attempt.id).await? {
                Opened::At(session) => attempt.session.insert(session).clone(),
                Opened::No(answer) => return Ok(answer),
            },
        };
        for _ in 0..CONTINUATIONS {
            let interrupted = match api.send(&self.rest(&session, start)).await {
                Ok(answer) if matches!(answer.status, 404 | 410) => {
                    attempt.session = None;
                    return Err(session_gone());
                }
                Ok(answer) if answer.status != 308 => return Ok(answer),
                Ok(_) => nonsense("the server did not take all bytes"),
                Err(error) if error.kind == ErrorKind::Unreachable => error,
                Err(error) => return Err(error),
            };
            start = match self.progress(api, &session).await? {
                Progress::Over(answer) => return Ok(answer),
                Progress::Until(received) if received > start => received,
                Progress::Until(_) => return Err(interrupted),
                Progress::Gone => {
                    attempt.session = None;
                    return Err(session_gone());
                }
            };
        }
        Err(failure(ErrorKind::Unreachable, true, "the upload was interrupted too often"))
    }

    async fn open(&self, api: &Api, id: &str) -> Result<Opened, HttpError> {
        let request = Request::new(RequestKind::Put, Method::POST, Self::address(api, "resumable"))
            .header("x-upload-content-type", "application/octet-stream")
            .header("x-upload-content-length", self.bytes.len().to_string())
            .body("application/json; charset=UTF-8", self.describe(id));
        let answer = api.send(&request).await?;
        if !answer.is_success() {
            return Ok(Opened::No(answer));
        }
        let session = answer.header("location").and_then(|url| api.endpoints.api.join(url).ok());
        // The bytes, and the token with them, go nowhere else.
        session
            .filter(|session| session.origin() == api.endpoints.api.origin())
            .map(Opened::At)
            .ok_or_else(|| nonsense("the server opened no upload"))
    }

    fn rest(&self, session: &Url, start: usize) -> Request {
        let total = self.bytes.len();
        let last = total.saturating_sub(1);
        Request::new(RequestKind::Put, Method::PUT, session.clone())
            .header("content-range", format!("bytes {start}-{last}/{total}"))
            .body("application/octet-stream", self.bytes.slice(start..))
    }

    /// Asks a session how much it has.
    async fn progress(&self, api: &Api, session: &Url) -> Result<Progress, HttpError> {
        let total = self.bytes.len();
        let request = Request::new(RequestKind::Put, Method::PUT, session.clone())
            .header("content-range", format!("bytes */{total}"));
        let answer = api.send(&request).await?;
        match answer.status {
            404 | 410 => Ok(Progress::Gone),
            308 => {
                let received = answer.header("range").map_or(Some(0), received);
                let received = received.filter(|received| *received < total);
                received
                    .map(Progress::Until)
                    .ok_or_else(|| nonsense("the server lost count of the bytes"))
            }
            _ => Ok(Progress::Over(answer)),
        }
    }
}

enum Opened {
    At(Url),
    No(Answer),
}

enum Progress {
    /// So many bytes are there.
    Until(usize),
    /// The upload is complete, or refused.
    Over(Answer),
    /// There is no such session any more.
    Gone,
}

fn session_gone() -> HttpError {
    failure(ErrorKind::Unreachable, true, "the upload was given up by the server")
}

/// `bytes=0-42` means 43 bytes.
fn received(range: &str) -> Option<usize> {
    let last: usize = range.trim().strip_prefix("bytes=0-")?.parse().ok()?;
    last.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_how_many_bytes_arrived() {
        assert_eq!(received("bytes=0-42"), Some(43));
        for bad in ["bytes=1-42", "0-42", "bytes=0-", "bytes=0--1", ""] {
            assert_eq!(received(bad), None, "{bad}");
        }
    }
}

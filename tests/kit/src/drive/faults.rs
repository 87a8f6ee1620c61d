//! What may go wrong, and what was asked.

use std::time::{Duration, Instant};

use http::{Method, Uri};

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriveRequest {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// `list`, `ids`, `create`, `upload`, `session`, `send`, `progress`, `media`, `metadata`, `delete`, `trash`, `token`, `device`
    /// or `other`.
    pub kind: &'static str,
    /// What was answered; `None` if nothing was.
    pub status: Option<u16>,
}

/// A fault that strikes requests of one kind.
#[derive(Debug, Clone)]
pub struct DriveFault {
    pub(super) kind: &'static str,
    pub(super) skip: u32,
    pub(super) times: u32,
    pub(super) trouble: Trouble,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// Nothing is done; a refusal with a reason is answered.
    Refuse(u16, &'static str),
    /// It is done, and the connection is cut instead of an answer.
    LoseAnswer,
    /// The connection is cut after so many bytes of the body. A session keeps what it has of them.
    Cut(usize),
    /// It is done after a while.
    Delay(Duration),
    /// A byte is changed on its way.
    Damage,
    /// The upload session is forgotten, and with it what it had.
    ForgetSession,
}

impl DriveFault {
    /// Strikes the next request of this kind.
    pub fn new(kind: &'static str, trouble: Trouble) -> Self {
        Self { kind, skip: 0, times: 1, trouble }
    }

    /// Lets so many requests of its kind pass first.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Strikes so often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// The trouble for this request, if any.
pub(super) fn strike(faults: &mut [DriveFault], kind: &str) -> Option<Trouble> {
    let fault = faults.iter_mut().find(|fault| fault.kind == kind && fault.times > 0)?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    fault.times -= 1;
    Some(fault.trouble.clone())
}

/// What kind of request it is.
pub(super) fn kind_of(method: &Method, uri: &Uri, content_range: Option<&str>) -> &'static str {
    let path = uri.path();
    let query = uri.query().unwrap_or_default();
    let one_file = path.starts_with("/drive/v3/files/");
    match (method.as_str(), path) {
        ("GET", "/drive/v3/files") => "list",
        ("GET", "/drive/v3/files/generateIds") => "ids",
        ("POST", "/drive/v3/files") => "create",
        ("POST", "/upload/drive/v3/files") if query.contains("uploadType=resumable") => "session",
        ("POST", "/upload/drive/v3/files") => "upload",
        ("PUT", "/upload/drive/v3/files") => {
            if content_range.is_some_and(|range| range.starts_with("bytes */")) {
                "progress"
            } else {
                "send"
            }
        }
        ("GET", _) if one_file && query.contains("alt=media") => "media",
        ("GET", _) if one_file => "metadata",
        ("DELETE", _) if one_file => "delete",
        ("PATCH", _) if one_file => "trash",
        ("POST", "/token") => "token",
        ("POST", "/device/code") => "device",
        _ => "other",
    }
}

/// So many requests a second.
#[derive(Debug)]
pub(super) struct Rate {
    pub(super) limit: Option<u32>,
    since: Instant,
    count: u32,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self { limit: None, since: Instant::now(), count: 0 }
    }

    /// Counts a request. Windows are short, so that tests are.
    pub(super) fn is_exceeded(&mut self) -> bool {
        let Some(limit) = self.limit else { return false };
        if self.since.elapsed() > Duration::from_millis(100) {
            (self.since, self.count) = (Instant::now(), 0);
        }
        self.count += 1;
        self.count > limit.div_ceil(10)
    }
}

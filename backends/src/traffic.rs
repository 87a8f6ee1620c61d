//! Counts what a store was asked for: requests and bytes, by kind.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http::HeaderMap;
use http::header::DATE;

/// What a request is for. A store over HTTP may need several requests for one call of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// Stores an object or a part of it.
    Put,
    /// Fetches bytes, or asks for the size of an object.
    Read,
    /// Fetches a page of a listing.
    List,
    /// Removes objects.
    Delete,
    /// Makes folders, gets tokens.
    Other,
}

impl RequestKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Put, Self::Read, Self::List, Self::Delete, Self::Other];

    /// A name that never changes, for `--json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Read => "read",
            Self::List => "list",
            Self::Delete => "delete",
            Self::Other => "other",
        }
    }
}

/// Requests and bytes of one kind. Bytes are those of bodies, as they crossed the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindTraffic {
    /// How many requests were sent, repeated ones included.
    pub requests: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

/// Counters that a store writes and anybody may read at any time.
#[derive(Debug, Default)]
pub struct Traffic {
    counters: [Counters; RequestKind::ALL.len()],
    skew: Mutex<Option<ClockSkew>>,
}

/// How far the clock of a server is from that of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew {
    /// By how many seconds the server is ahead; negative if it is behind.
    pub seconds_ahead: i64,
}

impl Traffic {
    /// What was counted so far.
    pub fn of(&self, kind: RequestKind) -> KindTraffic {
        let counters = self.counters(kind);
        KindTraffic {
            requests: counters.requests.load(Ordering::Relaxed),
            sent: counters.sent.load(Ordering::Relaxed),
            received: counters.received.load(Ordering::Relaxed),
        }
    }

    /// All kinds together.
    pub fn total(&self) -> KindTraffic {
        RequestKind::ALL.into_iter().map(|kind| self.of(kind)).fold(
            KindTraffic::default(),
            |sum, one| KindTraffic {
                requests: sum.requests + one.requests,
                sent: sum.sent + one.sent,
                received: sum.received + one.received,
            },
        )
    }

    pub(crate) fn request(&self, kind: RequestKind) {
        self.counters(kind).requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, kind: RequestKind, bytes: u64) {
        self.counters(kind).sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, kind: RequestKind, bytes: u64) {
        self.counters(kind).received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How the clock of the server compared with ours when it last told its time; `None` if it never did.
    pub fn clock_skew(&self) -> Option<ClockSkew> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the time at which a server says that it answered.
    pub(crate) fn answered(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
            return;
        };
        let skew = ClockSkew { seconds_ahead: seconds(theirs) - seconds(now()) };
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
    }

    fn counters(&self, kind: RequestKind) -> &Counters {
        let [put, read, list, delete, other] = &self.counters;
        match kind {
            RequestKind::Put => put,
            RequestKind::Read => read,
            RequestKind::List => list,
            RequestKind::Delete => delete,
            RequestKind::Other => other,
        }
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the comparison is with the clock at this very moment"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

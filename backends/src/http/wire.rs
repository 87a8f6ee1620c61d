//! Bodies on the line: handed over in parts, paced, counted, and given up when nothing moves.

use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use heirloom_engine::error::ErrorKind;
use http::header::CONTENT_LENGTH;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::pace::Paces;
use super::words::Words;
use super::{HttpBody, HttpError};
use crate::traffic::{RequestKind, Traffic};

/// What the system and the HTTP library hold back at most, and the slowest line on which it is waited for.
const BUFFERED_BYTES: u64 = 1 << 20;
const SLOWEST_LINE: u64 = 16 << 10;

/// One request and its answer on the line. Clones are the same line.
#[derive(Clone)]
pub(super) struct Wire {
    kind: RequestKind,
    traffic: Arc<Traffic>,
    paces: Arc<Paces>,
    idle: Duration,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    moved: Notify,
    /// Nothing moves because we hold it back.
    held: AtomicBool,
    /// Bytes handed over that may not have left this machine.
    handed_over: AtomicU64,
}

impl Wire {
    pub(super) fn new(
        kind: RequestKind,
        traffic: Arc<Traffic>,
        paces: Arc<Paces>,
        idle: Duration,
    ) -> Self {
        Self { kind, traffic, paces, idle, progress: Arc::default() }
    }

    /// The request with a body that is handed over in parts.
    pub(super) fn outgoing(&self, request: http::Request<Bytes>) -> http::Request<reqwest::Body> {
        let (mut parts, body) = request.into_parts();
        if body.is_empty() {
            return http::Request::from_parts(parts, reqwest::Body::from(body));
        }
        // Otherwise the length of a stream is unknown and it is sent in chunks, which many servers refuse.
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
        let stream = stream::unfold((body, self.clone()), |(mut body, wire)| async move {
            let next = wire.paces.upload.part(body.len());
            if next == 0 {
                return None;
            }
            let part = body.split_to(next);
            wire.hold(wire.paces.upload.pay(part.len())).await;
            let bytes = length(&part);
            wire.traffic.sent(wire.kind, bytes);
            wire.progress.handed_over.fetch_add(bytes, Ordering::Relaxed);
            wire.progress.moved.notify_one();
            Some((Ok::<_, io::Error>(part), (body, wire)))
        });
        http::Request::from_parts(parts, reqwest::Body::wrap_stream(stream))
    }

    /// Waits for what comes of a request as long as something moves.
    pub(super) async fn watch<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let buffered = self.progress.handed_over.load(Ordering::Relaxed).min(BUFFERED_BYTES);
            let idle = self.idle + Duration::from_secs(buffered / SLOWEST_LINE);
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = self.progress.moved.notified() => {}
                () = sleep(idle) => if !self.progress.held.load(Ordering::Relaxed) {
                    return None;
                },
            }
        }
    }

    /// The body of an answer, paced and counted; an error if it ends before the length that was announced.
    pub(super) fn incoming(
        self,
        body: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
        expected: Option<u64>,
        words: Words,
        host: String,
    ) -> impl Stream<Item = Result<Bytes, HttpError>> + Send + 'static {
        let arriving = Arriving { body: body.boxed(), wire: self, expected, words, host, got: 0 };
        stream::unfold(Some(arriving), |arriving| async move {
            let mut arriving = arriving?;
            match arriving.next().await? {
                Ok(part) => Some((Ok(part), Some(arriving))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    async fn hold(&self, wait: impl Future<Output = ()>) {
        self.progress.held.store(true, Ordering::Relaxed);
        wait.await;
        self.progress.held.store(false, Ordering::Relaxed);
    }
}

struct Arriving {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    wire: Wire,
    expected: Option<u64>,
    words: Words,
    host: String,
    got: u64,
}

impl Arriving {
    async fn next(&mut self) -> Option<Result<Bytes, HttpError>> {
        match timeout(self.wire.idle, self.body.next()).await {
            Err(_) => Some(Err(stalled(&self.host, self.wire.idle))),
            Ok(Some(Ok(part))) => {
                let bytes = length(&part);
                self.got += bytes;
                self.wire.traffic.received(self.wire.kind, bytes);
                self.wire.paces.download.pay(part.len()).await;
                Some(Ok(part))
            }
            Ok(Some(Err(error))) => Some(Err(self.broken(&error))),
            Ok(None) => None,
        }
    }

    fn broken(&self, error: &reqwest::Error) -> HttpError {
        match self.expected {
            // Cut off by the server itself; an error of the network has a number.
            Some(expected) if self.got < expected && !from_the_system(error) => {
                HttpError::unanswered(
                    ErrorKind::Protocol,
                    true,
                    format!(
                        "the answer of {} ended after {} of {expected} bytes",
                        self.host, self.got
                    ),
                )
            }
            _ => self.words.failure(&self.host, error),
        }
    }
}

fn from_the_system(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(|io| io.raw_os_error().is_some()) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Nothing moved for too long.
pub(super) fn stalled(host: &str, idle: Duration) -> HttpError {
    let message = format!("no byte moved to or from {host} for {} s", idle.as_secs_f32());
    HttpError::unanswered(ErrorKind::Unreachable, true, message)
}

fn length(part: &Bytes) -> u64 {
    u64::try_from(part.len()).unwrap_or(u64::MAX)
}

impl HttpBody {
    pub(super) fn from_stream(
        stream: impl Stream<Item = Result<Bytes, HttpError>> + Send + 'static,
    ) -> Self {
        Self(stream.fuse().boxed())
    }
}

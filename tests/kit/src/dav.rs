//! A WebDAV server that tears writes: a body arrives in its place in small pieces, so that a reader sees a beginning, and
//! an upload that breaks off leaves one. It can be given the habits of odd servers.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use dav_server::DavHandler;
use dav_server::localfs::LocalFs;
use futures::stream::{self, Stream, StreamExt as _};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::listener::{Cut, Listener};
use crate::servers::{PASSWORD, USER};
use crate::{Place, scratch_folder};

/// What this server does that others do not.
#[derive(Debug, Clone)]
pub struct DavHabits {
    /// So much of a body is written at once.
    pub piece_bytes: usize,
    /// Between two pieces.
    pub piece_delay: Duration,
    /// Listings name `http://host/path` and not just the path, as RFC 4918 permits.
    pub absolute_hrefs: bool,
    /// A deletion is answered with 200 and not 204.
    pub deletes_with_200: bool,
    /// Nobody may delete anything: each deletion is refused with 403.
    pub refuses_deletes: bool,
    /// So many more uploads are refused with 423, as if somebody held a lock.
    pub locked_puts: u32,
    /// Uploads beyond so many bytes in all are refused with 507.
    pub quota_bytes: Option<u64>,
    /// Whether it wants the user and the password of the real servers.
    pub wants_password: bool,
}

impl Default for DavHabits {
    fn default() -> Self {
        Self {
            piece_bytes: 64 << 10,
            piece_delay: Duration::from_millis(1),
            absolute_hrefs: false,
            deletes_with_200: false,
            refuses_deletes: false,
            locked_puts: 0,
            quota_bytes: None,
            wants_password: false,
        }
    }
}

/// The running server.
#[derive(Debug)]
pub struct TearingDav {
    listener: Listener,
    state: Arc<State>,
}

struct State {
    folder: TempDir,
    handler: DavHandler,
    habits: Mutex<DavHabits>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl TearingDav {
    /// Starts one.
    pub fn start(habits: DavHabits) -> Result<Self> {
        let folder = scratch_folder()?;
        let files = LocalFs::new(folder.path(), false, false, false);
        let handler = DavHandler::builder().filesystem(files).build_handler();
        let state = Arc::new(State { folder, handler, habits: Mutex::new(habits) });
        let shared = Arc::clone(&state);
        let listener = Listener::start(move |request| Arc::clone(&shared).serve(request))?;
        Ok(Self { listener, state })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// Where its files lie.
    pub fn files(&self) -> PathBuf {
        self.state.folder.path().to_owned()
    }

    /// Its habits, to be changed while it runs.
    pub fn habits(&self) -> MutexGuard<'_, DavHabits> {
        self.state.habits()
    }

    /// A folder that it serves.
    pub fn place(&self, folder: &str) -> Place {
        self.place_at(self.address(), folder)
    }

    /// The same, by way of something that listens elsewhere.
    pub fn place_at(&self, server: SocketAddr, folder: &str) -> Place {
        if !self.habits().wants_password {
            return Place::new(format!("webdav+http://{server}/{folder}"));
        }
        Place::new(format!("webdav+http://{USER}@{server}/{folder}"))
            .variable("HEIRLOOM_STORE_PASSWORD", PASSWORD)
    }
}

impl State {
    fn habits(&self) -> MutexGuard<'_, DavHabits> {
        self.habits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let habits = self.habits().clone();
        if habits.wants_password && !is_ours(request.headers()) {
            return Ok(refusal(StatusCode::UNAUTHORIZED));
        }
        let method = request.method().clone();
        let refused =
            if method == Method::PUT { self.refuses_put(request.headers()) } else { None };
        if let Some(status) = refused {
            return Ok(refusal(status));
        }
        if method == Method::DELETE && habits.refuses_deletes {
            return Ok(refusal(StatusCode::FORBIDDEN));
        }
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let base = format!("http://{}", host.unwrap_or_default());
        let request = request.map(|body| in_pieces(Body::new(body), &habits));
        let mut response = self.handler.handle_stream(request).await.map(Body::new);
        if method == Method::DELETE && habits.deletes_with_200 && response.status().is_success() {
            *response.status_mut() = StatusCode::OK;
        }
        if method.as_str() == "PROPFIND" && habits.absolute_hrefs {
            response = with_absolute_hrefs(response, &base).await?;
        }
        Ok(response)
    }

    /// The status of the refusal, if it is one.
    fn refuses_put(&self, headers: &HeaderMap) -> Option<StatusCode> {
        let mut habits = self.habits();
        if habits.locked_puts > 0 {
            habits.locked_puts -= 1;
            return Some(StatusCode::LOCKED);
        }
        let quota = habits.quota_bytes?;
        let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
        let full = stored_bytes(&self.folder.path().to_owned()) + length > quota;
        full.then_some(StatusCode::INSUFFICIENT_STORAGE)
    }
}

fn refusal(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if status == StatusCode::UNAUTHORIZED {
        let question = http::HeaderValue::from_static("Basic realm=\"store\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, question);
    }
    response
}

fn is_ours(headers: &HeaderMap) -> bool {
    let expected = format!("Basic {}", base64(format!("{USER}:{PASSWORD}").as_bytes()));
    headers.get(AUTHORIZATION).is_some_and(|given| given.as_bytes() == expected.as_bytes())
}

/// As in RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for digit in 0..4 {
            let at = usize::try_from(bits >> (18 - 6 * digit) & 63).expect("below 64");
            text.push(if digit <= three.len() { char::from(DIGITS[at]) } else { '=' });
        }
    }
    text
}

fn stored_bytes(folder: &PathBuf) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => stored_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// The body, slowly.
fn in_pieces(
    body: Body,
    habits: &DavHabits,
) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send + use<> {
    let (size, delay) = (habits.piece_bytes.max(1), habits.piece_delay);
    body.into_data_stream().flat_map(move |part| {
        let pieces: Vec<_> = match part {
            Ok(bytes) => {
                let starts = (0..bytes.len()).step_by(size);
                starts.map(|at| Ok(bytes.slice(at..bytes.len().min(at + size)))).collect()
            }
            Err(error) => vec![Err(error)],
        };
        stream::iter(pieces).then(move |piece| async move {
            sleep(delay).await;
            piece
        })
    })
}

async fn with_absolute_hrefs(response: Response<Body>, base: &str) -> Result<Response<Body>, Cut> {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_cut| Cut)?;
    let text = String::from_utf8_lossy(&body);
    let text = text.replace("<D:href>/", &format!("<D:href>{base}/"));
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Body::from(text)))
}

//! HTTP on a thread of its own. Connections can be cut, which is why this is not a router.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::Result;
use axum::body::{Body, to_bytes};
use bytes::{Bytes, BytesMut};
use futures::stream::StreamExt as _;
use http::{Method, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::answer::{Answer, Asked};
use super::faults::{DriveRequest, Trouble, kind_of, strike};
use super::world::World;
use super::{files, upload};

/// The connection ends here.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

type Shared = Arc<Mutex<World>>;

/// The thread that answers.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(world: Shared) -> Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::spawn(move || {
            runtime.block_on(async move {
                let listener =
                    TcpListener::from_std(listener).expect("it is a listener of this system");
                tokio::select! {
                    () = accept(listener, world, address) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn accept(listener: TcpListener, world: Shared, address: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let world = Arc::clone(&world);
        drop(stream.set_nodelay(true));
        let service = service_fn(move |request| serve(Arc::clone(&world), address, request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    world: Shared,
    address: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let content_range = parts.headers.get(header::CONTENT_RANGE).and_then(|r| r.to_str().ok());
    let kind = kind_of(&parts.method, &parts.uri, content_range);
    let (trouble, number) = {
        let mut world = lock(&world);
        let target = parts.uri.to_string();
        let method = parts.method.to_string();
        world.log.push(DriveRequest { method, target, kind, status: None });
        (strike(&mut world.faults, kind), world.log.len() - 1)
    };
    let body = Body::new(body);
    if let Some(Trouble::Cut(bytes)) = trouble {
        let received = read_some(body, bytes).await;
        let asked = Asked::new(&parts.uri, parts.headers, received);
        let id = asked.query("upload_id").unwrap_or_default();
        let range = asked.header("content-range").unwrap_or_default();
        upload::cut_session(&mut lock(&world), id, range, &asked.body);
        return Err(Cut);
    }
    let body = to_bytes(body, usize::MAX).await.map_err(|_broken| Cut)?;
    let asked = Asked::new(&parts.uri, parts.headers, body);
    let answer = match trouble {
        Some(Trouble::Refuse(status, reason)) => Answer::refusal(status, reason),
        Some(Trouble::Delay(time)) => {
            tokio::time::sleep(time).await;
            answer(&mut lock(&world), &parts.method, &asked, (kind, address, false))
        }
        trouble => {
            let mut world = lock(&world);
            if matches!(trouble, Some(Trouble::ForgetSession)) {
                world.sessions.clear();
            }
            let damage = matches!(trouble, Some(Trouble::Damage));
            let answer = answer(&mut world, &parts.method, &asked, (kind, address, damage));
            if matches!(trouble, Some(Trouble::LoseAnswer)) {
                return Err(Cut);
            }
            answer
        }
    };
    if let Some(logged) = lock(&world).log.get_mut(number) {
        logged.status = Some(answer.status);
    }
    Ok(answer.response())
}

async fn read_some(body: Body, bytes: usize) -> Bytes {
    let mut received = BytesMut::new();
    let mut stream = body.into_data_stream();
    while received.len() < bytes
        && let Some(Ok(part)) = stream.next().await
    {
        received.extend_from_slice(&part);
    }
    received.truncate(bytes);
    received.freeze()
}

fn answer(
    world: &mut World,
    method: &Method,
    asked: &Asked,
    (kind, address, damage): (&str, SocketAddr, bool),
) -> Answer {
    match kind {
        "token" => return world.accounts.token(&asked.body),
        "device" => return world.accounts.device(&asked.body),
        _ => {}
    }
    if !world.accounts.admits(asked.header("authorization")) {
        return Answer::refusal(401, "authError");
    }
    if world.rate.is_exceeded() {
        return Answer::refusal(403, "userRateLimitExceeded");
    }
    match kind {
        "list" => files::list(world, asked),
        "ids" => files::generate_ids(world, asked),
        "create" => files::create(world, asked),
        "upload" => upload::multipart(world, asked, damage),
        "session" => upload::open_session(world, asked, &format!("http://{address}")),
        "send" | "progress" => upload::session(world, asked, damage),
        "media" => files::media(world, asked),
        "metadata" => files::shown(world, asked.id(), asked),
        "delete" => files::delete(world, asked),
        "trash" if method == Method::PATCH => files::update(world, asked),
        _ => Answer::not_found(),
    }
}

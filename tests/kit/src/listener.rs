//! An HTTP server inside the test's process, on a thread and a runtime of its own; gone when it is dropped.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use anyhow::{Context as _, Result};
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Instead of an answer: the connection is closed at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// A listening server.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Listener {
    /// Answers every request with `serve`.
    pub(crate) fn start<F>(
        serve: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = Result<Response<Body>, Cut>> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let socket = socket.context("a port of 127.0.0.1")?;
        let address = socket.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new().name("listener".into()).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(socket, serve) => {}
                    _ = stopped => {}
                }
            });
            // Whoever is still being answered is cut off.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, _stop: stop })
    }
}

async fn accept<F>(
    socket: TcpListener,
    serve: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Result<Response<Body>, Cut>> + Send + 'static,
{
    loop {
        // Fails when there are too many open files; the next one may find fewer.
        let Ok((connection, _)) = socket.accept().await else { continue };
        let served = http1::Builder::new()
            .serve_connection(TokioIo::new(connection), service_fn(serve.clone()));
        tokio::spawn(async move {
            // A cut connection is what the test wanted.
            let _ended = served.await;
        });
    }
}

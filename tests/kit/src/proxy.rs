//! A proxy before any HTTP server that makes the line slow, breaks it, and lies; it writes down every request.
//!
//! Requests go on with the headers that they came with: a client that signs the `Host` it talks to signs the proxy's
//! address, and the server finds just that. Bodies are held whole, as the stores hold them.

mod fault;
mod forward;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use http::Request;

use self::fault::Rule;
use crate::listener::Listener;
use crate::pipe::Pipe;

pub use self::fault::{Fault, Times};

/// One request, and what became of it so far. It holds no values of headers or queries, which may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// `GET`, `PROPFIND`, ...
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The names in the query, in their order.
    pub query_keys: Vec<String>,
    /// Names of the headers, sorted, in lower case.
    pub headers: Vec<String>,
    /// Bytes of the request's body that came.
    pub sent_bytes: u64,
    /// The status that the client was told.
    pub status: Option<u16>,
    /// Bytes of the answer's body that the client was to get.
    pub received_bytes: u64,
}

impl Exchange {
    fn of<B>(request: &Request<B>) -> Self {
        let keys = request.uri().query().into_iter().flat_map(|query| query.split('&'));
        let query_keys = keys.map(|pair| pair.split('=').next().unwrap_or(pair).to_owned());
        let mut headers: Vec<String> =
            request.headers().keys().map(|name| name.as_str().to_owned()).collect();
        headers.sort();
        Self {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query_keys: query_keys.collect(),
            headers,
            sent_bytes: 0,
            status: None,
            received_bytes: 0,
        }
    }

    /// Whether credentials came with it: in a header, or in the query as a signature.
    pub fn has_credentials(&self) -> bool {
        let secret = |name: &String| {
            let name = name.to_ascii_lowercase();
            ["authorization", "cookie", "security-token", "signature", "credential"]
                .iter()
                .any(|word| name.contains(word))
        };
        self.headers.iter().chain(&self.query_keys).any(secret)
    }

    /// Whether it asks for a listing of S3.
    pub fn is_s3_list(&self) -> bool {
        self.method == "GET" && self.query_keys.iter().any(|key| key == "list-type")
    }
}

/// A running proxy, or a server of its own that answers 404 to all.
#[derive(Debug)]
pub struct Proxy {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: Option<SocketAddr>,
    log: Mutex<Vec<Exchange>>,
    rules: Mutex<Vec<Rule>>,
    line: Mutex<Line>,
}

/// How the line is when nothing is wrong with it.
#[derive(Debug, Clone, Default)]
struct Line {
    latency: Duration,
    up: Option<Arc<Pipe>>,
    down: Option<Arc<Pipe>>,
}

impl Proxy {
    /// Stands before this server.
    pub fn before(upstream: SocketAddr) -> Result<Self> {
        Self::start(Some(upstream))
    }

    /// Stands before nothing: for whoever is sent here and should not come.
    pub fn alone() -> Result<Self> {
        Self::start(None)
    }

    fn start(upstream: Option<SocketAddr>) -> Result<Self> {
        let shared = Arc::new(Shared {
            upstream,
            log: Mutex::default(),
            rules: Mutex::default(),
            line: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |request| Arc::clone(&serving).serve(request))?;
        Ok(Self { listener, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// Lets a fault strike requests that it concerns. Several rules may strike one request.
    pub fn inject(
        &self,
        fault: Fault,
        times: Times,
        concerns: impl Fn(&Exchange) -> bool + Send + 'static,
    ) {
        let rule = Rule { fault, times, concerns: Box::new(concerns), seen: 0 };
        lock(&self.shared.rules).push(rule);
    }

    /// All is well again; what was struck already stays so.
    pub fn heal(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Every request waits so long before it goes on.
    pub fn set_latency(&self, latency: Duration) {
        lock(&self.shared.line).latency = latency;
    }

    /// Bodies share a line that carries so many bytes a second each way.
    pub fn set_bandwidth(&self, bytes_per_second: f64) {
        let mut line = lock(&self.shared.line);
        line.up = Some(Arc::new(Pipe::new(bytes_per_second)));
        line.down = Some(Arc::new(Pipe::new(bytes_per_second)));
    }

    /// Every request so far, in the order in which they began.
    pub fn log(&self) -> Vec<Exchange> {
        lock(&self.shared.log).clone()
    }

    /// How many requests so far are of this kind.
    pub fn count(&self, of_kind: impl Fn(&Exchange) -> bool) -> usize {
        lock(&self.shared.log).iter().filter(|exchange| of_kind(exchange)).count()
    }

    /// Forgets the requests so far.
    pub fn forget_log(&self) {
        lock(&self.shared.log).clear();
    }
}

impl Shared {
    /// Writes a request down; gives its place in the log, and what strikes it.
    fn begin(&self, exchange: Exchange) -> (usize, Vec<Fault>) {
        let mut rules = lock(&self.rules);
        let faults = rules.iter_mut().filter_map(|rule| rule.ask(&exchange)).collect();
        let mut log = lock(&self.log);
        log.push(exchange);
        (log.len() - 1, faults)
    }

    fn note(&self, place: usize, change: impl FnOnce(&mut Exchange)) {
        // The log may have been forgotten meanwhile.
        if let Some(exchange) = lock(&self.log).get_mut(place) {
            change(exchange);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

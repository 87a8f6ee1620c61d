//! The one way to the network for every store over HTTP.
//!
//! [`Http::send`] gives every status back as an answer, with three exceptions that no caller could handle better: a server
//! that asks to slow down, a redirect to another host, and a line on which nothing moves. A redirect is never followed to
//! another host, port or scheme, so credentials reach nobody else. Words of an [`HttpError`] name host and status and the
//! server's short reason; they never hold a query, a credential or a signature.

mod answer;
mod login;
mod pace;
mod range;
mod redirect;
mod tls;
mod transport;
mod wire;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::ErrorKind;
use secrecy::SecretString;

use self::answer::Origin;
use self::pace::Paces;
use self::redirect::{Hop, Trip};
use self::wire::Wire;
use self::words::Words;
use crate::options::StoreSettings;
use crate::traffic::{RequestKind, Traffic};
use crate::tuning::Tuning;

pub(crate) use self::answer::{REASON_BYTES_MAX, judge};
pub(crate) use self::login::Login;
pub(crate) use self::transport::{Family, operator_over};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Where machines in a cloud find their credentials. Anywhere else nobody answers, which must not take long to notice.
const METADATA_NETWORK: &str = "169.254.";
const METADATA_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a request got no usable answer. Its words never hold a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct HttpError {
    pub(crate) kind: ErrorKind,
    pub(crate) temporary: bool,
    pub(crate) message: String,
    /// The status, if there was an answer.
    pub(crate) status: Option<u16>,
    /// How long the server asks us to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl HttpError {
    fn unanswered(kind: ErrorKind, temporary: bool, message: String) -> Self {
        Self { kind, temporary, message, status: None, retry_after: None }
    }
}

/// A client with counters, limits and timeouts. Cheap to clone; clones share the limits.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    traffic: Arc<Traffic>,
    paces: Arc<Paces>,
    idle: Duration,
    secrets: Arc<[SecretString]>,
    login: Option<Arc<Login>>,
}

/// The body of an answer, as it arrives. May be asked again after its end.
pub(crate) struct HttpBody(BoxStream<'static, Result<Bytes, HttpError>>);

impl Http {
    /// With the usual timeouts and the system's certificates.
    pub(crate) fn new(settings: &StoreSettings, traffic: Arc<Traffic>) -> Result<Self, HttpError> {
        let paces = Paces::new(settings.upload_limit, settings.download_limit);
        Ok(Self {
            client: client(None)?,
            traffic,
            paces: Arc::new(paces),
            idle: Tuning::default().timeout,
            secrets: Arc::default(),
            login: None,
        })
    }

    /// With the timeout and certificates that were asked for.
    pub(crate) fn tuned(mut self, tuning: &Tuning) -> Result<Self, HttpError> {
        self.idle = tuning.timeout;
        if let Some(ca) = &tuning.ca {
            self.client = client(Some(ca))?;
        }
        Ok(self)
    }

    /// The same client, which replaces these secrets should a server repeat them.
    #[must_use]
    pub(crate) fn hiding(self, secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let secrets = self.secrets.iter().cloned().chain(secrets).collect();
        Self { secrets, ..self }
    }

    /// The same client, which logs in wherever the server wants it.
    #[must_use]
    pub(crate) fn with_login(self, login: Login) -> Self {
        let http = self.hiding([login.secret().clone()]);
        Self { login: Some(Arc::new(login)), ..http }
    }

    /// Text that may come from a server, cut short and without the secrets of this store.
    pub(crate) fn scrub(&self, text: &str) -> String {
        Words::new(Arc::clone(&self.secrets), Vec::new()).clean(text)
    }

    /// Sends a request; every status is an answer, what to make of it is the caller's matter. A request to slow down,
    /// however it is put, is an error of kind `RateLimited`.
    pub(crate) async fn send(
        &self,
        kind: RequestKind,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<HttpBody>, HttpError> {
        let mut trip = Trip::new(request)?;
        let mut logins = 0;
        loop {
            let mut request = trip.request();
            if let Some(login) = &self.login {
                login.attach(&mut request)?;
            }
            let carried = request.headers().contains_key(http::header::AUTHORIZATION);
            let words = Words::new(Arc::clone(&self.secrets), words::secrets_of(&request));
            let answer = self.once(kind, request, &words, trip.host()).await?;
            let challenged = answer.status() == http::StatusCode::UNAUTHORIZED;
            if challenged
                && logins < 2
                && self
                    .login
                    .as_ref()
                    .is_some_and(|login| login.challenged(answer.headers(), carried))
            {
                logins += 1;
                continue;
            }
            match trip.hop(&answer, &words)? {
                Hop::Arrived => return answer::slowed_down(answer).await,
                Hop::Further(next) => trip = *next,
            }
        }
    }

    /// One request on the line.
    async fn once(
        &self,
        kind: RequestKind,
        request: http::Request<Bytes>,
        words: &Words,
        host: &str,
    ) -> Result<http::Response<HttpBody>, HttpError> {
        let idle = if host.starts_with(METADATA_NETWORK) { METADATA_TIMEOUT } else { self.idle };
        let wire = Wire::new(kind, Arc::clone(&self.traffic), Arc::clone(&self.paces), idle);
        let request = reqwest::Request::try_from(wire.outgoing(request))
            .map_err(|error| words.failure(host, &error))?;
        self.traffic.request(kind);
        let sent = wire.watch(self.client.execute(request)).await;
        let answer = sent
            .ok_or_else(|| wire::stalled(host, idle))?
            .map_err(|error| words.failure(host, &error))?;
        self.traffic.answered(answer.headers());
        let (mut parts, body) = http::Response::from(answer).into_parts();
        parts.extensions.insert(Origin { host: host.to_owned(), words: words.clone() });
        let body = reqwest::Response::from(http::Response::new(body)).bytes_stream();
        let expected = answer::content_length(&parts.headers);
        let body = wire.incoming(body, expected, words.clone(), host.to_owned());
        Ok(http::Response::from_parts(parts, HttpBody::from_stream(body)))
    }
}

fn client(ca: Option<&Path>) -> Result<reqwest::Client, HttpError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(ca)?)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("heirloom/", env!("CARGO_PKG_VERSION")))
        .referer(false)
        .build()
        .map_err(|error| Words::default().failure("the network", &error))
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("idle", &self.idle).finish_non_exhaustive()
    }
}

impl HttpBody {
    /// All of it, or an error if it is longer than `limit`.
    pub(crate) async fn collect(mut self, limit: usize) -> Result<Bytes, HttpError> {
        let mut bytes = BytesMut::new();
        while let Some(part) = self.0.try_next().await? {
            if bytes.len() + part.len() > limit {
                let message = format!("the answer is longer than {limit} bytes");
                return Err(HttpError::unanswered(ErrorKind::Protocol, false, message));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.freeze())
    }

    /// The first bytes of it, and a body that still has all of them.
    async fn peek(mut self, at_least: usize) -> Result<(Bytes, Self), HttpError> {
        let mut bytes = BytesMut::new();
        while bytes.len() < at_least
            && let Some(part) = self.0.try_next().await?
        {
            bytes.extend_from_slice(&part);
        }
        let bytes = bytes.freeze();
        let whole = stream::iter([Ok(bytes.clone())]).chain(self.0);
        Ok((bytes, Self::from_stream(whole)))
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpBody")
    }
}

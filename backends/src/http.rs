//! The one way to the network for every store over HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::ErrorKind;

use crate::options::StoreSettings;
use crate::traffic::{RequestKind, Traffic};

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

/// A client with counters, limits and timeouts. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    traffic: Arc<Traffic>,
}

/// The body of an answer, as it arrives.
pub(crate) struct HttpBody(BoxStream<'static, Result<Bytes, HttpError>>);

impl Http {
    pub(crate) fn new(_settings: &StoreSettings, traffic: Arc<Traffic>) -> Result<Self, HttpError> {
        let client =
            reqwest::Client::builder().build().map_err(|error| unreachable_error(&error))?;
        Ok(Self { client, traffic })
    }

    /// Sends a request; every status is an answer, what to make of it is the caller's matter.
    pub(crate) async fn send(
        &self,
        kind: RequestKind,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<HttpBody>, HttpError> {
        self.traffic.request(kind);
        self.traffic.sent(kind, request.body().len() as u64);
        let request = request.map(reqwest::Body::from);
        let request = reqwest::Request::try_from(request).map_err(|e| unreachable_error(&e))?;
        let answer = self.client.execute(request).await.map_err(|e| unreachable_error(&e))?;
        let answer = http::Response::from(answer);
        let (parts, body) = answer.into_parts();
        let traffic = Arc::clone(&self.traffic);
        let body = reqwest::Response::from(http::Response::new(body)).bytes_stream();
        let body = body
            .inspect_ok(move |part| traffic.received(kind, part.len() as u64))
            .map_err(|error| unreachable_error(&error))
            .boxed();
        Ok(http::Response::from_parts(parts, HttpBody(body)))
    }
}

impl HttpBody {
    /// All of it, or an error if it is longer than `limit`.
    pub(crate) async fn collect(mut self, limit: usize) -> Result<Bytes, HttpError> {
        let mut bytes = BytesMut::new();
        while let Some(part) = self.0.try_next().await? {
            if bytes.len() + part.len() > limit {
                return Err(HttpError {
                    kind: ErrorKind::Protocol,
                    temporary: false,
                    message: format!("the answer is longer than {limit} bytes"),
                    status: None,
                    retry_after: None,
                });
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.freeze())
    }
}

fn unreachable_error(error: &reqwest::Error) -> HttpError {
    HttpError {
        kind: ErrorKind::Unreachable,
        temporary: true,
        message: error.to_string(),
        status: None,
        retry_after: None,
    }
}

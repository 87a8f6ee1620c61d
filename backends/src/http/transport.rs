//! Every OpenDAL service over HTTP sends its requests through here.
//!
//! Errors are made here and not by the service, because a service prints the server's whole answer, the URL with its
//! query included, and knows less about what a retry can cure. What a service must see to work, such as a missing object,
//! passes with an empty body.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::stream::{Stream, StreamExt as _};
use heirloom_engine::error::ErrorKind;
use http::{Method, StatusCode};
use opendal::raw::Operation;
use opendal::{Buffer, HttpTransport, HttpTransporter, OperationContext, Operator};

use super::range::Wanted;
use super::{Http, HttpBody, HttpError, REASON_BYTES_MAX, judge};
use crate::s3;
use crate::traffic::RequestKind;
use crate::webdav::multistatus;

/// A page of S3 has at most a thousand names.
const LISTING_BYTES_MAX: usize = 16 << 20;
/// A listing of a folder of WebDAV is one answer; a hundred thousand objects need about half of this.
const MULTISTATUS_BYTES_MAX: usize = 128 << 20;

/// Whose peculiarities to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// S3 and those that speak like it.
    S3,
    /// WebDAV.
    WebDav,
    /// Services that tell success from failure by bodies of their own.
    Other,
}

/// An operator whose requests go through `http`.
pub(crate) fn operator_over(operator: Operator, http: Http, family: Family) -> Operator {
    let transport = HttpTransporter::new(Transport { http, family });
    operator.with_context(OperationContext::new().with_http_transport(transport))
}

struct Transport {
    http: Http,
    family: Family,
}

impl HttpTransport for Transport {
    async fn fetch(
        &self,
        request: http::Request<Buffer>,
    ) -> opendal::Result<http::Response<opendal::HttpBody>> {
        self.answer(request).await.map_err(opendal_error)
    }
}

impl Transport {
    async fn answer(
        &self,
        request: http::Request<Buffer>,
    ) -> Result<http::Response<opendal::HttpBody>, HttpError> {
        let request = request.map(|body| body.to_bytes());
        let kind = kind_of(&request);
        let asked = Asked {
            kind,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            host: host_of(request.uri()),
            range: Wanted::of(request.headers()),
        };
        if self.family == Family::WebDav && asked.method == Method::DELETE {
            asked.refuse_a_folder()?;
        }
        let answer = self.http.send(kind, request).await?;
        if answer.status().is_success() {
            self.success(&asked, answer).await
        } else {
            self.failure(&asked, answer).await
        }
    }

    async fn success(
        &self,
        asked: &Asked,
        answer: http::Response<HttpBody>,
    ) -> Result<http::Response<opendal::HttpBody>, HttpError> {
        let (mut parts, mut body) = answer.into_parts();
        if self.family == Family::WebDav {
            if asked.method == Method::DELETE && parts.status == StatusCode::OK {
                parts.status = StatusCode::NO_CONTENT;
            }
            if asked.method.as_str() == "PROPFIND" {
                let listing = body.collect(MULTISTATUS_BYTES_MAX).await?;
                let listing = if asked.kind == RequestKind::List {
                    multistatus::canonical_listing(&listing, &asked.path)
                } else {
                    multistatus::canonical_entry(&listing)
                };
                let listing = listing.map_err(|what| asked.nonsense(what))?;
                parts.headers.remove(http::header::CONTENT_LENGTH);
                return Ok(http::Response::from_parts(parts, whole(listing.into())));
            }
        }
        if self.family == Family::S3 && asked.kind == RequestKind::List {
            let page = body.collect(LISTING_BYTES_MAX).await?;
            s3::listing::check(&page, &asked.query).map_err(|what| asked.nonsense(what))?;
            return Ok(http::Response::from_parts(parts, whole(page.into())));
        }
        if let Some(range) = asked.range
            && asked.method == Method::GET
        {
            body = range.cut(parts.status, &parts.headers, body)?;
        }
        Ok(http::Response::from_parts(parts, streamed(body)))
    }

    async fn failure(
        &self,
        asked: &Asked,
        answer: http::Response<HttpBody>,
    ) -> Result<http::Response<opendal::HttpBody>, HttpError> {
        let status = answer.status();
        if self.family == Family::Other && passes_unjudged(status) {
            return Ok(answer.map(streamed));
        }
        let (mut parts, body) = answer.into_parts();
        let (reason, _) = body.peek(REASON_BYTES_MAX).await.unwrap_or_else(|_| HttpBody::none());
        let mut error = judge(&parts, &reason);
        if self.family == Family::S3
            && asked.kind == RequestKind::List
            && error.kind == ErrorKind::NotFound
        {
            // A folder that does not exist is an empty listing; what is missing is the bucket.
            error.kind = ErrorKind::Configuration;
        }
        let folder_exists =
            asked.method.as_str() == "MKCOL" && status == StatusCode::METHOD_NOT_ALLOWED;
        if error.kind == ErrorKind::NotFound || folder_exists {
            parts.headers.clear();
            return Ok(http::Response::from_parts(parts, whole(Buffer::new())));
        }
        Err(error)
    }
}

/// Services of this kind know their own errors; only what every server means alike is judged here.
fn passes_unjudged(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 401 | 408 | 423)
}

/// What must be remembered of a request to understand the answer.
struct Asked {
    kind: RequestKind,
    method: Method,
    path: String,
    query: String,
    host: String,
    range: Option<Wanted>,
}

impl Asked {
    fn nonsense(&self, what: &str) -> HttpError {
        let message = format!("{}: {what}", self.host);
        HttpError::unanswered(ErrorKind::Protocol, false, message)
    }

    /// Every server takes it as: with all that it holds.
    fn refuse_a_folder(&self) -> Result<(), HttpError> {
        if self.path.ends_with('/') {
            let message = "a folder is never deleted".to_owned();
            return Err(HttpError::unanswered(ErrorKind::Unsupported, false, message));
        }
        Ok(())
    }
}

fn host_of(uri: &http::Uri) -> String {
    let host = uri.host().unwrap_or_default();
    uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn kind_of<T>(request: &http::Request<T>) -> RequestKind {
    match request.extensions().get::<Operation>() {
        Some(Operation::Write) => RequestKind::Put,
        Some(Operation::Read | Operation::Stat) => RequestKind::Read,
        Some(Operation::List) => RequestKind::List,
        Some(Operation::Delete) => RequestKind::Delete,
        _ => RequestKind::Other,
    }
}

fn opendal_error(error: HttpError) -> opendal::Error {
    let kind = match error.kind {
        ErrorKind::NotFound => opendal::ErrorKind::NotFound,
        ErrorKind::PermissionDenied => opendal::ErrorKind::PermissionDenied,
        ErrorKind::RateLimited => opendal::ErrorKind::RateLimited,
        ErrorKind::Configuration => opendal::ErrorKind::ConfigInvalid,
        ErrorKind::Unsupported => opendal::ErrorKind::Unsupported,
        ErrorKind::NoSpace | ErrorKind::Unreachable | ErrorKind::Protocol | _ => {
            opendal::ErrorKind::Unexpected
        }
    };
    let temporary = error.temporary;
    opendal::Error::new(kind, error.message.clone()).set_source(error).with_temporary(temporary)
}

fn whole(body: Buffer) -> opendal::HttpBody {
    let size = u64::try_from(body.len()).ok();
    opendal::HttpBody::new(futures::stream::iter([Ok(body)]), size)
}

fn streamed(body: HttpBody) -> opendal::HttpBody {
    let parts = body.0.map(|part| part.map(Buffer::from).map_err(opendal_error));
    opendal::HttpBody::new(Alone(Mutex::new(parts)), None)
}

/// A stream that several threads could share, as OpenDAL wants it; nobody does.
struct Alone<S>(Mutex<S>);

impl<S: Stream + Unpin> Stream for Alone<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let stream = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(stream).poll_next(context)
    }
}

impl HttpBody {
    fn none() -> (bytes::Bytes, Self) {
        (bytes::Bytes::new(), Self::from_stream(futures::stream::empty()))
    }
}

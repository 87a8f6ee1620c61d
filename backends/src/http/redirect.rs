//! Follows redirects within one host, and no others.

use bytes::Bytes;
use heirloom_engine::error::ErrorKind;
use http::header::LOCATION;
use http::{Method, StatusCode, Uri};
use url::Url;

use super::words::Words;
use super::{HttpBody, HttpError};

const HOPS_MAX: usize = 3;

/// A request on its way.
pub(super) struct Trip {
    request: http::Request<Bytes>,
    url: Url,
    host: String,
    hops: usize,
}

/// Whether an answer is one.
pub(super) enum Hop {
    Arrived,
    Further(Box<Trip>),
}

impl Trip {
    pub(super) fn new(request: http::Request<Bytes>) -> Result<Self, HttpError> {
        let invalid = |_| {
            let message = "the address of the request is not a URL".to_owned();
            HttpError::unanswered(ErrorKind::Configuration, false, message)
        };
        let url = Url::parse(&request.uri().to_string()).map_err(invalid)?;
        let host = authority(&url);
        Ok(Self { request, url, host, hops: 0 })
    }

    /// Host and port, for words.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn request(&self) -> http::Request<Bytes> {
        self.request.clone()
    }

    /// Where an answer sends us. Without a `Location`, a status of 3xx is an answer like any other.
    pub(super) fn hop(
        &self,
        answer: &http::Response<HttpBody>,
        words: &Words,
    ) -> Result<Hop, HttpError> {
        let redirects = matches!(
            answer.status(),
            StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT
        );
        let Some(location) = answer.headers().get(LOCATION).filter(|_| redirects) else {
            return Ok(Hop::Arrived);
        };
        let refuse = |message: String| {
            Err(HttpError {
                kind: ErrorKind::Configuration,
                temporary: false,
                message,
                status: Some(answer.status().as_u16()),
                retry_after: None,
            })
        };
        let host = &self.host;
        let Some(next) = location.to_str().ok().and_then(|text| self.url.join(text).ok()) else {
            return refuse(format!("{host} redirects to something that is not a URL"));
        };
        if origin(&next) != origin(&self.url) {
            let other = words.clean(&authority(&next));
            let how = if next.scheme() == self.url.scheme() { "" } else { " with another scheme" };
            return refuse(format!(
                "{host} redirects to {other}{how}, which is not followed; if that is where the \
                 repository lies, use that address"
            ));
        }
        let method = self.request.method();
        if !matches!(*method, Method::GET | Method::HEAD) && method.as_str() != "PROPFIND" {
            return refuse(format!("{host} redirects a {method}, which is not followed"));
        }
        if self.hops >= HOPS_MAX {
            return refuse(format!("{host} redirects in circles"));
        }
        let Ok(uri) = next.as_str().parse::<Uri>() else {
            return refuse(format!("{host} redirects to something that is not a URL"));
        };
        let mut request = self.request();
        *request.uri_mut() = uri;
        let hops = self.hops + 1;
        Ok(Hop::Further(Box::new(Self { request, url: next, host: host.clone(), hops })))
    }
}

fn origin(url: &Url) -> (&str, Option<&str>, Option<u16>) {
    (url.scheme(), url.host_str(), url.port_or_known_default())
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

//! Logs in the way that a server wants: Basic, Digest, or a bearer token.
//!
//! A password is shown to a server in clear (Basic) at once over TLS only. Without TLS the server must ask first, so that
//! one that knows Digest never sees it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use digest_auth::{AuthContext, HttpMethod, WwwAuthenticateHeader};
use heirloom_engine::error::ErrorKind;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use opendal::raw::{format_authorization_by_basic, format_authorization_by_bearer};
use secrecy::{ExposeSecret as _, SecretString};

use super::HttpError;

/// Credentials, and what the server said about them.
pub(crate) struct Login {
    user: Option<String>,
    secret: SecretString,
    state: Mutex<State>,
}

enum State {
    /// Nothing is sent until the server asks.
    Waiting,
    /// The header is always the same.
    Plain,
    Digest(Box<WwwAuthenticateHeader>),
}

impl Login {
    /// A user with a password; `secure` if the line is.
    pub(crate) fn password(user: String, password: SecretString, secure: bool) -> Self {
        let state = if secure { State::Plain } else { State::Waiting };
        Self { user: Some(user), secret: password, state: Mutex::new(state) }
    }

    /// A token that says everything.
    pub(crate) fn bearer(token: SecretString) -> Self {
        Self { user: None, secret: token, state: Mutex::new(State::Plain) }
    }

    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Adds the header that the server is known to want.
    pub(super) fn attach(&self, request: &mut http::Request<Bytes>) -> Result<(), HttpError> {
        let header = match &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Waiting => return Ok(()),
            State::Plain => self.plain()?,
            State::Digest(challenge) => self.digest(challenge, request)?,
        };
        let mut header = HeaderValue::try_from(header).ok().ok_or_else(unusable)?;
        header.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(())
    }

    fn plain(&self) -> Result<String, HttpError> {
        let secret = self.secret.expose_secret();
        let header = match &self.user {
            Some(user) => format_authorization_by_basic(user, secret),
            None => format_authorization_by_bearer(secret),
        };
        header.ok().ok_or_else(unusable)
    }

    fn digest(
        &self,
        challenge: &mut WwwAuthenticateHeader,
        request: &http::Request<Bytes>,
    ) -> Result<String, HttpError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let context = AuthContext::new_with_method(
            self.user.as_deref().unwrap_or_default(),
            self.secret.expose_secret(),
            path,
            None::<&[u8]>,
            HttpMethod::from(request.method().as_str()),
        );
        Ok(challenge.respond(&context).ok().ok_or_else(unusable)?.to_header_string())
    }

    /// Remembers what the server wants. Whether it is worth sending the request once more, which may have carried a login
    /// or been sent before another one learnt what the server wants.
    pub(super) fn challenged(&self, headers: &HeaderMap, carried: bool) -> bool {
        if self.user.is_none() {
            return false;
        }
        let offers = headers.get_all(WWW_AUTHENTICATE).iter();
        let offers: Vec<_> = offers.filter_map(|value| value.to_str().ok()).collect();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(challenge) = offers.iter().find_map(|offer| digest_in(offer)) {
            // The same nonce again means that the password is wrong, unless the server calls it stale.
            let known = matches!(&*state, State::Digest(known) if known.nonce == challenge.nonce);
            if !known || challenge.stale {
                *state = State::Digest(Box::new(challenge));
                return true;
            }
            return !carried;
        }
        let basic = offers.iter().any(|offer| offer.to_ascii_lowercase().contains("basic"));
        if basic && matches!(*state, State::Waiting) {
            *state = State::Plain;
        }
        !carried && !matches!(*state, State::Waiting)
    }
}

/// Several challenges may share one header.
fn digest_in(offer: &str) -> Option<WwwAuthenticateHeader> {
    let start = offer.to_ascii_lowercase().find("digest ")?;
    digest_auth::parse(offer.get(start..)?).ok()
}

fn unusable() -> HttpError {
    let message = "the user name, password or token cannot be sent".to_owned();
    HttpError::unanswered(ErrorKind::Configuration, false, message)
}

//! Google's server for tokens: forms go out, tokens or the code of a refusal come back.
//!
//! Every secret is in the body of a request, never in its address. Why no library does this: three forms are less than the
//! libraries that one would bring, and so no copy of a token is ever outside a type that hides and wipes it.

use bytes::Bytes;
use heirloom_engine::error::ErrorKind;
use http::{Method, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant};
use url::{Url, form_urlencoded};

use super::failure::{LOGIN_EXPIRED, failure, is_code, nonsense};
use super::vault::Login;
use crate::http::{Http, HttpError};
use crate::traffic::RequestKind;

/// Answers are small; a longer one is not from such a server.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A token is replaced this long before it expires.
const EARLY: Duration = Duration::from_mins(2);

/// Tokens as they arrive.
#[derive(Deserialize)]
pub(crate) struct Grant {
    pub(crate) access_token: SecretText,
    #[serde(default)]
    pub(crate) expires_in: u32,
    #[serde(default)]
    pub(crate) refresh_token: Option<SecretText>,
    /// What was allowed, where people may allow less than was asked for.
    #[serde(default)]
    pub(crate) scope: Option<String>,
}

/// A secret in an answer.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(crate) struct SecretText(pub(crate) SecretString);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

/// Why a form was refused.
#[derive(Debug, Deserialize)]
struct Denial {
    error: String,
}

/// What the server made of a form.
pub(crate) enum Answered<T> {
    Yes(T),
    /// One of the words of RFC 6749 and 8628.
    No(String),
}

/// Sends a form.
pub(crate) async fn post<T: DeserializeOwned>(
    http: &Http,
    url: &Url,
    form: &[(&str, &str)],
) -> Result<Answered<T>, HttpError> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(url.as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(Bytes::from(body))
        .map_err(|_invalid| failure(ErrorKind::Configuration, false, "the address is no URL"))?;
    let answer = http.send(RequestKind::Other, request).await?;
    let status = answer.status().as_u16();
    if status >= 500 {
        return Err(failure(ErrorKind::Unreachable, true, "the login server is in trouble"));
    }
    let body = answer.into_body().collect(ANSWER_BYTES_MAX).await?;
    if status == 200 {
        let granted = serde_json::from_slice(&body);
        return granted
            .map(Answered::Yes)
            .map_err(|_quotes| nonsense("the login server's answer makes no sense"));
    }
    match serde_json::from_slice(&body) {
        Ok(Denial { error }) if is_code(&error) => Ok(Answered::No(error)),
        _ => Err(nonsense("the login server refuses without saying why")),
    }
}

/// Tokens of access, renewed when they are about to expire.
pub(crate) struct Tokens {
    http: Http,
    server: Url,
    login: Login,
    /// Locked while a new one is fetched, so that only one is.
    current: Mutex<Option<Access>>,
}

struct Access {
    token: SecretString,
    until: Instant,
}

impl Tokens {
    pub(crate) fn new(http: Http, server: Url, login: Login) -> Self {
        Self { http, server, login, current: Mutex::default() }
    }

    /// One that is good for a while.
    pub(crate) async fn get(&self) -> Result<SecretString, HttpError> {
        let mut current = self.current.lock().await;
        if let Some(access) = current.as_ref().filter(|access| Instant::now() < access.until) {
            return Ok(access.token.clone());
        }
        let access = self.fetch().await?;
        Ok(current.insert(access).token.clone())
    }

    /// Another one than the one that was refused, whatever its time.
    pub(crate) async fn replace(&self, refused: &SecretString) -> Result<SecretString, HttpError> {
        let same = |access: &mut Access| access.token.expose_secret() == refused.expose_secret();
        // Another call may have replaced it already.
        self.current.lock().await.take_if(same);
        self.get().await
    }

    async fn fetch(&self) -> Result<Access, HttpError> {
        let Login { client_id, client_secret, refresh_token } = &self.login;
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
            ("client_id", client_id),
        ];
        if let Some(secret) = client_secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        match post::<Grant>(&self.http, &self.server, &form).await? {
            Answered::Yes(grant) => {
                let lasts = Duration::from_secs(grant.expires_in.into()).saturating_sub(EARLY);
                Ok(Access { token: grant.access_token.0, until: Instant::now() + lasts })
            }
            Answered::No(code) if code == "invalid_grant" => {
                Err(failure(ErrorKind::PermissionDenied, false, LOGIN_EXPIRED))
            }
            Answered::No(code) => {
                let message = format!("the login server refuses: {code}");
                Err(failure(ErrorKind::PermissionDenied, false, &message))
            }
        }
    }
}

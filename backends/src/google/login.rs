//! Gets the permission to use somebody's Google Drive, and keeps it for [`open`](crate::open).
//!
//! Two ways: the browser of this machine comes back with a code, or a short code is typed on another device. Only files that this
//! program made are asked for (`drive.file`), so that neither a thief of the token nor a mistake of ours reaches anything
//! else. What people read and see is the caller's matter.

mod loopback;
mod random;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use heirloom_engine::error::ErrorKind;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant, sleep};

use self::loopback::Redirected;
use super::endpoints::Endpoints;
use super::failure::is_code;
use super::oauth::{Answered, Grant, SecretText, post};
use super::vault::{self, Account};
use crate::AddressError;
use crate::http::{Http, HttpError};
use crate::options::{Options, StoreSettings};
use crate::traffic::Traffic;

/// Files that this program made.
const OWN_FILES: &str = "https://www.googleapis.com/auth/drive.file";

/// Every file; for repositories that another program copied there.
const ALL_FILES: &str = "https://www.googleapis.com/auth/drive";

/// How long somebody may take in the browser.
const BROWSER_TIME: Duration = Duration::from_mins(10);

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Options that belong to the address of a repository and mean nothing to a login.
const OTHER_OPTIONS: [&str; 4] = ["connections", "delete", "drive", "settle"];

/// Why there is no login. No case holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The system does not let us wait for the browser.
    #[error("cannot wait for the browser")]
    Listen(#[source] io::Error),
    /// The server cannot be reached, or makes no sense.
    #[error("the login server cannot be used: {reason}")]
    Server {
        /// What is wrong.
        reason: String,
        /// Whether it may work later.
        temporary: bool,
    },
    /// The server does not accept the client or the code.
    #[error("the login server refuses: {code}")]
    Refused {
        /// A word of RFC 6749 or 8628.
        code: String,
    },
    /// Somebody said no.
    #[error("access was denied")]
    Denied,
    /// Nobody said anything in time.
    #[error("nobody answered in time")]
    TimedOut,
    /// Less was allowed than is needed.
    #[error("the permission to use files was not given")]
    TooLittle,
    /// The permission is not a lasting one.
    #[error("the login server gave no lasting permission")]
    NotLasting,
    /// The login cannot be kept.
    #[error("the login cannot be kept in {}", folder.display())]
    Keep {
        /// Where it was to be kept.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<HttpError> for LoginError {
    fn from(error: HttpError) -> Self {
        Self::Server { reason: error.to_string(), temporary: error.temporary }
    }
}

/// A login that is about to be done.
pub struct Login {
    http: Http,
    endpoints: Endpoints,
    client_id: String,
    client_secret: Option<SecretString>,
    scope: &'static str,
    account: Account,
    folder: PathBuf,
}

/// A login that waits for the browser.
#[derive(Debug)]
pub struct BrowserLogin<'a> {
    login: &'a Login,
    listener: TcpListener,
    url: String,
    redirect: String,
    state: SecretString,
    verifier: SecretString,
}

/// A login that waits for a code to be typed elsewhere.
#[derive(Debug)]
pub struct DeviceLogin<'a> {
    login: &'a Login,
    device_code: SecretString,
    code: String,
    url: String,
    interval: Duration,
    deadline: Instant,
}

#[derive(Deserialize)]
struct DeviceAnswer {
    device_code: SecretText,
    user_code: String,
    #[serde(alias = "verification_uri")]
    verification_url: String,
    expires_in: u32,
    #[serde(default)]
    interval: u32,
}

impl Login {
    /// `rest` is what follows `gdrive:`; of an address of a repository, only the options count.
    pub fn new(rest: &str, settings: &StoreSettings) -> Result<Self, AddressError> {
        let (_, query) = rest.split_once('?').unwrap_or((rest, ""));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut options = Options::new(query, settings)?;
        for other in OTHER_OPTIONS {
            options.text(other);
        }
        let login = Self {
            http: Http::new(settings, Arc::new(Traffic::default())).map_err(super::no_service)?,
            endpoints: Endpoints::new(options.text("endpoint"))?,
            client_id: options.text("client_id").ok_or(AddressError::MissingOption {
                option: "client_id",
                why: "Google wants to know which program asks",
            })?,
            client_secret: options.secret("client_secret")?,
            scope: scope(options.text("scope").as_deref())?,
            account: Account::new(options.text("account"))?,
            folder: settings.tokens.clone(),
        };
        options.finish()?;
        Ok(login)
    }

    /// Begins a login with the browser of this machine, which must be shown [`BrowserLogin::url`].
    pub async fn with_browser(&self) -> Result<BrowserLogin<'_>, LoginError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(LoginError::Listen)?;
        let port = listener.local_addr().map_err(LoginError::Listen)?.port();
        let redirect = format!("http://127.0.0.1:{port}/");
        let (state, verifier) = (random::unguessable(), random::unguessable());
        let mut url = self.endpoints.consent.clone();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &redirect),
            ("scope", self.scope),
            ("state", state.expose_secret()),
            ("code_challenge", &random::challenge(&verifier)),
            ("code_challenge_method", "S256"),
            // Without these two, only the very first login gets a lasting permission.
            ("access_type", "offline"),
            ("prompt", "consent"),
        ]);
        Ok(BrowserLogin { login: self, listener, url: url.into(), redirect, state, verifier })
    }

    /// Begins a login on another device, where [`DeviceLogin::code`] is to be typed at [`DeviceLogin::url`].
    pub async fn with_device(&self) -> Result<DeviceLogin<'_>, LoginError> {
        let form = [("client_id", self.client_id.as_str()), ("scope", self.scope)];
        match post::<DeviceAnswer>(&self.http, &self.endpoints.device, &form).await? {
            Answered::No(code) => Err(LoginError::Refused { code }),
            Answered::Yes(answer) => Ok(DeviceLogin {
                login: self,
                device_code: answer.device_code.0,
                code: answer.user_code,
                url: answer.verification_url,
                interval: Duration::from_secs(answer.interval.into()),
                deadline: Instant::now() + Duration::from_secs(answer.expires_in.into()),
            }),
        }
    }

    async fn exchange(&self, form: &[(&str, &str)]) -> Result<Answered<Grant>, HttpError> {
        let mut form = form.to_vec();
        form.push(("client_id", &self.client_id));
        if let Some(secret) = &self.client_secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        post(&self.http, &self.endpoints.token, &form).await
    }

    /// Gives the file that the login was written to.
    fn keep(&self, grant: Grant) -> Result<PathBuf, LoginError> {
        // People may untick what was asked for.
        let granted = |scopes: &str| scopes.split(' ').any(|scope| scope == self.scope);
        if grant.scope.is_some_and(|scopes| !granted(&scopes)) {
            return Err(LoginError::TooLittle);
        }
        let login = vault::Login {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            refresh_token: grant.refresh_token.ok_or(LoginError::NotLasting)?.0,
        };
        let kept = self.account.write(&self.folder, &login, self.endpoints.given.as_deref());
        kept.map_err(|source| LoginError::Keep { folder: self.folder.clone(), source })
    }
}

fn scope(word: Option<&str>) -> Result<&'static str, AddressError> {
    match word {
        None | Some("own") => Ok(OWN_FILES),
        Some("all") => Ok(ALL_FILES),
        Some(_) => {
            Err(AddressError::OptionValue { option: "scope".to_owned(), expected: "own or all" })
        }
    }
}

impl BrowserLogin<'_> {
    /// What the browser is to be shown.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits for the browser, shows it `page` (HTML), and gives the file that the login was written to.
    pub async fn finish(self, page: &str) -> Result<PathBuf, LoginError> {
        let deadline = Instant::now() + BROWSER_TIME;
        let redirected = loopback::wait(&self.listener, &self.state, page, deadline).await;
        let code = match redirected.map_err(LoginError::Listen)? {
            None => return Err(LoginError::TimedOut),
            Some(Redirected::Denied(code)) if code != "access_denied" && is_code(&code) => {
                return Err(LoginError::Refused { code });
            }
            Some(Redirected::Denied(_)) => return Err(LoginError::Denied),
            Some(Redirected::Code(code)) => code,
        };
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("code_verifier", self.verifier.expose_secret()),
            ("redirect_uri", &self.redirect),
        ];
        match self.login.exchange(&form).await? {
            Answered::Yes(grant) => self.login.keep(grant),
            Answered::No(code) => Err(LoginError::Refused { code }),
        }
    }
}

impl DeviceLogin<'_> {
    /// What is to be typed.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Where it is to be typed.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks until somebody has typed the code, and gives the file that the login was written to.
    pub async fn finish(self) -> Result<PathBuf, LoginError> {
        let form =
            [("grant_type", DEVICE_GRANT), ("device_code", self.device_code.expose_secret())];
        let slower = Duration::from_secs(5);
        let mut interval = self.interval.max(Duration::from_millis(50));
        while Instant::now() + interval < self.deadline {
            sleep(interval).await;
            match self.login.exchange(&form).await {
                Ok(Answered::Yes(grant)) => return self.login.keep(grant),
                Ok(Answered::No(code)) => match code.as_str() {
                    "authorization_pending" => {}
                    "slow_down" => interval += slower,
                    "access_denied" => return Err(LoginError::Denied),
                    "expired_token" => break,
                    _ => return Err(LoginError::Refused { code }),
                },
                Err(error) if error.kind == ErrorKind::RateLimited => interval += slower,
                Err(error) if error.temporary => interval *= 2,
                Err(error) => return Err(error.into()),
            }
        }
        Err(LoginError::TimedOut)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("folder", &self.folder).finish_non_exhaustive()
    }
}

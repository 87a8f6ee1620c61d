//! The way from the settings to an open repository.

use std::sync::Arc;
use std::thread;

use heirloom_backends::{Address, Opened};
use heirloom_engine::crypto::Credential;
use heirloom_engine::repository::{Context, Repository, RepositoryError, Storage};
use secrecy::SecretString;
use serde_json::Value;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::failure::Failure;
use crate::output::Output;
use crate::plugins;
use crate::render::traffic;
use crate::secrets::{self, Asker};
use crate::settings::{CredentialSources, Settings};
use crate::system::SystemClock;
use crate::transforms::PutTogether;

/// How often somebody at a keyboard may mistype.
const ATTEMPTS: u32 = 3;

/// Threads that wait for the store; files are read and written, and everything is computed, on others.
const RUNTIME_THREADS: usize = 2;

/// Where the repository is, or will be.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) address: Address,
    default: bool,
    opened: Opened,
    context: Context,
    runtime: Option<Runtime>,
}

impl Store {
    /// Touches nothing yet.
    pub(crate) fn locate(settings: &Settings) -> Result<Self, Failure> {
        let address = Address::parse(settings.place.address())?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("store")
            .enable_all()
            .build()
            .map_err(Failure::System)?;
        let opened = match address.plugin() {
            Some((name, rest)) => plugins::open(name, rest, settings, runtime.handle())?,
            None => heirloom_backends::open(&address, &settings.store)?,
        };
        let context = Context {
            clock: Arc::new(SystemClock),
            runtime: runtime.handle().clone(),
            cache: settings.cache.clone(),
            store: store_name(&address, settings),
            threads: settings.threads.unwrap_or_else(processors),
            prompt: Some(Arc::new(Asker)),
        };
        let default = settings.place.is_default();
        Ok(Self { address, default, opened, context, runtime: Some(runtime) })
    }

    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.opened.storage)
    }

    /// What the store was asked for so far, for people who want to know more.
    pub(crate) fn tell_traffic(&self, output: Output) -> Result<(), Failure> {
        if output.verbose == 0 { Ok(()) } else { output.text(&traffic::text(&self.opened.traffic)) }
    }

    /// The fields of a summary, and what the store was asked for so far.
    pub(crate) fn with_traffic(&self, fields: Value) -> Value {
        traffic::with_store(fields, &self.opened.traffic)
    }

    /// What drives the calls of the store.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.context.runtime
    }

    /// By how many seconds the store's clock is ahead of this machine's, if it tells the time.
    pub(crate) fn clock_skew_seconds(&self) -> Option<i64> {
        self.opened.clock_skew().map(|skew| skew.seconds_ahead)
    }

    pub(crate) fn context(&self) -> Context {
        self.context.clone()
    }

    /// Whether there is a repository; asked before people are asked for a passphrase.
    pub(crate) fn exists(&self) -> Result<bool, Failure> {
        match self.open_with(&[]) {
            Ok(_) | Err(RepositoryError::WrongKey | RepositoryError::NoSlots) => Ok(true),
            Err(RepositoryError::Absent) => Ok(false),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// Opens the repository with whatever the settings offer.
    pub(crate) fn open(&self, settings: &Settings) -> Result<Repository, Failure> {
        self.unlock(&settings.credentials).map(|(repository, _)| repository)
    }

    /// As [`Store::open`]; also gives the credential that did it, which a new key needs.
    pub(crate) fn unlock(
        &self,
        sources: &CredentialSources,
    ) -> Result<(Repository, Vec<Credential>), Failure> {
        let identities = identities(sources)?;
        if !identities.is_empty() {
            match self.open_with(&identities) {
                Ok(repository) => return Ok((repository, identities)),
                Err(RepositoryError::WrongKey) if sources.passphrase.is_some() => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
        match &sources.passphrase {
            Some(source) => self.unlock_by(secrets::passphrase(source)?),
            None => self.ask(),
        }
    }

    fn ask(&self) -> Result<(Repository, Vec<Credential>), Failure> {
        if !self.exists()? {
            return Err(self.failure(RepositoryError::Absent));
        }
        let question = format!("Passphrase for {}: ", self.address);
        for _ in 1..ATTEMPTS {
            match self.unlock_by(secrets::prompt(&question)?) {
                Err(Failure::Repository(RepositoryError::WrongKey)) => {
                    secrets::tell("That is not it. Try again.");
                }
                result => return result,
            }
        }
        self.unlock_by(secrets::prompt(&question)?)
    }

    fn unlock_by(
        &self,
        passphrase: SecretString,
    ) -> Result<(Repository, Vec<Credential>), Failure> {
        let credentials = vec![Credential::Passphrase(passphrase)];
        match self.open_with(&credentials) {
            Ok(repository) => Ok((repository, credentials)),
            Err(error) => Err(self.failure(error)),
        }
    }

    fn open_with(&self, credentials: &[Credential]) -> Result<Repository, RepositoryError> {
        Repository::open(self.storage(), credentials, self.context())
            .map(|repository| repository.with_undo(Arc::new(PutTogether)))
    }

    /// Knows the address, which the engine does not.
    pub(crate) fn failure(&self, error: RepositoryError) -> Failure {
        let address = || self.address.to_string();
        if matches!(error, RepositoryError::Absent) {
            return Failure::NoRepository { address: address(), default: self.default };
        }
        if matches!(error, RepositoryError::Exists) {
            return Failure::RepositoryExists { address: address() };
        }
        Failure::Repository(error)
    }
}

impl Drop for Store {
    /// Does not wait for calls whose results nobody wants any more.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Under what the cache remembers the way into a repository far away. Asking a local disk costs nothing.
fn store_name(address: &Address, settings: &Settings) -> Option<String> {
    if address.local_path().is_some() {
        return None;
    }
    let mut name = settings.place.address().to_string_lossy().into_owned();
    for (key, value) in &settings.store.options {
        name.extend(["\n", key, "=", value]);
    }
    Some(name)
}

fn identities(sources: &CredentialSources) -> Result<Vec<Credential>, Failure> {
    sources
        .identities
        .iter()
        .map(|path| {
            let name = path.to_string_lossy().into_owned();
            Ok(Credential::IdentityFile { text: secrets::identity(path)?, name })
        })
        .collect()
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

//! Options of a store, from wherever they were given, and which of them are secrets.
//!
//! An option `key` comes, in this order, from the query of the address (`?key=value`), from the caller's options (a flag
//! or profile), or from the variable `HEIRLOOM_STORE_KEY`. A secret never stands in an address, a flag or a profile, where
//! other users and backups of the configuration would see it: it comes from the variable, or from the file that the
//! option `key_file` names. An option that nobody asked for is an error.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use crate::AddressError;

/// Looks a variable of the environment up; given by the caller, because only a command may read the environment.
pub type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What opening a store needs beyond its address.
#[derive(Clone)]
pub struct StoreSettings {
    /// Options from flags or a profile.
    pub options: BTreeMap<String, String>,
    /// Variables of the environment.
    pub environment: Lookup,
    /// Bytes per second that may be sent.
    pub upload_limit: Option<NonZeroU64>,
    /// Bytes per second that may be received.
    pub download_limit: Option<NonZeroU64>,
    /// The folder where tokens from a login are kept.
    pub tokens: PathBuf,
}

impl Default for StoreSettings {
    /// No options, no environment, no limits.
    fn default() -> Self {
        Self {
            options: BTreeMap::new(),
            environment: Arc::new(|_| None),
            upload_limit: None,
            download_limit: None,
            tokens: PathBuf::new(),
        }
    }
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings")
            .field("options", &self.options.keys())
            .field("upload_limit", &self.upload_limit)
            .field("download_limit", &self.download_limit)
            .finish_non_exhaustive()
    }
}

/// The options of one store. What is not taken by the time of [`Options::finish`] is unknown.
pub(crate) struct Options {
    given: BTreeMap<String, String>,
    environment: Lookup,
    known: Vec<String>,
}

impl Options {
    /// Those of the address's query win over those of the settings.
    pub(crate) fn new(
        query: impl IntoIterator<Item = (String, String)>,
        settings: &StoreSettings,
    ) -> Result<Self, AddressError> {
        let mut given = BTreeMap::new();
        for (key, value) in query {
            if given.insert(key.clone(), value).is_some() {
                return Err(AddressError::OptionTwice { option: key });
            }
        }
        for (key, value) in &settings.options {
            given.entry(key.clone()).or_insert_with(|| value.clone());
        }
        Ok(Self { given, environment: Arc::clone(&settings.environment), known: Vec::new() })
    }

    /// An option that is no secret.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        self.known.push(key.to_owned());
        self.given.remove(key).or_else(|| self.variable(&store_variable(key)))
    }

    /// `true`, `false`, `1`, `0`, `yes` or `no`.
    pub(crate) fn switch(&mut self, key: &str) -> Result<Option<bool>, AddressError> {
        match self.text(key).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes") => Ok(Some(true)),
            Some("false" | "0" | "no") => Ok(Some(false)),
            Some(_) => {
                Err(AddressError::OptionValue { option: key.to_owned(), expected: "true or false" })
            }
        }
    }

    /// A positive whole number.
    pub(crate) fn number(&mut self, key: &str) -> Result<Option<NonZeroU64>, AddressError> {
        self.text(key).map(|value| value.parse()).transpose().or(Err(AddressError::OptionValue {
            option: key.to_owned(),
            expected: "a number above 0",
        }))
    }

    /// An option that is a secret: from `HEIRLOOM_STORE_KEY`, or from the file named by `key_file`.
    pub(crate) fn secret(&mut self, key: &str) -> Result<Option<SecretString>, AddressError> {
        self.known.push(key.to_owned());
        if self.given.contains_key(key) {
            return Err(AddressError::SecretOption { option: key.to_owned() });
        }
        let file = format!("{key}_file");
        let path = self.given.remove(&file).or_else(|| self.variable(&store_variable(&file)));
        if let Some(path) = path {
            return read_secret(&path).map(Some);
        }
        Ok(self.variable(&store_variable(key)).map(SecretString::from))
    }

    /// A variable of the environment under its own name; an empty one counts as absent.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// Everything left must have been taken by then.
    pub(crate) fn finish(mut self) -> Result<(), AddressError> {
        match self.given.pop_first() {
            None => Ok(()),
            Some((option, _)) => {
                self.known.sort_unstable();
                self.known.dedup();
                Err(AddressError::UnknownOption { option, known: self.known.join(", ") })
            }
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("given", &self.given.keys()).finish_non_exhaustive()
    }
}

fn store_variable(key: &str) -> String {
    format!("HEIRLOOM_STORE_{}", key.to_ascii_uppercase())
}

/// The first line of a file, without its end.
fn read_secret(path: &str) -> Result<SecretString, AddressError> {
    let unreadable = |_| AddressError::SecretFile { path: PathBuf::from(path) };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(AddressError::SecretFile { path: PathBuf::from(path) });
    }
    Ok(SecretString::from(line.to_owned()))
}

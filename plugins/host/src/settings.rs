//! All that a plugin is told: where its store is, options, secrets, and the harmless part of the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use heirloom_plugin::WINDOW_BYTES;
use secrecy::SecretString;

use crate::PluginError;

/// The option that names further variables of the environment, with commas between; it does not reach the plugin.
const ENVIRONMENT_OPTION: &str = "env";

/// Variables that a program needs to find its way, and none that holds a secret.
const ALLOWED: &[&str] = &[
    "ALL_PROXY",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LOGNAME",
    "NO_PROXY",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "USER",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

const ALLOWED_PREFIXES: &[&str] = &["LC_", "XDG_"];

/// Ours hold passphrases, and are never given away.
const FORBIDDEN_PREFIX: &str = "HEIRLOOM_";

/// Is told each line that a plugin writes to its standard error, and each of its LOG frames.
pub type Watcher = Arc<dyn Fn(&str) + Send + Sync>;

/// What starting a plugin needs.
#[derive(Clone)]
pub struct PluginSettings {
    /// NAME of `plugin+NAME:`.
    pub name: String,
    /// The program, from [`find`](crate::find).
    pub program: PathBuf,
    /// What follows `plugin+NAME:`.
    pub target: String,
    /// Options that are no secrets.
    pub options: BTreeMap<String, String>,
    /// Options that are secrets. They are sent over the plugin's standard input and nowhere else.
    pub secrets: BTreeMap<String, SecretString>,
    /// The caller's whole environment; the plugin gets what is harmless and what the option `env` names.
    pub environment: Vec<(String, OsString)>,
    /// Name and version of the program that starts the plugin.
    pub host: String,
    /// Gets what the plugin says, besides the log.
    pub watcher: Option<Watcher>,
    /// Times and sizes.
    pub limits: Limits,
}

/// Times and sizes; the defaults are the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of DATA per stream that the plugin may send before it needs credit.
    pub window: u32,
    /// How long starting may take.
    pub handshake: Duration,
    /// How long a plugin without calls may be silent before it is asked for a sign of life, and how long that may take.
    pub idle: Duration,
    /// The wait before the second start; doubled every time, up to [`Limits::backoff_max`].
    pub backoff: Duration,
    /// The longest wait before a start.
    pub backoff_max: Duration,
    /// So many failures without a success between them, and the plugin is not started again.
    pub failures_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: WINDOW_BYTES,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            failures_max: 5,
        }
    }
}

impl PluginSettings {
    /// A plugin without options.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            target: String::new(),
            options: BTreeMap::new(),
            secrets: BTreeMap::new(),
            environment: Vec::new(),
            host: concat!("heirloom ", env!("CARGO_PKG_VERSION")).to_owned(),
            watcher: None,
            limits: Limits::default(),
        }
    }

    /// What the plugin's environment will be.
    pub(crate) fn child_environment(&self) -> Result<Vec<(&str, &OsString)>, PluginError> {
        let named = self.options.get(ENVIRONMENT_OPTION).map_or("", String::as_str);
        let named: Vec<_> =
            named.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if let Some(name) = named.iter().find(|name| name.starts_with(FORBIDDEN_PREFIX)) {
            let (plugin, variable) = (self.name.clone(), (*name).to_owned());
            return Err(PluginError::Environment { plugin, variable });
        }
        let allowed = |name: &str| {
            ALLOWED.contains(&name)
                || ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || named.contains(&name)
        };
        let pairs = self.environment.iter().map(|(name, value)| (name.as_str(), value));
        Ok(pairs.filter(|(name, _)| allowed(name)).collect())
    }

    /// What the plugin gets as `config`.
    pub(crate) fn config(&self) -> BTreeMap<String, String> {
        let mut config = self.options.clone();
        config.remove(ENVIRONMENT_OPTION);
        config
    }
}

impl fmt::Debug for PluginSettings {
    /// A target or option may hold what is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginSettings")
            .field("name", &self.name)
            .field("program", &self.program)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(settings: &PluginSettings) -> Vec<String> {
        let pairs = settings.child_environment().expect("nothing forbidden");
        pairs.into_iter().map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn a_plugin_gets_the_harmless_variables_and_those_that_were_named() {
        let mut settings = PluginSettings::new("x", "/x");
        let all =
            ["PATH", "LC_ALL", "AWS_SECRET_ACCESS_KEY", "HEIRLOOM_PASSWORD", "XDG_CONFIG_HOME"];
        settings.environment = all.map(|name| (name.to_owned(), OsString::from("value"))).into();
        assert_eq!(names(&settings), ["PATH", "LC_ALL", "XDG_CONFIG_HOME"]);
        settings.options.insert("env".into(), "AWS_SECRET_ACCESS_KEY, OTHER".into());
        assert_eq!(
            names(&settings),
            ["PATH", "LC_ALL", "AWS_SECRET_ACCESS_KEY", "XDG_CONFIG_HOME"]
        );
        assert!(settings.config().is_empty());
    }

    #[test]
    fn our_own_variables_are_never_given_away() {
        let mut settings = PluginSettings::new("x", "/x");
        settings.options.insert("env".into(), "HEIRLOOM_PASSWORD".into());
        assert!(matches!(settings.child_environment(), Err(PluginError::Environment { .. })));
    }

    #[test]
    fn settings_print_neither_secrets_nor_options() {
        let mut settings = PluginSettings::new("x", "/x");
        settings.target = "hunter2".into();
        settings.options.insert("a".into(), "hunter2".into());
        settings.secrets.insert("b".into(), SecretString::from("hunter2"));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}

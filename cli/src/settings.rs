//! Every setting in one place: flag before environment before profile before default. The only reader of the environment.

mod profile;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy as _;
use heirloom_backends::{Lookup, StoreSettings};
use secrecy::{ExposeSecret as _, SecretString};

use self::profile::Profile;

use crate::args::copy::DestinationArgs;
use crate::args::global::GlobalArgs;
use crate::failure::{Failure, SettingFailure};
use crate::output::{Output, stderr_is_terminal};

/// Variables that hold a passphrase.
const PASSWORDS: [&str; 3] = ["HEIRLOOM_PASSWORD", "HEIRLOOM_NEW_PASSWORD", "HEIRLOOM_TO_PASSWORD"];

/// Secrets under the names that other programs use, too.
const FOREIGN_SECRETS: [&str; 2] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// What the variables of options of a store begin with.
const STORE_PREFIX: &str = "HEIRLOOM_STORE_";

/// The same for the destination of a copy.
const TO_STORE_PREFIX: &str = "HEIRLOOM_TO_STORE_";

/// What the environment says. An empty variable counts as absent, an empty password as a mistake.
#[derive(Debug, Default, Clone)]
pub(crate) struct Environment {
    pub(crate) repository: Option<OsString>,
    pub(crate) profile: Option<OsString>,
    pub(crate) password: Option<SecretString>,
    /// The variable that holds the password, if it is not the usual one.
    password_name: Option<&'static str>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) password_command: Option<String>,
    pub(crate) new_password: Option<SecretString>,
    pub(crate) new_password_file: Option<PathBuf>,
    pub(crate) identity_file: Option<PathBuf>,
    pub(crate) cache_dir: Option<PathBuf>,
    /// Options of the store under the names of their variables; some are secrets.
    store: BTreeMap<String, SecretString>,
    /// What it says about the destination of a copy, under the names that it would have for the source.
    to: Option<Box<Environment>>,
}

impl Environment {
    /// Reads the variables and removes those with secrets, so that no program that is started from here, now or by a
    /// library, finds them in its environment. To be called before there is a second thread.
    pub(crate) fn take() -> Result<Self, Failure> {
        let read = Self::read();
        let ours = |name: &str| {
            PASSWORDS.contains(&name)
                || FOREIGN_SECRETS.contains(&name)
                || name.starts_with(STORE_PREFIX)
                || name.starts_with(TO_STORE_PREFIX)
        };
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for name in names.filter(|name| ours(name)) {
            #[expect(unsafe_code, reason = "what else keeps secrets from the programs we start")]
            // SAFETY: called by `main` while the program has one thread.
            unsafe {
                std::env::remove_var(name);
            }
        }
        read
    }

    fn read() -> Result<Self, Failure> {
        Ok(Self {
            repository: present("HEIRLOOM_REPOSITORY"),
            profile: present("HEIRLOOM_PROFILE"),
            password: secret("HEIRLOOM_PASSWORD")?,
            password_file: present("HEIRLOOM_PASSWORD_FILE").map(PathBuf::from),
            password_command: text("HEIRLOOM_PASSWORD_COMMAND")?,
            new_password: secret("HEIRLOOM_NEW_PASSWORD")?,
            new_password_file: present("HEIRLOOM_NEW_PASSWORD_FILE").map(PathBuf::from),
            identity_file: present("HEIRLOOM_IDENTITY_FILE").map(PathBuf::from),
            cache_dir: present("HEIRLOOM_CACHE_DIR").map(PathBuf::from),
            store: store_variables(STORE_PREFIX),
            password_name: None,
            to: Some(Box::new(Self::read_destination()?)),
        })
    }

    fn read_destination() -> Result<Self, Failure> {
        Ok(Self {
            repository: present("HEIRLOOM_TO_REPOSITORY"),
            password: secret("HEIRLOOM_TO_PASSWORD")?,
            password_name: Some("HEIRLOOM_TO_PASSWORD"),
            password_file: present("HEIRLOOM_TO_PASSWORD_FILE").map(PathBuf::from),
            password_command: text("HEIRLOOM_TO_PASSWORD_COMMAND")?,
            identity_file: present("HEIRLOOM_TO_IDENTITY_FILE").map(PathBuf::from),
            cache_dir: present("HEIRLOOM_CACHE_DIR").map(PathBuf::from),
            store: store_variables(TO_STORE_PREFIX),
            ..Self::default()
        })
    }

    fn store_by_key(&self) -> BTreeMap<String, SecretString> {
        let key = |name: &String| name.strip_prefix(STORE_PREFIX).map(str::to_ascii_lowercase);
        let with_key = |(name, value): (&String, &SecretString)| Some((key(name)?, value.clone()));
        self.store.iter().filter_map(with_key).collect()
    }

    /// What the backends may ask for: options of the store, and the variables of other programs.
    fn lookup(&self) -> Lookup {
        let store = self.store.clone();
        Arc::new(move |name| match store.get(name) {
            Some(value) => Some(value.expose_secret().to_owned()),
            None if name.starts_with("HEIRLOOM_") => None,
            None => variable(name)?.into_string().ok(),
        })
    }
}

/// Options of a store, under the names that they have for the source whatever `prefix` they were given with.
fn store_variables(prefix: &str) -> BTreeMap<String, SecretString> {
    let variables = std::env::vars_os();
    variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, value)| {
            let name = match name.strip_prefix(prefix) {
                Some(key) => format!("{STORE_PREFIX}{key}"),
                None => FOREIGN_SECRETS.contains(&name.as_str()).then_some(name)?,
            };
            Some((name, SecretString::from(value)))
        })
        .collect()
}

fn variable(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
    std::env::var_os(name)
}

fn present(name: &str) -> Option<OsString> {
    variable(name).filter(|value| !value.is_empty())
}

fn text(name: &'static str) -> Result<Option<String>, Failure> {
    present(name)
        .map(|value| {
            value
                .into_string()
                .map_err(|_not_text| Failure::Setting(SettingFailure::NotText { name }))
        })
        .transpose()
}

/// An empty password is almost always a secret that the caller failed to set, so it is not passed over.
fn secret(name: &'static str) -> Result<Option<SecretString>, Failure> {
    match variable(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => {
            Err(Failure::Setting(SettingFailure::EmptyPassphrase { origin: Some(name) }))
        }
        Some(value) => match value.into_string() {
            Ok(value) => Ok(Some(SecretString::from(value))),
            Err(_) => Err(Failure::Setting(SettingFailure::NotText { name })),
        },
    }
}

/// The whole environment; values that are no text too.
pub(crate) fn variables() -> Vec<(String, OsString)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect()
}

/// Where plugins are looked for: this user's own, then wherever programs are.
pub(crate) fn plugin_folders() -> Vec<PathBuf> {
    let own = etcetera::base_strategy::choose_base_strategy()
        .map(|folders| folders.data_dir().join("heirloom/plugins"));
    let path = variable("PATH").unwrap_or_default();
    own.into_iter().chain(std::env::split_paths(&path)).collect()
}

/// The name of whoever runs the program.
pub(crate) fn user_name() -> String {
    if let Some(name) = ["USER", "LOGNAME"].into_iter().find_map(present) {
        return name.to_string_lossy().into_owned();
    }
    // Services often run without these variables.
    let id = nix::unistd::getuid();
    match nix::unistd::User::from_uid(id) {
        Ok(Some(user)) => user.name,
        _ => id.to_string(),
    }
}

/// Which repository, and whether anybody chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Named by a flag or variable.
    Chosen(OsString),
    /// The folder that is used when nobody names one.
    Default(PathBuf),
}

impl Place {
    /// The address, as the backends understand it.
    pub(crate) fn address(&self) -> &OsStr {
        match self {
            Self::Chosen(address) => address,
            Self::Default(path) => path.as_os_str(),
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        matches!(self, Self::Default(_))
    }
}

/// Where a passphrase may come from, in the order in which they are tried.
#[derive(Debug, Clone)]
pub(crate) enum PassphraseSource {
    /// The value of a variable.
    Value {
        /// The passphrase.
        secret: SecretString,
        /// The variable.
        name: &'static str,
    },
    /// A file.
    File(PathBuf),
    /// A program that prints it.
    Command(String),
}

/// What may open the repository. With nothing given, people are asked for a passphrase.
#[derive(Debug, Default, Clone)]
pub(crate) struct CredentialSources {
    /// Files with identities; cheap to try, so tried first.
    pub(crate) identities: Vec<PathBuf>,
    /// Where the passphrase comes from.
    pub(crate) passphrase: Option<PassphraseSource>,
}

impl CredentialSources {
    /// Flags replace the environment as a whole, and that the profile: who names an identity file does not mean the
    /// password of the shell.
    fn resolve(arguments: &GlobalArgs, environment: &Environment, profile: &Profile) -> Self {
        let flags = Self {
            identities: arguments.identity_file.clone(),
            passphrase: file_or_command(
                arguments.password_file.as_deref(),
                arguments.password_command.as_deref(),
            ),
        };
        let value = environment.password.clone();
        let variables = Self {
            identities: environment.identity_file.clone().into_iter().collect(),
            passphrase: value
                .map(|secret| PassphraseSource::Value {
                    secret,
                    name: environment.password_name.unwrap_or("HEIRLOOM_PASSWORD"),
                })
                .or_else(|| {
                    file_or_command(
                        environment.password_file.as_deref(),
                        environment.password_command.as_deref(),
                    )
                }),
        };
        let repository = &profile.repository;
        let file = Self {
            identities: repository.identity_file.clone().into_iter().collect(),
            passphrase: file_or_command(
                repository.password_file.as_deref(),
                repository.password_command.as_deref(),
            ),
        };
        [flags, variables, file].into_iter().find(Self::offers_something).unwrap_or_default()
    }

    fn offers_something(&self) -> bool {
        !self.identities.is_empty() || self.passphrase.is_some()
    }
}

fn file_or_command(file: Option<&Path>, command: Option<&str>) -> Option<PassphraseSource> {
    file.map(|path| PassphraseSource::File(path.to_owned()))
        .or_else(|| command.map(|line| PassphraseSource::Command(line.to_owned())))
}

/// Every setting.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) place: Place,
    pub(crate) credentials: CredentialSources,
    /// Where the passphrase of a new key comes from; `None` to ask.
    pub(crate) new_passphrase: Option<PassphraseSource>,
    /// Folder of the cache; `None` for no cache.
    pub(crate) cache: Option<PathBuf>,
    pub(crate) threads: Option<usize>,
    /// Options and limits of the store.
    pub(crate) store: StoreSettings,
    /// Options from `HEIRLOOM_STORE_KEY`, under their keys; for stores that others look options up in.
    pub(crate) store_variables: BTreeMap<String, SecretString>,
    pub(crate) output: Output,
    /// What the environment says about the destination of a copy.
    destination: Option<Box<Environment>>,
}

impl Settings {
    /// Flag before environment before default.
    pub(crate) fn resolve(
        arguments: &GlobalArgs,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let folders = etcetera::base_strategy::choose_base_strategy()
            .or(Err(Failure::Setting(SettingFailure::NoHomeFolder)))?;
        let data = folders.data_dir().join("heirloom");
        let config = folders.config_dir().join("heirloom");
        let profile = Profile::load(&config, arguments.profile.as_deref(), environment)?;
        let repository = &profile.repository;
        let cache = (!arguments.no_cache).then(|| {
            arguments
                .cache_dir
                .clone()
                .or_else(|| environment.cache_dir.clone())
                .or_else(|| repository.cache_dir.clone())
                .unwrap_or_else(|| folders.cache_dir().join("heirloom"))
        });
        let mut options = repository.options.clone();
        options.extend(arguments.options.iter().cloned());
        let store = StoreSettings {
            options,
            environment: environment.lookup(),
            upload_limit: arguments.limit_upload.or(repository.limit_upload()?),
            download_limit: arguments.limit_download.or(repository.limit_download()?),
            tokens: config.join("tokens"),
        };
        Ok(Self {
            place: place(arguments, environment, &profile, &data),
            credentials: CredentialSources::resolve(arguments, environment, &profile),
            new_passphrase: new_passphrase(environment),
            cache,
            threads: arguments.threads.map(std::num::NonZero::get),
            store,
            store_variables: environment.store_by_key(),
            output: output(arguments),
            destination: environment.to.clone(),
        })
    }

    /// The same for the destination of a copy: its own place, credentials and options, and all else as for the source.
    pub(crate) fn of_destination(
        &self,
        global: &GlobalArgs,
        arguments: &DestinationArgs,
    ) -> Result<Self, Failure> {
        let arguments = GlobalArgs {
            repository: arguments.to.clone(),
            profile: arguments.to_profile.clone(),
            options: arguments.to_option.clone(),
            password_file: arguments.to_password_file.clone(),
            password_command: arguments.to_password_command.clone(),
            identity_file: arguments.to_identity_file.clone(),
            ..global.clone()
        };
        Self::resolve(&arguments, self.destination.as_deref().unwrap_or(&Environment::default()))
    }
}

/// How to talk, as far as it is known before anything can fail.
pub(crate) fn output(arguments: &GlobalArgs) -> Output {
    Output {
        json: arguments.json,
        quiet: arguments.quiet,
        verbose: arguments.verbose,
        colour: present("NO_COLOR").is_none() && stderr_is_terminal(),
    }
}

fn place(
    arguments: &GlobalArgs,
    environment: &Environment,
    profile: &Profile,
    data: &Path,
) -> Place {
    arguments
        .repository
        .clone()
        .or_else(|| environment.repository.clone())
        .or_else(|| profile.repository.address.clone().map(OsString::from))
        .map_or_else(|| Place::Default(data.join("repository")), Place::Chosen)
}

fn new_passphrase(environment: &Environment) -> Option<PassphraseSource> {
    environment
        .new_password
        .clone()
        .map(|secret| PassphraseSource::Value { secret, name: "HEIRLOOM_NEW_PASSWORD" })
        .or_else(|| environment.new_password_file.clone().map(PassphraseSource::File))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn resolve(arguments: &[&str], environment: &Environment) -> Settings {
        let cli = Cli::try_parse_from(["heirloom"].iter().chain(arguments).chain(&["snapshots"]))
            .expect("parses");
        Settings::resolve(&cli.global, environment).expect("resolves")
    }

    #[test]
    fn a_flag_beats_the_environment_and_that_beats_the_default() {
        let mut environment = Environment::default();
        assert!(resolve(&[], &environment).place.is_default());
        environment.repository = Some("/environment".into());
        environment.cache_dir = Some("/cache".into());
        let settings = resolve(&[], &environment);
        assert_eq!(settings.place, Place::Chosen("/environment".into()));
        assert_eq!(settings.cache.as_deref(), Some(Path::new("/cache")));
        let settings = resolve(&["-r", "/flag", "--no-cache"], &environment);
        assert_eq!(settings.place, Place::Chosen("/flag".into()));
        assert_eq!(settings.cache, None);
    }

    #[test]
    fn the_destination_of_a_copy_has_settings_of_its_own() {
        let cli =
            Cli::try_parse_from(["heirloom", "-r", "/a", "--threads", "3", "copy", "--to", "/b"])
                .expect("parses");
        let Command::Copy(copy) = &cli.command else { panic!("a copy") };
        let to = Environment {
            password: Some(SecretString::from("theirs")),
            password_name: Some("HEIRLOOM_TO_PASSWORD"),
            ..Environment::default()
        };
        let environment = Environment {
            password: Some(SecretString::from("ours")),
            to: Some(Box::new(to)),
            ..Environment::default()
        };
        let source = Settings::resolve(&cli.global, &environment).expect("resolves");
        let to = source.of_destination(&cli.global, &copy.destination).expect("resolves");
        assert_eq!((to.place, to.threads), (Place::Chosen("/b".into()), Some(3)));
        assert!(matches!(
            to.credentials.passphrase,
            Some(PassphraseSource::Value { secret, name: "HEIRLOOM_TO_PASSWORD" })
                if secret.expose_secret() == "theirs"
        ));
    }

    #[test]
    fn a_credential_flag_replaces_all_credentials_of_the_environment() {
        let environment = Environment {
            password: Some(SecretString::from("secret")),
            identity_file: Some("/identity".into()),
            ..Environment::default()
        };
        let settings = resolve(&["--password-file", "/file"], &environment);
        assert!(settings.credentials.identities.is_empty());
        assert!(
            matches!(&settings.credentials.passphrase, Some(PassphraseSource::File(path)) if path == Path::new("/file"))
        );
        let settings = resolve(&[], &environment);
        assert_eq!(settings.credentials.identities, [PathBuf::from("/identity")]);
        assert!(matches!(
            settings.credentials.passphrase,
            Some(PassphraseSource::Value { name: "HEIRLOOM_PASSWORD", .. })
        ));
    }

    #[test]
    fn settings_do_not_print_secrets() {
        let environment =
            Environment { password: Some(SecretString::from("hunter2")), ..Environment::default() };
        assert!(!format!("{:?}", resolve(&[], &environment)).contains("hunter2"));
        assert!(!format!("{environment:?}").contains("hunter2"));
    }
}

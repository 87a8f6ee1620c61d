//! Reads `gdrive:/folder/sub?key=value` and the options of the store.

use std::time::Duration;

use secrecy::SecretString;

use crate::AddressError;
use crate::address::percent_decode;
use crate::google::{Account, Endpoints, Login, is_id};
use crate::options::{Options, StoreSettings};

const SHAPE: AddressError = AddressError::Shape { expected: "gdrive:/folder/sub" };

/// How many calls are worth having in flight; Google's limit counts requests per minute.
const CONNECTIONS: usize = 4;

/// How long to wait after the first sight of an own flag.
const SETTLE: Duration = Duration::from_secs(5);

/// How an object is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removal {
    /// At once. The space is free at once.
    Forever,
    /// Into the trash, where it uses quota until the trash is emptied, after 30 days at the latest.
    Trash,
}

/// Everything that a store needs to know.
#[derive(Debug)]
pub(super) struct Config {
    /// Names of the folders from the top of the drive down to the repository; at least one.
    pub(super) path: Vec<String>,
    /// A shared drive, instead of My Drive.
    pub(super) drive: Option<String>,
    pub(super) removal: Removal,
    pub(super) settle: Duration,
    pub(super) connections: usize,
    pub(super) endpoints: Endpoints,
    pub(super) login: Login,
}

impl Config {
    /// Reads the address and takes all options. Reads the file that a login left, and nothing else.
    pub(super) fn read(rest: &str, settings: &StoreSettings) -> Result<Self, AddressError> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut options = Options::new(query, settings)?;
        let endpoints = Endpoints::new(options.text("endpoint"))?;
        let config = Self {
            path: folders(path)?,
            drive: drive(options.text("drive"))?,
            removal: removal(options.text("delete").as_deref())?,
            settle: seconds(options.text("settle"))?,
            connections: match options.number("connections")? {
                Some(number) => usize::try_from(number.get()).unwrap_or(CONNECTIONS),
                None => CONNECTIONS,
            },
            login: login(&mut options, settings, &endpoints)?,
            endpoints,
        };
        options.finish()?;
        Ok(config)
    }
}

/// At least one folder: objects do not lie about at the top of somebody's drive.
fn folders(path: &str) -> Result<Vec<String>, AddressError> {
    let path = path.strip_prefix('/').ok_or(SHAPE)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/')
        .map(|name| {
            let name =
                percent_decode(name.as_bytes()).and_then(|name| String::from_utf8(name).ok());
            name.filter(|name| !matches!(name.as_str(), "" | "." | "..")).ok_or(SHAPE)
        })
        .collect()
}

fn drive(id: Option<String>) -> Result<Option<String>, AddressError> {
    match id {
        Some(id) if !is_id(&id) => Err(AddressError::OptionValue {
            option: "drive".to_owned(),
            expected: "the id of a shared drive, as the address bar of a browser shows it",
        }),
        id => Ok(id),
    }
}

fn removal(word: Option<&str>) -> Result<Removal, AddressError> {
    match word {
        None | Some("forever") => Ok(Removal::Forever),
        Some("trash") => Ok(Removal::Trash),
        Some(_) => Err(AddressError::OptionValue {
            option: "delete".to_owned(),
            expected: "forever or trash",
        }),
    }
}

fn seconds(text: Option<String>) -> Result<Duration, AddressError> {
    let wrong =
        AddressError::OptionValue { option: "settle".to_owned(), expected: "0 to 60 seconds" };
    match text.map(|text| text.parse()) {
        None => Ok(SETTLE),
        Some(Ok(seconds @ 0..=60_u64)) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err(wrong),
    }
}

/// What was given in so many options, or what `heirloom login` left.
fn login(
    options: &mut Options,
    settings: &StoreSettings,
    endpoints: &Endpoints,
) -> Result<Login, AddressError> {
    let client_id = options.text("client_id");
    let client_secret = options.secret("client_secret")?;
    let refresh_token: Option<SecretString> = options.secret("refresh_token")?;
    let account = Account::new(options.text("account"))?;
    if let Some(refresh_token) = refresh_token {
        let client_id = client_id.ok_or(AddressError::MissingOption {
            option: "client_id",
            why: "a token is only valid together with it",
        })?;
        return Ok(Login { client_id, client_secret, refresh_token });
    }
    let login = account.read(&settings.tokens, endpoints.given.as_deref())?;
    match client_id {
        Some(id) if id != login.client_id => Err(AddressError::OptionValue {
            option: "client_id".to_owned(),
            expected: "the client that `heirloom login gdrive:` was done with",
        }),
        _ => Ok(Login { client_secret: client_secret.or(login.client_secret), ..login }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;

    fn settings(options: &[(&str, &str)]) -> StoreSettings {
        let options: BTreeMap<_, _> =
            options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let secret = |name: &str| (name == "HEIRLOOM_STORE_REFRESH_TOKEN").then(|| "r".to_owned());
        StoreSettings { options, environment: Arc::new(secret), ..StoreSettings::default() }
    }

    fn read(rest: &str) -> Result<Config, AddressError> {
        Config::read(rest, &settings(&[("client_id", "c")]))
    }

    #[test]
    fn an_address_is_a_path_of_folders_and_options() {
        let config = read("/Back ups/a%2Fb%3F/?delete=trash&settle=0&connections=9").expect("fine");
        assert_eq!(config.path, ["Back ups", "a/b?"]);
        assert_eq!((config.removal, config.settle), (Removal::Trash, Duration::ZERO));
        assert_eq!(config.connections, 9);
        let config = read("/x").expect("fine");
        assert_eq!((config.removal, config.settle), (Removal::Forever, SETTLE));
    }

    #[test]
    fn an_address_names_at_least_one_folder() {
        for bad in ["", "/", "x", "//x", "/a//b", "/a/../b", "/.", "/%ff", "/%zz"] {
            assert_eq!(read(bad).err(), Some(SHAPE), "{bad}");
        }
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        for bad in
            ["/x?delete=maybe", "/x?settle=-1", "/x?settle=61", "/x?drive=a'b", "/x?colour=red"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        let secret = read("/x?refresh_token=abc").expect_err("others could read it");
        assert_eq!(secret, AddressError::SecretOption { option: "refresh_token".into() });
        assert!(Config::read("/x", &settings(&[])).is_err(), "a token without its client");
    }
}

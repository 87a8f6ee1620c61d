//! Where a repository lies, as people write it: a path, a `file://` URL, or `scheme:...` for other stores.
//!
//! Text that begins like a scheme is never taken for a path, so that a mistyped address cannot become a local folder;
//! a path with a colon is written `./odd:name`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::services;

/// Where a repository lies.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A folder of this machine.
    Local(PathBuf),
    /// Another kind of store.
    Remote {
        /// Which kind, in lower case: `s3`, `webdav`, ...
        scheme: String,
        /// What follows the scheme and its colon. May hold credentials; `Display` and `Debug` leave it out.
        rest: String,
    },
}

/// Why an address leads nowhere. No case repeats the address, which may hold credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no address.
    #[error("the address is empty")]
    Empty,
    /// The program was built without this kind of store, or there is none of that name.
    #[error("\"{scheme}:\" addresses are not available in this build; {}", way_out(scheme))]
    NotAvailable {
        /// The scheme that was asked for.
        scheme: String,
    },
    /// A `file:` URL that is not `file:///absolute/path`, or names another machine.
    #[error("a file address is written file:///absolute/path")]
    FileUrl,
    /// A remote address is not UTF-8.
    #[error("the address is not UTF-8")]
    NotText,
    /// The address holds a zero byte, which no path can.
    #[error("the address holds a zero byte")]
    ZeroByte,
    /// The address is not written as its kind of store wants it.
    #[error("an address of this kind is written {expected}")]
    Shape {
        /// How it is written.
        expected: &'static str,
    },
    /// There is no such option, or not for this kind of store.
    #[error("there is no option \"{option}\" here; there are: {known}")]
    UnknownOption {
        /// The option.
        option: String,
        /// Those that there are.
        known: String,
    },
    /// An option has a value that makes no sense.
    #[error("the option \"{option}\" wants {expected}")]
    OptionValue {
        /// The option.
        option: String,
        /// What it wants.
        expected: &'static str,
    },
    /// An option is needed and was not given.
    #[error("the option \"{option}\" is needed: {why}")]
    MissingOption {
        /// The option.
        option: &'static str,
        /// What for.
        why: &'static str,
    },
    /// An option stands twice in the address.
    #[error("the option \"{option}\" is given twice")]
    OptionTwice {
        /// The option.
        option: String,
    },
    /// A secret stands where others can read it.
    #[error(
        "the secret \"{option}\" must not stand in an address or option; use the variable HEIRLOOM_STORE_{} or the option {option}_file",
        option.to_ascii_uppercase()
    )]
    SecretOption {
        /// The option.
        option: String,
    },
    /// A file with a secret cannot be read, or is empty.
    #[error("no secret can be read from {}", path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
    },
    /// The service cannot be set up with these options.
    #[error("{scheme}: {reason}")]
    Service {
        /// Which kind of store.
        scheme: String,
        /// Why, without any secret.
        reason: String,
    },
}

fn way_out(scheme: &str) -> String {
    if services::is_known(scheme) {
        format!("build it with the feature \"{scheme}\"")
    } else {
        format!("a path is written ./{scheme}:...")
    }
}

impl Address {
    /// Reads an address as people write it.
    pub fn parse(text: &OsStr) -> Result<Self, AddressError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(AddressError::Empty);
        }
        if bytes.contains(&0) {
            return Err(AddressError::ZeroByte);
        }
        let Some((scheme, rest)) = split_scheme(bytes) else {
            return Ok(Self::Local(PathBuf::from(text)));
        };
        if scheme == "file" {
            return file_path(rest).map(Self::Local);
        }
        match std::str::from_utf8(rest) {
            Ok(rest) => Ok(Self::Remote { scheme, rest: rest.to_owned() }),
            Err(_) => Err(AddressError::NotText),
        }
    }

    /// The folder, for an address on this machine.
    pub fn local_path(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Remote { .. } => None,
        }
    }
}

impl Address {
    /// Name and rest of `plugin+NAME:REST`, for the caller that starts plugins.
    pub fn plugin(&self) -> Option<(&str, &str)> {
        let Self::Remote { scheme, rest } = self else { return None };
        let name = scheme.strip_prefix("plugin+")?;
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        (!name.is_empty() && name.bytes().all(fits)).then_some((name, rest))
    }
}

/// Host and path, if it is certain that they hold no credentials: no user, no query, and nothing where these may have
/// been meant. A password with an `@`, `/` or `?` in it turns up in places where none belongs.
fn printable_place(scheme: &str, rest: &str) -> Option<String> {
    if scheme.starts_with("plugin+") || rest.chars().any(char::is_control) {
        return None;
    }
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (place, query) = rest.split_at_checked(end)?;
    let encoded_at = rest.to_ascii_lowercase().contains("%40");
    if query.contains('@') || encoded_at {
        return None;
    }
    let (slashes, place) = match place.strip_prefix("//") {
        Some(place) => ("//", place),
        None => ("", place),
    };
    let place = place.rsplit('@').next()?;
    is_plain(place).then(|| format!("{slashes}{place}"))
}

/// A colon before the path is followed by a port, or else by what may be a password.
fn is_plain(place: &str) -> bool {
    let host = place.split('/').next().unwrap_or_default();
    match host.rsplit_once(':') {
        None => true,
        Some((host, _)) if host.starts_with('[') && !host.ends_with(']') => true,
        Some((_, port)) => port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// What stands before the query, and the query's pairs, decoded.
pub(crate) fn split_query(rest: &str) -> (&str, Vec<(String, String)>) {
    let Some((place, query)) = rest.split_once('?') else { return (rest, Vec::new()) };
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    (place, pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
}

/// A folder as it stands in an address, decoded and without slashes at its ends. Stores must not have to guess what a
/// blank at an end, an empty part or two dots mean.
pub(crate) fn folder_of(path: &str) -> Option<String> {
    let path = String::from_utf8(percent_decode(path.as_bytes())?).ok()?;
    let path = path.trim_matches('/');
    let fits = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.trim() == part
            && !part.chars().any(char::is_control)
    };
    (path.is_empty() || path.split('/').all(fits)).then(|| path.to_owned())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Remote { scheme, rest } => match printable_place(scheme, rest) {
                Some(place) => write!(f, "{scheme}:{place}"),
                None => write!(f, "{scheme}:..."),
            },
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// A scheme is a letter, then letters, digits, `+`, `-` and `.`, then a colon.
fn split_scheme(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (scheme, rest) = bytes.split_at_checked(bytes.iter().position(|byte| *byte == b':')?)?;
    let (first, others) = scheme.split_first()?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !first.is_ascii_alphabetic() || !others.iter().all(fits) {
        return None;
    }
    let scheme = std::str::from_utf8(scheme).ok()?.to_ascii_lowercase();
    Some((scheme, rest.strip_prefix(b":")?))
}

fn file_path(rest: &[u8]) -> Result<PathBuf, AddressError> {
    let path = match rest.strip_prefix(b"//") {
        Some(authority) => authority.strip_prefix(b"localhost").unwrap_or(authority),
        None => rest,
    };
    if !path.starts_with(b"/") || path.contains(&b'?') || path.contains(&b'#') {
        return Err(AddressError::FileUrl);
    }
    let path = percent_decode(path).ok_or(AddressError::FileUrl)?;
    if path.contains(&0) {
        return Err(AddressError::ZeroByte);
    }
    Ok(PathBuf::from(OsString::from_vec(path)))
}

pub(crate) fn percent_decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_digit(*bytes.next()?)? << 4 | hex_digit(*bytes.next()?)?,
            plain => *plain,
        });
    }
    Some(decoded)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, AddressError> {
        Address::parse(text.as_ref())
    }

    fn local(path: &str) -> Address {
        Address::Local(path.into())
    }

    #[test]
    fn paths_stay_as_they_are() {
        for path in
            ["/mnt/disk/repo", "repo", "./s3:bucket", "../a b", "dir/with:colon", "-", "1:2"]
        {
            assert_eq!(parse(path), Ok(local(path)));
        }
        let odd = OsStr::from_bytes(b"/mnt/\xff\xfe");
        assert_eq!(Address::parse(odd), Ok(Address::Local(odd.into())));
    }

    #[test]
    fn file_urls_become_paths() {
        assert_eq!(parse("file:///mnt/disk"), Ok(local("/mnt/disk")));
        assert_eq!(parse("FILE:/mnt/disk"), Ok(local("/mnt/disk")));
        assert_eq!(parse("file://localhost/a%20b%25"), Ok(local("/a b%")));
    }

    #[test]
    fn file_urls_that_name_no_local_path_are_refused() {
        for bad in [
            "file:",
            "file:relative",
            "file://host/a",
            "file:///a%2",
            "file:///a%zz",
            "file:///a?b=c",
        ] {
            assert_eq!(parse(bad), Err(AddressError::FileUrl), "{bad}");
        }
        assert_eq!(parse("file:///a%00"), Err(AddressError::ZeroByte));
        assert_eq!(parse(""), Err(AddressError::Empty));
    }

    #[test]
    fn schemes_that_lead_nowhere_are_not_available() {
        for (text, name) in
            [("memory:", "memory"), ("MEMORY:b", "memory"), ("plugin+x:y", "plugin+x")]
        {
            let address = parse(text).expect("it parses");
            let error = crate::open(&address, &crate::StoreSettings::default())
                .expect_err("no such store in this build");
            assert_eq!(error, AddressError::NotAvailable { scheme: name.into() });
        }
    }

    #[test]
    fn an_address_prints_its_place_and_nothing_else() {
        for (text, printed) in [
            ("s3://bucket/a/b?endpoint=http://x:1&profile=p", "s3://bucket/a/b"),
            ("S3://bucket", "s3://bucket"),
            ("webdav+https://host:8443/a%20b/", "webdav+https://host:8443/a%20b/"),
            ("webdav+https://anna@host/a", "webdav+https://host/a"),
            ("sftp://[::1]:22/a", "sftp://[::1]:22/a"),
            ("sftp://[::1]/a", "sftp://[::1]/a"),
            ("gdrive:/folder/x#y", "gdrive:/folder/x"),
            ("plugin+x:secret", "plugin+x:..."),
        ] {
            assert_eq!(parse(text).expect("it parses").to_string(), printed);
        }
    }

    #[test]
    fn credentials_in_an_address_are_never_printed() {
        for text in [
            "s3://key:secret@host/bucket",
            "s3://key:secret/bucket",
            "s3:key:secret",
            "webdav+https://u:se/cret@host/x",
            "webdav+https://u:secret?@host/x",
            "webdav+https://u:se#cret@host/x",
            "webdav+https://u:secret%40host/x",
            "webdav+https://secret@@host/x",
            "webdav+https://host/x?password=secret",
            "webdav+https://host/x?token=a@secret",
            "sftp:u:secret@h:/p",
            "azblob:secret\u{1b}",
            "x:?secret",
        ] {
            let address = parse(text).expect("it parses");
            let printed = format!("{address} {address:?}");
            assert!(!printed.contains("se") || !printed.contains("cret"), "{text}: {printed}");
            assert!(!printed.contains("secret"), "{text}: {printed}");
        }
    }

    #[test]
    fn a_plugin_is_named_by_its_scheme() {
        let address = parse("plugin+my-store:any thing").expect("it parses");
        assert_eq!(address.plugin(), Some(("my-store", "any thing")));
        for other in ["plugin+:x", "plugin+a.b:x", "plugin:x", "s3:x", "/plugin+a:b"] {
            assert_eq!(parse(other).expect("it parses").plugin(), None, "{other}");
        }
    }
}

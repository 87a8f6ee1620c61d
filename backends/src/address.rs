//! Where a repository lies, as people write it: a path, a `file://` URL, or `scheme:...` for other stores.
//!
//! Text that begins like a scheme is never taken for a path, so that a mistyped address cannot become a local folder;
//! a path with a colon is written `./odd:name`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

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
    #[error(
        "\"{scheme}:\" addresses are not available in this build; a path is written ./{scheme}:..."
    )]
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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Remote { scheme, .. } => write!(f, "{scheme}:..."),
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

fn percent_decode(text: &[u8]) -> Option<Vec<u8>> {
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
    fn other_schemes_are_known_as_such_and_not_available() {
        for (text, name) in [
            ("s3://bucket/x", "s3"),
            ("memory:", "memory"),
            ("S3:b", "s3"),
            ("sftp:u@h:/p", "sftp"),
        ] {
            let address = parse(text).expect("it parses");
            let error = crate::open(&address, &crate::StoreSettings::default())
                .expect_err("no such store in this build");
            assert_eq!(error, AddressError::NotAvailable { scheme: name.into() });
        }
    }

    #[test]
    fn credentials_in_an_address_are_never_printed() {
        let address = parse("s3://key:secret@host/bucket").expect("it parses");
        assert_eq!(format!("{address} {address:?}"), "s3:... Address(s3:...)");
    }
}

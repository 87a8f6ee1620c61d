//! Where Google's interfaces lie: the real ones, or one server that stands in for all of them in a test.

use std::net::IpAddr;

use url::{Host, Url};

use crate::AddressError;

/// The addresses of Google's interfaces.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    /// Files; paths below it begin with `/drive` and `/upload`.
    pub(crate) api: Url,
    /// Where people say yes.
    pub(crate) consent: Url,
    /// Where tokens are given out.
    pub(crate) token: Url,
    /// Where a device without a browser gets its code.
    pub(crate) device: Url,
    /// What was given instead of the real ones. A token is only ever sent to where it comes from.
    pub(crate) given: Option<String>,
}

impl Endpoints {
    /// The real ones, or all of them below one address: an encrypted one, or one on this machine.
    pub(crate) fn new(given: Option<String>) -> Result<Self, AddressError> {
        let Some(text) = given else {
            return Ok(Self {
                api: fixed("https://www.googleapis.com/"),
                consent: fixed("https://accounts.google.com/o/oauth2/v2/auth"),
                token: fixed("https://oauth2.googleapis.com/token"),
                device: fixed("https://oauth2.googleapis.com/device/code"),
                given: None,
            });
        };
        let base = Url::parse(&text).ok().filter(may_carry_secrets).ok_or(wrong())?;
        let below = |path| base.join(path).map_err(|_not_a_base| wrong());
        Ok(Self {
            consent: below("/o/oauth2/v2/auth")?,
            token: below("/token")?,
            device: below("/device/code")?,
            api: below("/")?,
            given: Some(base.origin().ascii_serialization()),
        })
    }

    /// An address of the interface for files.
    pub(crate) fn file_url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.api.clone();
        url.set_path(path);
        url.query_pairs_mut().extend_pairs(query);
        url
    }
}

fn fixed(url: &str) -> Url {
    Url::parse(url).expect("the addresses above are well formed")
}

fn wrong() -> AddressError {
    AddressError::OptionValue {
        option: "endpoint".to_owned(),
        expected: "https://HOST, or http://127.0.0.1:PORT",
    }
}

fn may_carry_secrets(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    plain && url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_over_encrypted_lines_or_stay_on_this_machine() {
        for good in ["https://drive.example", "http://127.0.0.1:80", "http://[::1]:1/x"] {
            assert!(Endpoints::new(Some(good.into())).is_ok(), "{good}");
        }
        for bad in ["http://example.org", "https://a:b@example.org", "ftp://127.0.0.1", "x", ""] {
            assert!(Endpoints::new(Some(bad.into())).is_err(), "{bad}");
        }
    }

    #[test]
    fn queries_are_encoded() {
        let endpoints = Endpoints::new(None).expect("the real ones");
        let url = endpoints.file_url("/drive/v3/files", &[("q", "name = 'a&b'")]);
        let expected = "https://www.googleapis.com/drive/v3/files?q=name+%3D+%27a%26b%27";
        assert_eq!(url.as_str(), expected);
    }
}

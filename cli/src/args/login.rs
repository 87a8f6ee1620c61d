//! `heirloom login`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// Allow this program to use a store that wants a login.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The store: gdrive: for Google Drive
    #[arg(value_name = "STORE")]
    pub(crate) store: OsString,

    /// Type a code on another device, where this machine has no browser
    #[arg(long)]
    pub(crate) device: bool,

    /// The program, as it is registered with the store's owner; for Google an "OAuth client ID"
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,

    /// File that holds the secret that belongs to the client ID
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,

    /// Option of the store, such as account=NAME or scope=all; may be repeated
    #[arg(short = 'o', long = "option", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) options: Vec<(String, String)>,
}

/// Why an option makes no sense.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionError;

impl std::fmt::Display for OptionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected KEY=VALUE")
    }
}

impl std::error::Error for OptionError {}

fn key_value(text: &str) -> Result<(String, String), OptionError> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(OptionError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_a_key_and_a_value() {
        let pair = key_value("a=b=c").expect("fine");
        assert_eq!(pair, ("a".to_owned(), "b=c".to_owned()));
        for bad in ["", "a", "=b"] {
            assert!(key_value(bad).is_err(), "{bad}");
        }
    }
}

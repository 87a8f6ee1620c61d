//! `heirloom key`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use clap::{Args, Subcommand};

/// Manage the passphrases and keys that open the repository.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) action: KeyAction,
}

/// What to do with the keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyAction {
    /// Let another passphrase or key open the repository
    Add(KeyAddArgs),
    /// List the passphrases and keys
    List,
    /// Take a passphrase or key away
    Remove(KeyRemoveArgs),
}

/// Let another passphrase or key open the repository.
#[derive(Debug, Args)]
pub(crate) struct KeyAddArgs {
    #[command(flatten)]
    pub(crate) kind: KeyKindArgs,

    /// What the list of keys says about it
    #[arg(long, default_value = "")]
    pub(crate) label: String,
}

/// Exactly one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct KeyKindArgs {
    /// A passphrase; asked for twice, or from HEIRLOOM_NEW_PASSWORD or HEIRLOOM_NEW_PASSWORD_FILE
    #[arg(long)]
    pub(crate) passphrase: bool,

    /// An age recipient or SSH public key
    #[arg(long, value_name = "AGE-OR-SSH-KEY")]
    pub(crate) recipient: Option<String>,
}

/// Take a passphrase or key away.
#[derive(Debug, Args)]
pub(crate) struct KeyRemoveArgs {
    /// Id of the key, or its first digits, from `heirloom key list`
    pub(crate) id: String,

    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::args::Cli;

    #[test]
    fn a_new_key_is_either_a_passphrase_or_a_public_key() {
        let parse = |flags: &[&str]| {
            Cli::try_parse_from(["heirloom", "key", "add"].iter().chain(flags)).is_ok()
        };
        assert!(parse(&["--passphrase", "--label", "office"]));
        assert!(parse(&["--recipient", "age1x", "--label", "office"]));
        assert!(!parse(&["--label", "office"]));
        assert!(!parse(&["--passphrase", "--recipient", "age1x"]));
    }
}

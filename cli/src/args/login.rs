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
}

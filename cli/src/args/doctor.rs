//! `heirloom doctor`.

use std::ffi::OsString;

use clap::Args;

/// Measure what a store really does, and say what it means for a repository.
///
/// Needs no passphrase, and touches no repository: its objects lie in a folder of their own and are deleted again.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The store; that of --repository if left out
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<OsString>,

    /// Also long listings and the largest objects; moves about 300 MiB instead of 60
    #[arg(long)]
    pub(crate) thorough: bool,
}

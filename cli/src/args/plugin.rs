//! `heirloom plugin`.

use clap::{Args, Subcommand};

/// Find and test the plugins that reach other stores.
#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    #[command(subcommand)]
    pub(crate) action: PluginAction,
}

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginAction {
    /// List the plugins that are installed
    List,
    /// Check that a plugin does all that a repository needs
    Test(PluginTestArgs),
}

/// Check that a plugin does all that a repository needs.
#[derive(Debug, Args)]
pub(crate) struct PluginTestArgs {
    /// Name of the plugin, from `heirloom plugin list`
    pub(crate) name: String,

    /// An empty place in the plugin's store: what follows plugin+NAME: in the address of a repository
    #[arg(default_value = "")]
    pub(crate) target: String,
}

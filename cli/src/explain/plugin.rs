//! What to say about a plugin that is not there or does not work.

use heirloom_plugin_host::{FindError, PluginError};

use super::{Message, chain, repository, tidy};
use crate::exit::Exit;
use crate::failure::PluginFailure;

/// What to say about a plugin.
pub(super) fn message(failure: &PluginFailure) -> Message {
    match failure {
        PluginFailure::Find(error) => find_message(error),
        PluginFailure::Plugin(error) => plugin_message(error),
    }
}

fn find_message(error: &FindError) -> Message {
    let hint = match error {
        FindError::Name { .. } => "see `heirloom plugin list` for those that there are",
        FindError::NotFound { .. } => {
            "put the program into one of these folders, or see `heirloom plugin list`"
        }
        FindError::Unsafe { .. } => {
            "a plugin runs with your rights, so only you and root may be able to change it"
        }
        FindError::Io { .. } | _ => "check the path and its permissions",
    };
    Message::new(Exit::Configuration, tidy(&chain(error)), hint)
}

fn plugin_message(error: &PluginError) -> Message {
    let (exit, _, hint) = repository::storage_kind(error.kind());
    let hint = match error {
        PluginError::Answer { .. } => hint,
        PluginError::Start { .. } => "check that the program runs on this machine",
        PluginError::Version { .. } => "use another release of the plugin, or of heirloom",
        PluginError::Environment { .. } => "name other variables",
        PluginError::Silent { .. }
        | PluginError::NoFrame { .. }
        | PluginError::Broke { .. }
        | PluginError::Died { .. }
        | PluginError::Unresponsive { .. }
        | PluginError::GaveUp { .. }
        | _ => "ask whoever made the plugin; `heirloom plugin test` shows what works",
    };
    Message::new(exit, tidy(&chain(error)), hint)
}

//! What goes wrong with a plugin, and what that means to the engine.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_plugin::message::ErrorBody;
use heirloom_plugin::{ErrorKind as WireKind, FrameError};

use crate::scrub::Scrubber;

/// Longer waits are not the business of a call.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

/// What goes wrong with a plugin. Whatever it printed stands here cleaned and without secrets.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The option `env` names one of our own variables.
    #[error("the option env of the plugin {plugin} must not name {variable}")]
    Environment {
        /// The plugin.
        plugin: String,
        /// The variable.
        variable: String,
    },
    /// The system did not start the program.
    #[error("the plugin {plugin} cannot be started")]
    Start {
        /// The plugin.
        plugin: String,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// No HELLO came in time.
    #[error(
        "the plugin {plugin} said no HELLO within {seconds} seconds{}",
        after(", but", printed)
    )]
    Silent {
        /// The plugin.
        plugin: String,
        /// How long it had.
        seconds: u64,
        /// What it printed instead.
        printed: String,
    },
    /// It printed something that is no frame.
    #[error("the plugin {plugin} printed {printed} where a frame must stand")]
    NoFrame {
        /// The plugin.
        plugin: String,
        /// The first bytes of that.
        printed: String,
        /// What is wrong with them.
        #[source]
        source: FrameError,
    },
    /// It speaks other versions of the protocol.
    #[error(
        "the plugin {plugin} chose version {version} of the protocol, which this program does not speak"
    )]
    Version {
        /// The plugin.
        plugin: String,
        /// What it chose.
        version: u32,
    },
    /// It broke a rule of the protocol.
    #[error("the plugin {plugin} broke the protocol: {rule}")]
    Broke {
        /// The plugin.
        plugin: String,
        /// Which rule.
        rule: &'static str,
    },
    /// The process ended.
    #[error("the plugin {plugin} ended ({ending}){}{}", after(" after", printed), last(lines))]
    Died {
        /// The plugin.
        plugin: String,
        /// How: exit status, signal.
        ending: String,
        /// Whether somebody killed it.
        killed: bool,
        /// Whether that was before its HELLO. A program that ends by itself then would do so again.
        starting: bool,
        /// What it had sent of an unfinished frame.
        printed: String,
        /// The last lines of its standard error.
        lines: Vec<String>,
    },
    /// It gave no sign of life.
    #[error("the plugin {plugin} no longer answers")]
    Unresponsive {
        /// The plugin.
        plugin: String,
    },
    /// It failed too often.
    #[error("the plugin {plugin} failed {failures} times in a row and is not started again")]
    GaveUp {
        /// The plugin.
        plugin: String,
        /// How often.
        failures: u32,
        /// The last time.
        #[source]
        last: Box<PluginError>,
    },
    /// It says itself what is wrong.
    #[error("the plugin {plugin} says: {}", answer.said)]
    Answer {
        /// The plugin.
        plugin: String,
        /// What it says.
        answer: Answer,
    },
}

/// What a plugin says about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The decision that it calls for.
    pub kind: ErrorKind,
    /// Whether the same call may succeed later.
    pub temporary: bool,
    /// In words.
    pub said: String,
    /// When to try again at the earliest.
    pub retry_after: Option<Duration>,
}

fn after(word: &str, printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!("{word} printed {printed}") }
}

fn last(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!("; it said: {}", lines.join(" | ")) }
}

impl PluginError {
    pub(crate) fn answer(plugin: &str, body: &ErrorBody, scrubber: &Scrubber) -> Self {
        let (kind, temporary) = judge(body);
        let retry_after = body.retry_after_ms.map(Duration::from_millis);
        let answer = Answer {
            kind,
            temporary,
            said: scrubber.clean(body.message.as_bytes()),
            retry_after: retry_after.map(|wait| wait.min(RETRY_AFTER_MAX)),
        };
        Self::Answer { plugin: plugin.to_owned(), answer }
    }

    /// The decision that it calls for.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Environment { .. } | Self::Version { .. } | Self::Start { .. } => {
                ErrorKind::Configuration
            }
            Self::NoFrame { .. } | Self::Broke { .. } => ErrorKind::Protocol,
            Self::Silent { .. } | Self::Died { .. } | Self::Unresponsive { .. } => {
                ErrorKind::Unreachable
            }
            Self::GaveUp { last, .. } => last.kind(),
            Self::Answer { answer, .. } => answer.kind,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Died { killed, starting, .. } => *killed || !*starting,
            Self::Unresponsive { .. } => true,
            Self::Answer { answer, .. } => answer.temporary,
            Self::Environment { .. }
            | Self::Start { .. }
            | Self::Silent { .. }
            | Self::NoFrame { .. }
            | Self::Version { .. }
            | Self::Broke { .. }
            | Self::GaveUp { .. } => false,
        }
    }

    /// When to try again at the earliest.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Answer { answer, .. } = self { answer.retry_after } else { None }
    }

    /// Whether the process is gone or useless, so that the outcome of what it was doing is not known.
    pub(crate) fn ended_the_process(&self) -> bool {
        !matches!(self, Self::Answer { .. })
    }

    pub(crate) fn into_storage_error(self, operation: &'static str, object: &str) -> StorageError {
        StorageError {
            kind: self.kind(),
            temporary: self.is_temporary(),
            operation,
            object: object.to_owned(),
            source: Some(Box::new(self)),
        }
    }
}

/// A plugin's word on `temporary` counts where a retry can make sense at all.
fn judge(body: &ErrorBody) -> (ErrorKind, bool) {
    match body.kind {
        WireKind::NotFound => (ErrorKind::NotFound, false),
        WireKind::PermissionDenied => (ErrorKind::PermissionDenied, body.temporary),
        WireKind::NoSpace => (ErrorKind::NoSpace, body.temporary),
        WireKind::Unreachable | WireKind::Unknown => (ErrorKind::Unreachable, body.temporary),
        WireKind::RateLimited => (ErrorKind::RateLimited, true),
        WireKind::Configuration => (ErrorKind::Configuration, false),
        WireKind::Unsupported => (ErrorKind::Unsupported, false),
        WireKind::Protocol => (ErrorKind::Protocol, false),
    }
}

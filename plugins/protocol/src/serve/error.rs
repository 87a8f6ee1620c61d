//! Why a call failed, for the host; and why a connection ended, for whoever started the plugin.

use std::io;
use std::time::Duration;

use crate::FrameError;
use crate::message::{ErrorBody, ErrorKind};

/// Why a call failed, as the host is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", body.message)]
pub struct PluginError {
    body: ErrorBody,
}

impl PluginError {
    /// A lasting failure. The message is for people and must not hold a secret.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { body: ErrorBody { kind, message, temporary: false, retry_after_ms: None } }
    }

    /// There is no such object.
    pub fn not_found() -> Self {
        Self::new(ErrorKind::NotFound, "no such object")
    }

    /// The same call may succeed later.
    #[must_use]
    pub fn temporary(mut self) -> Self {
        self.body.temporary = true;
        self
    }

    /// The same call may succeed, but not before this time has passed.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.body.temporary = true;
        self.body.retry_after_ms = u64::try_from(wait.as_millis()).ok();
        self
    }

    /// The decision that it calls for.
    pub fn kind(&self) -> ErrorKind {
        self.body.kind
    }

    pub(super) fn into_body(self) -> ErrorBody {
        self.body
    }
}

impl From<io::Error> for PluginError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Io;
        let kind = error.kind();
        let (kind, temporary) = if kind == Io::NotFound {
            (ErrorKind::NotFound, false)
        } else if matches!(kind, Io::PermissionDenied | Io::ReadOnlyFilesystem) {
            (ErrorKind::PermissionDenied, false)
        } else if matches!(kind, Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge) {
            (ErrorKind::NoSpace, false)
        } else if matches!(kind, Io::NotADirectory | Io::IsADirectory) {
            (ErrorKind::Configuration, false)
        } else {
            let passing = matches!(
                kind,
                Io::Interrupted
                    | Io::TimedOut
                    | Io::WouldBlock
                    | Io::ResourceBusy
                    | Io::ConnectionAborted
                    | Io::ConnectionRefused
                    | Io::ConnectionReset
                    | Io::HostUnreachable
                    | Io::NetworkDown
                    | Io::NetworkUnreachable
            );
            (ErrorKind::Unreachable, passing)
        };
        let failure = Self::new(kind, error.to_string());
        if temporary { failure.temporary() } else { failure }
    }
}

/// Why a plugin ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Whoever speaks on standard input is not the host; mostly somebody at a terminal.
    #[error("this is a storage plugin: heirloom starts it, see `heirloom plugin list`")]
    NotTheHost,
    /// The store could not be opened; the host was told why.
    #[error("the store could not be opened")]
    NotOpened,
    /// The host sent something that it must not send.
    #[error("the host sent {0:?} where that makes no sense")]
    Unexpected(crate::FrameKind),
    /// The host sent bytes that are no frame.
    #[error("the host sent something that is no frame")]
    Frame(#[from] FrameError),
    /// Standard input or output failed.
    #[error("the host cannot be reached")]
    Io(#[from] io::Error),
}

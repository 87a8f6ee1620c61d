//! Why nothing is served, and what to do about it.

use std::io;
use std::net::SocketAddr;

use crate::exit::Exit;
use crate::explain::{self, Message};
use crate::failure::Failure;

/// Why nothing is served.
#[derive(Debug)]
pub(crate) enum ServeFailure {
    /// Other machines could come in, and nobody said that they may.
    Remote {
        /// Where to listen.
        wanted: SocketAddr,
    },
    /// The system does not let us listen there.
    Listen {
        /// Where.
        wanted: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl From<ServeFailure> for Failure {
    fn from(failure: ServeFailure) -> Self {
        Self::Serve(failure)
    }
}

/// What to say about it.
pub(crate) fn message(failure: &ServeFailure) -> Message {
    match failure {
        ServeFailure::Remote { wanted } => Message::new(
            Exit::Usage,
            format!("at {wanted} other machines could read the snapshots, unencrypted on the way"),
            "listen at 127.0.0.1, or say --allow-remote if the network is to be trusted",
        ),
        ServeFailure::Listen { wanted, source } => Message::new(
            Exit::Failed,
            format!("cannot listen at {wanted}: {}", explain::io(source)),
            "choose another address and port with --listen; port 0 takes any that is free",
        ),
    }
}

//! Why there is no page, and what to do about it.

use std::io;
use std::net::SocketAddr;

use crate::exit::Exit;
use crate::explain::{self, Message};
use crate::failure::Failure;

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum BrowseFailure {
    /// Other machines could reach the page.
    Exposed(SocketAddr),
    /// Nobody can listen there.
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl From<BrowseFailure> for Failure {
    fn from(failure: BrowseFailure) -> Self {
        Self::Browse(failure)
    }
}

/// What to say about it.
pub(crate) fn message(failure: &BrowseFailure) -> Message {
    match failure {
        BrowseFailure::Exposed(address) => Message::new(
            Exit::Usage,
            format!("{address} can be reached from other machines"),
            "listen on 127.0.0.1 or [::1]; to look from elsewhere, forward the port with ssh -L",
        ),
        BrowseFailure::Listen { address, source } => Message::new(
            Exit::Failed,
            format!("cannot listen on {address}: {}", explain::io(source)),
            "choose another port, or leave --listen out",
        ),
    }
}

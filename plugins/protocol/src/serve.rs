//! The kit: a plugin implements [`StorePlugin`] with ordinary blocking code and hands itself to [`serve()`].
//!
//! One thread reads frames; as many workers as the plugin declares carry out one call each. A worker waits for credit
//! before it sends and gives credit for what it has taken, so memory stays within a window per call in each direction.

mod call;
mod connection;
mod error;
mod stream;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::process::ExitCode;

pub use self::call::Found;
use self::connection::{Connection, Incoming};
pub use self::error::{PluginError, ServeError};
pub use self::stream::Content;
use crate::message::{Ability, ErrorKind, HostHello, PROTOCOL, PluginHello, decode, encode};
use crate::{
    Frame, FrameKind, PARALLEL_MAX, VERSIONS, WINDOW_BYTES, WINDOW_BYTES_MAX, WINDOW_BYTES_MIN,
};

/// A store of write-once objects. Names are checked before a call; calls come from several threads at once.
pub trait StorePlugin: Send + Sync {
    /// Stores an object. `content` gives exactly `size` bytes and then its end, or an error if the host gave up.
    ///
    /// The object may become visible only after the end was read without error. When this returns, the object is as
    /// durable as the plugin declared. Repeating a `put` with the same bytes is fine.
    fn put(&self, name: &str, size: u64, content: &mut Content<'_>) -> Result<(), PluginError>;

    /// Opens an object, or a range of it. A range that reaches beyond the end is an error of kind
    /// [`ErrorKind::Protocol`]; a missing object, one of kind [`ErrorKind::NotFound`].
    fn read(&self, name: &str, offset: u64, length: Option<u64>) -> Result<Opened, PluginError>;

    /// Reports every object directly in a folder (`"packs/"`), or at the top (`""`). A missing folder is empty.
    fn list(&self, prefix: &str, found: &mut Found<'_>) -> Result<(), PluginError>;

    /// Removes an object; a missing one is fine.
    fn delete(&self, name: &str) -> Result<(), PluginError>;

    /// The size of an object that is whole and as durable as after its `put`; used after a plugin died in a `put`.
    /// Implement it only together with [`Ability::size`].
    fn size(&self, name: &str) -> Result<u64, PluginError> {
        let _ = name;
        Err(PluginError::new(ErrorKind::Unsupported, "there is no operation size"))
    }
}

/// An object that is being read.
pub struct Opened {
    /// How many bytes will come.
    pub bytes: u64,
    /// The bytes; more than announced are not sent, fewer are an error.
    pub content: Box<dyn Read + Send>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// What the host says at the beginning.
pub struct Setup {
    /// What follows `plugin+NAME:` in the address of the repository.
    pub target: String,
    /// Options that are no secrets.
    pub config: BTreeMap<String, String>,
    /// Name and version of the host.
    pub host: String,
    secrets: BTreeMap<String, String>,
}

impl Setup {
    /// A secret: a token, a password.
    pub fn secret(&self, key: &str) -> Option<&str> {
        self.secrets.get(key).map(String::as_str)
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Runs a plugin on standard input and output until the host has enough; `main` returns what this returns.
///
/// `open` gets the settings and gives the store and what it can do. Nothing else may write to standard output.
pub fn serve<P: StorePlugin>(
    name: &str,
    version: &str,
    open: impl FnOnce(&Setup) -> Result<(P, Ability), PluginError>,
) -> ExitCode {
    match serve_on(io::stdin(), io::stdout(), (name, version), open) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the host's log; if that is gone, nobody wants to know.
            writeln!(io::stderr(), "{error}").ok();
            ExitCode::FAILURE
        }
    }
}

/// As [`serve()`], on any pair of streams; `about` is the plugin's name and version.
pub fn serve_on<P: StorePlugin>(
    input: impl Read,
    output: impl Write + Send,
    about: (&str, &str),
    open: impl FnOnce(&Setup) -> Result<(P, Ability), PluginError>,
) -> Result<(), ServeError> {
    let mut incoming = Incoming::new(input);
    let Some(first) = incoming.next()? else { return Ok(()) };
    let hello: Option<HostHello> = decode(&first.payload);
    let Some(hello) = hello.filter(|hello| is_hello(&first, hello)) else {
        return Err(ServeError::NotTheHost);
    };
    let version = VERSIONS.iter().rev().find(|version| hello.versions.contains(version)).copied();
    let window = hello.window.clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX);
    let HostHello { target, config, secrets, host, .. } = hello;
    let setup = Setup { target, config, host, secrets };
    let opened = match version {
        Some(_) => open(&setup),
        None => Err(PluginError::new(ErrorKind::Unsupported, "no common version of the protocol")),
    };
    let connection = Connection::new(output, window);
    let (name, plugin_version) = (about.0.to_owned(), about.1.to_owned());
    let mut answer = PluginHello { name, plugin_version, window: WINDOW_BYTES, ..<_>::default() };
    let (plugin, ability) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            answer.error = Some(error.into_body());
            connection.send(FrameKind::Hello, 0, &encode(&answer))?;
            return Err(ServeError::NotOpened);
        }
    };
    answer.version = version;
    answer.capabilities = Ability { parallel: ability.parallel.clamp(1, PARALLEL_MAX), ..ability };
    connection.send(FrameKind::Hello, 0, &encode(&answer))?;
    connection.run(&plugin, answer.capabilities.parallel, &mut incoming)
}

fn is_hello(frame: &Frame, hello: &HostHello) -> bool {
    frame.kind == FrameKind::Hello && hello.protocol == PROTOCOL
}

#[cfg(test)]
mod tests;

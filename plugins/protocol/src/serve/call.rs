//! Carries out one call: asks the plugin, and answers in frames.

use std::fmt;
use std::io::{self, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::stream::{Content, Stream};
use super::{Opened, PluginError, StorePlugin};
use crate::message::{ErrorKind, Listed, Request, Response, encode};
use crate::{Frame, FrameKind, is_name, is_prefix};

/// No frame of an object is larger; twice the size of what helps.
const CHUNK_BYTES: u32 = 256 << 10;

/// What an entry of a listing costs besides its name.
const ENTRY_BYTES: usize = 48;

/// Entries of a listing are sent when there are so many bytes of them.
const BATCH_BYTES: usize = 64 << 10;

/// One call on its worker.
pub(super) struct Call<'a> {
    pub(super) number: u32,
    pub(super) stream: &'a Stream,
    pub(super) send: &'a (dyn Fn(&Frame) -> io::Result<()> + Sync),
    /// Bytes that the host takes before it gives credit.
    pub(super) window: u32,
}

/// Why an answer was not finished.
enum Stopped {
    /// Nobody wants it.
    Cancelled,
    Failed(PluginError),
    /// The host is gone.
    Io(io::Error),
}

impl From<PluginError> for Stopped {
    fn from(error: PluginError) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Call<'_> {
    pub(super) fn run(&self, plugin: &dyn StorePlugin, request: &Request) -> io::Result<()> {
        let answered = catch_unwind(AssertUnwindSafe(|| self.answer(plugin, request)))
            .unwrap_or_else(|_| Err(failure("the plugin broke off; see its messages")));
        let error = match answered {
            Ok(()) | Err(Stopped::Cancelled) => return Ok(()),
            Err(Stopped::Io(error)) => return Err(error),
            Err(Stopped::Failed(error)) => error,
        };
        if self.stream.is_cancelled() {
            return Ok(());
        }
        self.respond(&Response { error: Some(error.into_body()), size: None })
    }

    fn answer(&self, plugin: &dyn StorePlugin, request: &Request) -> Result<(), Stopped> {
        let sized = |size| Response { size: Some(size), error: None };
        check(request)?;
        let response = match request {
            Request::Put { name, size } => {
                let mut content = Content::new(self.stream, self.number, *size, self.send);
                plugin.put(name, *size, &mut content)?;
                if !content.is_complete() {
                    let what = "the plugin did not read the object to its end";
                    return Err(PluginError::new(ErrorKind::Protocol, what).into());
                }
                Response::default()
            }
            Request::Read { name, offset, length } => {
                let mut opened = plugin.read(name, offset.unwrap_or(0), *length)?;
                self.respond(&sized(opened.bytes))?;
                return self.copy(&mut opened);
            }
            Request::List { prefix } => {
                let mut found = Found { call: self, batch: Vec::new(), bytes: 0, begun: false };
                return match plugin.list(prefix, &mut found) {
                    Ok(()) => found.finish(),
                    Err(_) if self.stream.is_cancelled() => Err(Stopped::Cancelled),
                    Err(error) => Err(error.into()),
                };
            }
            Request::Delete { name } => {
                plugin.delete(name)?;
                Response::default()
            }
            Request::Size { name } => sized(plugin.size(name)?),
        };
        Ok(self.respond(&response)?)
    }

    fn copy(&self, opened: &mut Opened) -> Result<(), Stopped> {
        let mut missing = opened.bytes;
        let most = u64::from(CHUNK_BYTES.min(self.window / 2)).min(missing);
        let mut chunk = vec![0; usize::try_from(most).unwrap_or(0)];
        while missing > 0 {
            let length = missing.min(most);
            let part = chunk.get_mut(..usize::try_from(length).unwrap_or(0)).unwrap_or_default();
            opened.content.read_exact(part).map_err(PluginError::from)?;
            self.data(part)?;
            missing -= length;
        }
        Ok(self.frame(FrameKind::End, Vec::new())?)
    }

    fn data(&self, bytes: &[u8]) -> Result<(), Stopped> {
        if !self.stream.take_credit(u64::try_from(bytes.len()).unwrap_or(u64::MAX)) {
            return Err(Stopped::Cancelled);
        }
        Ok(self.frame(FrameKind::Data, bytes.to_vec())?)
    }

    fn respond(&self, response: &Response) -> io::Result<()> {
        self.frame(FrameKind::Response, encode(response))
    }

    fn frame(&self, kind: FrameKind, payload: Vec<u8>) -> io::Result<()> {
        (self.send)(&Frame::new(kind, self.number, payload))
    }
}

fn failure(what: &str) -> Stopped {
    Stopped::Failed(PluginError::new(ErrorKind::Unreachable, what))
}

fn check(request: &Request) -> Result<(), PluginError> {
    let fits = match request {
        Request::List { prefix } => is_prefix(prefix),
        Request::Put { name, .. }
        | Request::Read { name, .. }
        | Request::Delete { name }
        | Request::Size { name } => is_name(name),
    };
    if fits {
        Ok(())
    } else {
        Err(PluginError::new(ErrorKind::Configuration, "no object can have this name"))
    }
}

/// Takes what a listing finds.
pub struct Found<'a> {
    call: &'a Call<'a>,
    batch: Vec<Listed>,
    bytes: usize,
    begun: bool,
}

impl fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("waiting", &self.batch.len()).finish_non_exhaustive()
    }
}

impl Found<'_> {
    /// Reports an object by its full name (`"packs/00ff"`). What cannot be an object's name is passed over.
    pub fn add(&mut self, name: &str, size: u64) -> Result<(), PluginError> {
        if !is_name(name) {
            return Ok(());
        }
        let most = BATCH_BYTES.min(usize::try_from(self.call.window / 2).unwrap_or(0));
        let bytes = name.len() + ENTRY_BYTES;
        if self.bytes + bytes > most {
            self.send().map_err(|stopped| match stopped {
                Stopped::Failed(error) => error,
                Stopped::Io(error) => error.into(),
                Stopped::Cancelled => {
                    PluginError::new(ErrorKind::Unreachable, "the host gave up").temporary()
                }
            })?;
        }
        self.bytes += bytes;
        self.batch.push(Listed { name: name.to_owned(), size });
        Ok(())
    }

    fn send(&mut self) -> Result<(), Stopped> {
        if !self.begun {
            self.begun = true;
            self.call.respond(&Response::default())?;
        }
        if self.batch.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        self.call.data(&encode(&std::mem::take(&mut self.batch)))
    }

    fn finish(mut self) -> Result<(), Stopped> {
        self.send()?;
        Ok(self.call.frame(FrameKind::End, Vec::new())?)
    }
}

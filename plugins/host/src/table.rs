//! The open calls of one plugin process, and the rules that every frame from the plugin is held to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use heirloom_plugin::message::{Log, Request, Response, decode};
use heirloom_plugin::{Frame, FrameKind};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::PluginError;
use crate::process::Speech;

/// What happens on a stream.
#[derive(Debug)]
pub(crate) enum Event {
    Response(Response),
    Data(Bytes),
    End,
}

/// How far the answer of a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Asked,
    /// Answered; DATA or END may follow.
    Streaming,
    Ended,
}

#[derive(Debug)]
struct Entry {
    events: mpsc::UnboundedSender<Event>,
    progress: Progress,
    /// Whether DATA follows the answer.
    streams: bool,
    /// Whether everything that belongs to the call has been sent.
    asked: bool,
    /// Bytes that the plugin may still send.
    permitted: u64,
    /// Bytes that were sent and not yet credited.
    outstanding: u64,
    credit: Arc<Semaphore>,
}

#[derive(Debug)]
struct Inner {
    /// The last stream that was opened.
    last: u32,
    open: HashMap<u32, Entry>,
    ended: Option<PluginError>,
    heard: Instant,
    /// A call was given up since the plugin was last heard.
    doubt: bool,
}

/// The open calls of one process.
#[derive(Debug)]
pub(crate) struct Table {
    plugin: String,
    /// Bytes that the plugin may send per stream before it gets credit.
    window: u32,
    /// Bytes that we may send per stream before we get credit.
    window_of_plugin: u32,
    speech: Arc<Speech>,
    inner: Mutex<Inner>,
}

/// A stream that was just opened.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) number: u32,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) credit: Arc<Semaphore>,
}

impl Table {
    pub(crate) fn new(plugin: &str, windows: (u32, u32), speech: Arc<Speech>) -> Self {
        let inner = Inner {
            last: 0,
            open: HashMap::new(),
            ended: None,
            heard: Instant::now(),
            doubt: false,
        };
        let (window, window_of_plugin) = windows;
        let inner = Mutex::new(inner);
        Self { plugin: plugin.to_owned(), window, window_of_plugin, speech, inner }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a stream for a request.
    pub(crate) fn open(&self, request: &Request) -> Result<Ticket, PluginError> {
        let mut inner = self.inner();
        if let Some(error) = &inner.ended {
            return Err(error.clone());
        }
        // After four thousand million calls the process has earned its rest.
        let Some(number) = inner.last.checked_add(1) else {
            let error = PluginError::Unresponsive { plugin: self.plugin.clone() };
            inner.ended = Some(error.clone());
            return Err(error);
        };
        inner.last = number;
        let (events, receiver) = mpsc::unbounded_channel();
        let window = usize::try_from(self.window_of_plugin).unwrap_or(usize::MAX);
        let credit = Arc::new(Semaphore::new(window));
        let entry = Entry {
            events,
            progress: Progress::Asked,
            streams: matches!(request, Request::Read { .. } | Request::List { .. }),
            asked: !matches!(request, Request::Put { .. }),
            permitted: self.window.into(),
            outstanding: 0,
            credit: Arc::clone(&credit),
        };
        inner.open.insert(number, entry);
        Ok(Ticket { number, events: receiver, credit })
    }

    /// Forgets a call. `true` if the plugin does not know yet that it is over.
    pub(crate) fn close(&self, number: u32) -> bool {
        let mut inner = self.inner();
        let unfinished =
            inner.open.remove(&number).is_some_and(|entry| entry.progress != Progress::Ended);
        inner.doubt |= unfinished;
        unfinished
    }

    /// Notes bytes that are about to be sent.
    pub(crate) fn sending(&self, number: u32, bytes: u64) {
        if let Some(entry) = self.inner().open.get_mut(&number) {
            entry.outstanding += bytes;
        }
    }

    /// From now on a success may be answered.
    pub(crate) fn asked(&self, number: u32) {
        if let Some(entry) = self.inner().open.get_mut(&number) {
            entry.asked = true;
        }
    }

    /// Notes credit that is about to be given.
    pub(crate) fn permit(&self, number: u32, bytes: u32) {
        if let Some(entry) = self.inner().open.get_mut(&number) {
            entry.permitted += u64::from(bytes);
        }
    }

    /// Why the process is gone.
    pub(crate) fn ended(&self) -> Option<PluginError> {
        self.inner().ended.clone()
    }

    /// Ends every call with this error; the first one counts.
    pub(crate) fn end(&self, error: PluginError) {
        let mut inner = self.inner();
        inner.ended.get_or_insert(error);
        for (_, entry) in inner.open.drain() {
            entry.credit.close();
        }
    }

    /// When the plugin was last heard, and whether silence since then means something.
    pub(crate) fn silence(&self) -> (Instant, bool) {
        let inner = self.inner();
        (inner.heard, inner.doubt || inner.open.is_empty())
    }

    /// Takes one frame of the plugin.
    pub(crate) fn take(&self, frame: Frame) -> Result<(), PluginError> {
        let mut inner = self.inner();
        inner.heard = Instant::now();
        inner.doubt = false;
        let Frame { kind, stream, payload } = frame;
        let taken = match kind {
            FrameKind::Log => {
                drop(inner);
                if let Some(Log { level, message }) = decode(&payload) {
                    self.speech.hear(&level, message.as_bytes());
                }
                return Ok(());
            }
            FrameKind::Pong => return Ok(()),
            FrameKind::Response | FrameKind::Data | FrameKind::End | FrameKind::Credit => {
                if stream > inner.last {
                    Err("it used a stream that was never opened")
                } else if let Some(entry) = inner.open.get_mut(&stream) {
                    entry.take(kind, payload)
                } else {
                    // The call was given up, and this was on its way.
                    Ok(())
                }
            }
            FrameKind::Hello
            | FrameKind::Request
            | FrameKind::Cancel
            | FrameKind::Ping
            | FrameKind::Bye => Err("it sent a frame that only the host may send"),
        };
        taken.map_err(|rule| PluginError::Broke { plugin: self.plugin.clone(), rule })
    }
}

impl Entry {
    fn take(&mut self, kind: FrameKind, payload: Vec<u8>) -> Result<(), &'static str> {
        if kind == FrameKind::Credit {
            return self.take_credit(&payload);
        }
        if self.progress == Progress::Ended {
            return Err("it went on after the end of a stream");
        }
        let streaming = self.progress == Progress::Streaming;
        let event = if kind == FrameKind::Response {
            self.take_response(&payload)?
        } else if !streaming {
            return Err("it sent data or an end where an answer must stand");
        } else if kind == FrameKind::End {
            self.progress = Progress::Ended;
            Event::End
        } else {
            let bytes = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            let left = self.permitted.checked_sub(bytes);
            self.permitted = left.ok_or("it sent more than it had credit for")?;
            Event::Data(payload.into())
        };
        // Whoever asked may have lost interest.
        self.events.send(event).ok();
        Ok(())
    }

    fn take_credit(&mut self, payload: &[u8]) -> Result<(), &'static str> {
        let bytes = <[u8; 4]>::try_from(payload).map_or(0, u32::from_be_bytes);
        self.outstanding = self
            .outstanding
            .checked_sub(bytes.into())
            .ok_or("it gave credit for more than was sent")?;
        self.credit.add_permits(usize::try_from(bytes).unwrap_or(0));
        Ok(())
    }

    fn take_response(&mut self, payload: &[u8]) -> Result<Event, &'static str> {
        let response: Response = decode(payload).ok_or("its answer makes no sense")?;
        self.progress = if response.error.is_some() {
            Progress::Ended
        } else if self.progress == Progress::Streaming {
            return Err("it answered twice");
        } else if !self.asked {
            return Err("it acknowledged an object before it had all of it");
        } else if self.streams {
            Progress::Streaming
        } else {
            Progress::Ended
        };
        Ok(Event::Response(response))
    }
}

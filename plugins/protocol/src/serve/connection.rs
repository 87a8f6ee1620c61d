//! Reads frames on one thread and hands calls to a pool of workers; every frame that goes out goes through here.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::call::Call;
use super::stream::Stream;
use super::{ServeError, StorePlugin};
use crate::frame::header;
use crate::message::{ErrorBody, ErrorKind, Request, Response, decode, encode};
use crate::{Decoder, Frame, FrameKind};

/// How much is read from the host at once.
const READ_BYTES: usize = 256 << 10;

/// Frames from the host.
pub(super) struct Incoming<R> {
    input: R,
    decoder: Decoder,
    buffer: Vec<u8>,
    frames: VecDeque<Frame>,
}

impl<R: Read> Incoming<R> {
    pub(super) fn new(input: R) -> Self {
        let buffer = vec![0; READ_BYTES];
        Self { input, decoder: Decoder::new(), buffer, frames: VecDeque::new() }
    }

    /// The next frame; `None` when the host has closed its side.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, ServeError> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(Some(frame));
            }
            let read = match self.input.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let Some(bytes) = self.buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return Ok(None);
            };
            self.frames.extend(self.decoder.push(bytes)?);
        }
    }
}

/// What the reader and the workers share.
pub(super) struct Connection<W> {
    output: Mutex<W>,
    /// Bytes that we may send per stream before the host gives credit.
    window: u32,
    calls: Mutex<Calls>,
    arrived: Condvar,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<(u32, Request)>,
    open: HashMap<u32, Arc<Stream>>,
    closed: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A plugin's panic is caught before it gets here, and every state is a valid one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<W: Write + Send> Connection<W> {
    pub(super) fn new(output: W, window: u32) -> Self {
        let output = Mutex::new(output);
        Self { output, window, calls: Mutex::default(), arrived: Condvar::new() }
    }

    /// Sends one frame whole, whatever other threads send.
    pub(super) fn send(&self, kind: FrameKind, stream: u32, payload: &[u8]) -> io::Result<()> {
        let header = header(kind, stream, payload.len())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too large for a frame"))?;
        let mut output = locked(&self.output);
        output.write_all(&header)?;
        output.write_all(payload)?;
        output.flush()
    }

    pub(super) fn respond(&self, stream: u32, response: &Response) -> io::Result<()> {
        self.send(FrameKind::Response, stream, &encode(response))
    }

    /// Works until the host closes its side or says BYE. Calls that are under way then count as cancelled.
    pub(super) fn run<R: Read>(
        &self,
        plugin: &dyn StorePlugin,
        workers: u32,
        incoming: &mut Incoming<R>,
    ) -> Result<(), ServeError> {
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| self.work(plugin));
            }
            let ended = self.receive(incoming);
            let mut calls = locked(&self.calls);
            calls.closed = true;
            calls.waiting.clear();
            calls.open.values().for_each(|stream| stream.cancel());
            drop(calls);
            self.arrived.notify_all();
            ended
        })
    }

    fn receive<R: Read>(&self, incoming: &mut Incoming<R>) -> Result<(), ServeError> {
        while let Some(frame) = incoming.next()? {
            match frame.kind {
                FrameKind::Request => self.open(&frame)?,
                FrameKind::Data | FrameKind::End | FrameKind::Credit | FrameKind::Cancel => {
                    self.forward(frame)?;
                }
                FrameKind::Ping => self.send(FrameKind::Pong, 0, &frame.payload)?,
                FrameKind::Bye => return Ok(()),
                FrameKind::Hello | FrameKind::Response | FrameKind::Pong | FrameKind::Log => {
                    return Err(ServeError::Unexpected(frame.kind));
                }
            }
        }
        Ok(())
    }

    fn open(&self, frame: &Frame) -> Result<(), ServeError> {
        let Some(request) = decode(&frame.payload) else {
            let message = "there is no such operation".to_owned();
            let kind = ErrorKind::Unsupported;
            let error = ErrorBody { kind, message, temporary: false, retry_after_ms: None };
            let response = Response { error: Some(error), size: None };
            return Ok(self.respond(frame.stream, &response)?);
        };
        let mut calls = locked(&self.calls);
        let stream = Arc::new(Stream::new(self.window));
        if calls.open.insert(frame.stream, stream).is_some() {
            return Err(ServeError::Unexpected(frame.kind));
        }
        calls.waiting.push_back((frame.stream, request));
        drop(calls);
        self.arrived.notify_one();
        Ok(())
    }

    /// Frames of calls that have ended come too late, which is nobody's fault.
    fn forward(&self, frame: Frame) -> Result<(), ServeError> {
        let stream = locked(&self.calls).open.get(&frame.stream).map(Arc::clone);
        let Some(stream) = stream else { return Ok(()) };
        if frame.kind == FrameKind::End {
            stream.end();
        } else if frame.kind == FrameKind::Cancel {
            stream.cancel();
        } else if frame.kind == FrameKind::Credit {
            stream.add_credit(frame.credit_bytes());
        } else if !stream.arrive(frame.payload) {
            return Err(ServeError::Unexpected(frame.kind));
        }
        Ok(())
    }

    fn work(&self, plugin: &dyn StorePlugin) {
        let send = |frame: &Frame| self.send(frame.kind, frame.stream, &frame.payload);
        while let Some((number, request, stream)) = self.next_call() {
            let window = self.window;
            let call = Call { number, stream: &stream, send: &send, window };
            // If the host cannot be told, the reader learns it too.
            call.run(plugin, &request).ok();
            locked(&self.calls).open.remove(&number);
        }
    }

    fn next_call(&self) -> Option<(u32, Request, Arc<Stream>)> {
        let mut calls = locked(&self.calls);
        loop {
            if calls.closed {
                return None;
            }
            while let Some((number, request)) = calls.waiting.pop_front() {
                if let Some(stream) = calls.open.get(&number) {
                    return Some((number, request, Arc::clone(stream)));
                }
            }
            calls = self.arrived.wait(calls).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

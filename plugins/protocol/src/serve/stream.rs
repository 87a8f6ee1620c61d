//! One call as its worker sees it: what has arrived, how much may be sent, whether anybody still wants the answer.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::{Frame, WINDOW_BYTES};

/// The state of one call.
pub(super) struct Stream {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    arrived: VecDeque<Vec<u8>>,
    ended: bool,
    cancelled: bool,
    /// Bytes that we may send.
    credit: u64,
    /// Bytes that the host may send.
    permitted: u64,
}

impl Stream {
    pub(super) fn new(window: u32) -> Self {
        let state = State {
            arrived: VecDeque::new(),
            ended: false,
            cancelled: false,
            credit: u64::from(window),
            permitted: u64::from(WINDOW_BYTES),
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Every state is a valid one, whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.locked());
        self.changed.notify_all();
    }

    /// Whether the host was permitted to send that much.
    pub(super) fn arrive(&self, bytes: Vec<u8>) -> bool {
        let mut state = self.locked();
        let left = u64::try_from(bytes.len()).ok().and_then(|n| state.permitted.checked_sub(n));
        let Some(left) = left else { return false };
        state.permitted = left;
        state.arrived.push_back(bytes);
        drop(state);
        self.changed.notify_all();
        true
    }

    pub(super) fn end(&self) {
        self.update(|state| state.ended = true);
    }

    pub(super) fn cancel(&self) {
        self.update(|state| state.cancelled = true);
    }

    pub(super) fn add_credit(&self, bytes: u32) {
        self.update(|state| state.credit = state.credit.saturating_add(bytes.into()));
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.locked().cancelled
    }

    /// Waits until so many bytes may be sent. `false` if nobody wants them any more.
    pub(super) fn take_credit(&self, bytes: u64) -> bool {
        let mut state = self.locked();
        loop {
            if state.cancelled {
                return false;
            }
            if let Some(left) = state.credit.checked_sub(bytes) {
                state.credit = left;
                return true;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next bytes of the host; `None` at the end.
    fn next(&self) -> io::Result<Option<Vec<u8>>> {
        let mut state = self.locked();
        loop {
            if state.cancelled {
                return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the host gave up"));
            }
            if let Some(bytes) = state.arrived.pop_front() {
                state.permitted += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                return Ok(Some(bytes));
            }
            if state.ended {
                return Ok(None);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The bytes of an object that is being put. Its end is reached without error only if the object is whole.
pub struct Content<'a> {
    stream: &'a Stream,
    number: u32,
    send: &'a (dyn Fn(&Frame) -> io::Result<()> + Sync),
    current: io::Cursor<Vec<u8>>,
    missing: u64,
    complete: bool,
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("missing", &self.missing).finish_non_exhaustive()
    }
}

impl<'a> Content<'a> {
    pub(super) fn new(
        stream: &'a Stream,
        number: u32,
        size: u64,
        send: &'a (dyn Fn(&Frame) -> io::Result<()> + Sync),
    ) -> Self {
        let current = io::Cursor::new(Vec::new());
        Self { stream, number, send, current, missing: size, complete: false }
    }

    /// Whether its end was read, and everything before it.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        loop {
            let read = self.current.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.complete {
                return Ok(read);
            }
            let Some(bytes) = self.stream.next()? else {
                if self.missing > 0 {
                    return wrong("the host sent less than it announced");
                }
                self.complete = true;
                continue;
            };
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let Some(missing) = self.missing.checked_sub(length.into()) else {
                return wrong("the host sent more than it announced");
            };
            self.missing = missing;
            self.current = io::Cursor::new(bytes);
            (self.send)(&Frame::credit(self.number, length))?;
        }
    }
}

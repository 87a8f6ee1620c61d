//! Stored content for whoever keeps it as long as he likes, from a reader that is only borrowed.
//!
//! A thread of its own reads, and reads on while the other side is busy with what it got.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::{Bytes, BytesMut};
use crossbeam_channel::{Receiver, Sender, bounded};

use super::pieces::Pieces;
use crate::error::{FormatError, ReadError};
use crate::transform::StoredContent;

/// Pieces that are kept for the next reads.
const PIECES_MAX: usize = 3;

/// Where to read, and whom to tell.
type Request = (u64, Sender<Result<Bytes, ReadError>>);

/// What was lent.
#[derive(Debug)]
pub(super) struct Lent {
    size: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Where each begins.
    pieces: VecDeque<(u64, Bytes)>,
    /// Gone when the time is over.
    requests: Option<Sender<Request>>,
}

/// Takes back what was lent, whatever happens.
struct Returned(Arc<Lent>);

impl Drop for Returned {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.requests = None;
        state.pieces.clear();
    }
}

/// Lends the content for the duration of `user`; an error means that there was no thread to be had.
pub(super) fn lend<T>(pieces: Pieces<'_>, user: impl FnOnce(Arc<Lent>) -> T) -> io::Result<T> {
    thread::scope(|scope| {
        let (sender, requests) = bounded(1);
        let state = State { pieces: VecDeque::new(), requests: Some(sender) };
        let lent = Arc::new(Lent { size: pieces.size(), state: Mutex::new(state) });
        let returned = Returned(Arc::clone(&lent));
        let name = "stored-content".to_owned();
        thread::Builder::new().name(name).spawn_scoped(scope, move || serve(pieces, &requests))?;
        let result = user(lent);
        drop(returned);
        Ok(result)
    })
}

fn serve(mut pieces: Pieces<'_>, requests: &Receiver<Request>) {
    let mut ahead: Option<(u64, Result<Bytes, ReadError>)> = None;
    let mut last_end = None;
    for (offset, answer) in requests {
        let piece = match ahead.take() {
            Some((at, piece)) if at == offset => piece,
            _ => pieces.read(offset),
        };
        let bytes = piece.as_ref().map_or(0, Bytes::len);
        let end = offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let goes_on = last_end.replace(end) == Some(offset);
        // Whoever asked may have gone meanwhile.
        if answer.send(piece).is_ok() && goes_on && bytes > 0 {
            ahead = Some((end, pieces.read(end)));
        }
    }
}

impl Lent {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoredContent for Lent {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = bytes.min(left);
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        let mut state = self.lock();
        let mut first = state.at(offset)?;
        if first.len() >= wanted {
            first.truncate(wanted);
            return Ok(first);
        }
        let mut all = BytesMut::with_capacity(wanted.min(1 << 20));
        all.extend_from_slice(&first);
        while all.len() < wanted {
            let at = offset.saturating_add(u64::try_from(all.len()).unwrap_or(u64::MAX));
            let mut next = state.at(at)?;
            next.truncate(wanted - all.len());
            all.extend_from_slice(&next);
        }
        Ok(all.freeze())
    }
}

impl State {
    /// What is at hand from this offset on, at least one byte.
    fn at(&mut self, offset: u64) -> Result<Bytes, ReadError> {
        let over = || ReadError::Node(FormatError::OutOfBounds { what: "time of a loan" });
        let held = self.pieces.iter().find_map(|(start, piece)| {
            let skipped = usize::try_from(offset.checked_sub(*start)?).ok()?;
            (skipped < piece.len()).then(|| piece.slice(skipped..))
        });
        if let Some(held) = held {
            return Ok(held);
        }
        let requests = self.requests.as_ref().ok_or_else(over)?;
        let (sender, answer) = bounded(1);
        requests.send((offset, sender)).map_err(|_gone| over())?;
        let piece = answer.recv().map_err(|_gone| over())??;
        if piece.is_empty() {
            return Err(over());
        }
        self.pieces.push_front((offset, piece.clone()));
        self.pieces.truncate(PIECES_MAX);
        Ok(piece)
    }
}

//! The first pass over an export: everything that no single message tells.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::body::{self, Context};
use super::raw::{Raw, Raws};
use crate::files::ReadAt;
use crate::model::MessageKind;
use crate::reader::Range;
use crate::stamp::dates::{Orders, Tallies};
use crate::stamp::header::{Frame, Stamp};

/// So many people are remembered; in a group there are at most a thousand at a time.
const SENDERS_MAX: usize = 50_000;

/// Every so many messages it is noted where they lie.
const MESSAGES_PER_MARK: u64 = 1_000;

/// Where a message lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    /// Which message.
    pub message: u64,
    /// Where it begins.
    pub offset: u64,
    /// The day of the message before.
    pub before: Option<i64>,
}

/// What is known after the first pass.
#[derive(Debug)]
pub(super) struct Scan {
    /// How messages begin.
    pub frame: Frame,
    /// How dates are read.
    pub orders: Orders,
    pub messages: u64,
    /// Messages with files, there or not.
    pub media: u64,
    /// Messages with bytes that are no text.
    pub invalid: u64,
    /// Messages whose ends are left out.
    pub cut: u64,
    pub lines_before: u64,
    pub title: Option<String>,
    /// Everybody who wrote, in the order of their first messages.
    pub senders: Vec<String>,
    pub first: Option<i64>,
    pub last: Option<i64>,
    /// The first message is the app's own.
    pub begins_with_app: bool,
    /// The name under which iOS has the app itself speak in groups.
    pub speaks_for_app: Option<String>,
    /// Dates are written as Signal writes them.
    pub is_signal: bool,
    known: HashMap<String, Sender>,
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sender {
    /// Messages that are people's.
    said: u64,
}

impl Scan {
    /// Reads everything.
    pub(super) fn new(
        file: &Arc<dyn ReadAt>,
        frame: Frame,
        is_file: &dyn Fn(&str) -> bool,
    ) -> io::Result<Self> {
        let mut scan = Self::empty(frame);
        let mut tallies = Tallies::default();
        let mut raws = Raws::new(Arc::clone(file), 0, Some(frame));
        let mut ends: Option<(Stamp, Stamp)> = None;
        let mut first_sender = None;
        while let Some(raw) = raws.next()? {
            tallies.add(&raw.stamp);
            ends = Some((ends.map_or(raw.stamp, |(first, _)| first), raw.stamp));
            let sender = scan.count(&raw, is_file);
            if scan.messages == 1 {
                first_sender = sender;
            }
        }
        scan.lines_before = raws.lines_before;
        scan.title = raws.title;
        scan.orders = tallies.settle();
        scan.speaks_for_app = first_sender.filter(|name| {
            let speaks_only_for_app = scan.known.get(name).is_some_and(|sender| sender.said == 0);
            speaks_only_for_app
                && frame == Frame::Bracket
                && scan.begins_with_app
                && scan.senders.len() > 2
        });
        scan.times(file, ends)?;
        Ok(scan)
    }

    fn empty(frame: Frame) -> Self {
        Self {
            frame,
            orders: Orders::default(),
            messages: 0,
            media: 0,
            invalid: 0,
            cut: 0,
            lines_before: 0,
            title: None,
            senders: Vec::new(),
            first: None,
            last: None,
            begins_with_app: false,
            speaks_for_app: None,
            is_signal: true,
            known: HashMap::new(),
            marks: Vec::new(),
        }
    }

    /// Counts one message; gives who wrote it.
    fn count(&mut self, raw: &Raw, is_file: &dyn Fn(&str) -> bool) -> Option<String> {
        if self.messages.is_multiple_of(MESSAGES_PER_MARK) {
            self.marks.push(Mark { message: self.messages, offset: raw.offset, before: None });
        }
        let is_sender = |name: &str| self.is_sender(name);
        let context = Context { is_sender: &is_sender, is_file, speaks_for_app: None };
        let message = body::read(raw, self.messages, &context);
        let shape = raw.stamp.shape;
        self.is_signal &= self.frame == Frame::Bracket
            && shape.year_is_first
            && shape.separator == '-'
            && !raw.stamp.has_seconds
            && message.sender.is_some();
        if self.messages == 0 {
            self.begins_with_app = message.kind == MessageKind::System;
        }
        self.messages += 1;
        self.media += u64::from(!message.media.is_empty());
        self.invalid += u64::from(raw.is_invalid);
        self.cut += u64::from(raw.is_cut);
        let name = message.sender?.id;
        if !self.known.contains_key(&name) && self.known.len() < SENDERS_MAX {
            self.known.insert(name.clone(), Sender::default());
            self.senders.push(name.clone());
        }
        if let Some(sender) = self.known.get_mut(&name) {
            sender.said += u64::from(message.kind != MessageKind::System);
        }
        Some(name)
    }

    /// The times of the first and the last message, and at every mark what has to be known of the message before it.
    fn times(&mut self, file: &Arc<dyn ReadAt>, ends: Option<(Stamp, Stamp)>) -> io::Result<()> {
        let Some((first, last)) = ends else { return Ok(()) };
        self.first = self.orders.resolve(&first, &mut None);
        if !self.orders.needs_neighbours() {
            self.last = self.orders.resolve(&last, &mut None);
            return Ok(());
        }
        let mut raws = Raws::new(Arc::clone(file), 0, Some(self.frame));
        let mut before = None;
        let mut marks = self.marks.iter_mut().peekable();
        while let Some(raw) = raws.next()? {
            if let Some(mark) = marks.next_if(|mark| mark.offset == raw.offset) {
                mark.before = before;
            }
            self.last = self.orders.resolve(&raw.stamp, &mut before);
        }
        Ok(())
    }

    /// Whether somebody of this name wrote something.
    pub(super) fn is_sender(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// Where to begin to read a range.
    pub(super) fn mark_for(&self, range: Range) -> Mark {
        let first = match range {
            Range { since: None, until: None, last: Some(last) } => {
                self.messages.saturating_sub(last)
            }
            Range { .. } => 0,
        };
        let at = self.marks.partition_point(|mark| mark.message <= first);
        at.checked_sub(1).and_then(|at| self.marks.get(at)).copied().unwrap_or_default()
    }
}

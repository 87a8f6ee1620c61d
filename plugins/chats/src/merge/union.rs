//! The messages of one conversation in several places, each once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::error::ChatError;
use crate::files::{Item, ReadAt};
use crate::model::{Media, Message, Time};
use crate::reader::{Chats, Range, Window};
use crate::trace::{Trace, align};

/// So many messages of a further place are held at a time; for more it is read once more from its beginning.
const BATCH_MESSAGES: usize = 20_000;
const MINUTE_MS: i64 = 60_000;

/// One conversation in one place.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The place.
    pub chats: &'a dyn Chats,
    /// The conversation.
    pub id: &'a str,
}

/// One conversation in several places.
#[derive(Debug)]
pub struct Union<'a> {
    parts: Vec<Part<'a>>,
    /// Of every part but the first, what the others before it lack.
    extras: Vec<Chosen>,
}

#[derive(Debug)]
struct Chosen {
    part: usize,
    is_wanted: Vec<bool>,
    shift_ms: i64,
}

impl<'a> Union<'a> {
    /// Finds out what each place has that the ones before it have not. One place alone is not read for that.
    pub fn new(parts: Vec<Part<'a>>) -> Result<Self, ChatError> {
        let mut union = Self { parts, extras: Vec::new() };
        let Some((first, others)) = union.parts.split_first() else { return Ok(union) };
        if others.is_empty() {
            return Ok(union);
        }
        let mut told = vec![super::traces(first, Range::default())?];
        for (number, part) in (1..).zip(others) {
            let traces = super::traces(part, Range::default())?;
            let chosen = choose(number, &told, &traces);
            if chosen.is_wanted.contains(&true) {
                union.extras.push(chosen);
            }
            told.push(traces);
        }
        Ok(union)
    }

    /// One place alone.
    pub(super) fn alone(part: Option<Part<'a>>) -> Self {
        Self { parts: part.into_iter().collect(), extras: Vec::new() }
    }

    /// Messages in order, until `visit` returns false.
    pub fn messages(
        &self,
        range: Range,
        visit: &mut dyn FnMut(Message) -> bool,
    ) -> Result<(), ChatError> {
        let Some(first) = self.parts.first() else { return Ok(()) };
        if self.extras.is_empty() {
            return first.chats.messages(first.id, range, visit);
        }
        let mut window = Window::new(range, visit);
        let mut braid = Braid::of(&self.parts, &self.extras);
        let (mut failed, mut goes_on) = (None, true);
        first.chats.messages(first.id, Range::default(), &mut |message| {
            let before = message.time.map(Time::millis);
            if let Some(before) = before {
                goes_on =
                    braid.flush(before, &mut |extra| window.push(extra)).unwrap_or_else(|error| {
                        failed = Some(error);
                        false
                    });
            }
            goes_on = goes_on && window.push(message);
            goes_on
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if goes_on {
            braid.flush(i64::MAX, &mut |extra| window.push(extra))?;
        }
        window.finish();
        Ok(())
    }

    /// What is kept of each message, in order.
    pub fn traces(&self) -> Result<Vec<Trace>, ChatError> {
        let mut traces = Vec::new();
        self.messages(Range::default(), &mut |message| {
            traces.push(Trace::of(&message));
            true
        })?;
        Ok(traces)
    }

    /// Messages by their numbers in the order of [`Union::messages`].
    pub fn pick(
        &self,
        is_wanted: &[bool],
        visit: &mut dyn FnMut(usize, Message) -> bool,
    ) -> Result<(), ChatError> {
        let Some(last) = is_wanted.iter().rposition(|is_wanted| *is_wanted) else { return Ok(()) };
        let mut number = 0;
        self.messages(Range::default(), &mut |message| {
            let this = number;
            number += 1;
            let is_wanted = is_wanted.get(this) == Some(&true);
            (!is_wanted || visit(this, message)) && this < last
        })
    }

    /// The bytes of a file that belongs to a message; `None` if no place has it.
    pub fn open_media(&self, media: &Media) -> Result<Option<Arc<dyn ReadAt>>, ChatError> {
        for part in &self.parts {
            if let Some(content) = part.chats.open_media(media)? {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    /// Where a file that belongs to a message is; `None` if no place has it.
    pub fn find_media(&self, media: &Media) -> Result<Option<Item>, ChatError> {
        for part in &self.parts {
            let found = part.chats.find_media(media)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// What none of the places before tells.
fn choose(part: usize, told: &[Vec<Trace>], traces: &[Trace]) -> Chosen {
    let mut chosen = Chosen { part, is_wanted: vec![true; traces.len()], shift_ms: 0 };
    for (number, other) in told.iter().enumerate() {
        let alignment = align(other, traces);
        let times = || other.iter().filter_map(Trace::time);
        let covered = times().min()..=times().max();
        if number == 0 {
            chosen.shift_ms = alignment.shift_minutes.saturating_mul(MINUTE_MS);
        }
        for ((is_wanted, is_known), trace) in
            chosen.is_wanted.iter_mut().zip(&alignment.is_known).zip(traces)
        {
            let time = trace.time().map(|time| time.saturating_sub(chosen.shift_ms));
            // What the app itself says every telling puts in other words.
            let is_told = trace.is_system() && number == 0 && covered.contains(&time);
            *is_wanted = *is_wanted && !is_known && !is_told;
        }
    }
    chosen
}

/// Messages of several places that are put in between, in the order of their times.
struct Braid<'a> {
    strands: Vec<Strand<'a>>,
}

struct Strand<'a> {
    part: Part<'a>,
    chosen: &'a Chosen,
    held: VecDeque<Message>,
    next: usize,
    is_at_end: bool,
}

impl<'a> Braid<'a> {
    fn of(parts: &[Part<'a>], extras: &'a [Chosen]) -> Self {
        let strands = extras.iter().filter_map(|chosen| {
            let part = *parts.get(chosen.part)?;
            Some(Strand { part, chosen, held: VecDeque::new(), next: 0, is_at_end: false })
        });
        Self { strands: strands.collect() }
    }

    /// Gives out everything that was said before a time; false if nobody wants more.
    fn flush(
        &mut self,
        before: i64,
        take: &mut dyn FnMut(Message) -> bool,
    ) -> Result<bool, ChatError> {
        loop {
            let mut earliest: Option<(i64, &mut Strand<'_>)> = None;
            for strand in &mut self.strands {
                let Some(time) = strand.peek()?.filter(|time| *time < before) else { continue };
                if earliest.as_ref().is_none_or(|(other, _)| time < *other) {
                    earliest = Some((time, strand));
                }
            }
            let Some(message) = earliest.and_then(|(_, strand)| strand.held.pop_front()) else {
                return Ok(true);
            };
            if !take(message) {
                return Ok(false);
            }
        }
    }
}

impl Strand<'_> {
    /// When the next one was said, by the clock of the first place.
    fn peek(&mut self) -> Result<Option<i64>, ChatError> {
        if self.held.is_empty() && !self.is_at_end {
            self.fill()?;
        }
        Ok(self.held.front().map(|message| {
            let time = message.time.map_or(i64::MIN, Time::millis);
            time.saturating_sub(self.chosen.shift_ms)
        }))
    }

    fn fill(&mut self) -> Result<(), ChatError> {
        let (mut number, from) = (0, self.next);
        let (held, chosen) = (&mut self.held, self.chosen);
        self.part.chats.messages(self.part.id, Range::default(), &mut |message| {
            if number >= from && chosen.is_wanted.get(number) == Some(&true) {
                held.push_back(message);
            }
            number += 1;
            held.len() < BATCH_MESSAGES
        })?;
        self.next = number;
        self.is_at_end = self.held.len() < BATCH_MESSAGES;
        Ok(())
    }
}

/// Messages of several tellings, of each only some, in the order of their times. With each goes the number of its telling.
pub fn interleave(
    tellings: &[(Union<'_>, Vec<bool>)],
    visit: &mut dyn FnMut(usize, Message) -> bool,
) -> Result<(), ChatError> {
    let mut held: Vec<Batch> = tellings.iter().map(|_| Batch::default()).collect();
    loop {
        let mut earliest: BTreeSet<(i64, usize)> = BTreeSet::new();
        for ((number, batch), (union, is_wanted)) in held.iter_mut().enumerate().zip(tellings) {
            if batch.messages.is_empty() && !batch.is_last {
                batch.fill(union, is_wanted)?;
            }
            if let Some(message) = batch.messages.front() {
                let time = message.time.map_or(i64::MIN, Time::millis);
                earliest.insert((time, number));
            }
        }
        let Some((_, number)) = earliest.pop_first() else { return Ok(()) };
        let message = held.get_mut(number).and_then(|batch| batch.messages.pop_front());
        if !message.is_none_or(|message| visit(number, message)) {
            return Ok(());
        }
    }
}

#[derive(Default)]
struct Batch {
    messages: VecDeque<Message>,
    next: usize,
    is_last: bool,
}

impl Batch {
    fn fill(&mut self, union: &Union<'_>, is_wanted: &[bool]) -> Result<(), ChatError> {
        let (mut next, from) = (self.next, self.next);
        let messages = &mut self.messages;
        union.pick(is_wanted, &mut |number, message| {
            if number >= from {
                messages.push_back(message);
                next = number + 1;
            }
            messages.len() < BATCH_MESSAGES
        })?;
        self.next = next;
        self.is_last = self.messages.len() < BATCH_MESSAGES;
        Ok(())
    }
}

//! One conversation that lies in several places of a snapshot, told once.
//!
//! [`merge`] finds out which conversations are the same, [`Union`] tells one of them: each message once, in order. The
//! place that knows most is told as it is; of the others only what it lacks is put in between, by time. Of each
//! message but for a batch only its trace is kept: a million messages take 64 MB for each place.

mod union;

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::error::ChatError;
use crate::model::{App, Conversation, Time};
use crate::reader::{Chats, Range};
use crate::trace::{Trace, align};

pub use self::union::{Part, Union, interleave};

/// A conversation, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// As the first of its places has it, with the sums of the place that has most.
    pub conversation: Conversation,
    /// Numbers of the places, and what each says of it. The first one knows most.
    pub parts: Vec<(usize, Conversation)>,
}

impl Merged {
    fn new(place: usize, conversation: Conversation) -> Self {
        Self { conversation: conversation.clone(), parts: vec![(place, conversation)] }
    }

    fn add(&mut self, place: usize, part: Conversation) {
        let whole = &mut self.conversation;
        whole.messages = whole.messages.max(part.messages);
        whole.media = whole.media.max(part.media);
        let key = |time: &Time| time.millis();
        whole.first = whole.first.into_iter().chain(part.first).min_by_key(key);
        whole.last = whole.last.into_iter().chain(part.last).max_by_key(key);
        self.parts.push((place, part));
    }

    /// Its messages, of all its places. If one of them cannot be read, of the first one alone; and why.
    pub fn union<'a>(&'a self, places: &'a [Box<dyn Chats>]) -> (Union<'a>, Option<ChatError>) {
        let parts = self.parts.iter().filter_map(|(place, part)| {
            let chats = places.get(*place)?.as_ref();
            Some(Part { chats, id: &part.id })
        });
        let parts: Vec<Part<'_>> = parts.collect();
        let first = parts.first().copied();
        match (Union::new(parts), first) {
            (Ok(union), _) => (union, None),
            (Err(error), first) => (Union::alone(first), Some(error)),
        }
    }

    /// Whether both are the same conversation, told by two snapshots.
    pub fn is_same(&self, other: &Self) -> bool {
        self.conversation.app == other.conversation.app
            && self.parts.iter().any(|(_, one)| other.parts.iter().any(|(_, two)| one.id == two.id))
    }
}

/// How much a place knows: a database has ids, times of a zone, and what exports leave out.
fn rank(place: &dyn Chats) -> u8 {
    match place.found().form {
        "database" => 0,
        "calls" => 2,
        _ => 1,
    }
}

/// So many messages at the end of an export are compared with a database.
const PROBE_MESSAGES: u64 = 200;
/// With fewer messages on either side nothing can be told.
const PROBE_MIN: usize = 5;
/// An export may be of another zone.
const PROBE_MARGIN_MS: i64 = 26 * 3_600_000;

/// Puts together what is the same conversation.
///
/// Conversations of one app with one id are the same. An export has no id, only a name: it is the conversation of a
/// database that alone is called like this, unless neither has anything that the other has of the same days.
pub fn merge(places: &[Box<dyn Chats>], found: Vec<(usize, Conversation)>) -> Vec<Merged> {
    let known = |place: usize| places.get(place).map(Box::as_ref);
    let mut found = found;
    // Stable: of two that know as much the one that was spoken in last comes first.
    found.sort_by_key(|(place, one)| {
        let rank = known(*place).map_or(u8::MAX, rank);
        (rank, Reverse(one.last.map(Time::millis)))
    });
    let mut all: Vec<Merged> = Vec::new();
    let mut by_id: HashMap<(App, String), usize> = HashMap::new();
    let mut named = Vec::new();
    for (place, one) in found {
        let key = (one.app, one.id.clone());
        let is_free = |at: &usize| {
            all.get(*at)
                .is_some_and(|known: &Merged| known.parts.iter().all(|part| part.0 != place))
        };
        if let Some(at) = by_id.get(&key).copied().filter(is_free) {
            all.get_mut(at).into_iter().for_each(|known| known.add(place, one.clone()));
        } else if known(place).is_some_and(|chats| chats.found().form == "export") {
            named.push((place, one));
        } else {
            by_id.insert(key, all.len());
            all.push(Merged::new(place, one));
        }
    }
    for (place, one) in named {
        match home(places, &all, (place, &one)).and_then(|at| all.get_mut(at)) {
            Some(home) => home.add(place, one),
            None => all.push(Merged::new(place, one)),
        }
    }
    all
}

/// The conversation that an export is of.
fn home(
    places: &[Box<dyn Chats>],
    all: &[Merged],
    (place, export): (usize, &Conversation),
) -> Option<usize> {
    let name = export.name.trim().to_lowercase();
    let is_called = |one: &Merged| {
        one.conversation.app == export.app
            && (one.conversation.id == export.id
                || one.conversation.name.trim().to_lowercase() == name)
    };
    let mut fitting = all.iter().enumerate().filter(|(_, one)| is_called(one));
    let (at, only) = fitting.next().filter(|_| !name.is_empty())?;
    if fitting.next().is_some() {
        return None;
    }
    let (first, head) = only.parts.first()?;
    let known = Part { chats: places.get(*first)?.as_ref(), id: &head.id };
    let told = Part { chats: places.get(place)?.as_ref(), id: &export.id };
    is_plausible(&known, &told).then_some(at)
}

/// Two people may be called the same. Those who wrote at the same time, and nothing alike, are two.
fn is_plausible(known: &Part<'_>, told: &Part<'_>) -> bool {
    let range = Range { last: Some(PROBE_MESSAGES), ..Range::default() };
    let Ok(tail) = traces(told, range) else { return false };
    let times = || tail.iter().filter_map(Trace::time);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return false };
    let since = Some(Time::Utc(first.saturating_sub(PROBE_MARGIN_MS)));
    let until = Some(Time::Utc(last.saturating_add(PROBE_MARGIN_MS)));
    let Ok(same_days) = traces(known, Range { since, until, last: None }) else { return false };
    let said = |traces: &[Trace]| traces.iter().filter(|trace| !trace.is_system()).count();
    said(&tail) < PROBE_MIN
        || said(&same_days) < PROBE_MIN
        || align(&same_days, &tail).later.iter().any(Option::is_some)
}

fn traces(part: &Part<'_>, range: Range) -> Result<Vec<Trace>, ChatError> {
    let mut traces = Vec::new();
    part.chats.messages(part.id, range, &mut |message| {
        traces.push(Trace::of(&message));
        true
    })?;
    Ok(traces)
}

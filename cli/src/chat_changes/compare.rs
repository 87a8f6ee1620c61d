//! What became of each conversation between two snapshots.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::rc::Rc;

use heirloom_chats::error::ChatError;
use heirloom_chats::merge::Merged;
use heirloom_chats::model::{App, Message, Time};
use heirloom_chats::trace::{Alignment, Became, Trace, align};

use super::moments::{Changed, Moment, Opener, has_other_names};
use crate::chats::named;
use crate::failure::Failure;

/// So many changes of one conversation are shown; more are only counted.
const LISTED_MAX: usize = 10_000;

/// A conversation as the last snapshot that could be read has it.
#[derive(Clone)]
pub(super) struct State {
    pub(super) moment: Rc<Moment>,
    pub(super) at: usize,
    pub(super) traces: Rc<Vec<Trace>>,
}

impl State {
    pub(super) fn one(&self) -> Option<&Merged> {
        self.moment.seen.conversations.get(self.at)
    }

    /// Reads a conversation.
    pub(super) fn read(moment: &Rc<Moment>, at: usize) -> Result<Self, ChatError> {
        let traces = match moment.seen.conversations.get(at) {
            Some(one) => {
                let (union, fault) = one.union(&moment.seen.places);
                fault.map_or_else(|| union.traces(), Err)?
            }
            None => Vec::new(),
        };
        Ok(Self { moment: Rc::clone(moment), at, traces: Rc::new(traces) })
    }

    /// Messages that a person said.
    pub(super) fn said(&self) -> u64 {
        number(self.traces.iter().filter(|trace| !trace.is_system()).count())
    }
}

pub(super) fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Which conversations are looked at.
pub(super) enum Wanted {
    All,
    /// The first one that is called like this.
    Called(String),
    One(Box<Merged>),
}

impl Wanted {
    pub(super) fn new(name: Option<&str>) -> Self {
        name.map_or(Self::All, |name| Self::Called(name.to_owned()))
    }

    /// The numbers of the wanted ones in a snapshot.
    pub(super) fn of(&mut self, moment: &Moment) -> Result<Vec<usize>, Failure> {
        let all = &moment.seen.conversations;
        if let Self::Called(name) = self {
            match named(all, name) {
                Ok(one) => *self = Self::One(Box::new(one.clone())),
                Err(Failure::Chats(crate::chats::ChatsFailure::NoSuchChat { .. })) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(match self {
            Self::All => (0..all.len()).collect(),
            Self::Called(_) => Vec::new(),
            Self::One(wanted) => (0..all.len())
                .filter(|at| all.get(*at).is_some_and(|one| one.is_same(wanted)))
                .collect(),
        })
    }

    /// A name that no snapshot knows is a mistake.
    pub(super) fn check(self) -> Result<(), Failure> {
        match self {
            Self::Called(name) => Err(crate::chats::ChatsFailure::NoSuchChat { name }.into()),
            Self::All | Self::One(_) => Ok(()),
        }
    }
}

/// Conversations by all names that their places have for them.
#[derive(Default)]
pub(super) struct Known {
    states: Vec<Option<State>>,
    by_id: HashMap<(App, String), usize>,
}

impl Known {
    pub(super) fn insert(&mut self, state: State) {
        let number = self.states.len();
        let parts = state.one().into_iter().flat_map(|one| &one.parts);
        self.by_id.extend(parts.map(|(_, part)| ((part.app, part.id.clone()), number)));
        self.states.push(Some(state));
    }

    /// Takes the one that is the same conversation out.
    pub(super) fn take(&mut self, one: &Merged) -> Option<State> {
        let mut parts = one.parts.iter();
        parts.find_map(|(_, part)| {
            let number = self.by_id.get(&(part.app, part.id.clone()))?;
            self.states.get_mut(*number)?.take()
        })
    }

    pub(super) fn rest(self) -> impl Iterator<Item = State> {
        self.states.into_iter().flatten()
    }
}

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    New,
    Edited,
    /// It was taken back; that it was there is still said.
    Revoked,
    /// It is no longer there.
    Gone,
    /// Its file is no longer there.
    MediaGone,
}

/// A change, with what is needed to show it.
pub(super) struct Change {
    pub(super) what: What,
    pub(super) before: Option<Message>,
    pub(super) after: Option<Message>,
}

impl Change {
    fn time(&self) -> Option<i64> {
        let message = self.before.as_ref().or(self.after.as_ref());
        message.and_then(|message| message.time).map(Time::millis)
    }
}

/// What became of a conversation.
pub(super) enum Fate {
    /// It was not there before.
    New { messages: u64 },
    /// It is no longer there.
    Vanished { messages: u64 },
    /// Messages of it changed.
    Changed { counts: BTreeMap<What, u64>, changes: Vec<Change> },
}

/// One conversation of which something changed.
pub(super) struct Report {
    pub(super) one: Merged,
    pub(super) fate: Fate,
}

/// Compares the conversations that were known with those of the next snapshot.
pub(super) fn step(
    opener: &mut Opener,
    mut known: Known,
    (next, wanted): (&Rc<Moment>, &[usize]),
    changed: &Changed,
    shows_new: bool,
) -> (Known, Vec<Report>) {
    let (mut after, mut reports) = (Known::default(), Vec::new());
    for at in wanted {
        let Some(one) = next.seen.conversations.get(*at) else { continue };
        let before = known.take(one);
        match compare_one(before.as_ref(), (next, *at), changed, shows_new) {
            Ok((state, fate)) => {
                reports.extend(fate.map(|fate| Report { one: one.clone(), fate }));
                after.insert(state);
            }
            Err(fault) => {
                opener.tell_fault(Some(fault));
                if let Some(before) = before {
                    after.insert(before);
                }
            }
        }
    }
    for gone in known.rest() {
        let Some(one) = gone.one().cloned() else { continue };
        // What cannot be read now is not gone.
        if next.may_hide(&gone.moment, &one) {
            after.insert(gone);
        } else if gone.said() > 0 {
            let messages = gone.said();
            reports.push(Report { one, fate: Fate::Vanished { messages } });
        }
    }
    reports.sort_by(|a, b| a.one.conversation.name.cmp(&b.one.conversation.name));
    (after, reports)
}

fn compare_one(
    before: Option<&State>,
    (next, at): (&Rc<Moment>, usize),
    changed: &Changed,
    shows_new: bool,
) -> Result<(State, Option<Fate>), ChatError> {
    let Some(before) = before else {
        let state = State::read(next, at)?;
        let messages = state.said();
        return Ok((state, (messages > 0).then_some(Fate::New { messages })));
    };
    let lost = lost_names(before, changed);
    let is_touched = is_touched(before, (next, at), changed);
    let after = if is_touched {
        State::read(next, at)?
    } else {
        State { moment: Rc::clone(next), at, traces: Rc::clone(&before.traces) }
    };
    if !is_touched && !lost.is_some_any() {
        return Ok((after, None));
    }
    let comparison = Comparison::new(before, &after, &lost);
    let fate = comparison.fate(shows_new)?;
    Ok((after, fate))
}

/// Whether a file of the conversation changed, or it lies elsewhere now.
pub(super) fn is_touched(before: &State, (next, at): (&Moment, usize), changed: &Changed) -> bool {
    let (Some(old), Some(new)) = (before.one(), next.seen.conversations.get(at)) else {
        return true;
    };
    let old: Vec<_> = places(&before.moment, old).collect();
    let new: Vec<_> = places(next, new).collect();
    old.iter().map(|found| &found.path).ne(new.iter().map(|found| &found.path))
        || new.iter().any(|found| changed.touches(found))
}

fn places<'a>(
    moment: &'a Moment,
    one: &'a Merged,
) -> impl Iterator<Item = &'a heirloom_chats::model::Found> + Clone {
    one.parts.iter().filter_map(|(place, _)| Some(moment.seen.places.get(*place)?.found()))
}

/// Which files of messages may be gone.
pub(super) enum Lost<'a> {
    Names(HashSet<&'a OsStr>),
    /// What is gone has other names than messages say.
    Any,
}

impl Lost<'_> {
    pub(super) fn is_some_any(&self) -> bool {
        match self {
            Self::Names(names) => !names.is_empty(),
            Self::Any => true,
        }
    }

    pub(super) fn may_have(&self, message: &Message) -> bool {
        match self {
            Self::Any => !message.media.is_empty(),
            Self::Names(names) => message.media.iter().any(|media| {
                let name = media.path.as_deref().and_then(|path| path.file_name());
                name.is_some_and(|name| names.contains(name))
            }),
        }
    }
}

pub(super) fn lost_names<'a>(before: &'a State, changed: &'a Changed) -> Lost<'a> {
    let Some(one) = before.one() else { return Lost::Names(HashSet::new()) };
    let found = places(&before.moment, one);
    let names = changed.lost_names(found.clone());
    if !names.is_empty() && found.clone().any(has_other_names) {
        return Lost::Any;
    }
    Lost::Names(names)
}

/// Two tellings of one conversation.
struct Comparison<'a> {
    before: &'a State,
    after: &'a State,
    alignment: Alignment,
    lost: &'a Lost<'a>,
}

impl<'a> Comparison<'a> {
    fn new(before: &'a State, after: &'a State, lost: &'a Lost<'a>) -> Self {
        let alignment = if Rc::ptr_eq(&before.traces, &after.traces) {
            Alignment::same(before.traces.len())
        } else {
            align(&before.traces, &after.traces)
        };
        Self { before, after, alignment, lost }
    }

    /// What became of each message that both may tell, or only the earlier telling.
    fn whats(&self) -> Vec<Option<What>> {
        let begin = beginning(&self.after.traces);
        let whats = self.before.traces.iter().zip(&self.alignment.later).map(|(trace, later)| {
            match later.and_then(|later| self.after.traces.get(later)) {
                Some(later) => match trace.became(later) {
                    Became::Same => None,
                    Became::Edited => Some(What::Edited),
                    Became::Revoked => Some(What::Revoked),
                },
                // What the app itself says comes and goes. An export may begin later than the one before.
                None if trace.is_system()
                    || begin.is_some_and(|begin| trace.time() < Some(begin)) =>
                {
                    None
                }
                None => Some(What::Gone),
            }
        });
        whats.collect()
    }

    fn fate(&self, shows_new: bool) -> Result<Option<Fate>, ChatError> {
        let whats = self.whats();
        let mut counts: BTreeMap<What, u64> = BTreeMap::new();
        for what in whats.iter().flatten() {
            *counts.entry(*what).or_default() += 1;
        }
        let is_new: Vec<bool> = self
            .alignment
            .is_known
            .iter()
            .zip(self.after.traces.iter())
            .map(|(is_known, trace)| !is_known && !trace.is_system())
            .collect();
        let new = number(is_new.iter().filter(|is_new| **is_new).count());
        if new > 0 {
            counts.insert(What::New, new);
        }
        let mut changes = self.changes_of_old(&whats, &mut counts)?;
        self.add_new_sides(&mut changes, shows_new.then_some(&is_new))?;
        let mut changes: Vec<Change> = changes.into_iter().map(|(_, change)| change).collect();
        changes.sort_by_key(Change::time);
        Ok((!counts.is_empty()).then_some(Fate::Changed { counts, changes }))
    }

    /// The earlier form of what changed. On the way, files that are gone are looked for.
    fn changes_of_old(
        &self,
        whats: &[Option<What>],
        counts: &mut BTreeMap<What, u64>,
    ) -> Result<Vec<(Option<usize>, Change)>, ChatError> {
        let (Some(old), Some(new)) = (self.before.one(), self.after.one()) else {
            return Ok(Vec::new());
        };
        let (old, _) = old.union(&self.before.moment.seen.places);
        let (new, _) = new.union(&self.after.moment.seen.places);
        let looks_for_files = self.lost.is_some_any();
        let traces = self.before.traces.iter();
        let is_wanted: Vec<bool> = whats
            .iter()
            .zip(traces)
            .map(|(what, trace)| what.is_some() || looks_for_files && trace.has_media())
            .collect();
        let (mut changes, mut failed) = (Vec::new(), None);
        old.pick(&is_wanted, &mut |at, message| {
            let what = whats.get(at).copied().flatten();
            let what = match what {
                None if self.lost.may_have(&message) => match lost_media(&message, &old, &new) {
                    Ok(is_lost) => is_lost.then_some(What::MediaGone),
                    Err(error) => {
                        failed = Some(error);
                        return false;
                    }
                },
                what => what,
            };
            let Some(what) = what else { return true };
            if what == What::MediaGone {
                *counts.entry(what).or_default() += 1;
            }
            if changes.len() < LISTED_MAX {
                let later = self.alignment.later.get(at).copied().flatten();
                changes.push((later, Change { what, before: Some(message), after: None }));
            }
            true
        })?;
        failed.map_or(Ok(changes), Err)
    }

    /// The later form of what was edited, and what is new.
    fn add_new_sides(
        &self,
        changes: &mut Vec<(Option<usize>, Change)>,
        is_new: Option<&Vec<bool>>,
    ) -> Result<(), ChatError> {
        let Some(new) = self.after.one() else { return Ok(()) };
        let (new, _) = new.union(&self.after.moment.seen.places);
        let edited: HashMap<usize, usize> = changes
            .iter()
            .enumerate()
            .filter(|(_, (_, change))| change.what == What::Edited)
            .filter_map(|(number, (later, _))| Some(((*later)?, number)))
            .collect();
        let shown = |at: usize| is_new.is_some_and(|is_new| is_new.get(at) == Some(&true));
        let is_wanted: Vec<bool> =
            (0..self.after.traces.len()).map(|at| edited.contains_key(&at) || shown(at)).collect();
        new.pick(&is_wanted, &mut |at, message| {
            if let Some((_, change)) = edited.get(&at).and_then(|number| changes.get_mut(*number)) {
                change.after = Some(message);
            } else if changes.len() < LISTED_MAX {
                changes
                    .push((None, Change { what: What::New, before: None, after: Some(message) }));
            }
            true
        })
    }
}

/// Where an export begins: what was before is not gone, it was not exported. A database has everything.
fn beginning(traces: &[Trace]) -> Option<i64> {
    let is_export = !traces.is_empty() && !traces.iter().any(Trace::has_id);
    let first = traces.iter().filter_map(Trace::time).min();
    first.filter(|_| is_export)
}

/// Whether a file of a message was there, and is no longer.
pub(super) fn lost_media(
    message: &Message,
    old: &heirloom_chats::merge::Union<'_>,
    new: &heirloom_chats::merge::Union<'_>,
) -> Result<bool, ChatError> {
    for media in &message.media {
        if old.find_media(media)?.is_some() && new.find_media(media)?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

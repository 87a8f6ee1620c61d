//! `heirloom chats recover`: what older snapshots have of the conversations, and the newest has not.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use heirloom_chats::error::ChatError;
use heirloom_chats::merge::{Merged, Union, interleave};
use heirloom_chats::model::Message;
use heirloom_chats::trace::{Became, Trace, align};
use serde_json::json;

use super::compare::{Lost, State, Wanted, is_touched, lost_media, lost_names};
use super::flags::ChatsRecoverArgs;
use super::moments::{Changed, Moment, Opener};
use super::words;
use crate::chats::export::{MediaFolder, Origin, Saved, Sink, Target};
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure};
use crate::output::Event;
use crate::render::numbers::counted;
use crate::settings::Settings;

/// What was found of one conversation.
struct Find {
    one: Merged,
    /// What each snapshot has of it that no newer one has.
    sources: Vec<(Rc<Moment>, usize, Vec<bool>)>,
    traces: Vec<Trace>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Written {
    conversations: u64,
    messages: u64,
    media: u64,
    missing: u64,
}

pub(crate) fn run(settings: &Settings, arguments: &ChatsRecoverArgs) -> Result<Exit, Failure> {
    let mut opener = Opener::new(settings, &arguments.keys)?;
    let mut line = opener.line(&arguments.pick)?;
    let target = Target::new(&arguments.target)?;
    let Some(newest) = line.pop() else { return Err(ChoiceFailure::NoSnapshots.into()) };
    if let Some(since) = arguments.since {
        let since = i64::try_from(since.as_nanosecond()).unwrap_or(i64::MAX);
        line.retain(|snapshot| snapshot.record.time >= since);
    }
    let mut search = Search {
        newest: opener.open(&newest, &[])?,
        wanted: Wanted::new(arguments.chat.as_deref()),
        known: HashMap::new(),
        finds: Vec::new(),
    };
    search.wanted.of(&search.newest)?;
    let mut last = Rc::clone(&search.newest);
    for snapshot in line.iter().rev() {
        let changed = opener.changed(snapshot.record.root, last.root, &[]);
        if !changed.is_empty() {
            let older = opener.open(snapshot, &[])?;
            search.look_into(&mut opener, &older, (&last, &changed))?;
            last = older;
        }
    }
    let Search { wanted, finds, .. } = search;
    wanted.check()?;
    let mut written = Written::default();
    let mut folders = MediaFolder::new(&target.0);
    for find in finds {
        let folder = if arguments.chat.is_some() {
            Target(target.0.clone())
        } else {
            let name = folders.folder_name(&find.one.conversation.name);
            Target::new(&target.0.join(name))?
        };
        write(&mut opener, &find, &folder, arguments, &mut written)?;
    }
    tell(&opener, &target, written)
}

struct Search {
    newest: Rc<Moment>,
    wanted: Wanted,
    /// What the newest snapshot has of conversations that were compared.
    known: HashMap<usize, State>,
    finds: Vec<Find>,
}

impl Search {
    fn look_into(
        &mut self,
        opener: &mut Opener,
        older: &Rc<Moment>,
        (newer, changed): (&Rc<Moment>, &Changed),
    ) -> Result<(), Failure> {
        let since = opener.changed(older.root, self.newest.root, &[]);
        for at in self.wanted.of(older)? {
            let Some(one) = older.seen.conversations.get(at) else { continue };
            // Nobody knows what the newest snapshot has, if it cannot be read.
            let is_hidden = self.place_in_newest(one).is_none() && self.newest.may_hide(older, one);
            if is_hidden || has_nothing_more(older, at, (newer, changed)) {
                continue;
            }
            if let Err(fault) = self.compare(older, (at, one), &since) {
                opener.tell_fault(Some(fault));
            }
        }
        Ok(())
    }

    fn place_in_newest(&self, one: &Merged) -> Option<usize> {
        self.newest.seen.conversations.iter().position(|newest| newest.is_same(one))
    }

    /// What the newest snapshot has of a conversation; read once.
    fn state_in_newest(&mut self, one: &Merged) -> Result<Option<State>, ChatError> {
        let Some(place) = self.place_in_newest(one) else { return Ok(None) };
        if let Some(known) = self.known.get(&place) {
            return Ok(Some(known.clone()));
        }
        let read = State::read(&self.newest, place)?;
        self.known.insert(place, read.clone());
        Ok(Some(read))
    }

    fn compare(
        &mut self,
        older: &Rc<Moment>,
        (at, one): (usize, &Merged),
        since: &Changed,
    ) -> Result<(), ChatError> {
        let state = State::read(older, at)?;
        let newest = self.state_in_newest(one)?;
        let lost = lost_names(&state, since);
        let mut is_wanted = missing(&state, newest.as_ref());
        add_lost_media(&state, newest.as_ref(), &lost, &mut is_wanted)?;
        let position = self.finds.iter().position(|find| find.one.is_same(one));
        let found = position.and_then(|at| self.finds.get(at)).map(|find| &find.traces);
        let chosen = not_found_yet(&state, is_wanted, found);
        let traces = state.traces.iter().zip(&chosen).filter(|(_, is_wanted)| **is_wanted);
        let traces: Vec<Trace> = traces.map(|(trace, _)| *trace).collect();
        if traces.is_empty() {
            return Ok(());
        }
        let source = (Rc::clone(older), at, chosen);
        match position.and_then(|at| self.finds.get_mut(at)) {
            Some(find) => {
                find.sources.push(source);
                find.traces.extend(traces);
            }
            None => self.finds.push(Find { one: one.clone(), sources: vec![source], traces }),
        }
        Ok(())
    }
}

/// Whether a newer snapshot, which was looked into, has the same files of a conversation.
fn has_nothing_more(
    older: &Rc<Moment>,
    at: usize,
    (newer, changed): (&Rc<Moment>, &Changed),
) -> bool {
    let state = State { moment: Rc::clone(older), at, traces: Rc::default() };
    let Some(one) = state.one() else { return true };
    let same = newer.seen.conversations.iter().position(|other| other.is_same(one));
    let is_untouched = same.is_some_and(|same| !is_touched(&state, (newer, same), changed));
    is_untouched && !lost_names(&state, changed).is_some_any()
}

/// What the newest snapshot does not say, or only says that it was taken back.
fn missing(older: &State, newest: Option<&State>) -> Vec<bool> {
    let newest = newest.map(|newest| newest.traces.as_slice()).unwrap_or_default();
    let alignment = align(&older.traces, newest);
    let is_missing = |(trace, later): (&Trace, &Option<usize>)| {
        let later = later.and_then(|later| newest.get(later));
        let is_said = later.is_some_and(|later| trace.became(later) != Became::Revoked);
        !is_said && !trace.is_system() && !trace.is_deleted()
    };
    older.traces.iter().zip(&alignment.later).map(is_missing).collect()
}

/// Messages that are still there, but without their files.
fn add_lost_media(
    older: &State,
    newest: Option<&State>,
    lost: &Lost<'_>,
    is_wanted: &mut [bool],
) -> Result<(), ChatError> {
    let (Some(old), Some((newest, new))) =
        (older.one(), newest.and_then(|newest| Some((newest, newest.one()?))))
    else {
        return Ok(());
    };
    if !lost.is_some_any() {
        return Ok(());
    }
    let (old, _) = old.union(&older.moment.seen.places);
    let (new, _) = new.union(&newest.moment.seen.places);
    let traces = older.traces.iter().zip(is_wanted.iter());
    let may_be: Vec<bool> =
        traces.map(|(trace, is_wanted)| trace.has_media() && !is_wanted).collect();
    let mut failed = None;
    old.pick(&may_be, &mut |at, message| {
        if !lost.may_have(&message) {
            return true;
        }
        match lost_media(&message, &old, &new) {
            Ok(is_lost) => {
                is_wanted.get_mut(at).into_iter().for_each(|is_wanted| *is_wanted = is_lost);
                true
            }
            Err(error) => {
                failed = Some(error);
                false
            }
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// Leaves out what a newer snapshot had, too.
fn not_found_yet(older: &State, is_wanted: Vec<bool>, found: Option<&Vec<Trace>>) -> Vec<bool> {
    let Some(found) = found else { return is_wanted };
    let is_known = align(found, &older.traces).is_known;
    is_wanted.iter().zip(is_known).map(|(is_wanted, is_known)| *is_wanted && !is_known).collect()
}

/// Writes what was found of one conversation, by time, and says of each part which snapshot it comes from.
fn write(
    opener: &mut Opener,
    find: &Find,
    target: &Target,
    arguments: &ChatsRecoverArgs,
    written: &mut Written,
) -> Result<(), Failure> {
    let mut tellings = Vec::new();
    let mut origins = Vec::new();
    for (moment, at, is_wanted) in &find.sources {
        let Some(one) = moment.seen.conversations.get(*at) else { continue };
        let (union, fault) = one.union(&moment.seen.places);
        opener.tell_fault(fault);
        tellings.push((union, is_wanted.clone()));
        let snapshot = moment.snapshot.to_string();
        let words = words::origin(moment.time.into(), &snapshot);
        origins.push(Origin { snapshot, words });
    }
    let mut sink = target.sink(arguments.format, &find.one.conversation)?;
    let mut media = (!arguments.no_media).then(|| MediaFolder::new(&target.0));
    let (mut last, mut broken) = (None, None);
    let read = interleave(&tellings, &mut |number, message| {
        let (Some(origin), Some((union, _))) = (origins.get(number), tellings.get(number)) else {
            return true;
        };
        let is_other = last.replace(number) != Some(number);
        let origin = is_other.then_some(origin);
        broken = put(&mut *sink, (origin, union), media.as_mut(), &message, written).err();
        broken.is_none()
    });
    if let Some(error) = broken {
        return Err(target.failure(error));
    }
    opener.tell_fault(read.err());
    sink.finish().map_err(|error| target.failure(error))?;
    written.conversations += 1;
    Ok(())
}

fn put(
    sink: &mut dyn Sink,
    (origin, union): (Option<&Origin>, &Union<'_>),
    mut media: Option<&mut MediaFolder>,
    message: &Message,
    written: &mut Written,
) -> io::Result<()> {
    if let Some(origin) = origin {
        sink.origin(origin)?;
        if let Some(media) = &mut media {
            media.forget_paths();
        }
    }
    let mut saved = Vec::with_capacity(message.media.len());
    for one in &message.media {
        let file = media.as_mut().map_or(Ok(Saved::LeftOut), |folder| folder.save(union, one))?;
        written.media += u64::from(matches!(file, Saved::File { .. }));
        written.missing += u64::from(matches!(file, Saved::Missing));
        saved.push(file);
    }
    written.messages += 1;
    sink.message(message, &saved)
}

fn tell(opener: &Opener, target: &Target, written: Written) -> Result<Exit, Failure> {
    let output = opener.output;
    if written.messages == 0 {
        output.done("the newest snapshot has everything that the older ones have\n")?;
    } else {
        let mut parts = vec![
            counted(written.messages, "message", "messages"),
            counted(written.media, "media file", "media files"),
        ];
        if written.missing > 0 {
            parts.push(format!("{} that no snapshot has", written.missing));
        }
        let of = counted(written.conversations, "conversation", "conversations");
        let target = crate::render::names::path(&target.0);
        output.done(&format!("{} of {of} in {target}\n", parts.join(", ")))?;
    }
    opener.store.tell_traffic(output)?;
    let fields = json!({
        "target": target.0.to_string_lossy(),
        "conversations": written.conversations,
        "messages": written.messages,
        "media": written.media,
        "missing": written.missing,
    });
    output.event(Event::Summary, "chats.recovered", opener.store.with_traffic(fields))?;
    let nothing = if written.messages == 0 { Exit::NothingToDo } else { Exit::Success };
    Ok(choose::worse(nothing, opener.exit))
}

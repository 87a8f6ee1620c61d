//! `heirloom chats timeline` and `heirloom chats diff`.

use std::rc::Rc;

use super::compare::{Known, State, Wanted, step};
use super::flags::{ChatsDiffArgs, ChatsTimelineArgs};
use super::moments::{Moment, Opener};
use super::tell::Teller;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::history::HistoryFailure;
use crate::settings::Settings;
use heirloom_engine::snapshot::Snapshot;

pub(crate) fn timeline(
    settings: &Settings,
    arguments: &ChatsTimelineArgs,
) -> Result<Exit, Failure> {
    let opener = Opener::new(settings, &arguments.keys)?;
    let mut line = opener.line(&arguments.pick)?;
    let ns = |time: jiff::Timestamp| i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX);
    if let Some(until) = arguments.until {
        line.retain(|snapshot| snapshot.record.time <= ns(until));
    }
    if let Some(since) = arguments.since {
        // The last one before is what the first one is compared with.
        let first = line.iter().rposition(|snapshot| snapshot.record.time < ns(since));
        line.drain(..first.unwrap_or(0));
    }
    let teller = Teller::new(settings.output, &arguments.only.only);
    walk(opener, &line, &[], Wanted::new(arguments.chat.as_deref()), teller)
}

pub(crate) fn diff(settings: &Settings, arguments: &ChatsDiffArgs) -> Result<Exit, Failure> {
    let key = match (&arguments.before.path, &arguments.after.path) {
        (Some(one), Some(other)) if one != other => return Err(HistoryFailure::Paths.into()),
        (Some(_), _) => arguments.before.key(),
        (None, _) => arguments.after.key(),
    };
    let opener = Opener::new(settings, &arguments.keys)?;
    let before = choose::one(&opener.snapshots, &arguments.before)?.clone();
    let after = choose::one(&opener.snapshots, &arguments.after)?.clone();
    let teller = Teller::new(settings.output, &arguments.only.only);
    let wanted = Wanted::new(arguments.chat.as_deref());
    walk(opener, &[before, after], &key, wanted, teller)
}

/// From snapshot to snapshot.
fn walk(
    mut opener: Opener,
    line: &[Snapshot],
    key: &[u8],
    mut wanted: Wanted,
    mut teller: Teller,
) -> Result<Exit, Failure> {
    let Some((first, others)) = line.split_first() else {
        return Err(crate::failure::ChoiceFailure::NoSnapshots.into());
    };
    let mut last = opener.open(first, key)?;
    let mut known = read_all(&mut opener, &last, &mut wanted)?;
    for snapshot in others {
        teller.count_snapshot();
        let changed = opener.changed(last.root, snapshot.record.root, key);
        if changed.is_empty() {
            continue;
        }
        let next = opener.open(snapshot, key)?;
        let numbers = wanted.of(&next)?;
        let shows_new = teller.shows_new();
        let (after, reports) = step(&mut opener, known, (&next, &numbers), &changed, shows_new);
        teller.tell((&last, &next), &reports)?;
        (known, last) = (after, next);
    }
    wanted.check()?;
    teller.finish(&opener.store)?;
    Ok(opener.exit)
}

/// Where everything begins.
fn read_all(
    opener: &mut Opener,
    moment: &Rc<Moment>,
    wanted: &mut Wanted,
) -> Result<Known, Failure> {
    let mut known = Known::default();
    for at in wanted.of(moment)? {
        match State::read(moment, at) {
            Ok(state) => known.insert(state),
            Err(fault) => opener.tell_fault(Some(fault)),
        }
    }
    Ok(known)
}

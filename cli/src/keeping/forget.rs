//! `heirloom forget`.

use heirloom_engine::id::SessionId;
use heirloom_engine::repository::{Repository, Snapshots};
use heirloom_engine::snapshot::{Pick, Selector, Snapshot};
use serde_json::json;

use super::{KeepingFailure, Rules, filter, saying, words};
use crate::args::forget::ForgetArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::settings::Settings;
use crate::store::Store;
use crate::system::return_large_memory;
use crate::upkeep;

pub(crate) fn run(settings: &Settings, arguments: &ForgetArgs) -> Result<Exit, Failure> {
    check(arguments)?;
    return_large_memory();
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    if !arguments.lost.is_empty() {
        return lost(settings, &repository, arguments);
    }
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let done = if arguments.snapshots.is_empty() {
        by_rules(settings, &repository, &snapshots, arguments)?
    } else {
        by_name(settings, &repository, &snapshots, arguments)?
    };
    store.tell_traffic(settings.output)?;
    let ids: Vec<String> = done.forgotten.iter().map(ToString::to_string).collect();
    let fields = json!({
        "considered": done.considered,
        "kept": done.considered - ids.len(),
        "forgotten": ids,
        "dry_run": arguments.dry_run,
        "reason": done.reason,
    });
    let id = if arguments.dry_run { "forget.dry-run" } else { "forget.done" };
    settings.output.event(Event::Summary, id, store.with_traffic(fields))?;
    if !arguments.prune {
        return Ok(exit);
    }
    let without = if arguments.dry_run { done.forgotten } else { Vec::new() };
    let how = (&arguments.how, arguments.dry_run);
    Ok(choose::worse(exit, upkeep::prune::without(settings, (&store, &repository), how, without)?))
}

/// Snapshots that are gone from the store go on record as forgotten, so that nobody misses them any more.
fn lost(
    settings: &Settings,
    repository: &Repository,
    arguments: &ForgetArgs,
) -> Result<Exit, Failure> {
    let snapshots = repository.snapshots()?;
    let present = [&snapshots.taken, &snapshots.disputed, &snapshots.forgotten];
    let is_there =
        |id: &&SessionId| present.iter().any(|all| all.iter().any(|one| one.session == **id));
    if let Some(id) = arguments.lost.iter().find(is_there) {
        return Err(KeepingFailure::NotLost { snapshot: *id }.into());
    }
    let reason = arguments.reason.clone().unwrap_or_else(|| "lost from the store".to_owned());
    repository.forget(&arguments.lost, &saying(reason.clone()))?;
    let ids: Vec<String> = arguments.lost.iter().map(ToString::to_string).collect();
    settings.output.done(&format!("On record as lost: {}\n", ids.join(", ")))?;
    let fields = json!({ "considered": ids.len(), "kept": 0, "forgotten": ids, "dry_run": false, "reason": reason });
    settings.output.event(Event::Summary, "forget.done", fields)?;
    Ok(Exit::Success)
}

/// What a run did, or would do.
struct Done {
    considered: usize,
    forgotten: Vec<SessionId>,
    reason: String,
}

/// Mistakes that must not cost a passphrase.
fn check(arguments: &ForgetArgs) -> Result<(), Failure> {
    let rules = &arguments.keep.rules;
    rules.check()?;
    if arguments.snapshots.is_empty() {
        return Ok(());
    }
    let has_rules = rules.policy().is_some() || rules.max_drop.is_some();
    if has_rules || !arguments.pick.is_empty() {
        return Err(KeepingFailure::NamesAndRules.into());
    }
    if arguments.snapshots.iter().any(|selector| selector.path.is_some()) {
        return Err(KeepingFailure::Path.into());
    }
    Ok(())
}

fn by_rules(
    settings: &Settings,
    repository: &Repository,
    snapshots: &Snapshots,
    arguments: &ForgetArgs,
) -> Result<Done, Failure> {
    let output = settings.output;
    let rules = Rules::find(repository, &arguments.keep, output)?;
    if rules.is_empty() {
        return Err(KeepingFailure::NoRules.into());
    }
    let filter = filter(&arguments.pick)?;
    let decision = rules.decide(&snapshots.taken, &filter, &arguments.keep);
    decision.show(output)?;
    decision.check()?;
    let forgotten: Vec<SessionId> = decision.dropped().map(|one| one.session).collect();
    let reason = arguments.reason.clone().unwrap_or_else(|| words::reason(&rules));
    let done = Done { considered: decision.total(), forgotten, reason };
    finish(settings, repository, arguments, done)
}

/// Whoever names a snapshot means it: neither pins nor shares are asked.
fn by_name(
    settings: &Settings,
    repository: &Repository,
    snapshots: &Snapshots,
    arguments: &ForgetArgs,
) -> Result<Done, Failure> {
    let mut named: Vec<&Snapshot> = Vec::new();
    for selector in &arguments.snapshots {
        named.push(find(snapshots, selector)?);
    }
    named.sort_unstable_by_key(|snapshot| (snapshot.record.time, snapshot.session));
    named.dedup_by_key(|snapshot| snapshot.session);
    settings.output.done(&words::named(&named))?;
    let reason = arguments.reason.clone().unwrap_or_else(|| "by name".to_owned());
    let forgotten: Vec<SessionId> = named.iter().map(|snapshot| snapshot.session).collect();
    let done = Done { considered: forgotten.len(), forgotten, reason };
    finish(settings, repository, arguments, done)
}

/// Disputed snapshots have no place among the newest, but can be forgotten by their ids.
fn find<'a>(snapshots: &'a Snapshots, selector: &Selector) -> Result<&'a Snapshot, Failure> {
    let Pick::Prefix(prefix) = &selector.pick else {
        return choose::one(&snapshots.taken, selector);
    };
    let disputed = snapshots.disputed.iter();
    let begins = |one: &&Snapshot| one.session.to_string().starts_with(prefix);
    let fitting: Vec<&Snapshot> = snapshots
        .taken
        .iter()
        .chain(disputed)
        .filter(|one| selector.label.is_none() || one.record.label == selector.label)
        .filter(begins)
        .collect();
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => choose::one(&snapshots.taken, selector),
        several => {
            let mut candidates: Vec<SessionId> = several.iter().map(|one| one.session).collect();
            candidates.sort_unstable();
            Err(choose::ambiguous(prefix.clone(), candidates))
        }
    }
}

fn finish(
    settings: &Settings,
    repository: &Repository,
    arguments: &ForgetArgs,
    done: Done,
) -> Result<Done, Failure> {
    if !arguments.dry_run && !done.forgotten.is_empty() {
        repository.forget(&done.forgotten, &saying(done.reason.clone()))?;
    }
    let ids = &done.forgotten;
    settings.output.done(&words::outcome(ids, done.considered, arguments.dry_run))?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use heirloom_engine::snapshot::Record;

    use super::*;
    use crate::failure::ChoiceFailure;

    fn snapshot(first: u8, last: u8) -> Snapshot {
        let mut id = [first; 16];
        id[15] = last;
        Snapshot { session: SessionId(id), record: Record::default(), record_bytes: Vec::new() }
    }

    fn named<'a>(snapshots: &'a Snapshots, name: &str) -> Result<&'a Snapshot, Failure> {
        find(snapshots, &Selector::parse(name).expect("a name"))
    }

    #[test]
    fn disputed_snapshots_are_found_by_their_ids_and_count_when_these_are_ambiguous() {
        let snapshots = Snapshots {
            taken: vec![snapshot(1, 1), snapshot(2, 1)],
            disputed: vec![snapshot(1, 2), snapshot(3, 1)],
            ..Snapshots::default()
        };
        assert_eq!(named(&snapshots, "0202").expect("one").session, snapshot(2, 1).session);
        assert_eq!(named(&snapshots, "0303").expect("one").session, snapshot(3, 1).session);
        let Err(Failure::Choice(ChoiceFailure::Ambiguous { name, candidates })) =
            named(&snapshots, "0101")
        else {
            panic!("not ambiguous");
        };
        assert_eq!((name.as_str(), candidates.len()), ("0101", 2));
        assert!(matches!(
            named(&snapshots, "0404"),
            Err(Failure::Choice(ChoiceFailure::NoSnapshot { .. }))
        ));
        assert_eq!(named(&snapshots, "latest").expect("one").session, snapshot(2, 1).session);
    }
}

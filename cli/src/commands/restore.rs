//! `heirloom restore`.

pub(crate) mod select;
mod turns;

use std::path::PathBuf;

use heirloom_engine::repository::Repository;
use heirloom_engine::restore::{self, Accounts, Overwrite, Owner, RestoreOptions, RestoreReport};
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::key_from_path;

use self::select::Patterns;
pub(crate) use self::turns::First;
use super::choose;
use crate::args::restore::{Overwrite as OverwriteFlag, RestoreArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::progress::Meter;
use crate::render::restore as words;
use crate::settings::Settings;
use crate::store::Store;
use crate::system::watch_interrupts;

pub(crate) fn run(settings: &Settings, arguments: &RestoreArgs) -> Result<Exit, Failure> {
    // Before the passphrase is asked for: a mistyped pattern should not cost it.
    patterns(arguments)?;
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let snapshot = choose::one(&snapshots.taken, &arguments.snapshot)?;
    let end = bring_back(settings, &store, &repository, (snapshot, arguments))?;
    Ok(choose::worse(exit, end))
}

fn patterns(arguments: &RestoreArgs) -> Result<Option<Patterns>, Failure> {
    Patterns::new(&arguments.what.include, &arguments.what.exclude)
}

/// What one of several turns restores.
fn options(
    (snapshot, repository): (&Snapshot, &Repository),
    arguments: &RestoreArgs,
    (number, turns): (usize, usize),
) -> Result<RestoreOptions, Failure> {
    let (what, how, owners) = (&arguments.what, &arguments.how, &arguments.owners);
    let subpath = arguments.snapshot.key();
    // What the snapshot lacks is removed when everything that it has is there.
    let deletes = what.delete && number + 1 == turns;
    Ok(RestoreOptions {
        target: arguments.target.clone(),
        delete_below: if deletes { delete_below(snapshot, &subpath) } else { Vec::new() },
        subpath,
        select: patterns(arguments)?.map(Patterns::boxed),
        turn: turns::turn(what.first, number, snapshot.record.time),
        overwrite: match what.overwrite {
            OverwriteFlag::Always => Overwrite::Always,
            OverwriteFlag::IfChanged => Overwrite::IfChanged,
            OverwriteFlag::IfNewer => Overwrite::IfNewer,
            OverwriteFlag::Never => Overwrite::Never,
        },
        dry_run: how.dry_run,
        verify: how.verify,
        decoded: what.decoded,
        sparse: how.sparse,
        owner: if owners.no_owner {
            Owner::Skip
        } else if owners.numeric_owner {
            Owner::Numeric
        } else {
            Owner::Named(Accounts::of_this_machine())
        },
        threads: repository.threads(),
    })
}

/// Only below what was backed up: a snapshot of `/home/me` names `/home`, too, but does not know what else is there.
fn delete_below(snapshot: &Snapshot, subpath: &[u8]) -> Vec<Vec<u8>> {
    if !subpath.is_empty() {
        return vec![subpath.to_vec()];
    }
    snapshot.record.paths.iter().map(|path| key_from_path(&path_of(path))).collect()
}

fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

fn in_turns(
    repository: &Repository,
    (snapshot, arguments): (&Snapshot, &RestoreArgs),
    meter: &Meter,
) -> Result<RestoreReport, Failure> {
    let mut report = RestoreReport::default();
    let turns = turns::count(arguments.what.first);
    for number in 0..turns {
        let options = options((snapshot, repository), arguments, (number, turns))?;
        let mut nodes = repository;
        let run = restore::run(repository, &mut nodes, snapshot.record.root, &options, meter)?;
        report = report.and(&run);
    }
    Ok(report)
}

fn bring_back(
    settings: &Settings,
    store: &Store,
    repository: &Repository,
    (snapshot, arguments): (&Snapshot, &RestoreArgs),
) -> Result<Exit, Failure> {
    let output = settings.output;
    let cancelled = watch_interrupts().map_err(Failure::System)?;
    let meter = Meter::start(output, cancelled);
    let result = in_turns(repository, (snapshot, arguments), &meter);
    let taken = meter.finish();
    let report = result?;
    let summary = words::Summary {
        report: &report,
        snapshot: snapshot.session,
        target: &arguments.target,
        dry_run: arguments.how.dry_run,
        taken,
    };
    output.done(&summary.text())?;
    store.tell_traffic(output)?;
    output.event(Event::Summary, summary.id(), store.with_traffic(summary.fields()))?;
    // The content came from elsewhere, but its owner should know that something is wrong with the index.
    let index = choose::report(&repository.index_problems(), output);
    Ok(choose::worse(index, meter.exit()))
}

//! `heirloom restore`.

pub(crate) mod select;

use std::path::PathBuf;

use heirloom_engine::repository::Repository;
use heirloom_engine::restore::{self, Accounts, Overwrite, Owner, RestoreOptions};
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::key_from_path;

use self::select::Patterns;
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
    let patterns = Patterns::new(&arguments.what.include, &arguments.what.exclude)?;
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let snapshot = choose::one(&snapshots.taken, &arguments.snapshot)?;
    let options = options(snapshot, &repository, arguments, patterns);
    let end = bring_back(settings, &store, &repository, snapshot, &options)?;
    Ok(choose::worse(exit, end))
}

fn options(
    snapshot: &Snapshot,
    repository: &Repository,
    arguments: &RestoreArgs,
    patterns: Option<Patterns>,
) -> RestoreOptions {
    let (what, how, owners) = (&arguments.what, &arguments.how, &arguments.owners);
    let subpath = arguments.snapshot.key();
    RestoreOptions {
        decoded: false,
        target: arguments.target.clone(),
        delete_below: if what.delete { delete_below(snapshot, &subpath) } else { Vec::new() },
        subpath,
        select: patterns.map(Patterns::boxed),
        overwrite: match what.overwrite {
            OverwriteFlag::Always => Overwrite::Always,
            OverwriteFlag::IfChanged => Overwrite::IfChanged,
            OverwriteFlag::IfNewer => Overwrite::IfNewer,
            OverwriteFlag::Never => Overwrite::Never,
        },
        dry_run: how.dry_run,
        verify: how.verify,
        sparse: how.sparse,
        owner: if owners.no_owner {
            Owner::Skip
        } else if owners.numeric_owner {
            Owner::Numeric
        } else {
            Owner::Named(Accounts::of_this_machine())
        },
        threads: repository.threads(),
    }
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

fn bring_back(
    settings: &Settings,
    store: &Store,
    repository: &Repository,
    snapshot: &Snapshot,
    options: &RestoreOptions,
) -> Result<Exit, Failure> {
    let output = settings.output;
    let cancelled = watch_interrupts().map_err(Failure::System)?;
    let meter = Meter::start(output, cancelled);
    let mut nodes = repository;
    let result = restore::run(repository, &mut nodes, snapshot.record.root, options, &meter);
    let taken = meter.finish();
    let report = result?;
    let summary = words::Summary {
        report: &report,
        snapshot: snapshot.session,
        target: &options.target,
        dry_run: options.dry_run,
        taken,
    };
    output.done(&summary.text())?;
    store.tell_traffic(output)?;
    output.event(Event::Summary, summary.id(), store.with_traffic(summary.fields()))?;
    // The content came from elsewhere, but its owner should know that something is wrong with the index.
    let index = choose::report(&repository.index_problems(), output);
    Ok(choose::worse(index, meter.exit()))
}

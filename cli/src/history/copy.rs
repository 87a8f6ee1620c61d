//! `heirloom copy`.

use std::sync::Arc;

use heirloom_engine::copy::{self, CopyOptions, CopyReport};
use heirloom_engine::progress::Progress;
use heirloom_engine::repository;
use heirloom_engine::snapshot::Snapshot;

use super::{HistoryFailure, PROGRAM, picked, words};
use crate::args::copy::CopyArgs;
use crate::args::snapshot::Compression;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::progress::Meter;
use crate::settings::Settings;
use crate::store::Store;
use crate::system::{host_name, return_large_memory, watch_interrupts};

/// `settings` are those of the source, `to` those of the destination.
pub(crate) fn run(
    settings: &Settings,
    to: &Settings,
    arguments: &CopyArgs,
) -> Result<Exit, Failure> {
    return_large_memory();
    if to.place.is_default() {
        return Err(HistoryFailure::NoDestination.into());
    }
    let there = |failure| Failure::from(HistoryFailure::Destination(Box::new(failure)));
    let source = Store::locate(settings)?;
    let destination = Store::locate(to).map_err(there)?;
    let from = source.open(settings)?;
    let into = destination.open(to).map_err(there)?;
    let (snapshots, exit) = choose::all(&from, settings.output)?;
    let picked = picked(&snapshots.taken, &arguments.snapshots, &arguments.pick)?;
    let picked: Vec<Snapshot> = picked.into_iter().cloned().collect();
    let output = settings.output;
    let cancelled = watch_interrupts().map_err(Failure::System)?;
    let meter = Arc::new(Meter::start(output, cancelled));
    let progress: Arc<dyn Progress> = Arc::<Meter>::clone(&meter);
    let options = CopyOptions {
        host: host_name(),
        program: PROGRAM.to_owned(),
        compression: match arguments.compression {
            Compression::Fast => repository::Compression::Fast,
            Compression::Default => repository::Compression::Default,
            Compression::Best => repository::Compression::Best,
        },
    };
    // First: a copy that breaks off should have the keys to what it holds.
    let keys = copy::secrets((&from, &into), progress.as_ref())?;
    let mut told = Ok(());
    let result =
        copy::run((&from, &into), &picked, &options, &progress, &mut |snapshot, copied| {
            let line = words::copied(output, snapshot, copied);
            if told.is_ok() {
                told = line;
            }
        });
    let taken = meter.finish();
    let report = result?;
    told?;
    output.done(&words::copy_text(&report, keys, taken))?;
    source.tell_traffic(output)?;
    destination.tell_traffic(output)?;
    let fields = source.with_traffic(words::copy_fields(&report, keys, taken));
    output.event(Event::Summary, "copy.done", fields)?;
    Ok(ending(choose::worse(exit, meter.exit()), &report, keys))
}

/// What is damaged weighs most: the problems that were shown are part of it.
fn ending(exit: Exit, report: &CopyReport, keys: u64) -> Exit {
    if report.refused > 0 {
        return Exit::Damage;
    }
    let nothing = report.copied == 0 && keys == 0;
    choose::worse(exit, if nothing { Exit::NothingToDo } else { Exit::Success })
}

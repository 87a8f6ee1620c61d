//! `heirloom diff`.

use std::io::{self, BufWriter, Write as _};

use heirloom_engine::view::{Compared, Differs, compare};

use super::{HistoryFailure, words};
use crate::args::diff::DiffArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Event};
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &DiffArgs) -> Result<Exit, Failure> {
    let key = key(arguments)?;
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let before = choose::one(&snapshots.taken, &arguments.before)?;
    let after = choose::one(&snapshots.taken, &arguments.after)?;
    let output = settings.output;
    let mut stdout = BufWriter::with_capacity(64 << 10, io::stdout());
    let on_screen = output::stdout_is_terminal();
    let mut broken = None;
    let mut problems = Vec::new();
    let roots = (before.record.root, after.record.root);
    let compared = compare(
        &repository,
        roots,
        &key,
        &mut |difference| {
            if difference.differs == Differs::Metadata && !arguments.metadata {
                return true;
            }
            let line = if output.json {
                let fields = words::difference_fields(difference);
                let id = words::difference_id(difference.differs);
                let mut line = output::object_text(Event::File, id, &fields);
                line.push('\n');
                line.into_bytes()
            } else {
                words::difference(difference, on_screen)
            };
            broken = stdout.write_all(&line).err();
            broken.is_none()
        },
        &mut |problem| problems.push(problem),
    );
    if let Some(error) = broken {
        return Err(Failure::Output(error));
    }
    stdout.flush().map_err(Failure::Output)?;
    let damage = choose::report(&problems, output);
    end(settings, &store, &compared)?;
    Ok(choose::worse(exit, damage))
}

fn end(settings: &Settings, store: &Store, compared: &Compared) -> Result<(), Failure> {
    settings.output.done(&words::compared(compared))?;
    store.tell_traffic(settings.output)?;
    let fields = store.with_traffic(words::compared_fields(compared));
    settings.output.event(Event::Summary, "diff.done", fields)
}

/// A path may stand behind either name.
fn key(arguments: &DiffArgs) -> Result<Vec<u8>, Failure> {
    let (before, after) = (&arguments.before, &arguments.after);
    match (&before.path, &after.path) {
        (Some(one), Some(other)) if one != other => Err(HistoryFailure::Paths.into()),
        (Some(_), _) => Ok(before.key()),
        (None, _) => Ok(after.key()),
    }
}

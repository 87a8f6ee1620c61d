//! `heirloom diff`.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, absolute};

use heirloom_engine::repository::{Repository, Snapshots};
use heirloom_engine::snapshot::Selector;
use heirloom_engine::tree::key_from_path;
use heirloom_engine::view::{Compared, Difference, Differs, compare};

use super::folder::{self, Listener};
use super::{HistoryFailure, words};
use crate::args::diff::DiffArgs;
use crate::args::values::Side;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{Failure, InputFailure};
use crate::looking::reader;
use crate::output::{self, Event, Output};
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &DiffArgs) -> Result<Exit, Failure> {
    if let Side::Snapshot(after) = &arguments.after {
        key(&arguments.before, after)?;
    }
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let mut list = List::new(settings.output, arguments.metadata);
    let mut problems = Vec::new();
    let listener = Listener {
        visit: &mut |difference| list.show(difference),
        report: &mut |problem| problems.push(problem),
    };
    let compared = match &arguments.after {
        Side::Snapshot(after) => {
            snapshots_differ(&repository, &snapshots, (&arguments.before, after), listener)?
        }
        Side::Folder(folder) => {
            let before = choose::one(&snapshots.taken, &arguments.before)?;
            let key = match &arguments.before.path {
                Some(_) => arguments.before.key(),
                None => recorded(folder)?,
            };
            let place = (before.record.root, key.as_slice());
            folder::compare(&reader(repository), place, folder, arguments.content, listener)?
        }
    };
    list.finish()?;
    let damage = choose::report(&problems, settings.output);
    end(settings, &store, &compared)?;
    Ok(choose::worse(exit, damage))
}

fn snapshots_differ(
    repository: &Repository,
    snapshots: &Snapshots,
    (before, after): (&Selector, &Selector),
    listener: Listener<'_>,
) -> Result<Compared, Failure> {
    let key = key(before, after)?;
    let before = choose::one(&snapshots.taken, before)?;
    let after = choose::one(&snapshots.taken, after)?;
    let roots = (before.record.root, after.record.root);
    let Listener { visit, report } = listener;
    Ok(compare(repository, roots, &key, visit, report))
}

/// Where a snapshot has what lies there.
fn recorded(folder: &Path) -> Result<Vec<u8>, Failure> {
    let absolute = absolute(folder)
        .map_err(|source| Failure::Input(InputFailure::File { path: folder.to_owned(), source }))?;
    Ok(key_from_path(&absolute))
}

struct List {
    output: Output,
    metadata: bool,
    on_screen: bool,
    stdout: BufWriter<io::Stdout>,
    broken: Option<io::Error>,
}

impl List {
    fn new(output: Output, metadata: bool) -> Self {
        let stdout = BufWriter::with_capacity(64 << 10, io::stdout());
        let on_screen = output::stdout_is_terminal();
        Self { output, metadata, on_screen, stdout, broken: None }
    }

    /// Whether anybody still listens.
    fn show(&mut self, difference: &Difference) -> bool {
        if difference.differs == Differs::Metadata && !self.metadata {
            return true;
        }
        let line = if self.output.json {
            let fields = words::difference_fields(difference);
            let id = words::difference_id(difference.differs);
            let mut line = output::object_text(Event::File, id, &fields);
            line.push('\n');
            line.into_bytes()
        } else {
            words::difference(difference, self.on_screen)
        };
        self.broken = self.stdout.write_all(&line).err();
        self.broken.is_none()
    }

    fn finish(mut self) -> Result<(), Failure> {
        match self.broken {
            Some(error) => Err(Failure::Output(error)),
            None => self.stdout.flush().map_err(Failure::Output),
        }
    }
}

fn end(settings: &Settings, store: &Store, compared: &Compared) -> Result<(), Failure> {
    settings.output.done(&words::compared(compared))?;
    store.tell_traffic(settings.output)?;
    let fields = store.with_traffic(words::compared_fields(compared));
    settings.output.event(Event::Summary, "diff.done", fields)
}

/// A path may stand behind either name.
fn key(before: &Selector, after: &Selector) -> Result<Vec<u8>, Failure> {
    match (&before.path, &after.path) {
        (Some(one), Some(other)) if one != other => Err(HistoryFailure::Paths.into()),
        (Some(_), _) => Ok(before.key()),
        (None, _) => Ok(after.key()),
    }
}

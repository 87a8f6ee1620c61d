//! `heirloom ls`.

use std::io::{self, BufWriter, Write as _};

use heirloom_engine::error::{Problem, ReadError};
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{Entry, Kind, TreeTotals, key_from_path, path_from_key};
use heirloom_engine::view::{Depth, Reader, View};

use super::choose;
use crate::args::ls::LsArgs;
use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure};
use crate::looking::reader;
use crate::output::{self, Event, Output};
use crate::render::entry;
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &LsArgs) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let snapshot = choose::one(&snapshots.taken, &arguments.snapshot)?;
    let reader = reader(repository);
    let mut listing = Listing::new(settings.output, arguments);
    for key in starts(snapshot, arguments) {
        listing.list(&reader, snapshot, &key)?;
    }
    let damage = listing.finish()?;
    Ok(choose::worse(exit, damage))
}

/// Without a path, the listing begins where the backup began, not at the root of the machine.
fn starts(snapshot: &Snapshot, arguments: &LsArgs) -> Vec<Vec<u8>> {
    if arguments.snapshot.path.is_some() {
        return vec![arguments.snapshot.key()];
    }
    let paths = snapshot.record.paths.iter();
    let mut keys: Vec<Vec<u8>> = paths
        .map(|path| {
            use std::os::unix::ffi::OsStrExt as _;
            key_from_path(std::ffi::OsStr::from_bytes(path).as_ref())
        })
        .collect();
    if keys.is_empty() {
        keys.push(Vec::new());
    }
    keys
}

struct Listing<'a> {
    output: Output,
    arguments: &'a LsArgs,
    form: entry::Form,
    stdout: BufWriter<io::Stdout>,
    broken: Option<io::Error>,
    unmeasured: Option<ReadError>,
    problems: Vec<Problem>,
}

impl<'a> Listing<'a> {
    fn new(output: Output, arguments: &'a LsArgs) -> Self {
        Self {
            output,
            arguments,
            form: entry::Form { long: arguments.long, on_screen: output::stdout_is_terminal() },
            stdout: BufWriter::with_capacity(64 << 10, io::stdout()),
            broken: None,
            unmeasured: None,
            problems: Vec::new(),
        }
    }

    fn list(&mut self, reader: &Reader, snapshot: &Snapshot, key: &[u8]) -> Result<(), Failure> {
        let view = reader.view(snapshot.record.root);
        match view.entry(key)? {
            Some(entry) if entry.kind != Kind::Folder => {
                self.show(&view, key, &entry);
            }
            None if !key.is_empty() => {
                return Err(Failure::Choice(ChoiceFailure::NotInSnapshot {
                    path: path_from_key(key),
                }));
            }
            _ => {
                let depth = if self.arguments.recursive { Depth::All } else { Depth::Children };
                let mut problems = Vec::new();
                view.list(
                    key,
                    depth,
                    &mut |key, entry| self.show(&view, key, entry),
                    &mut |problem| {
                        problems.push(problem);
                    },
                );
                self.problems.append(&mut problems);
            }
        }
        Ok(())
    }

    /// Whether anybody still listens.
    fn show(&mut self, view: &View<'_>, key: &[u8], entry: &Entry) -> bool {
        let totals = match self.totals(view, key, entry) {
            Ok(totals) => totals,
            Err(error) => {
                self.unmeasured.get_or_insert(error);
                None
            }
        };
        let result = if self.output.json {
            let fields = entry::fields_with_tree(key, entry, totals);
            let mut line = output::object_text(Event::File, "entry.found", &fields);
            line.push('\n');
            self.stdout.write_all(line.as_bytes())
        } else {
            let line = match totals {
                Some(totals) => entry::line_with_tree(key, entry, totals, self.form),
                None => entry::line(key, entry, self.form),
            };
            self.stdout.write_all(&line)
        };
        self.broken = result.err();
        self.broken.is_none()
    }

    /// What a file or folder takes, if that was asked for.
    fn totals(
        &self,
        view: &View<'_>,
        key: &[u8],
        entry: &Entry,
    ) -> Result<Option<TreeTotals>, ReadError> {
        if !self.arguments.sizes {
            return Ok(None);
        }
        if entry.kind != Kind::Folder {
            return Ok(Some(TreeTotals { entries: 0, bytes: entry.size }));
        }
        let mut totals = view.totals(key)?;
        // Itself is not in it.
        totals.entries = totals.entries.saturating_sub(1);
        Ok(Some(totals))
    }

    fn finish(mut self) -> Result<Exit, Failure> {
        if let Some(error) = self.broken {
            return Err(Failure::Output(error));
        }
        self.stdout.flush().map_err(Failure::Output)?;
        match self.unmeasured {
            Some(error) => Err(error.into()),
            None => Ok(choose::report(&self.problems, self.output)),
        }
    }
}

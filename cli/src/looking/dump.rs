//! `heirloom dump`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use heirloom_engine::error::{Problem, ReadError};
use heirloom_engine::id::NodeId;
use heirloom_engine::tree::{Entry, Kind, path_from_key};
use heirloom_engine::view::Reader;

use super::archive::{self, Format, Written};
use super::{LookingFailure, reader, words};
use crate::args::dump::{DumpArgs, DumpFormat};
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure};
use crate::output::{self, Event};
use crate::settings::Settings;
use crate::store::Store;

/// Read at a time.
const PART_BYTES: usize = 1 << 20;

pub(crate) fn run(settings: &Settings, arguments: &DumpArgs) -> Result<Exit, Failure> {
    if settings.output.json && arguments.target.is_none() {
        return Err(LookingFailure::Mixed.into());
    }
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let snapshot = choose::one(&snapshots.taken, &arguments.snapshot)?;
    let dump = Dump {
        reader: reader(repository),
        root: snapshot.record.root,
        key: arguments.snapshot.key(),
    };
    let entry = dump.entry()?;
    let format = match arguments.format {
        Some(format) => archive_format(format),
        None if entry.as_ref().is_some_and(|entry| entry.kind == Kind::File) => None,
        None => Some(Format::Tar),
    };
    if format.is_some() && arguments.target.is_none() && output::stdout_is_terminal() {
        return Err(LookingFailure::Terminal.into());
    }
    let mut problems = Vec::new();
    let mut take = |out: &mut dyn Write| match format {
        Some(format) => dump.archive(format, out, &mut problems),
        None => dump.raw(entry.as_ref(), out),
    };
    let written = match &arguments.target {
        None => {
            let mut stdout = io::stdout().lock();
            let written = take(&mut stdout)?;
            stdout.flush().map_err(Failure::Output)?;
            written
        }
        Some(path) => into_file(path, &mut take)?,
    };
    let damage = choose::report(&problems, settings.output);
    if let Some(path) = &arguments.target {
        settings.output.done(&words::dumped(&written, path))?;
        store.tell_traffic(settings.output)?;
        let fields = store.with_traffic(words::dumped_fields(&written, path));
        settings.output.event(Event::Summary, "dump.done", fields)?;
    }
    Ok(choose::worse(exit, damage))
}

fn archive_format(format: DumpFormat) -> Option<Format> {
    match format {
        DumpFormat::Raw => None,
        DumpFormat::Tar => Some(Format::Tar),
        DumpFormat::TarZst => Some(Format::TarZst),
        DumpFormat::Zip => Some(Format::Zip),
    }
}

/// A file that was there is gone only once the new one can be made.
fn into_file(
    path: &PathBuf,
    take: &mut dyn FnMut(&mut dyn Write) -> Result<Written, Failure>,
) -> Result<Written, Failure> {
    let refused = |source| LookingFailure::Target { path: path.clone(), source };
    let file = File::create(path).map_err(refused)?;
    let mut file = BufWriter::with_capacity(PART_BYTES, file);
    let written = take(&mut file);
    let done = file.flush();
    match (written, done) {
        (Err(Failure::Output(source)), _) | (Ok(_), Err(source)) => {
            take_away(path);
            Err(refused(source).into())
        }
        // The beginning of what is damaged further on may be all that is left of it.
        (written, _) => written,
    }
}

/// Half of a file that did not fit is of no use, and somebody might take it for a whole one. Pipes and devices stay.
fn take_away(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        // It was to be kept out of the way; why it was not written is said anyway.
        fs::remove_file(path).ok();
    }
}

struct Dump {
    reader: Reader,
    root: NodeId,
    key: Vec<u8>,
}

impl Dump {
    /// `None` for the root, which need not have an entry.
    fn entry(&self) -> Result<Option<Entry>, Failure> {
        let entry = self.reader.view(self.root).entry(&self.key)?;
        if entry.is_none() && !self.key.is_empty() {
            let path = path_from_key(&self.key);
            return Err(Failure::Choice(ChoiceFailure::NotInSnapshot { path }));
        }
        Ok(entry)
    }

    fn archive(
        &self,
        format: Format,
        out: &mut dyn Write,
        problems: &mut Vec<Problem>,
    ) -> Result<Written, Failure> {
        let mut report = |problem| problems.push(problem);
        Ok(archive::write(&self.reader, self.root, &self.key, format, out, &mut report)?)
    }

    fn raw(&self, entry: Option<&Entry>, out: &mut dyn Write) -> Result<Written, Failure> {
        let path = || path_from_key(&self.key);
        let Some(entry) = entry.filter(|entry| entry.kind == Kind::File) else {
            return Err(LookingFailure::NotAFile { path: path() }.into());
        };
        let file = self.reader.open(entry);
        let mut at = 0;
        while at < file.size() {
            let part = file.read(at, PART_BYTES).map_err(|source: ReadError| {
                Failure::from(LookingFailure::Cut { path: path(), source })
            })?;
            out.write_all(&part).map_err(Failure::Output)?;
            at += u64::try_from(part.len()).unwrap_or(u64::MAX);
        }
        let content_bytes = entry.size;
        Ok(Written { entries: 1, files: 1, content_bytes, ..Written::default() })
    }
}

//! `heirloom find`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, BufWriter, Write as _};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use heirloom_engine::clock::Clock as _;
use heirloom_engine::error::{Problem, ReadError};
use heirloom_engine::id::{ContentId, NodeId};
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{
    Entry, EntryView, FileContent, Kind, file_name, key_from_path, path_from_key,
};
use heirloom_engine::view::{Found, Reader, find};
use serde_json::json;

use super::words::Version;
use super::{picked, reader};
use crate::args::find::{FindArgs, FindKind, FindWhat};
use crate::args::values::{SizeRange, Until};
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::{Failure, InputFailure, Usage};
use crate::output::{self, Event, Output};
use crate::render::entry::Form;
use crate::settings::Settings;
use crate::store::Store;
use crate::system::SystemClock;

/// Read at a time to compare content.
const PART_BYTES: usize = 1 << 20;

pub(crate) fn run(settings: &Settings, arguments: &FindArgs) -> Result<Exit, Failure> {
    let wanted = Wanted::new(arguments)?;
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, settings.output)?;
    let searched = picked(&snapshots.taken, &arguments.snapshot, &arguments.pick)?;
    let roots: Vec<NodeId> = searched.iter().map(|snapshot| snapshot.record.root).collect();
    let below = arguments.what.below.as_deref().map(key_from_path).unwrap_or_default();
    let reader = reader(repository);
    let mut list = List::new(settings.output, arguments, &searched);
    let mut same = arguments.what.hash.map(|hash| SameContent::new(&reader, hash));
    let (mut problems, mut damaged) = (Vec::new(), Vec::new());
    find(
        &reader,
        (&roots, &below),
        &|key, entry| wanted.fits(key, entry),
        &mut |found| match same.as_mut().map_or(Ok(true), |same| same.is_it(&found.entry)) {
            Ok(true) => list.show(&found),
            Ok(false) => true,
            Err(source) => {
                let goes_on = source.is_local();
                let (path, source) = (path_from_key(&found.key), Box::new(source));
                damaged.push(Problem::ContentDamaged { path, source });
                goes_on
            }
        },
        &mut |problem| problems.push(problem),
    );
    problems.append(&mut damaged);
    let versions = list.finish()?;
    let damage = choose::report(&problems, settings.output);
    store.tell_traffic(settings.output)?;
    let fields = json!({ "versions": versions, "snapshots": searched.len() });
    settings.output.event(Event::Summary, "find.done", store.with_traffic(fields))?;
    if versions == 0 {
        settings.output.note("Nothing found.");
    }
    Ok(choose::worse(exit, damage))
}

/// What is asked of names, kinds, sizes and times.
struct Wanted {
    names: GlobSet,
    paths: GlobSet,
    kinds: Vec<FindKind>,
    size: Option<SizeRange>,
    times: Range<i128>,
}

impl Wanted {
    fn new(arguments: &FindArgs) -> Result<Self, Failure> {
        let FindWhat { ignore_case, r#type, size, newer, older, .. } = &arguments.what;
        let (paths, names) =
            arguments.patterns.iter().partition(|pattern: &&String| pattern.contains('/'));
        let now = SystemClock.now_ns();
        let time = |when: &Option<Until>, otherwise| match when {
            Some(when) => when.past(now).ok_or(Failure::Usage(Usage::Date)),
            None => Ok(otherwise),
        };
        Ok(Self {
            names: globs(names, *ignore_case)?,
            paths: globs(paths, *ignore_case)?,
            kinds: r#type.clone(),
            size: size.clone(),
            times: time(newer, i128::MIN)?..time(older, i128::MAX)?,
        })
    }

    fn fits(&self, key: &[u8], entry: &EntryView) -> bool {
        let is_file = entry.kind == Kind::File;
        self.size.as_ref().is_none_or(|size| is_file && size.contains(&entry.size))
            && self.times.contains(&entry.mtime_ns)
            && (self.kinds.is_empty() || self.kinds.contains(&kind(entry.kind)))
            && self.has_name(key)
    }

    fn has_name(&self, key: &[u8]) -> bool {
        if self.names.is_empty() && self.paths.is_empty() {
            return true;
        }
        self.names.is_match(OsStr::from_bytes(file_name(key)))
            || !self.paths.is_empty() && self.paths.is_match(path_from_key(key))
    }
}

fn kind(kind: Kind) -> FindKind {
    match kind {
        Kind::File => FindKind::File,
        Kind::Folder => FindKind::Folder,
        Kind::Symlink => FindKind::Symlink,
        Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => FindKind::Other,
    }
}

fn globs(patterns: Vec<&String>, ignore_case: bool) -> Result<GlobSet, Failure> {
    let failure = |pattern: &str| {
        Failure::Input(InputFailure::Pattern { pattern: pattern.into(), file: None })
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let anywhere = if pattern.starts_with('/') || !pattern.contains('/') { "" } else { "/**/" };
        let glob = GlobBuilder::new(&format!("{anywhere}{}", pattern.trim_end_matches('/')))
            .literal_separator(true)
            .backslash_escape(true)
            .case_insensitive(ignore_case)
            .build();
        set.add(glob.map_err(|_error| failure(pattern))?);
    }
    set.build().map_err(|_error| failure(""))
}

/// Whether files have the content that is looked for. The snapshot tells the hash of longer files; others are read.
struct SameContent<'a> {
    reader: &'a Reader,
    hash: [u8; 32],
    /// What was found about files of one blob.
    blobs: HashMap<ContentId, bool>,
}

impl<'a> SameContent<'a> {
    fn new(reader: &'a Reader, hash: [u8; 32]) -> Self {
        Self { reader, hash, blobs: HashMap::new() }
    }

    fn is_it(&mut self, entry: &Entry) -> Result<bool, ReadError> {
        if entry.kind != Kind::File {
            return Ok(false);
        }
        // What the snapshot tells leaves holes out.
        if !entry.holes.is_empty() {
            return self.read(entry);
        }
        match (&entry.content, &entry.hash) {
            (_, Some(hash)) => Ok(*hash == self.hash),
            (FileContent::Empty, None) => Ok(self.is_hash_of(&[])),
            (FileContent::Inline(bytes), None) => Ok(self.is_hash_of(bytes)),
            (FileContent::List(blobs), None) => {
                let [blob] = blobs.as_slice() else { return self.read(entry) };
                if let Some(known) = self.blobs.get(&blob.id) {
                    return Ok(*known);
                }
                let is_it = self.read(entry)?;
                self.blobs.insert(blob.id, is_it);
                Ok(is_it)
            }
            (FileContent::Tree(_), None) => self.read(entry),
        }
    }

    fn is_hash_of(&self, bytes: &[u8]) -> bool {
        *blake3::hash(bytes).as_bytes() == self.hash
    }

    fn read(&self, entry: &Entry) -> Result<bool, ReadError> {
        let file = self.reader.open(entry);
        let mut hasher = blake3::Hasher::new();
        let mut at = 0;
        while at < file.size() {
            let part = file.read(at, PART_BYTES)?;
            hasher.update(&part);
            at += u64::try_from(part.len()).unwrap_or(u64::MAX);
        }
        Ok(*hasher.finalize().as_bytes() == self.hash)
    }
}

struct List<'a> {
    output: Output,
    form: Form,
    searched: &'a [&'a Snapshot],
    stdout: BufWriter<io::Stdout>,
    broken: Option<io::Error>,
    versions: u64,
}

impl<'a> List<'a> {
    fn new(output: Output, arguments: &FindArgs, searched: &'a [&'a Snapshot]) -> Self {
        Self {
            output,
            form: Form { long: arguments.long, on_screen: output::stdout_is_terminal() },
            searched,
            stdout: BufWriter::with_capacity(64 << 10, io::stdout()),
            broken: None,
            versions: 0,
        }
    }

    /// Whether anybody still listens.
    fn show(&mut self, found: &Found) -> bool {
        self.versions += 1;
        let version = Version { found, searched: self.searched };
        let text = if self.output.json {
            output::object_text(Event::File, "entry.version", &version.fields()).into_bytes()
        } else {
            version.lines(self.form)
        };
        let end: &[u8] = if self.output.json { b"\n" } else { b"" };
        self.broken = self.stdout.write_all(&text).and_then(|()| self.stdout.write_all(end)).err();
        self.broken.is_none()
    }

    fn finish(mut self) -> Result<u64, Failure> {
        if let Some(error) = self.broken {
            return Err(Failure::Output(error));
        }
        self.stdout.flush().map_err(Failure::Output)?;
        Ok(self.versions)
    }
}

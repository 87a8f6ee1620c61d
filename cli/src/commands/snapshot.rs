//! `heirloom snapshot`.

mod excludes;
mod paths;
mod stream;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_chats::crypt::Key;
use heirloom_engine::backup::local::LocalSource;
use heirloom_engine::backup::source::Source;
use heirloom_engine::backup::{self, BackupOptions, Commit, OnError, Parent};
use heirloom_engine::clock::Clock as _;
use heirloom_engine::progress::Progress;
use heirloom_engine::repository::{self, Repository};

use super::{choose, init};
use crate::args::snapshot::{Compression, HowArgs, OnError as OnErrorFlag, SnapshotArgs};
use crate::exit::Exit;
use crate::failure::{Failure, Usage};
use crate::keyring;
use crate::output::Event;
use crate::progress::Meter;
use crate::recognise::{self, Watched};
use crate::render::snapshot as words;
use crate::settings::{Settings, user_name};
use crate::store::Store;
use crate::system::{SystemClock, host_name, return_large_memory, watch_interrupts};
use crate::transforms::{self, Outcomes, Taking};
use crate::without::Without;

pub(crate) fn run(settings: &Settings, arguments: &SnapshotArgs) -> Result<Exit, Failure> {
    return_large_memory();
    let store = Store::locate(settings)?;
    // Before the passphrase is asked for: a mistyped pattern or path should not cost it.
    let classes = &arguments.filters.without;
    let without = (!classes.is_empty()).then(|| Arc::new(Without::new(classes)));
    let (source, paths) = source(&store, settings, arguments, without.as_ref())?;
    let given = keyring::given(&arguments.keys)?;
    let repository = Arc::new(open(&store, settings)?);
    let options = options(&repository, settings, arguments, paths)?;
    let outcomes: Arc<Outcomes> = Arc::default();
    let keys = keyring::on_demand(given.clone(), &repository, settings.output);
    let source = Box::new(Taking::new(source, keys, &outcomes));
    let run = Run { settings, store: &store, repository: &repository, options: &options };
    run.take((Watched::new(source), &outcomes), without.as_deref(), &given)
}

/// What a snapshot is taken with.
struct Run<'a> {
    settings: &'a Settings,
    store: &'a Store,
    repository: &'a Repository,
    options: &'a BackupOptions,
}

/// What is to be backed up, and how the record names it.
fn source(
    store: &Store,
    settings: &Settings,
    arguments: &SnapshotArgs,
    without: Option<&Arc<Without>>,
) -> Result<(Box<dyn Source>, Vec<PathBuf>), Failure> {
    let input = &arguments.input;
    if input.stdin || input.stdin_from_command {
        let command = input.stdin_from_command.then_some(arguments.command.as_slice());
        let (source, path) = stream::source(&input.stdin_filename, command)?;
        return Ok((source, vec![path]));
    }
    // What follows -- without --stdin-from-command are simply paths.
    let roots = paths::roots(arguments)?;
    if roots.is_empty() {
        return Err(Failure::Usage(Usage::NothingToBackUp));
    }
    let own: Vec<&Path> =
        [store.address.local_path(), settings.cache.as_deref()].into_iter().flatten().collect();
    let excludes = excludes::build(&arguments.filters, &roots, &own, without)?;
    Ok((Box::new(LocalSource::new(&roots, excludes)), paths::recorded(&roots)))
}

/// With nobody having chosen a repository, the first snapshot makes one.
fn open(store: &Store, settings: &Settings) -> Result<Repository, Failure> {
    if settings.place.is_default() && !store.exists()? {
        return init::make_default(store, settings);
    }
    store.open(settings)
}

fn options(
    repository: &Repository,
    settings: &Settings,
    arguments: &SnapshotArgs,
    paths: Vec<PathBuf>,
) -> Result<BackupOptions, Failure> {
    let (about, how) = (&arguments.about, &arguments.how);
    let now = SystemClock.now_ns();
    let keep_until = about.keep_until.as_ref();
    let keep_until = keep_until.map(|until| within_calendar(until.resolve(now))).transpose()?;
    let time = about.time.map(|time| within_calendar(Some(time.as_nanosecond()))).transpose()?;
    let is_stream = arguments.input.stdin || arguments.input.stdin_from_command;
    Ok(BackupOptions {
        paths,
        host: about.host.clone().unwrap_or_else(host_name),
        user: user_name(),
        label: about.label.clone(),
        tags: about.tag.iter().filter(|tag| !tag.is_empty()).cloned().collect(),
        time_ns: time,
        keep_until_ns: keep_until,
        pinned: about.pin,
        parent: parent(repository, settings, how)?,
        // A dump that broke off must not look like a whole one.
        on_error: if is_stream || how.on_error == OnErrorFlag::Fail {
            OnError::Fail
        } else {
            OnError::Skip
        },
        commit: match (how.dry_run, how.skip_if_unchanged) {
            (true, _) => Commit::DryRun,
            (false, true) => Commit::IfChanged,
            (false, false) => Commit::Always,
        },
        compression: match how.compression {
            Compression::Fast => repository::Compression::Fast,
            Compression::Default => repository::Compression::Default,
            Compression::Best => repository::Compression::Best,
        },
        program: concat!("heirloom ", env!("CARGO_PKG_VERSION")).to_owned(),
    })
}

/// Records hold the years 1677 to 2262.
fn within_calendar(ns: Option<i128>) -> Result<i64, Failure> {
    ns.and_then(|ns| i64::try_from(ns).ok()).ok_or(Failure::Usage(Usage::Date))
}

fn parent(repository: &Repository, settings: &Settings, how: &HowArgs) -> Result<Parent, Failure> {
    match &how.parent {
        _ if how.force => Ok(Parent::Ignore),
        None => Ok(Parent::Newest),
        Some(selector) => {
            let (snapshots, _) = choose::all(repository, settings.output)?;
            Ok(Parent::Given(choose::one(&snapshots.taken, selector)?.session))
        }
    }
}

impl Run<'_> {
    fn take(
        &self,
        (mut source, outcomes): (Watched, &Outcomes),
        without: Option<&Without>,
        keys: &[Key],
    ) -> Result<Exit, Failure> {
        let Self { settings, store, repository, options } = self;
        let output = settings.output;
        let cancelled = watch_interrupts().map_err(Failure::System)?;
        let meter = Arc::new(Meter::start(output, cancelled));
        let shared = Arc::clone(&meter);
        let progress: Arc<dyn Progress> = shared;
        let result = backup::run(repository, &mut source, options, &progress);
        let taken = meter.finish();
        let report = result?;
        transforms::tell(output, &outcomes.take());
        let unchanged = options.commit == Commit::IfChanged && report.snapshot.is_none();
        let dry_run = options.commit == Commit::DryRun;
        let summary = words::Summary { report: &report, dry_run, taken, without };
        output.done(&summary.text())?;
        let told = recognise::tell(output, repository, (&source.finish(), keys))?;
        store.tell_traffic(output)?;
        output.event(Event::Summary, summary.id(), store.with_traffic(summary.fields()))?;
        let exit = if unchanged { Exit::NothingToDo } else { Exit::Success };
        Ok(choose::worse(choose::worse(exit, told), meter.exit()))
    }
}

//! One backup from start to commit.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::bounded;
use serde_bytes::ByteBuf;

use super::collect::{Collected, Collector};
use super::compare::{Comparison, Earlier, Relation, Tally};
use super::read::{Tools, read_batches};
use super::source::Source;
use super::walk::Walk;
use super::{BackupError, BackupOptions, BackupReport, Commit, Parent};
use crate::chunker::GearTables;
use crate::id::NodeId;
use crate::looks::{Look, is_left_out};
use crate::progress::Progress;
use crate::repository::{Known, Repository, Session, SessionNote, Snapshots};
use crate::snapshot::{Record, Snapshot, Stats};
use crate::tree::Kind;

/// Steps of the walk that may wait for the collector.
const STEPS_WAITING: usize = 64;

/// Takes a snapshot of what `source` yields.
pub fn run(
    repository: &Repository,
    source: &mut dyn Source,
    options: &BackupOptions,
    progress: &Arc<dyn Progress>,
) -> Result<BackupReport, BackupError> {
    let started_ns = i64::try_from(repository.clock().now_ns()).unwrap_or(i64::MAX);
    if options.commit == Commit::DryRun {
        let parent = find_parent(&repository.snapshots()?, options, progress.as_ref())?;
        return dry_run(repository, source, parent.as_ref(), progress.as_ref());
    }
    let note = SessionNote {
        started: started_ns,
        host: options.host.clone(),
        program: options.program.clone(),
        command: "snapshot".into(),
    };
    let early = is_left_out(Look::ParentAfterAnnouncement).then(|| repository.snapshots());
    let mut session = Session::start(repository, &note, options.compression, Arc::clone(progress))?;
    let early = early.transpose()?;
    for problem in session.problems.drain(..) {
        progress.problem(&problem);
    }
    let snapshots = early.as_ref().unwrap_or(session.snapshots());
    let taken = find_parent(snapshots, options, progress.as_ref()).and_then(|parent| {
        let writing = (&mut session, parent.as_ref(), progress);
        Ok((pipeline(repository, source, options, writing)?, parent))
    });
    match taken {
        Ok(((found, collected), parent)) => {
            let mut report = report(parent.as_ref(), found, &collected);
            let Some(root) = collected.root.filter(|_| collected.entries > 0) else {
                session.suspend()?;
                return Err(BackupError::Nothing);
            };
            let unchanged = parent.as_ref().is_some_and(|parent| parent.record.root == root);
            if unchanged && options.commit == Commit::IfChanged {
                session.suspend()?;
                return Ok(report);
            }
            let record = record(options, started_ns, &report, root);
            report.snapshot = Some(session.commit(record)?);
            Ok(report)
        }
        Err(error) => {
            // The first error is the one to report; what could be stored is kept for the next run.
            if let Err(second) = session.suspend() {
                tracing::debug!(%second, "session could not be ended in order");
            }
            Err(error)
        }
    }
}

/// The snapshot to compare with. Its loss or damage costs time, not data.
fn find_parent(
    snapshots: &Snapshots,
    options: &BackupOptions,
    progress: &dyn Progress,
) -> Result<Option<Snapshot>, BackupError> {
    for problem in &snapshots.problems {
        progress.problem(problem);
    }
    let taken = &snapshots.taken;
    match options.parent {
        Parent::Ignore => Ok(None),
        Parent::Given(id) => taken
            .iter()
            .find(|snapshot| snapshot.session == id)
            .map(|snapshot| Some(snapshot.clone()))
            .ok_or(BackupError::NoParent { snapshot: id }),
        Parent::Newest => {
            let paths = recorded_paths(options);
            Ok(taken
                .iter()
                .filter(|snapshot| {
                    snapshot.record.host == options.host && snapshot.record.paths == paths
                })
                // Not by the commit: one that was tagged or brought back today may have been taken long ago.
                .max_by_key(|snapshot| {
                    (snapshot.record.started, snapshot.record.finished, snapshot.session)
                })
                .cloned())
        }
    }
}

fn recorded_paths(options: &BackupOptions) -> Vec<ByteBuf> {
    let mut paths: Vec<_> = options
        .paths
        .iter()
        .map(|path| ByteBuf::from(path.as_os_str().as_encoded_bytes()))
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

fn earlier<'a>(
    repository: &'a Repository,
    known: Known,
    wholesale: bool,
    parent: &Snapshot,
) -> Earlier<'a> {
    let Record { root, started, .. } = parent.record;
    Earlier::new(repository, known, wholesale, root, i128::from(started))
}

type Writing<'s, 'r, 'p> = (&'s mut Session<'r>, Option<&'p Snapshot>, &'p Arc<dyn Progress>);

fn pipeline(
    repository: &Repository,
    source: &mut dyn Source,
    options: &BackupOptions,
    (session, parent, progress): Writing<'_, '_, '_>,
) -> Result<(Tally, Collected), BackupError> {
    let gear = GearTables::new(repository.keys().gear());
    let tools = Tools {
        keys: repository.keys(),
        gear: &gear,
        buffers: Arc::default(),
        progress: progress.as_ref(),
    };
    let readers = repository.threads();
    let (batch_sender, batches) = bounded(readers);
    let (step_sender, steps) = bounded(STEPS_WAITING);
    let wholesale = session.may_trust_live_snapshots();
    let known = session.known();
    let earlier = parent.map(|parent| earlier(repository, known, wholesale, parent));
    if earlier.is_some() {
        session.add_to_a_snapshot();
    }
    let comparison = Comparison { earlier, progress: progress.as_ref(), tally: Tally::default() };
    let walk = Walk::new(comparison, batch_sender, step_sender);
    thread::scope(|scope| {
        for _ in 0..readers {
            let batches = batches.clone();
            scope.spawn(|| read_batches(&tools, &{ batches }));
        }
        drop(batches);
        let collector = Collector::new(session, progress.as_ref(), options.on_error);
        let collecting = scope.spawn(move || collector.run(&{ steps }));
        let found = walk.run(source);
        let collected = collecting.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok((found, collected))
    })
}

/// Walks and compares, but reads and stores nothing.
fn dry_run(
    repository: &Repository,
    source: &mut dyn Source,
    parent: Option<&Snapshot>,
    progress: &dyn Progress,
) -> Result<BackupReport, BackupError> {
    let known = repository.known()?;
    let earlier = parent.map(|parent| earlier(repository, known, true, parent));
    let mut comparison = Comparison { earlier, progress, tally: Tally::default() };
    let mut collected = Collected::default();
    while let Some(found) = source.next() {
        if progress.cancelled() {
            return Err(BackupError::Cancelled);
        }
        match found {
            Ok(found) => {
                collected.entries += 1;
                let to_read = !matches!(comparison.relation(&found), Relation::Unchanged);
                if found.entry.kind == Kind::File {
                    collected.content_bytes += found.entry.size;
                    collected.read_bytes += if to_read { found.entry.size } else { 0 };
                }
            }
            Err(problem) => {
                collected.problems += 1;
                progress.problem(&problem);
            }
        }
    }
    comparison.tally.excluded = source.excluded();
    Ok(report(parent, comparison.tally, &collected))
}

fn report(parent: Option<&Snapshot>, found: Tally, collected: &Collected) -> BackupReport {
    BackupReport {
        snapshot: None,
        parent: parent.map(|parent| parent.session),
        entries: collected.entries,
        files: found.files,
        folders: found.folders,
        content_bytes: collected.content_bytes,
        unchanged: found.unchanged,
        changed: found.changed,
        added: found.added,
        read_bytes: collected.read_bytes,
        excluded: found.excluded,
        problems: collected.problems,
    }
}

fn record(options: &BackupOptions, started_ns: i64, report: &BackupReport, root: NodeId) -> Record {
    let mut tags = options.tags.clone();
    tags.sort();
    tags.dedup();
    Record {
        time: options.time_ns.unwrap_or(started_ns),
        started: started_ns,
        finished: started_ns,
        host: options.host.clone(),
        user: options.user.clone(),
        paths: recorded_paths(options),
        label: options.label.clone(),
        tags,
        root,
        parent: report.parent,
        stats: Stats {
            entries: report.entries,
            files: report.files,
            folders: report.folders,
            content_bytes: report.content_bytes,
            new_bytes: 0,
            stored_bytes: 0,
            problems: report.problems,
        },
        program: options.program.clone(),
        keep_until: options.keep_until_ns,
        pinned: options.pinned,
        // The chain is the session's business.
        ..Record::default()
    }
}

//! A client: does what its plan says, and judges what comes of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use heirloom_engine::backup::{self, BackupError, BackupOptions, Parent};
use heirloom_engine::check::{self, CheckOptions, Standing};
use heirloom_engine::copy::{self, Copied, CopyError, CopyOptions};
use heirloom_engine::error::{Problem, ReadError};
use heirloom_engine::id::{NodeId, SessionId};
use heirloom_engine::progress::{Counter, Progress};
use heirloom_engine::prune::{self, Limit, PruneError, PruneOptions, PruneReport};
use heirloom_engine::repository::{
    Committed, Repository, RepositoryError, Saying, SessionNote, Snapshots,
};
use heirloom_engine::rewrite::{self, Author, Change, Edit, Outcome, RewriteError};
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{ContentListCursor, FileContent, TreeCursor};

use crate::image::Images;
use crate::plan::{Action, PrunePlan, Unused};
use crate::source::{self, FileSource, Files};
use crate::state::OBSERVER;
use crate::storage::{SimClock, SimStorage};
use crate::world::World;

/// The store that everybody works on; the other one takes copies.
pub(crate) const MAIN: usize = 0;
pub(crate) const OTHER: usize = 1;

/// Nobody watches.
#[derive(Debug)]
pub(crate) struct Silent;

impl Progress for Silent {
    fn add(&self, _: Counter, _: u64) {}

    fn current(&self, _: &Path) {}

    fn problem(&self, _: &Problem) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// One installation: its way to the stores, and what it has open.
#[derive(Debug)]
pub(crate) struct Client<'i> {
    world: Arc<World>,
    images: &'i Images,
    number: usize,
    clock: Arc<SimClock>,
    open: Option<Repository>,
}

impl<'i> Client<'i> {
    pub(crate) fn new(world: &Arc<World>, images: &'i Images, number: usize) -> Self {
        Self {
            world: Arc::clone(world),
            images,
            number,
            clock: SimClock::new(world, number),
            open: None,
        }
    }

    /// Does everything that it is to do.
    pub(crate) fn run(mut self) {
        let world = Arc::clone(&self.world);
        let plan = Arc::clone(&world.plan);
        let plan = &plan.clients[self.number];
        for (number, action) in plan.actions.iter().enumerate() {
            if world.is_over(self.number) {
                return;
            }
            world.begin_action(self.number);
            if plan.reopens {
                self.open = None;
            }
            if let Err(error) = self.perform(number, action)
                && !(world.is_struck(self.number) || is_fenced(&error))
            {
                world.violate(format!("client {}: {action:?}: {error:#}", self.number));
            }
        }
    }

    fn perform(&mut self, number: usize, action: &Action) -> Result<()> {
        let repository = match self.open.take() {
            Some(repository) => repository,
            None => self.open(MAIN)?,
        };
        let done = match action {
            Action::Snapshot { files, parent } => {
                self.snapshot(&repository, files, *parent, format!("{}.{number}", self.number))
            }
            Action::Restore { which } => self.restore(&repository, *which),
            Action::Forget { which, count } => self.forget(&repository, (*which, *count)),
            Action::Unforget { which } => self.unforget(&repository, *which),
            Action::Tag { which } => self.tag(&repository, *which),
            Action::Copy { which, back } => self.copy(&repository, *which, *back),
            Action::Check => self.check(&repository),
            Action::Prune(plan) => self.prune(&repository, *plan),
        };
        self.open = Some(repository);
        done
    }

    /// Opens a repository; that is no step of the schedule.
    fn open(&self, store: usize) -> Result<Repository> {
        let storage = SimStorage::new(&self.world, self.number, store);
        let clock = Arc::clone(&self.clock);
        let opened = self.images.open(Arc::clone(&storage) as _, clock as _)?;
        storage.schedule();
        Ok(opened)
    }

    /// Takes a snapshot. Its label tells what is in it.
    fn snapshot(
        &self,
        repository: &Repository,
        files: &Files,
        parent: bool,
        label: String,
    ) -> Result<()> {
        let options = BackupOptions {
            paths: vec![PathBuf::from("/")],
            host: "host".into(),
            label: Some(label),
            parent: if parent { Parent::Newest } else { Parent::Ignore },
            ..BackupOptions::default()
        };
        let mut source = FileSource::new(files);
        let report = backup::run(repository, &mut source, &options, &progress())?;
        let committed = report.snapshot.context("a snapshot was asked for")?;
        self.report(MAIN, &committed);
        Ok(())
    }

    /// From now on this snapshot must not be lost.
    fn report(&self, store: usize, committed: &Committed) {
        let mut state = self.world.state();
        let oracle = &mut state.stores[store].oracle;
        if let Some(lacks) = oracle.report(committed.snapshot, committed.record.root) {
            state.lose(lacks);
        }
    }

    fn restore(&self, repository: &Repository, which: u32) -> Result<()> {
        let live = self.world.state().stores[MAIN].oracle.live();
        let found = repository.snapshots()?;
        if !self.world.plan.late {
            self.check_listed(&live, &found)?;
        }
        let Some(snapshot) = pick(&found.taken, which) else { return Ok(()) };
        match read_back(repository, &self.world, snapshot) {
            // What is forgotten meanwhile may vanish; a store that lists late may not show what is there.
            Err(Unread::Lost(_)) if self.may_be_lost(snapshot.session) => Ok(()),
            Err(Unread::Lost(error)) => Err(error.into()),
            Err(Unread::Wrong(what)) => {
                self.world.lose(format!("restore of {}: {what}", snapshot.session));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn may_be_lost(&self, id: SessionId) -> bool {
        // One that nobody was told of may be withdrawn.
        self.world.plan.late || !self.world.state().stores[MAIN].oracle.live().contains(&id)
    }

    fn check_listed(&self, live: &[SessionId], found: &Snapshots) -> Result<()> {
        let listed = |id: &SessionId| {
            found.taken.iter().chain(&found.disputed).any(|snapshot| snapshot.session == *id)
        };
        match live.iter().find(|id| !listed(id)) {
            Some(id) if !self.world.state().stores[MAIN].oracle.is_forgotten(*id) => {
                bail!("snapshot {id} was reported and is not listed")
            }
            _ => Ok(()),
        }
    }

    fn forget(&self, repository: &Repository, (which, count): (u32, u32)) -> Result<()> {
        let found = repository.snapshots()?;
        let mut chosen = Vec::new();
        for offset in 0..count {
            chosen.extend(pick(&found.taken, which + offset).map(|snapshot| snapshot.session));
        }
        chosen.dedup();
        for id in &chosen {
            self.world.state().stores[MAIN].oracle.forget(*id);
        }
        Ok(repository.forget(&chosen, &saying())?)
    }

    /// Commits the snapshot once more.
    fn recommit(
        &self,
        repository: &Repository,
        snapshot: &Snapshot,
        change: &Change,
    ) -> Result<Option<Box<Committed>>> {
        let author = Author { command: "model".into(), ..Author::default() };
        let session = author.session(repository, &progress())?;
        let edit = Edit::Record(change);
        match rewrite::recommit(session, snapshot.session, edit, &progress()) {
            Ok(Outcome::Committed(committed)) => {
                self.report(MAIN, &committed);
                Ok(Some(committed))
            }
            Ok(Outcome::Present(_) | Outcome::Unchanged) => Ok(None),
            // Another client may have forgotten it meanwhile, or pruned what was forgotten before.
            Err(RewriteError::Gone { snapshot } | RewriteError::Lost { snapshot, .. })
                if self.may_be_lost(snapshot) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn unforget(&self, repository: &Repository, which: u32) -> Result<()> {
        let found = repository.snapshots()?;
        let candidates: Vec<_> = found.forgotten.into_iter().chain(found.disputed).collect();
        if let Some(snapshot) = pick(&candidates, which) {
            self.recommit(repository, snapshot, &Change::default())?;
        }
        Ok(())
    }

    fn tag(&self, repository: &Repository, which: u32) -> Result<()> {
        let found = repository.snapshots()?;
        let Some(snapshot) = pick(&found.taken, which) else { return Ok(()) };
        let tag = format!("tag{}", which % 3);
        let change = Change { add_tags: vec![tag], ..Change::default() };
        if self.recommit(repository, snapshot, &change)?.is_some() {
            self.world.state().stores[MAIN].oracle.forget(snapshot.session);
            repository.forget(&[snapshot.session], &saying())?;
        }
        Ok(())
    }

    fn copy(&self, repository: &Repository, which: u32, back: bool) -> Result<()> {
        let other = self.open(OTHER)?;
        let (from, to, store) =
            if back { (&other, repository, MAIN) } else { (repository, &other, OTHER) };
        let found = from.snapshots()?;
        let Some(snapshot) = pick(&found.taken, which) else { return Ok(()) };
        let mut refused = false;
        let tell = &mut |_: &Snapshot, copied: &Copied| match copied {
            Copied::Committed(committed) => self.report(store, committed),
            Copied::Refused { .. } => refused = true,
            Copied::Present(_) | Copied::Forgotten(_) => {}
        };
        let chosen = std::slice::from_ref(snapshot);
        copy::run((from, to), chosen, &CopyOptions::default(), &progress(), tell)?;
        if refused && !(back || self.may_be_lost(snapshot.session)) {
            bail!("a copy of {} is refused", snapshot.session);
        }
        Ok(())
    }

    /// Whatever others do meanwhile, a check cries no wolf.
    fn check(&self, repository: &Repository) -> Result<()> {
        let report = check::run(repository, &CheckOptions::default(), &Silent)?;
        let affected = report.affected.iter().find(|affected| {
            affected.standing == Standing::Taken && !self.may_be_lost(affected.snapshot)
        });
        match affected {
            Some(affected) => bail!("snapshot {} is called damaged", affected.snapshot),
            None => Ok(()),
        }
    }

    fn prune(&self, repository: &Repository, plan: PrunePlan) -> Result<()> {
        match prune(repository, plan) {
            // What a store does not show yet, or only in part, ends the deleting.
            Err(PruneError::Incomplete { .. } | PruneError::Rollback { .. })
                if self.world.plan.late =>
            {
                Ok(())
            }
            Err(PruneError::UnknownSnapshots { .. } | PruneError::UnknownCondemned { .. })
                if !self.world.plan.atomic =>
            {
                Ok(())
            }
            done => Ok(done.map(drop)?),
        }
    }
}

/// Prunes as a plan says.
pub(crate) fn prune(repository: &Repository, plan: PrunePlan) -> Result<PruneReport, PruneError> {
    let note = SessionNote {
        started: i64::try_from(repository.clock().now_ns()).unwrap_or(i64::MAX),
        host: "host".into(),
        program: "model".into(),
        command: "prune".into(),
    };
    let mut options = PruneOptions::new(note);
    if plan.fences {
        options.dead_after_ns = 0;
    }
    options.max_unused = match plan.unused {
        Unused::None => Limit::Percent(0.0),
        Unused::Little => options.max_unused,
        Unused::Any => Limit::Unlimited,
    };
    prune::run(repository, &options, &progress(), &mut |_| {})
}

fn progress() -> Arc<dyn Progress> {
    Arc::new(Silent)
}

fn saying() -> Saying {
    let (host, user, reason) = ("host".into(), "user".into(), "model".into());
    Saying { time_ns: 0, host, user, reason }
}

fn pick(snapshots: &[Snapshot], which: u32) -> Option<&Snapshot> {
    let count = snapshots.len();
    (count > 0).then(|| &snapshots[which as usize % count])
}

fn is_fenced(error: &anyhow::Error) -> bool {
    let repository = error
        .downcast_ref::<RepositoryError>()
        .or_else(|| match error.downcast_ref::<BackupError>()? {
            BackupError::Repository(error) => Some(error),
            _ => None,
        })
        .or_else(|| match error.downcast_ref::<PruneError>()? {
            PruneError::Repository(error) => Some(error),
            _ => None,
        })
        .or_else(|| match error.downcast_ref::<RewriteError>()? {
            RewriteError::Repository(error) => Some(error),
            _ => None,
        })
        .or_else(|| match error.downcast_ref::<CopyError>()? {
            CopyError::Destination(error) => Some(error),
            _ => None,
        });
    matches!(repository, Some(RepositoryError::Fenced { .. }))
}

/// Why a snapshot did not come back.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It could not be read.
    Lost(ReadError),
    /// It is not what was stored.
    Wrong(String),
}

impl From<ReadError> for Unread {
    fn from(error: ReadError) -> Self {
        Self::Lost(error)
    }
}

/// Reads a snapshot as a restore does, and compares it with what its label says.
pub(crate) fn read_back(
    repository: &Repository,
    world: &World,
    snapshot: &Snapshot,
) -> Result<(), Unread> {
    let expected = files_of(world, snapshot).map_err(|error| Unread::Wrong(error.to_string()))?;
    let found = files_in(repository, snapshot.record.root)?;
    let count = expected.len();
    if found.len() != count {
        return Err(Unread::Wrong(format!("{} files instead of {count}", found.len())));
    }
    for ((path, number), (key, bytes)) in expected.iter().zip(found) {
        if key != source::key(*path) || bytes != source::content(*number) {
            return Err(Unread::Wrong(format!("file {path} is another")));
        }
    }
    Ok(())
}

fn files_of<'w>(world: &'w World, snapshot: &Snapshot) -> Result<&'w Files> {
    let label = snapshot.record.label.as_deref().context("it has no label")?;
    let (client, action) = label.split_once('.').context("it has another label")?;
    let client = &world.plan.clients[client.parse::<usize>()?];
    match &client.actions[action.parse::<usize>()?] {
        Action::Snapshot { files, .. } => Ok(files),
        other => Err(anyhow!("its label stands for {other:?}")),
    }
}

/// Keys and bytes.
type Restored = Vec<(Vec<u8>, Vec<u8>)>;

fn files_in(repository: &Repository, root: NodeId) -> Result<Restored, ReadError> {
    let mut nodes = repository;
    let mut cursor = TreeCursor::new(root);
    let mut files = Vec::new();
    while cursor.advance(&mut nodes)? {
        let (key, entry) = (cursor.key().to_vec(), cursor.entry()?);
        let mut bytes = Vec::new();
        match entry.content {
            FileContent::Empty => {}
            FileContent::Inline(content) => bytes = content,
            FileContent::List(blobs) => {
                for blob in blobs {
                    bytes.extend(repository.content(&blob.id)?);
                }
            }
            FileContent::Tree(list) => {
                let mut list = ContentListCursor::new(list);
                while let Some((_, blob)) = list.next(&mut nodes)? {
                    bytes.extend(repository.content(&blob.id)?);
                }
            }
        }
        files.push((key, bytes));
    }
    Ok(files)
}

/// Somebody who comes when all is over, on a store that works.
pub(crate) fn observer(world: &Arc<World>, images: &Images, store: usize) -> Result<Repository> {
    let storage = SimStorage::new(world, OBSERVER, store);
    images.open(storage as _, SimClock::new(world, OBSERVER) as _)
}

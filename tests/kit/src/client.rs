//! An installation that backs up into a repository and restores from it, for suites that drive the whole engine.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use heirloom_engine::backup::exclude::Excludes;
use heirloom_engine::backup::local::LocalSource;
use heirloom_engine::backup::source::{Found, Source};
use heirloom_engine::backup::{self, BackupError, BackupOptions, BackupReport};
use heirloom_engine::clock::Clock;
use heirloom_engine::crypto::{
    Credential, ExposeSecret as _, Recipient, SecretString, generate_identity,
};
use heirloom_engine::error::Problem;
use heirloom_engine::id::NodeId;
use heirloom_engine::progress::Progress;
use heirloom_engine::prune::{self, PruneError, PruneOptions, PruneReport};
use heirloom_engine::repository::{
    Context, NewSlot, Repository, RepositoryError, SessionNote, Storage,
};
use heirloom_engine::restore::{self, RestoreError, RestoreOptions, RestoreReport};
use heirloom_engine::tree::key_from_path;
use tokio::runtime::{Builder, Runtime};

use crate::{CollectedProgress, TestClock};

/// The smallest packs that a repository may have.
pub const SMALL_PACKS: u32 = 1 << 20;

/// Far in the future, so that no file looks as if it had been changed only just now. A second less than 2100.
const START_NS: i128 = 4_102_444_799_000_000_000;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the operating system gives two threads")
});

static IDENTITY: LazyLock<(SecretString, String)> = LazyLock::new(generate_identity);

/// One installation: a clock, a seed, perhaps a cache. All installations of a process have the same age identity.
#[derive(Debug, Clone)]
pub struct Client {
    storage: Arc<dyn Storage>,
    context: Context,
    time: Arc<TestClock>,
}

/// What a backup did and said.
#[derive(Debug)]
pub struct BackedUp {
    /// Its report.
    pub report: BackupReport,
    /// Problems that it told its watcher.
    pub problems: Vec<String>,
}

/// What a restore did and said.
#[derive(Debug)]
pub struct Restored {
    /// Its report.
    pub report: RestoreReport,
    /// Problems that it told its watcher.
    pub problems: Vec<String>,
}

impl Client {
    /// An installation without a cache. Two that use one repository need two seeds.
    pub fn new(storage: Arc<dyn Storage>, seed: u64) -> Self {
        let time = Arc::new(TestClock::ticking(START_NS, 1_000_000, seed));
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&time);
        let runtime = RUNTIME.handle().clone();
        let context =
            Context { clock, runtime, cache: None, store: None, threads: 2, prompt: None };
        Self { storage, context, time }
    }

    /// The same one with a cache in this folder.
    #[must_use]
    pub fn with_cache(mut self, folder: &Path) -> Self {
        self.context.cache = Some(folder.to_owned());
        self
    }

    /// The same one that knows its store by this name, so that its cache remembers the way in.
    #[must_use]
    pub fn named(mut self, store: &str) -> Self {
        self.context.store = Some(store.to_owned());
        self
    }

    /// The same one that works on this store.
    #[must_use]
    pub fn on(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = storage;
        self
    }

    /// Its time and randomness.
    pub fn clock(&self) -> &dyn Clock {
        self.context.clock.as_ref()
    }

    /// Lets so many seconds pass, also for repositories that it has open.
    pub fn wait(&self, seconds: u32) {
        self.time.advance(i128::from(seconds) * 1_000_000_000);
    }

    /// What its engine gets.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Makes a repository with the smallest packs.
    pub fn init(&self) -> Result<Repository, RepositoryError> {
        let storage = Arc::clone(&self.storage);
        Repository::init(storage, &[identity_slot()], SMALL_PACKS, self.context.clone())
    }

    /// Opens the repository.
    pub fn open(&self) -> Result<Repository, RepositoryError> {
        self.open_with(identity())
    }

    /// The same with another key.
    pub fn open_with(&self, credential: Credential) -> Result<Repository, RepositoryError> {
        Repository::open(Arc::clone(&self.storage), &[credential], self.context.clone())
    }
}

/// The slot of the one identity of this process.
pub fn identity_slot() -> NewSlot {
    NewSlot {
        recipient: Recipient::Age(IDENTITY.1.clone()),
        label: "test identity".into(),
        recovery: false,
    }
}

/// The one identity of this process.
pub fn identity() -> Credential {
    Credential::IdentityFile { text: IDENTITY.0.clone(), name: "test identity".into() }
}

/// The secret text of the one identity of this process.
pub fn identity_text() -> &'static str {
    IDENTITY.0.expose_secret()
}

/// Options for a backup of one folder.
pub fn options_for(folder: &Path) -> BackupOptions {
    BackupOptions {
        paths: vec![folder.to_owned()],
        host: "testhost".into(),
        user: "testuser".into(),
        program: "suite".into(),
        ..BackupOptions::default()
    }
}

/// Takes a snapshot of a folder.
pub fn back_up(repository: &Repository, folder: &Path) -> Result<BackedUp, BackupError> {
    back_up_from(repository, &mut files_of(folder), &options_for(folder))
}

/// What lies in a folder, and the folder itself.
pub fn files_of(folder: &Path) -> impl Source + use<> {
    let files = LocalSource::new(&[folder.to_owned()], Excludes::default());
    WithoutAncestors { files, root: key_from_path(folder) }
}

/// Files without the folders above them, which other tests change all the time.
#[derive(Debug)]
struct WithoutAncestors {
    files: LocalSource,
    root: Vec<u8>,
}

impl Source for WithoutAncestors {
    fn next(&mut self) -> Option<Result<Found, Problem>> {
        loop {
            match self.files.next() {
                Some(Ok(found)) if found.key.len() < self.root.len() => {}
                found => return found,
            }
        }
    }

    fn excluded(&self) -> u64 {
        self.files.excluded()
    }
}

/// Takes a snapshot of whatever a source yields.
pub fn back_up_from(
    repository: &Repository,
    source: &mut dyn Source,
    options: &BackupOptions,
) -> Result<BackedUp, BackupError> {
    let progress = Arc::new(CollectedProgress::new());
    let watcher: Arc<dyn Progress> = Arc::<CollectedProgress>::clone(&progress);
    let report = backup::run(repository, source, options, &watcher)?;
    Ok(BackedUp { report, problems: progress.problems() })
}

impl BackedUp {
    /// Root of the tree of the snapshot that was taken.
    pub fn root(&self) -> NodeId {
        self.report.snapshot.as_ref().expect("the backup was to commit always").record.root
    }

    /// Bytes that it put into the store, the record included.
    pub fn stored_bytes(&self) -> u64 {
        self.report.snapshot.as_ref().map_or(0, |snapshot| snapshot.stored_bytes)
    }
}

/// Options for a prune by a test.
pub fn prune_options() -> PruneOptions {
    PruneOptions::new(SessionNote {
        started: 0,
        host: "testhost".into(),
        program: "suite".into(),
        command: "prune".into(),
    })
}

/// Prunes, and tells what happened.
pub fn prune_with(
    repository: &Repository,
    options: &PruneOptions,
) -> Result<PruneReport, PruneError> {
    let mut options = options.clone();
    options.note.started = i64::try_from(repository.clock().now_ns()).unwrap_or(i64::MAX);
    let progress: Arc<dyn Progress> = Arc::new(CollectedProgress::new());
    prune::run(repository, &options, &progress, &mut |_plan| {})
}

/// Restores what was backed up from `folder` to `target`.
pub fn restore_to(
    repository: &Repository,
    root: NodeId,
    folder: &Path,
    target: &Path,
) -> Result<Restored, RestoreError> {
    let options = RestoreOptions {
        target: PathBuf::from(target),
        subpath: key_from_path(folder),
        threads: 2,
        ..RestoreOptions::default()
    };
    let progress = CollectedProgress::new();
    let mut nodes = repository;
    let report = restore::run(repository, &mut nodes, root, &options, &progress)?;
    Ok(Restored { report, problems: progress.problems() })
}

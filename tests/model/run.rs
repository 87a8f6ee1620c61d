//! One schedule from start to end, and what must hold when all is over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use heirloom_engine::check::{self, CheckOptions, Finding, Standing, Weight};
use heirloom_engine::id::{NodeId, PackId};
use heirloom_engine::index::Trust;
use heirloom_engine::progress::Progress;
use heirloom_engine::repair::{self, Part, Repairer};
use heirloom_engine::repository::{Repository, SessionNote};
use heirloom_engine::snapshot::Snapshot;

use crate::client::{Client, MAIN, OTHER, Silent, Unread, observer, prune, read_back};
use crate::image::Images;
use crate::oracle::Knowledge;
use crate::plan::{Plan, PrunePlan, Unused};
use crate::state::Logged;
use crate::world::{Search, Summary, World};

/// Nothing in a schedule waits for real time.
const PATIENCE: Duration = Duration::from_mins(1);

type Job = Box<dyn FnOnce() + Send>;

/// Runs schedules, one after the other, each client on a thread that lives on.
#[derive(Debug)]
pub(crate) struct Runner {
    images: Arc<Images>,
    tiny: [Arc<Knowledge>; 2],
    wide: [Arc<Knowledge>; 2],
    threads: Vec<Sender<Job>>,
}

impl Runner {
    pub(crate) fn new(images: &Arc<Images>) -> Self {
        let know = |pair: &[crate::image::Image; 2]| {
            [Knowledge::new(&pair[0].keys), Knowledge::new(&pair[1].keys)]
        };
        let (tiny, wide) = (know(&images.tiny), know(&images.wide));
        Self { images: Arc::clone(images), tiny, wide, threads: Vec::new() }
    }

    fn thread(&mut self, number: usize) -> &Sender<Job> {
        while self.threads.len() <= number {
            let (jobs, waiting) = channel::<Job>();
            thread::spawn(move || waiting.into_iter().for_each(|job| job()));
            self.threads.push(jobs);
        }
        &self.threads[number]
    }

    /// Runs a schedule.
    pub(crate) fn run(&mut self, plan: &Arc<Plan>, search: Search) -> (Summary, Vec<Logged>) {
        let knowledge = if plan.tiny { &self.tiny } else { &self.wide };
        let knowledge = [&knowledge[0], &knowledge[1]];
        let images = Arc::clone(&self.images);
        let world = World::new(plan, images.get(plan.tiny), knowledge, search);
        for number in 0..plan.clients.len() {
            let (world, images) = (Arc::clone(&world), Arc::clone(&images));
            let job = move || {
                world.enter(number);
                let client = Client::new(&world, &images, number);
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| client.run())) {
                    let text = panic.downcast_ref::<String>().cloned();
                    let text =
                        text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
                    world.violate(format!("client {number} panics: {}", text.unwrap_or_default()));
                }
                world.leave(number);
            };
            self.thread(number).send(Box::new(job)).expect("a thread of ours lives on");
        }
        if !world.wait_until_over(PATIENCE) {
            // Threads that hang are left behind.
            self.threads.clear();
            world.lose("the clients wait for each other".to_owned());
            return (world.summary(), world.take_log());
        }
        if world.summary().violation.is_none() && !search.for_losses {
            let checked = catch_unwind(AssertUnwindSafe(|| check(&world, &images)));
            match checked {
                Ok(Ok(())) => {}
                Ok(Err(error)) => world.violate(format!("when all is over: {error:#}")),
                Err(_) => world.violate("the check panics when all is over".to_owned()),
            }
        }
        (world.summary(), world.take_log())
    }
}

/// Whatever happened: a client that comes now finds everything, prunes, and then finds everything and nothing else.
fn check(world: &Arc<World>, images: &Images) -> Result<()> {
    world.let_a_year_pass();
    for store in [MAIN, OTHER] {
        if world.state().is_untouched(store) {
            continue;
        }
        check_restores(world, images, store)?;
        check_index(world, images, store)?;
        for _ in 0..2 {
            let repository = observer(world, images, store)?;
            let thorough = PrunePlan { fences: true, unused: Unused::None };
            prune(&repository, thorough).context("prune")?;
        }
        let roots = check_restores(world, images, store).context("after a prune")?;
        let unneeded = world.state().stores[store].oracle.unneeded(&roots);
        ensure!(unneeded.is_empty(), "two prunes leave {unneeded:?}");
        let look = || -> Result<_> {
            Ok(check::run(&observer(world, images, store)?, &CheckOptions::default(), &Silent)?)
        };
        let mut report = look()?;
        // Half a tombstone stays until its snapshot is forgotten once more, or somebody repairs.
        let half = |finding: &Finding| finding.object.starts_with("tombstones/");
        if !world.plan.atomic && report.findings.iter().any(half) {
            mend_snapshots(&observer(world, images, store)?).context("repair")?;
            report = look()?;
        }
        let damage = report.findings.iter().find(|finding| finding.weight == Weight::Damage);
        ensure!(damage.is_none(), "two prunes leave {damage:?}");
        // One whose session was declared dead may lack anything; nobody was told that it is taken.
        let affected = report.affected.iter().find(|one| one.standing == Standing::Taken);
        ensure!(affected.is_none(), "two prunes leave {affected:?}");
        let leftovers = world.state().leftovers(store);
        ensure!(leftovers.is_empty(), "two prunes leave {leftovers:?}");
    }
    Ok(())
}

/// Whoever stores something now relies on nothing that is gone.
fn check_index(world: &Arc<World>, images: &Images, store: usize) -> Result<()> {
    let repository = observer(world, images, store)?;
    let condemned = repository.generations()?;
    let catalogue = repository.whole_catalogue()?;
    let named = |pack: &PackId| condemned.lists.iter().any(|list| list.packs.contains(pack));
    for (name, segment, trust) in catalogue.set().segments() {
        let packs = (0..segment.packs()).filter_map(|pack| Some(segment.pack(pack)?.id));
        let is_gone = |pack: &PackId| !catalogue.stored().contains_key(pack) && !named(pack);
        if let (Trust::Trusted, Some(pack)) = (trust, packs.into_iter().find(is_gone)) {
            bail!("{name} lists pack {pack}, which is gone and not condemned");
        }
    }
    Ok(())
}

fn mend_snapshots(repository: &Repository) -> Result<()> {
    let part = Part::Snapshots { read_data: false, forget_lost: false };
    let note = SessionNote {
        started: 0,
        host: "host".into(),
        program: "model".into(),
        command: "repair snapshots".into(),
    };
    let who = Repairer { note, user: "user".into() };
    let plan = repair::plan(repository, &part, &Silent)?;
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    repair::apply(repository, (&part, &plan), &who, &progress)?;
    Ok(())
}

/// Gives the roots of all snapshots.
fn check_restores(world: &Arc<World>, images: &Images, store: usize) -> Result<Vec<NodeId>> {
    let repository = observer(world, images, store)?;
    let found = repository.snapshots()?;
    let live = world.state().stores[store].oracle.live();
    let listed = || found.taken.iter().chain(&found.disputed);
    for id in live {
        let snapshot = listed().find(|snapshot| snapshot.session == id);
        let snapshot = snapshot.with_context(|| format!("snapshot {id} is not listed"))?;
        restore(&repository, world, snapshot)?;
        // Whoever declares a session dead and finds that it has committed takes that back, unless something stops it.
        let in_doubt = found.disputed.iter().any(|snapshot| snapshot.session == id);
        ensure!(!in_doubt || world.plan.has_faults(), "snapshot {id} was reported and is disputed");
    }
    // Nobody was told of these, but whoever lists them relies on them.
    for snapshot in &found.taken {
        restore(&repository, world, snapshot)?;
    }
    Ok(listed().map(|snapshot| snapshot.record.root).collect())
}

fn restore(repository: &Repository, world: &World, snapshot: &Snapshot) -> Result<()> {
    match read_back(repository, world, snapshot) {
        Ok(()) => Ok(()),
        Err(Unread::Lost(error)) => {
            Err(error).with_context(|| format!("restore of {}", snapshot.session))
        }
        Err(Unread::Wrong(what)) => bail!("restore of {}: {what}", snapshot.session),
    }
}

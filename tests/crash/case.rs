//! Kills a command before, after and in the middle of every operation on the store, and looks at what is left.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::id::SessionId;
use heirloom_engine::index::SegmentName;
use heirloom_engine::prune::{self, Limit, PruneOptions, PruneReport};
use heirloom_engine::repository::{Repository, Snapshots};
use heirloom_kit::{
    Client, CollectedProgress, Counted, Fault, FaultStorage, HookStorage, MemoryStorage, back_up,
    is_thorough, prune_options, prune_with,
};

use crate::world::{World, snapshot_of, tearing};

pub(crate) const FOUR_DAYS: u32 = 4 * 24 * 3600;

/// So much of a put arrives: nothing, less than any object has, less than a pack or a key has.
const TORN: [Fault; 3] =
    [Fault::KillTorn { keep: 0 }, Fault::KillTorn { keep: 100 }, Fault::KillTorn { keep: 700 }];

/// What a command told its user before it ended or died.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Said {
    /// Snapshots that were taken, and in which site.
    pub(crate) taken: Vec<(usize, SessionId)>,
    /// It ended well.
    pub(crate) done: bool,
}

/// A command in a certain situation.
pub(crate) struct Case {
    pub(crate) command: &'static str,
    pub(crate) situation: &'static str,
    pub(crate) world: fn() -> Result<World>,
    /// When the command runs and whatever comes next, in seconds after the world was made.
    pub(crate) after: u32,
    /// Runs the command, one client for each site.
    pub(crate) run: fn(&World, &[Client], &mut Said) -> Result<()>,
    /// Snapshots that it may take out of what counts.
    pub(crate) takes: fn(&World) -> BTreeSet<SessionId>,
    /// What must hold at any time after it began.
    pub(crate) holds: fn(&World, &[Client], &Said) -> Result<()>,
    /// What it leaves behind for ever if nobody runs it again, by beginnings of names.
    pub(crate) leaves: &'static [&'static str],
    /// The same, even if it is run again.
    pub(crate) stays: &'static [&'static str],
}

impl Default for Case {
    fn default() -> Self {
        Self {
            command: "",
            situation: "",
            world: || World::new(0),
            after: 0,
            run: |_, _, _| Ok(()),
            takes: |_| BTreeSet::new(),
            holds: |_, _, _| Ok(()),
            leaves: &[],
            stays: &[],
        }
    }
}

type Stores = Vec<Arc<MemoryStorage>>;

/// How many operations of each kind a command has when nothing happens.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operations {
    pub(crate) looks: u64,
    pub(crate) puts: u64,
    pub(crate) deletes: u64,
}

impl Operations {
    pub(crate) fn all(self) -> u64 {
        self.looks + self.puts + self.deletes
    }

    /// Before and after each, and in the middle of each put.
    pub(crate) fn points(self) -> u64 {
        2 * self.all() + u64::try_from(TORN.len()).expect("three") * self.puts
    }
}

impl Case {
    /// The operations of a run that nothing happens to, in their order.
    fn operations(&self, world: &World) -> Result<Vec<String>> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let clients: Vec<Client> = copies(world)
            .iter()
            .map(|store| {
                let seen = Arc::clone(&seen);
                let client = world.client(HookStorage::new(tearing(store), move |operation, _| {
                    let mut seen = seen.lock().expect("no holder of this lock panics");
                    seen.push(operation.to_owned());
                }));
                client.wait(self.after);
                client
            })
            .collect();
        (self.run)(world, &clients, &mut Said::default())?;
        drop(clients);
        Ok(seen.lock().expect("no holder of this lock panics").clone())
    }

    pub(crate) fn count(&self) -> Result<Operations> {
        let mut counted = Operations::default();
        for operation in self.operations(&(self.world)()?)? {
            match operation.as_str() {
                "put" => counted.puts += 1,
                "delete" => counted.deletes += 1,
                _ => counted.looks += 1,
            }
        }
        Ok(counted)
    }

    /// Tries every point.
    pub(crate) fn try_all(&self) -> Result<()> {
        let world = (self.world)()?;
        let operations = self.operations(&world)?;
        let (mut tried, mut states) = (0_u64, HashSet::new());
        let mut missed = 0;
        for (number, operation) in (1..).zip(&operations) {
            let torn = TORN.iter().filter(|_| operation == "put");
            for fault in [Fault::KillBefore, Fault::KillAfter].iter().chain(torn) {
                let (stores, said, struck) = self.killed(&world, number, *fault)?;
                missed += u64::from(struck.is_none());
                let struck = struck.unwrap_or_else(|| "not killed".into());
                tried += 1;
                let is_new = states.insert(fingerprint(&stores, &said));
                if !is_new {
                    continue;
                }
                let what = || format!("{} {}: {number}, {struck}", self.command, self.situation);
                let both = [true, false];
                let ways = if is_thorough() { &both[..] } else { &both[states.len() % 2..][..1] };
                for again in ways {
                    let stores: Stores = stores.iter().map(|store| store.copy()).collect();
                    self.check_aftermath(&world, &stores, &said, *again).with_context(what)?;
                }
            }
        }
        println!(
            "{} {}: {tried} points, {} different outcomes",
            self.command,
            self.situation,
            states.len()
        );
        // Threads may make one more or less request than the last time.
        ensure!(missed * 20 <= tried, "{missed} of {tried} points were not met");
        Ok(())
    }

    fn killed(
        &self,
        world: &World,
        number: u64,
        fault: Fault,
    ) -> Result<(Stores, Said, Option<String>)> {
        let stores = copies(world);
        let first = stores.first().context("a site")?;
        let faulty = FaultStorage::new(Arc::clone(first) as _, Counted::All);
        faulty.at(number, fault);
        let mut clients = vec![Client::new(Arc::clone(&faulty) as _, 7)];
        for (store, seed) in stores[1..].iter().zip(8..) {
            clients.push(Client::new(faulty.beside(Arc::clone(store) as _), seed));
        }
        for client in &clients {
            client.wait(self.after);
        }
        let mut said = Said::default();
        let outcome = (self.run)(world, &clients, &mut said);
        said.done = outcome.is_ok();
        let struck = faulty.struck().pop();
        if struck.is_none() {
            outcome.context("without a fault")?;
        }
        Ok((stores, said, struck))
    }

    /// Nothing is lost, nobody is in anybody's way, and in the end nothing is left over.
    fn check_aftermath(
        &self,
        world: &World,
        stores: &[Arc<MemoryStorage>],
        said: &Said,
        again: bool,
    ) -> Result<()> {
        let check = |restore| self.check_all(world, stores, said, restore);
        check(true)?;
        if again {
            let clients: Vec<Client> =
                stores.iter().map(|store| self.client(world, store)).collect();
            let mut second = Said::default();
            (self.run)(world, &clients, &mut second).context("the same command again")?;
            second.done = true;
            second.taken.extend(&said.taken);
            self.check_all(world, stores, &second, false).context("after the second run")?;
        }
        let mut taken = Vec::new();
        for (site, store) in world.sites.iter().zip(stores) {
            let next = back_up(&self.client(world, store).open()?, &site.next)
                .context("the next snapshot")?;
            taken.push(snapshot_of(&next)?);
            prune_all(&self.client(world, store)).context("the next prune")?;
        }
        check(false).context("after the next prune")?;
        for store in stores {
            let client = self.client(world, store);
            client.wait(FOUR_DAYS);
            prune_all(&client).context("a later prune")?;
            self.check_clean(store, &client, again)?;
        }
        check(true).context("after the last prune")?;
        for (store, id) in stores.iter().zip(taken) {
            let listed = world.open(store)?.snapshots()?;
            let found = listed.taken.iter().any(|found| found.session == id);
            ensure!(found, "the next snapshot is gone");
        }
        Ok(())
    }

    /// Somebody else who comes after the command.
    fn client(&self, world: &World, store: &Arc<MemoryStorage>) -> Client {
        let client = world.client(tearing(store));
        client.wait(self.after);
        client
    }

    fn check_all(
        &self,
        world: &World,
        stores: &[Arc<MemoryStorage>],
        said: &Said,
        restore: bool,
    ) -> Result<()> {
        let clients: Vec<Client> = stores.iter().map(|store| self.client(world, store)).collect();
        for (index, client) in clients.iter().enumerate() {
            let repository = client.open()?;
            let listed = repository.snapshots()?;
            self.check_listed(world, index, &listed, said)?;
            check_segments(&repository, &stores[index])?;
            if restore {
                for snapshot in listed.taken.iter().chain(&listed.disputed) {
                    world.sites[index].check(&repository, snapshot.record.root)?;
                }
            }
        }
        (self.holds)(world, &clients, said)
    }

    fn check_listed(
        &self,
        world: &World,
        index: usize,
        listed: &Snapshots,
        said: &Said,
    ) -> Result<()> {
        let may_go = (self.takes)(world);
        let told = said.taken.iter().filter(|(site, _)| *site == index).map(|(_, id)| id);
        let live = world.sites[index].live.iter().filter(|id| !may_go.contains(id));
        let is_listed = |id| listed.taken.iter().any(|found| found.session == id);
        for id in live.chain(told) {
            ensure!(is_listed(*id), "{id} is gone: {:?}", listed.problems);
        }
        Ok(())
    }

    /// What must be true when nobody writes and all that could be freed was freed.
    fn check_clean(&self, store: &MemoryStorage, client: &Client, again: bool) -> Result<()> {
        for folder in ["condemned/", "sessions/"] {
            let left = store.names_in(folder);
            ensure!(left.is_empty(), "left: {left:?}");
        }
        let repository = client.open()?;
        let progress = CollectedProgress::new();
        let plan = prune::plan(&repository, &everything(), &progress)?;
        ensure!(plan.is_empty(), "still to do: {plan:?}");
        let mut problems = plan.problems;
        problems.extend(repository.foreign_objects()?);
        problems.extend(repository.policies()?.problems);
        problems.extend(repository.kept_secrets()?.problems);
        let left = if again { &[] } else { self.leaves };
        let expected = |object: &str| {
            left.iter().chain(self.stays).any(|beginning| object.starts_with(beginning))
        };
        problems.retain(|problem| !problem.damaged_object().is_some_and(expected));
        ensure!(problems.is_empty(), "for ever: {problems:?}");
        let records = store.names_in("snapshots/").len();
        ensure!(records == plan.snapshots, "{records} records of {} snapshots", plan.snapshots);
        Ok(())
    }
}

/// No segment lists a pack that is gone, not even one that another segment replaces: it would count again when that
/// one is replaced in its turn.
fn check_segments(repository: &Repository, store: &MemoryStorage) -> Result<()> {
    for object in store.names_in("index/") {
        let name = SegmentName::parse(&object).context("a segment's name")?;
        // A torn one says nothing.
        let Ok(segment) = repository.stored_segment(name) else { continue };
        for pack in segment.packs {
            let is_there = store.get(&format!("packs/{}", pack.id)).is_some();
            ensure!(is_there, "{object} lists {}, which is gone", pack.id);
        }
    }
    Ok(())
}

/// Everything that is not needed goes.
fn everything() -> PruneOptions {
    PruneOptions { max_unused: Limit::Percent(0.0), ..prune_options() }
}

fn prune_all(client: &Client) -> Result<PruneReport> {
    let report = prune_with(&client.open()?, &everything())?;
    ensure!(report.damaged.is_empty(), "{report:?}");
    Ok(report)
}

fn copies(world: &World) -> Stores {
    world.sites.iter().map(|site| site.store.copy()).collect()
}

fn fingerprint(stores: &[Arc<MemoryStorage>], said: &Said) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for store in stores {
        for name in store.names() {
            let bytes = store.get(&name).unwrap_or_default();
            hasher.update(name.as_bytes()).update(blake3::hash(&bytes).as_bytes());
        }
        hasher.update(b"end of a store");
    }
    hasher.update(format!("{said:?}").as_bytes());
    hasher.finalize()
}

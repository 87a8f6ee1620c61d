//! What a damaged repository does in each operation, before and after it was repaired.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use heirloom_engine::check::{self, Affected, CheckOptions, CheckReport, Choice, Touched, Weight};
use heirloom_engine::progress::Progress;
use heirloom_engine::repair::{self, Part, Repairer, Step};
use heirloom_engine::repository::Repository;
use heirloom_kit::{Client, CollectedProgress, MemoryStorage, back_up, restore_to};

use super::rich::{Rich, note};
use crate::specimen::compare;

/// What is done with a damaged repository; each has to do no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Check,
    CheckReadData,
    Restore,
    Snapshot,
}

impl Operation {
    pub(crate) const ALL: [Self; 4] =
        [Self::Check, Self::CheckReadData, Self::Restore, Self::Snapshot];
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Something was reported.
    Noticed,
    /// Everything went as if nothing had happened.
    Whole,
}

/// A trial of all operations, then of repairing, then of all operations again.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    pub(crate) before: BTreeMap<Operation, bool>,
    /// Entries that had to be given up.
    pub(crate) given_up: bool,
}

fn options(read: bool) -> CheckOptions {
    CheckOptions { read: read.then_some(Choice::All), ..CheckOptions::default() }
}

fn look(repository: &Repository, read: bool) -> Result<CheckReport> {
    Ok(check::run(repository, &options(read), &CollectedProgress::new())?)
}

pub(crate) fn try_all(rich: &Rich, store: &Arc<MemoryStorage>) -> Result<Trial> {
    catch_unwind(AssertUnwindSafe(|| try_calmly(rich, store))).unwrap_or_else(|_| bail!("a panic"))
}

fn try_calmly(rich: &Rich, store: &Arc<MemoryStorage>) -> Result<Trial> {
    let mut trial = Trial::default();
    for operation in Operation::ALL {
        // Each on its own copy: a snapshot changes the store.
        let copy = store.copy();
        let repository = rich.client(&copy, 90)?.open().context("open")?;
        let noticed = operate(rich, &repository, operation, None).context("before repair")?;
        trial.before.insert(operation, noticed == Outcome::Noticed);
    }
    let client = rich.client(store, 91)?;
    let lost = mend(&client).context("repair")?;
    trial.given_up = !lost.is_empty();
    // A machine that remembers nothing must get in now, and find nothing wrong.
    for operation in Operation::ALL {
        let repository = rich.newcomer(&store.copy()).context("open after repair")?;
        operate(rich, &repository, operation, Some(&lost)).context("after repair")?;
    }
    Ok(trial)
}

/// `given_up`: what was given up and named by a repair, as problems of a restore would be; `None` before it.
pub(crate) fn operate(
    rich: &Rich,
    repository: &Repository,
    operation: Operation,
    given_up: Option<&[String]>,
) -> Result<Outcome> {
    let (repaired, lost) = (given_up.is_some(), given_up.unwrap_or_default());
    let noticed = match operation {
        Operation::Check | Operation::CheckReadData => {
            let report = look(repository, operation == Operation::CheckReadData)?;
            let remarks = !report.findings.is_empty() || !report.affected.is_empty();
            let sound = report.weight() <= Some(Weight::Remark);
            ensure!(!repaired || sound, "{:?} {:?}", report.findings, report.affected);
            !repaired && remarks
        }
        Operation::Restore => !restore_everything(rich, repository, lost)?,
        Operation::Snapshot => snapshot(rich, repository, repaired)?,
    };
    Ok(if noticed { Outcome::Noticed } else { Outcome::Whole })
}

/// Restores every snapshot that counts. Whether everything is there; an error if something is wrong, or missing without a
/// word.
fn restore_everything(rich: &Rich, repository: &Repository, lost: &[String]) -> Result<bool> {
    let listed = repository.snapshots()?;
    let mut whole = listed.problems.is_empty();
    let snapshots = &rich.specimen.snapshots;
    let mut met = BTreeSet::new();
    for found in listed.taken.iter().chain(&listed.disputed) {
        let name = found.record.original.unwrap_or(found.session);
        let Some((_, expected)) = snapshots.get(&name) else { continue };
        met.insert(name);
        let target = rich.specimen.lab.fresh_path();
        let root = found.record.root;
        match restore_to(repository, root, &rich.specimen.lab.tree, &target) {
            Err(_) => whole = false,
            Ok(restored) => {
                let mut said = restored.problems;
                said.extend_from_slice(lost);
                whole &= compare(expected, &target, &said)
                    .with_context(|| format!("snapshot {}", found.session))?;
            }
        }
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
    }
    for missing in snapshots.keys().filter(|session| !met.contains(*session)) {
        whole = false;
        let named = |said: &str| said.contains(&missing.to_string());
        let problems = listed.problems.iter().map(ToString::to_string);
        ensure!(
            problems.chain(lost.iter().cloned()).any(|said| named(&said)),
            "{missing} is gone, and nobody says so"
        );
    }
    Ok(whole)
}

/// Backs up once more, and restores that: nothing may be wrong or missing without a word. Before a repair the index may
/// still promise what a broken pack does not hold, so that the new snapshot misses it as well.
fn snapshot(rich: &Rich, repository: &Repository, repaired: bool) -> Result<bool> {
    let tree = &rich.specimen.lab.tree;
    let done = back_up(repository, tree)?;
    let target = rich.specimen.lab.fresh_path();
    let whole = match restore_to(repository, done.root(), tree, &target) {
        Err(error) => {
            ensure!(!repaired, "{error:?}");
            false
        }
        Ok(restored) => compare(tree, &target, &restored.problems)?,
    };
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    ensure!(whole || !repaired, "a snapshot after the repair is not whole");
    Ok(!done.problems.is_empty() || !whole)
}

/// Repairs everything, and says what was given up in the words of a restore.
pub(crate) fn mend(client: &Client) -> Result<Vec<String>> {
    let who = Repairer { note: note(client, "repair"), user: "testuser".into() };
    let progress: Arc<dyn Progress> = Arc::new(CollectedProgress::new());
    let mut lost = Vec::new();
    // The session that never ended counts as dead by now.
    client.wait(4 * 24 * 3600);
    let repository = client.open().context("open for repair")?;
    for part in [
        Part::Index,
        Part::Packs(Vec::new()),
        Part::Snapshots { read_data: false, forget_lost: true },
        // What stood in the way of the index may be gone now.
        Part::Index,
    ] {
        let plan = repair::plan(&repository, &part, progress.as_ref())?;
        for step in &plan.steps {
            match step {
                Step::Rebuild { affected } => lost.extend(named(affected)),
                Step::ForgetLost { snapshot, .. } => lost.push(format!("{snapshot} is lost")),
                _ => {}
            }
        }
        for finding in &plan.left {
            if let Some(slot) = finding.object.strip_prefix("keys/") {
                repository.remove_slot(slot)?;
            }
            if finding.fault == check::Fault::Rollback {
                lost.push(format!("{} is gone", finding.object));
            }
        }
        repair::apply(&repository, (&part, &plan), &who, &progress)?;
    }
    Ok(lost)
}

fn named(affected: &Affected) -> Vec<String> {
    let words = affected.touched.iter().map(|touched| match touched {
        Touched::Content(path) | Touched::Attributes(path) => format!("{} is lost", path.display()),
        Touched::Entries { .. } => "the list of entries is damaged".to_owned(),
    });
    words.collect()
}

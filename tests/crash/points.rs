//! A client that is killed before, in or after any of its operations.

use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, bail};
use heirloom_engine::repository::RepositoryError;
use heirloom_kit::{
    Client, Counted, Fault, FaultStorage, HookStorage, MemoryStorage, back_up, prune_options,
    prune_with, scratch_folder,
};

use crate::scenario::Scenario;

/// More operations than anything here has.
const ENDLESS: u64 = 10_000;

const KILLS: [Fault; 3] = [Fault::KillBefore, Fault::KillAfter, Fault::KillTorn { keep: 700 }];

#[test]
fn a_backup_that_is_killed_at_any_operation_loses_nothing_and_the_next_one_continues() -> Result<()>
{
    let scenario = Scenario::new(1)?;
    let mut tried = 0;
    for fault in KILLS {
        for number in 1..ENDLESS {
            let Some(disturbed) = scenario.disturbed(number, fault) else { break };
            scenario
                .check_aftermath(&disturbed)
                .with_context(|| format!("operation {number}, {}", disturbed.struck))?;
            tried += 1;
        }
    }
    println!("{tried} kills of a backup");
    assert!(tried > 60, "only {tried} kills");
    Ok(())
}

fn check_init(number: u64, fault: Fault) -> Result<bool> {
    let store = MemoryStorage::new();
    let faulty = FaultStorage::new(Arc::clone(&store) as _, Counted::All);
    faulty.at(number, fault);
    let done = Client::new(Arc::clone(&faulty) as _, number).init();
    if faulty.struck().is_empty() {
        return Ok(false);
    }
    let next = Client::new(Arc::clone(&store) as _, number + ENDLESS);
    match next.init() {
        Ok(_) if done.is_ok() => bail!("a repository was made twice"),
        Ok(_) | Err(RepositoryError::Exists) => {}
        Err(error) => return Err(error.into()),
    }
    let what = || format!("{:?}", faulty.struck());
    let repository = next.open().with_context(what)?;
    back_up(&repository, scratch_folder()?.path()).with_context(what)?;
    prune_with(&repository, &prune_options()).with_context(what)?;
    Ok(true)
}

/// Looks, puts and deletions of an `init`, and at how many points it is killed.
pub(crate) fn of_init() -> Result<[u64; 4]> {
    let seen = Arc::new(Mutex::new([0; 4]));
    let counts = Arc::clone(&seen);
    let hooked = HookStorage::new(MemoryStorage::new(), move |operation, _| {
        let mut counts = counts.lock().expect("no holder of this lock panics");
        let kind = ["put", "delete"].iter().position(|kind| *kind == operation);
        counts[kind.map_or(0, |kind| kind + 1)] += 1;
        counts[3] += 2 + u64::from(operation == "put");
    });
    Client::new(hooked, 1).init()?;
    let counts = *seen.lock().expect("no holder of this lock panics");
    Ok(counts)
}

#[test]
fn an_init_that_is_killed_at_any_operation_can_be_run_again() -> Result<()> {
    for fault in [Fault::KillBefore, Fault::KillAfter] {
        let tried = (1..ENDLESS).map(|number| check_init(number, fault));
        let tried = tried.take_while(|tried| !matches!(tried, Ok(false)));
        assert!(tried.collect::<Result<Vec<_>>>()?.len() >= 4);
    }
    Ok(())
}

#[test]
fn an_init_that_is_killed_in_the_middle_of_a_put_can_be_run_again() -> Result<()> {
    let tried = (1..ENDLESS).map(|number| check_init(number, Fault::KillTorn { keep: 20 }));
    let tried = tried.take_while(|tried| !matches!(tried, Ok(false)));
    assert!(tried.collect::<Result<Vec<_>>>()?.len() >= 4);
    Ok(())
}

//! A client that is killed, or whose store fails, at every operation of forgetting and of setting a policy.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_engine::repository::Storage;
use heirloom_kit::{Client, Counted, Fault, FaultStorage, MemoryStorage};

use crate::{lab_with, of_host, policy, saying, taken};

const FAULTS: [Fault; 6] = [
    Fault::Before { temporary: false },
    Fault::After { temporary: false },
    Fault::Torn { keep: 100 },
    Fault::KillBefore,
    Fault::KillAfter,
    Fault::KillTorn { keep: 100 },
];

/// Runs something once without a fault, then with every fault at every operation, each on a copy of the store.
fn at_every_operation(
    store: &Arc<MemoryStorage>,
    run: impl Fn(&Client) -> Result<()>,
    check: impl Fn(&Client, bool) -> Result<()>,
) -> Result<u64> {
    let client = |storage: Arc<dyn Storage>, seed| Client::new(storage, seed);
    let counting = FaultStorage::new(store.copy(), Counted::All);
    run(&client(Arc::<FaultStorage>::clone(&counting), 50))?;
    let operations = counting.operations();
    for number in 1..=operations {
        for fault in FAULTS {
            let copy = store.copy();
            let faulty = FaultStorage::new(Arc::<MemoryStorage>::clone(&copy), Counted::All);
            faulty.at(number, fault);
            let done = run(&client(Arc::<FaultStorage>::clone(&faulty), 51)).is_ok();
            // Whoever comes next.
            let next = client(copy, 52);
            check(&next, done).with_context(|| format!("{fault:?} at {number}"))?;
        }
    }
    Ok(operations)
}

#[test]
fn forgetting_may_break_off_anywhere_and_be_repeated() -> Result<()> {
    let (lab, all) = lab_with(4, 31)?;
    let operations = at_every_operation(
        &lab.store,
        |client| Ok(client.open()?.forget(&all[..3], &saying("crash"))?),
        |client, done| {
            let repository = client.open()?;
            let left = taken(&repository)?;
            anyhow::ensure!(left.contains(&all[3]), "the one that was to stay is gone");
            anyhow::ensure!(!done || left.len() == 1, "it said that it was done");
            repository.forget(&all[..3], &saying("again"))?;
            let listed = repository.snapshots()?;
            anyhow::ensure!(listed.problems.is_empty(), "{:?}", listed.problems);
            anyhow::ensure!(listed.taken.len() == 1 && listed.forgotten.len() == 3);
            Ok(())
        },
    )?;
    assert!(operations >= 3, "{operations}");
    Ok(())
}

#[test]
fn setting_a_policy_may_break_off_anywhere_and_never_leaves_a_scope_without_one() -> Result<()> {
    let (lab, _) = lab_with(1, 32)?;
    lab.repository.set_policy(of_host("desk"), policy("1")?, &saying(""))?;
    at_every_operation(
        &lab.store,
        |client| {
            client.open()?.set_policy(of_host("desk"), policy("2")?, &saying(""))?;
            Ok(())
        },
        |client, done| {
            let repository = client.open()?;
            let policies = repository.policies()?;
            let amounts: Vec<String> =
                policies.in_force().map(|one| one.policy.rules[0].amount.to_string()).collect();
            anyhow::ensure!(amounts.len() == 1, "{amounts:?}");
            anyhow::ensure!(!done || amounts == ["2"], "it said that it was done");
            // A torn object of a store that tears is damage: nothing is dropped until somebody sets a policy, for whatever.
            let change = repository.set_policy(of_host("desk"), policy("3")?, &saying(""))?;
            anyhow::ensure!(change.cleared == policies.unreadable, "{change:?}");
            let policies = repository.policies()?;
            anyhow::ensure!(policies.stored.len() == 1 && policies.problems.is_empty());
            Ok(())
        },
    )?;
    Ok(())
}

//! A client that is killed before, in or after any of its operations.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use heirloom_engine::crypto::{Credential, Recipient, generate_identity};
use heirloom_engine::repository::{NewSlot, Repository, RepositoryError};
use heirloom_kit::{
    Client, Counted, Fault, FaultStorage, Lab, MemoryStorage, identity, identity_slot,
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
    next.open().with_context(|| format!("{:?}", faulty.struck()))?;
    Ok(true)
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

fn credential_and_slot() -> (Credential, NewSlot) {
    let (secret, recipient) = generate_identity();
    let credential = Credential::IdentityFile { text: secret, name: "second".into() };
    let recipient = Recipient::Age(recipient);
    (credential, NewSlot { recipient, label: "second".into(), recovery: false })
}

fn opens(store: &Arc<MemoryStorage>, credential: Credential) -> Result<Repository> {
    let client = Client::new(Arc::clone(store) as _, 77);
    Ok(Repository::open(Arc::clone(store) as _, &[credential], client.context().clone())?)
}

#[test]
fn adding_a_key_that_is_killed_at_any_operation_locks_nobody_out_and_can_be_run_again() -> Result<()>
{
    let lab = Lab::new(2)?;
    for fault in KILLS {
        let mut tried = 0;
        for number in 1..ENDLESS {
            let store = lab.store.copy();
            let faulty = FaultStorage::new(Arc::clone(&store) as _, Counted::All);
            let client = Client::new(Arc::clone(&faulty) as _, 100 + number);
            let repository = client.open()?;
            faulty.at(number, fault);
            let (second, slot) = credential_and_slot();
            let added = repository.add_slot(&[identity()], &slot);
            let Some(struck) = faulty.struck().pop() else {
                added?;
                opens(&store, second)?;
                break;
            };
            let repository = opens(&store, identity()).with_context(|| struck.clone())?;
            if added.is_ok() {
                opens(&store, second).with_context(|| struck.clone())?;
            }
            let (third, slot) = credential_and_slot();
            repository.add_slot(&[identity()], &slot).with_context(|| struck.clone())?;
            opens(&store, third).with_context(|| struck.clone())?;
            // What a torn file left behind is listed, and does not count as a key.
            assert!(repository.slots()?.len() >= 2, "{struck}");
            tried += 1;
        }
        assert!(tried >= 2, "{tried} operations");
    }
    Ok(())
}

#[test]
fn removing_a_key_that_is_killed_at_any_operation_locks_nobody_else_out() -> Result<()> {
    let lab = Lab::new(3)?;
    let extra = lab.repository.add_slot(&[identity()], &identity_slot())?;
    for fault in [Fault::KillBefore, Fault::KillAfter] {
        for number in 1..ENDLESS {
            let store = lab.store.copy();
            let faulty = FaultStorage::new(Arc::clone(&store) as _, Counted::All);
            let repository = Client::new(Arc::clone(&faulty) as _, 200 + number).open()?;
            faulty.at(number, fault);
            let removed = repository.remove_slot(&extra.to_string());
            let Some(struck) = faulty.struck().pop() else { break };
            let repository = opens(&store, identity()).with_context(|| struck.clone())?;
            let left = repository.slots()?.into_iter().any(|slot| slot.id == extra);
            assert!(!(removed.is_ok() && left), "{struck}");
            if left {
                repository.remove_slot(&extra.to_string()).with_context(|| struck.clone())?;
            }
            let refused = repository.remove_slot("");
            assert!(matches!(refused, Err(RepositoryError::LastSlot)), "{struck}: {refused:?}");
        }
    }
    Ok(())
}

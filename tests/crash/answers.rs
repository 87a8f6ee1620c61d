//! Single operations that fail, that lose their answer, that arrive in part; and a store that is full.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::backup::BackupError;
use heirloom_engine::error::{ErrorKind, ReadError, StorageError};
use heirloom_engine::repository::RepositoryError;
use heirloom_engine::restore::RestoreError;
use heirloom_kit::{Counted, Fault, FaultStorage, restore_to};

use crate::scenario::{Disturbed, Scenario};

const ENDLESS: u64 = 10_000;

fn storage_error(disturbed: &Disturbed) -> Option<&StorageError> {
    match &disturbed.outcome {
        Err(BackupError::Repository(RepositoryError::Storage(error))) => Some(error),
        _ => None,
    }
}

/// Either the run went on without harm, or it failed for the true reason and said which object it was.
fn check_error(disturbed: &Disturbed, kind: ErrorKind) -> Result<()> {
    let Err(said) = &disturbed.outcome else { return Ok(()) };
    let error = storage_error(disturbed).with_context(|| format!("another error: {said:?}"))?;
    ensure!(error.kind == kind, "{error}");
    let named = error.object == disturbed.object();
    // A full store refuses every put, and any of them may be the first that is waited for.
    ensure!(named || kind == ErrorKind::NoSpace, "{error} instead of {}", disturbed.object());
    Ok(())
}

fn try_everywhere(seed: u64, fault: Fault, kind: ErrorKind) -> Result<()> {
    let scenario = Scenario::new(seed)?;
    let mut tried = 0;
    for number in 1..ENDLESS {
        let Some(disturbed) = scenario.disturbed(number, fault) else { break };
        let what = || format!("operation {number}, {}", disturbed.struck);
        check_error(&disturbed, kind).with_context(what)?;
        scenario.check_aftermath(&disturbed).with_context(what)?;
        tried += 1;
    }
    assert!(tried > 20, "only {tried} operations");
    Ok(())
}

#[test]
fn an_operation_that_fails_is_named_and_the_next_run_continues() -> Result<()> {
    try_everywhere(10, Fault::Before { temporary: false }, ErrorKind::Unreachable)
}

#[test]
fn an_operation_whose_answer_is_lost_is_named_and_the_next_run_continues() -> Result<()> {
    try_everywhere(11, Fault::After { temporary: false }, ErrorKind::Unreachable)
}

#[test]
fn a_put_that_arrives_in_part_is_named_and_the_next_run_continues() -> Result<()> {
    try_everywhere(12, Fault::Torn { keep: 900 }, ErrorKind::Unreachable)
}

#[test]
fn a_full_store_is_named_and_the_next_run_continues_once_there_is_room() -> Result<()> {
    try_everywhere(13, Fault::Full, ErrorKind::NoSpace)
}

#[test]
fn a_restore_that_loses_its_store_says_so_and_does_not_speak_of_damage() -> Result<()> {
    let scenario = Scenario::new(14)?;
    for number in 1..ENDLESS {
        let faulty = FaultStorage::new(scenario.lab.storage(), Counted::All);
        let client = scenario.client(&scenario.lab.store).on(Arc::clone(&faulty) as _);
        let repository = client.open()?;
        faulty.at(number, Fault::KillBefore);
        let target = scenario.lab.fresh_path();
        let done = restore_to(&repository, scenario.first_root(), &scenario.lab.tree, &target);
        let Some(struck) = faulty.struck().pop() else {
            assert!(number > 3 && done?.problems.is_empty());
            return Ok(());
        };
        match done {
            Err(RestoreError::Repository(ReadError::Storage(error))) => {
                assert_eq!(error.kind, ErrorKind::Unreachable, "{struck}");
            }
            other => panic!("{struck}: {other:?}"),
        }
    }
    Ok(())
}

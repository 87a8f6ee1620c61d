//! Stored policies.

use anyhow::{Context as _, Result};
use heirloom_engine::error::{FormatError, Problem};
use heirloom_engine::id::PolicyId;
use heirloom_engine::repository::{Policies, Repository, RepositoryError};
use heirloom_engine::retention::{Scope, Standing};
use heirloom_engine::snapshot::{policy_name, seal_policy};
use heirloom_kit::{Client, Lab};

use crate::{demand, of_host, policy, saying};

/// The amounts of those that count, in the order of their ids.
fn in_force(policies: &Policies) -> Vec<String> {
    let mut amounts: Vec<String> =
        policies.in_force().map(|one| one.policy.rules[0].amount.to_string()).collect();
    amounts.sort_unstable();
    amounts
}

fn set(repository: &Repository, scope: Scope, days: &str) -> Result<PolicyId> {
    let change = repository.set_policy(scope, policy(days)?, &saying(""))?;
    change.set.context("a new one")
}

#[test]
fn a_policy_comes_back_as_it_was_set_and_takes_the_place_of_its_predecessor() -> Result<()> {
    let lab = Lab::new(11)?;
    assert!(lab.repository.policies()?.stored.is_empty());
    let scope = Scope {
        label: Some("papers".to_owned()),
        host: Some("desk".to_owned()),
        path: Some(b"/home/\xff".to_vec()),
    };
    let first = lab.repository.set_policy(scope.clone(), policy("7")?, &saying(""))?;
    assert_eq!(first.gone, []);
    set(&lab.repository, Scope::default(), "1")?;
    let second = lab.repository.set_policy(scope.clone(), policy("30d")?, &saying(""))?;
    assert_eq!(second.gone, [first.set.context("set")?]);
    let other = Client::new(lab.storage(), 12).open()?;
    let policies = other.policies()?;
    assert!(policies.problems.is_empty() && policies.unreadable.is_empty());
    let found = policies.stored.iter().find(|one| Some(one.id) == second.set).context("it")?;
    assert_eq!((&found.scope, &found.policy), (&scope, &policy("30d")?));
    assert_eq!((found.host.as_str(), found.user.as_str()), ("desk", "me"));
    assert_eq!(in_force(&policies), ["1", "30d"]);
    assert_eq!(lab.store.names_in("policies/").len(), 2);
    assert!(lab.repository.foreign_objects()?.is_empty());
    Ok(())
}

#[test]
fn a_policy_that_is_brought_back_stays_replaced() -> Result<()> {
    let lab = Lab::new(13)?;
    let mut old = Vec::new();
    for days in ["1", "2", "3", "4"] {
        let id = set(&lab.repository, of_host("desk"), days)?;
        old.push((id, lab.store.get(&policy_name(id)).context("its object")?));
    }
    assert_eq!(lab.store.names_in("policies/").len(), 1);
    for (id, bytes) in &old {
        lab.store.set(&policy_name(*id), bytes.clone());
    }
    let policies = lab.repository.policies()?;
    assert_eq!(policies.stored.len(), 4);
    assert_eq!(in_force(&policies), ["4"]);
    Ok(())
}

/// Both looked before the other had written.
#[test]
fn of_two_policies_for_one_scope_the_newer_counts_and_the_next_replaces_both() -> Result<()> {
    let lab = Lab::new(14)?;
    let here = lab.store.copy();
    let there = lab.store.copy();
    for (store, seed, days, time) in [(&here, 15, "1", 5), (&there, 16, "2", 9)] {
        let repository = Client::new(std::sync::Arc::clone(store) as _, seed).open()?;
        let mut said = saying("");
        said.time_ns = time;
        repository.set_policy(of_host("desk"), policy(days)?, &said)?;
        for name in store.names_in("policies/") {
            lab.store.set(&name, store.get(&name).context("its object")?);
        }
    }
    let policies = lab.repository.policies()?;
    assert_eq!(policies.stored.len(), 2);
    assert_eq!(in_force(&policies), ["2"]);
    let overruled =
        policies.stored.iter().filter(|one| one.standing(&policies.stored) == Standing::Overruled);
    assert_eq!(overruled.count(), 1);
    // Although this clock is behind.
    let mut said = saying("");
    said.time_ns = 1;
    let change = lab.repository.set_policy(of_host("desk"), policy("3")?, &said)?;
    assert_eq!(change.gone.len(), 2);
    assert_eq!(in_force(&lab.repository.policies()?), ["3"]);
    assert_eq!(lab.store.names_in("policies/").len(), 1);
    Ok(())
}

#[test]
fn an_old_policy_under_another_name_is_refused() -> Result<()> {
    let lab = Lab::new(17)?;
    let id = set(&lab.repository, Scope::default(), "1")?;
    let bytes = lab.store.get(&policy_name(id)).context("its object")?;
    let other = PolicyId([9; 16]);
    lab.store.set(&policy_name(other), bytes);
    let policies = lab.repository.policies()?;
    assert_eq!(policies.unreadable, [other]);
    assert!(matches!(
        policies.problems.as_slice(),
        [Problem::ObjectDamaged { object, source: FormatError::Unauthentic }]
            if *object == policy_name(other)
    ));
    assert_eq!(in_force(&policies), ["1"]);
    Ok(())
}

/// As above, by somebody who has the index key but is not the owner: the signature binds the name, too.
#[test]
fn a_policy_that_the_owner_did_not_sign_for_this_name_is_refused() -> Result<()> {
    let (lab, stranger) = (Lab::new(18)?, Lab::new(19)?);
    let id = set(&lab.repository, Scope::default(), "1")?;
    let name = policy_name(id);
    let stored = lab.repository.policies()?.stored.remove(0);
    let record = stored.encode();
    let clock = lab.client.clock();
    // The record names another policy than the object does.
    let other = PolicyId([9; 16]);
    lab.store
        .set(&policy_name(other), seal_policy(record.clone(), other, lab.repository.keys(), clock));
    assert_eq!(lab.repository.policies()?.unreadable, [other]);
    lab.store.remove(&policy_name(other));
    // Keys of another repository.
    lab.store.set(&name, seal_policy(record, id, stranger.repository.keys(), clock));
    assert_eq!(lab.repository.policies()?.unreadable, [id]);
    Ok(())
}

#[test]
fn every_changed_byte_and_every_missing_end_is_noticed() -> Result<()> {
    let lab = Lab::new(20)?;
    let id = set(&lab.repository, of_host("desk"), "7")?;
    let name = policy_name(id);
    let good = lab.store.get(&name).context("its object")?;
    for position in 0..good.len() {
        assert!(lab.store.flip(&name, position, 1));
        assert_eq!(lab.repository.policies()?.unreadable, [id], "byte {position}");
        lab.store.flip(&name, position, 1);
        if position % 7 == 0 {
            lab.store.set(&name, good.slice(..position));
            assert_eq!(lab.repository.policies()?.unreadable, [id], "cut at {position}");
            lab.store.set(&name, good.clone());
        }
    }
    assert!(lab.repository.policies()?.unreadable.is_empty());
    // A damaged one can be taken away.
    lab.store.set(&name, good.slice(..100));
    lab.repository.remove_policies(&[id])?;
    assert!(lab.repository.policies()?.problems.is_empty());
    Ok(())
}

#[test]
fn the_size_of_a_policy_tells_nothing_about_small_ones() -> Result<()> {
    let lab = Lab::new(21)?;
    let short = set(&lab.repository, of_host("a"), "1")?;
    let long = set(&lab.repository, of_host("a longer name of a machine"), "1y6m7d12h")?;
    let size = |id| lab.store.get(&policy_name(id)).map(|bytes| bytes.len());
    assert_eq!(size(short), size(long));
    Ok(())
}

#[test]
fn a_foreign_object_among_the_policies_is_named_and_harmless() -> Result<()> {
    let lab = Lab::new(22)?;
    lab.store.set("policies/readme", b"hello".as_slice());
    let policies = lab.repository.policies()?;
    assert!(policies.unreadable.is_empty());
    assert!(matches!(policies.problems.as_slice(), [Problem::ForeignObject { .. }]));
    assert_eq!(lab.repository.foreign_objects()?.len(), 1);
    Ok(())
}

#[test]
fn features_that_forbid_writing_or_deleting_are_honoured() -> Result<()> {
    let lab = Lab::new(23)?;
    set(&lab.repository, Scope::default(), "1")?;
    demand(&lab, "delete")?;
    let repository = lab.client.open()?;
    set(&repository, Scope::default(), "2")?;
    let policies = repository.policies()?;
    assert_eq!((policies.stored.len(), in_force(&policies)), (2, vec!["2".to_owned()]));
    let id = policies.stored[0].id;
    let error = repository.remove_policies(&[id]).expect_err("refused");
    assert!(matches!(error, RepositoryError::UnknownFeature { .. }));
    demand(&lab, "write")?;
    let error = lab.client.open()?.set_policy(Scope::default(), policy("3")?, &saying(""));
    assert!(matches!(error, Err(RepositoryError::UnknownFeature { .. })));
    Ok(())
}

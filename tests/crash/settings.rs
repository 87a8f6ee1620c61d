//! Commands that change who gets in, and what is kept.

use std::sync::LazyLock;

use anyhow::{Result, ensure};
use heirloom_engine::crypto::{Credential, Recipient, SecretString, generate_identity};
use heirloom_engine::repository::{NewSlot, Repository, RepositoryError};
use heirloom_engine::retention::{Policy, Scope};
use heirloom_kit::{Client, identity, identity_slot};

use crate::case::{Case, Said};
use crate::world::{World, saying};

static SECOND: LazyLock<(SecretString, String)> = LazyLock::new(generate_identity);

fn second() -> Credential {
    Credential::IdentityFile { text: SECOND.0.clone(), name: "second".into() }
}

fn with_snapshot(seed: u64) -> Result<World> {
    let mut world = World::new(seed)?;
    world.write(0..2, 1, 5000)?;
    world.take()?;
    Ok(world)
}

fn add_key(_: &World, clients: &[Client], _: &mut Said) -> Result<()> {
    let recipient = Recipient::Age(SECOND.1.clone());
    let slot = NewSlot { recipient, label: "second".into(), recovery: false };
    clients[0].open()?.add_slot(&[identity()], &slot)?;
    Ok(())
}

fn opens_for_both(_: &World, clients: &[Client], said: &Said) -> Result<()> {
    let slots = clients[0].open()?.slots()?;
    let whole = slots.iter().filter(|slot| slot.kind != "damaged" && slot.label == "second");
    ensure!(whole.count() > 0 || !said.done, "no second key: {slots:?}");
    if said.done {
        clients[0].open_with(second())?;
    }
    Ok(())
}

fn two_keys() -> Result<World> {
    let mut world = with_snapshot(301)?;
    let slot = world.open(&world.site().store)?.add_slot(&[identity()], &identity_slot())?;
    world.note = slot.to_string();
    Ok(world)
}

fn remove_key(world: &World, clients: &[Client], _: &mut Said) -> Result<()> {
    match clients[0].open()?.remove_slot(&world.note) {
        // It is gone already.
        Ok(_) | Err(RepositoryError::UnknownSlot { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn one_key_is_left(world: &World, clients: &[Client], said: &Said) -> Result<()> {
    let repository = clients[0].open()?;
    let slots = repository.slots()?;
    let left = slots.iter().any(|slot| slot.id.to_string() == world.note);
    ensure!(!left || !said.done, "it is still there");
    ensure!(slots.len() == 1 + usize::from(left), "{slots:?}");
    let answer = repository.remove_slot("");
    let is_refused = match &answer {
        Err(RepositoryError::UnknownSlot { .. }) => left,
        Err(RepositoryError::LastSlot) => !left,
        _ => false,
    };
    ensure!(is_refused, "{answer:?}");
    Ok(())
}

fn policy(min_keep: u32) -> Policy {
    Policy { min_keep, tags: vec![vec!["kept".into()]], ..Policy::default() }
}

fn set_policy(_: &World, clients: &[Client], _: &mut Said) -> Result<()> {
    clients[0].open()?.set_policy(Scope::default(), policy(2), &saying())?;
    Ok(())
}

fn with_policy() -> Result<World> {
    let world = with_snapshot(302)?;
    world.open(&world.site().store)?.set_policy(Scope::default(), policy(1), &saying())?;
    Ok(world)
}

fn one_policy_counts(_: &World, clients: &[Client], said: &Said) -> Result<()> {
    let policies = clients[0].open()?.policies()?;
    let kept: Vec<u32> = policies.in_force().map(|stored| stored.policy.min_keep).collect();
    ensure!(kept == [2] || (kept == [1] && !said.done), "{kept:?}");
    Ok(())
}

fn keep_secret(_: &World, clients: &[Client], _: &mut Said) -> Result<()> {
    clients[0].open()?.keep_secret("chats.key", b"the second", &saying())?;
    Ok(())
}

fn with_secret() -> Result<World> {
    let world = with_snapshot(303)?;
    world.open(&world.site().store)?.keep_secret("chats.key", b"the first", &saying())?;
    Ok(world)
}

fn values(repository: &Repository) -> Result<Vec<Vec<u8>>> {
    let kept = repository.kept_secrets()?.secrets;
    Ok(kept.iter().map(|secret| secret.value.to_vec()).collect())
}

fn the_first_secret_stays(_: &World, clients: &[Client], said: &Said) -> Result<()> {
    let kept = values(&clients[0].open()?)?;
    let [first, second] = [&b"the first"[..], b"the second"].map(<[u8]>::to_vec);
    ensure!(kept.contains(&first), "{kept:?}");
    ensure!(kept.contains(&second) || !said.done, "{kept:?}");
    // Killed again and again, it is there once.
    ensure!(kept.len() <= 2, "{kept:?}");
    Ok(())
}

fn remove_secret(_: &World, clients: &[Client], _: &mut Said) -> Result<()> {
    let repository = clients[0].open()?;
    for secret in repository.kept_secrets()?.secrets {
        repository.remove_secret(secret.id)?;
    }
    Ok(())
}

fn no_secret_is_left(_: &World, clients: &[Client], said: &Said) -> Result<()> {
    let kept = values(&clients[0].open()?)?;
    ensure!(kept.is_empty() || !said.done, "{kept:?}");
    Ok(())
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case {
            command: "key add",
            situation: "one key",
            world: || with_snapshot(300),
            run: add_key,
            holds: opens_for_both,
            ..Case::default()
        },
        Case {
            command: "key remove",
            situation: "two keys",
            world: two_keys,
            run: remove_key,
            holds: one_key_is_left,
            ..Case::default()
        },
        Case {
            command: "policy set",
            situation: "in place of another one",
            world: with_policy,
            run: set_policy,
            holds: one_policy_counts,
            leaves: &["policies/"],
            ..Case::default()
        },
        Case {
            command: "chats key add",
            situation: "another key",
            world: with_secret,
            run: keep_secret,
            holds: the_first_secret_stays,
            leaves: &["secrets/"],
            stays: &["secrets/"],
            ..Case::default()
        },
        Case {
            command: "chats key remove",
            situation: "one key",
            world: with_secret,
            run: remove_secret,
            holds: no_secret_is_left,
            ..Case::default()
        },
    ]
}

/// The slot goes first; whoever removes or adds another one tidies up what a killed one left behind.
#[test]
fn a_note_without_a_slot_goes_away_with_the_next_change_of_keys() -> Result<()> {
    let world = two_keys()?;
    let store = &world.site().store;
    let half_removed = |id: &str| {
        store.remove(&format!("keys/{id}"));
        ensure!(store.names_in("keys/").contains(&format!("keys/{id}.note")));
        Ok(())
    };
    half_removed(&world.note)?;
    let added = world.open(store)?.add_slot(&[identity()], &identity_slot())?;
    assert_eq!(store.names_in("keys/").len(), 4, "two slots, two notes");
    let third = world.open(store)?.add_slot(&[identity()], &identity_slot())?;
    half_removed(&third.to_string())?;
    world.open(store)?.remove_slot(&added.to_string())?;
    assert_eq!(store.names_in("keys/").len(), 2);
    Ok(())
}

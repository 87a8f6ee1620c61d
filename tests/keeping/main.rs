//! Forgetting, stored policies and kept secrets on a store: who may, what counts, what cannot be forged, what a crash
//! leaves.

mod crashes;
mod forgetting;
mod policies;
mod secrets;

use anyhow::{Context as _, Result};
use heirloom_engine::id::SessionId;
use heirloom_engine::repository::{Repository, Saying};
use heirloom_engine::retention::{Period, Policy, Rule, Scope};
use heirloom_kit::Lab;

fn saying(reason: &str) -> Saying {
    let (host, user) = ("desk".to_owned(), "me".to_owned());
    Saying { time_ns: 7, host, user, reason: reason.to_owned() }
}

/// A repository with so many snapshots, in the order of their times.
fn lab_with(snapshots: usize, seed: u64) -> Result<(Lab, Vec<SessionId>)> {
    let lab = Lab::new(seed)?;
    let mut taken = Vec::new();
    for number in 0..snapshots {
        std::fs::write(lab.tree.join("file"), format!("content {number}"))?;
        taken.push(lab.back_up()?.report.snapshot.context("a snapshot")?.snapshot);
    }
    Ok((lab, taken))
}

fn taken(repository: &Repository) -> Result<Vec<SessionId>> {
    Ok(repository.snapshots()?.taken.iter().map(|one| one.session).collect())
}

/// One rule is enough to tell policies apart.
fn policy(days: &str) -> Result<Policy> {
    let rule = Rule { period: Period::Day, amount: days.parse()? };
    Ok(Policy { rules: vec![rule], ..Policy::default() })
}

fn of_host(host: &str) -> Scope {
    Scope { host: Some(host.to_owned()), ..Scope::default() }
}

/// Says that a feature is needed that no program knows.
fn demand(lab: &Lab, what: &str) -> Result<()> {
    let text = String::from_utf8(lab.store.get("heirloom.json").context("it")?.to_vec())?;
    let demanding = text.replace(&format!("\"{what}\":[]"), &format!("\"{what}\":[\"novelty\"]"));
    anyhow::ensure!(demanding != text, "{text}");
    lab.store.set("heirloom.json", demanding.into_bytes());
    Ok(())
}

//! Policies as they lie in a repository, and which of them is responsible for a snapshot.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::policy::{check_id, check_tags};
use super::{GroupBy, Percent, Policy, Rule, Scope};
use crate::error::FormatError;
use crate::id::PolicyId;
use crate::snapshot::Snapshot;

/// A policy that somebody stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPolicy {
    /// Its name.
    pub id: PolicyId,
    /// Whom it is for.
    pub scope: Scope,
    /// What it keeps.
    pub policy: Policy,
    /// When it was set, in ns since 1970.
    pub time: i64,
    /// On which machine.
    pub host: String,
    /// By whom.
    pub user: String,
    /// Policies that no longer count.
    pub replaces: Vec<PolicyId>,
}

/// The record of a policy. Who does not know a key or word of it must not drop anything by it, so unlike elsewhere
/// unknown keys are refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    policy: PolicyId,
    time: i64,
    host: String,
    user: String,
    scope: WireScope,
    group_by: Vec<String>,
    keep: Vec<(String, String)>,
    keep_tags: Vec<Vec<String>>,
    keep_ids: Vec<String>,
    min_keep: u32,
    max_drop: u8,
    replaces: Vec<PolicyId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireScope {
    label: Option<String>,
    host: Option<String>,
    path: Option<ByteBuf>,
}

impl StoredPolicy {
    /// The record that is signed.
    pub fn encode(&self) -> Vec<u8> {
        let Self { id, scope, policy, time, host, user, replaces } = self;
        let traits = policy.group_by.traits().iter();
        let rules = policy.rules.iter();
        let wire = Wire {
            policy: *id,
            time: *time,
            host: host.clone(),
            user: user.clone(),
            scope: WireScope {
                label: scope.label.clone(),
                host: scope.host.clone(),
                path: scope.path.clone().map(ByteBuf::from),
            },
            group_by: traits.map(|one| one.name().to_owned()).collect(),
            keep: rules
                .map(|rule| (rule.period.name().to_owned(), rule.amount.to_string()))
                .collect(),
            keep_tags: policy.tags.clone(),
            keep_ids: policy.ids.clone(),
            min_keep: policy.min_keep,
            max_drop: policy.max_drop.get(),
            replaces: replaces.clone(),
        };
        rmp_serde::to_vec_named(&wire).expect("plain data can be written to memory")
    }

    /// Reads a record whose signature was verified for this name.
    pub fn parse(record: &[u8], id: PolicyId) -> Result<Self, FormatError> {
        let wire: Wire = rmp_serde::from_slice(record)
            .map_err(|_detail| FormatError::Unrecognised { expected: "policy" })?;
        if wire.policy != id {
            return Err(FormatError::OutOfBounds { what: "name of a policy" });
        }
        let policy = wire.policy().ok_or(FormatError::Unrecognised { expected: "policy" })?;
        let WireScope { label, host, path } = wire.scope;
        Ok(Self {
            id,
            scope: Scope { label, host, path: path.map(ByteBuf::into_vec) },
            policy,
            time: wire.time,
            host: wire.host,
            user: wire.user,
            replaces: wire.replaces,
        })
    }

    /// Of several for one scope, the greatest counts.
    fn age(&self) -> (i64, PolicyId) {
        (self.time, self.id)
    }
}

impl Wire {
    /// `None` if a word of it is unknown.
    fn policy(&self) -> Option<Policy> {
        let mut rules = Vec::new();
        for (period, amount) in &self.keep {
            rules.push(Rule { period: period.parse().ok()?, amount: amount.parse().ok()? });
        }
        let mut traits = Vec::new();
        for word in &self.group_by {
            traits.push(word.parse().ok()?);
        }
        self.keep_tags.iter().try_for_each(|tags| check_tags(tags)).ok()?;
        self.keep_ids.iter().try_for_each(|digits| check_id(digits)).ok()?;
        Some(Policy {
            rules,
            tags: self.keep_tags.clone(),
            ids: self.keep_ids.clone(),
            min_keep: self.min_keep,
            group_by: GroupBy::new(traits),
            max_drop: Percent::new(self.max_drop)?,
        })
    }
}

/// Whether a stored policy counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    InForce,
    /// A later one says that it replaces it.
    Replaced,
    /// There is a newer one for the same scope.
    Overruled,
}

impl StoredPolicy {
    /// Whether it counts among these.
    pub fn standing(&self, all: &[Self]) -> Standing {
        // Nobody replaces itself.
        let replaced: BTreeSet<PolicyId> = all
            .iter()
            .flat_map(|by| by.replaces.iter().map(move |id| (by.id, *id)))
            .filter_map(|(by, id)| (by != id).then_some(id))
            .collect();
        if replaced.contains(&self.id) {
            return Standing::Replaced;
        }
        let beats = |other: &&Self| {
            other.scope == self.scope && other.age() > self.age() && !replaced.contains(&other.id)
        };
        if all.iter().any(|other| beats(&other)) { Standing::Overruled } else { Standing::InForce }
    }
}

/// A policy and the snapshots that it decides on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment<'a> {
    /// `None` for those that no policy is for; they are kept.
    pub policy: Option<&'a StoredPolicy>,
    /// In the order in which they were given.
    pub snapshots: Vec<&'a Snapshot>,
}

/// Gives each snapshot to the most specific policy in force that is for it. The most specific policy comes first,
/// also if it gets no snapshot; the snapshots without a policy come last, if there are any.
pub fn assign<'a>(
    snapshots: impl IntoIterator<Item = &'a Snapshot>,
    policies: &'a [StoredPolicy],
) -> Vec<Assignment<'a>> {
    let mut in_force: Vec<&StoredPolicy> =
        policies.iter().filter(|policy| policy.standing(policies) == Standing::InForce).collect();
    in_force.sort_by_key(|policy| (policy.scope.specificity(), policy.scope.clone()));
    let mut assignments: Vec<Assignment<'a>> = in_force
        .into_iter()
        .map(|policy| Assignment { policy: Some(policy), snapshots: Vec::new() })
        .collect();
    let mut without = Assignment { policy: None, snapshots: Vec::new() };
    for snapshot in snapshots {
        let is_for = |one: &&mut Assignment<'a>| {
            one.policy.is_some_and(|policy| policy.scope.accepts(snapshot))
        };
        let responsible = assignments.iter_mut().find(is_for).unwrap_or(&mut without);
        responsible.snapshots.push(snapshot);
    }
    if !without.snapshots.is_empty() {
        assignments.push(without);
    }
    assignments
}

//! Stored policies: one signed object each, never overwritten. A new one names those that it replaces.

use bytes::Bytes;

use super::records::Signed;
use super::{Repository, RepositoryError, Saying};
use crate::clock::random;
use crate::error::{FormatError, Problem};
use crate::id::PolicyId;
use crate::retention::{Policy, Scope, Standing, StoredPolicy};
use crate::snapshot::{open_policy, policy_name, seal_policy};

/// A policy that was set anew more often forgets which ones it replaced long ago.
const REPLACES_MAX: usize = 1024;

/// The policies of a repository.
#[derive(Debug, Default)]
pub struct Policies {
    /// Those that can be read, in the order of their ids; not all of them count: [`StoredPolicy::standing`].
    pub stored: Vec<StoredPolicy>,
    /// Those that cannot. One of them may have been for any snapshot, so while there is one, nothing may be dropped by
    /// the others.
    pub unreadable: Vec<PolicyId>,
    /// What is wrong with those, and objects that do not belong there.
    pub problems: Vec<Problem>,
}

/// A policy was set, or some were removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    /// The new one, if there is one.
    pub set: Option<PolicyId>,
    /// Those that no longer count, in the order of their ids.
    pub gone: Vec<PolicyId>,
    /// Those that could not be read, and were deleted because a new one was set.
    pub cleared: Vec<PolicyId>,
    /// Of those that no longer count, the ones that could not be deleted.
    pub left: Vec<PolicyId>,
}

impl Repository {
    /// Every stored policy.
    pub fn policies(&self) -> Result<Policies, RepositoryError> {
        let open =
            |bytes: &Bytes, id| StoredPolicy::parse(&open_policy(bytes, id, &self.keys)?, id);
        let Signed { stored, unreadable, problems } =
            self.signed("policies/", PolicyId::from_hex, open)?;
        Ok(Policies { stored, unreadable, problems })
    }

    /// Stores a policy in place of those for the same scope, and then deletes these. If that fails, or somebody brings
    /// one back, it does not count: the new one says that it replaces it.
    ///
    /// Policies that make no sense are deleted, too, whatever they were for; an earlier `set` may have left its half
    /// there. One that is still being written makes sense when it is looked at again.
    pub fn set_policy(
        &self,
        scope: Scope,
        policy: Policy,
        said: &Saying,
    ) -> Result<PolicyChange, RepositoryError> {
        self.check_writable()?;
        let found = self.policies()?;
        let senseless = found.senseless();
        let mut old = found.stored;
        old.retain(|other| other.scope == scope);
        let gone: Vec<PolicyId> = old.iter().map(|other| other.id).collect();
        // What these replaced stays replaced when they are gone.
        let mut replaces = gone.clone();
        replaces.extend(old.iter().flat_map(|other| &other.replaces));
        replaces.sort_unstable();
        replaces.dedup();
        if replaces.len() > REPLACES_MAX {
            replaces.clone_from(&gone);
        }
        let id = PolicyId(random(self.clock()));
        // Never older than what it replaces: a clock that went back would leave it overruled.
        let newest = old.iter().map(|other| other.time.saturating_add(1)).max();
        let stored = StoredPolicy {
            id,
            scope,
            policy,
            time: newest.map_or(said.time_ns, |newest| newest.max(said.time_ns)),
            host: said.host.clone(),
            user: said.user.clone(),
            replaces,
        };
        let sealed = seal_policy(stored.encode(), id, &self.keys, self.clock());
        self.put(&policy_name(id), Bytes::from(sealed))?;
        let (mut left, mut cleared) = (Vec::new(), Vec::new());
        if self.may_not_delete_because().is_none() {
            let deleted = |id: &PolicyId| self.delete(&policy_name(*id)).is_ok();
            left = gone.iter().filter(|id| !deleted(id)).copied().collect();
            if !senseless.is_empty() {
                cleared = self.policies().map(|again| again.senseless()).unwrap_or_default();
                cleared.retain(|id| senseless.contains(id) && deleted(id));
            }
        }
        Ok(PolicyChange { set: Some(id), gone, cleared, left })
    }

    /// Deletes policies, readable or not.
    pub fn remove_policies(&self, ids: &[PolicyId]) -> Result<PolicyChange, RepositoryError> {
        self.check_writable()?;
        if let Some(feature) = self.may_not_delete_because() {
            return Err(RepositoryError::UnknownFeature { feature: feature.to_owned() });
        }
        self.confirm(true)?;
        ids.iter().try_for_each(|id| self.delete(&policy_name(*id)))?;
        let (cleared, left) = (Vec::new(), Vec::new());
        Ok(PolicyChange { set: None, gone: ids.to_vec(), cleared, left })
    }
}

impl Policies {
    /// Those that count.
    pub fn in_force(&self) -> impl Iterator<Item = &StoredPolicy> {
        let counts = |one: &&StoredPolicy| one.standing(&self.stored) == Standing::InForce;
        self.stored.iter().filter(counts)
    }

    /// Those that make no sense to any program. What a newer one wrote is not among them.
    fn senseless(&self) -> Vec<PolicyId> {
        let is_newer = |problem: &&Problem| {
            matches!(problem, Problem::ObjectDamaged { source: FormatError::Newer { .. }, .. })
        };
        let damaged = self.problems.iter().filter(|problem| !is_newer(problem));
        let damaged = damaged.filter_map(|problem| problem.damaged_object());
        let damaged = damaged.filter_map(|name| name.strip_prefix("policies/"));
        damaged.filter_map(PolicyId::from_hex).collect()
    }
}

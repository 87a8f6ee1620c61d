//! Keeping and forgetting: rules become verdicts, verdicts are shown, and what is not kept gets a tombstone.

mod failure;
pub(crate) mod forget;
mod pick;
pub(crate) mod policy;
mod words;

use heirloom_engine::clock::Clock as _;
use heirloom_engine::id::SessionId;
use heirloom_engine::repository::{Repository, Saying};
use heirloom_engine::retention::{
    Assignment, Group, Policy, StoredPolicy, assign, check_drops, evaluate,
};
use heirloom_engine::snapshot::{Filter, Snapshot};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

pub(crate) use self::failure::{KeepingFailure, message};
pub(crate) use self::pick::filter;
pub(crate) use self::words::{forgotten_fields, forgotten_table};
use crate::args::keep::KeepArgs;
use crate::commands::choose;
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::{Settings, user_name};
use crate::system::{SystemClock, host_name};

/// What the rules on the command line, or the stored policies, want to be forgotten; for commands that forget on the
/// way to something else. Shows every verdict with its reasons. Without any rule nothing is to be forgotten.
pub(crate) fn apply(
    settings: &Settings,
    repository: &Repository,
    arguments: &KeepArgs,
) -> Result<Vec<SessionId>, Failure> {
    arguments.rules.check()?;
    let (snapshots, _) = choose::all(repository, settings.output)?;
    let rules = Rules::find(repository, arguments, settings.output)?;
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let decision = rules.decide(&snapshots.taken, &Filter::default(), arguments);
    decision.show(settings.output)?;
    decision.check()?;
    Ok(decision.dropped().map(|snapshot| snapshot.session).collect())
}

/// What a tombstone or policy says about who is behind it.
pub(crate) fn saying(reason: String) -> Saying {
    let time_ns = i64::try_from(SystemClock.now_ns()).unwrap_or(i64::MAX);
    Saying { time_ns, host: host_name(), user: user_name(), reason }
}

/// Where the rules come from.
#[derive(Debug)]
pub(crate) enum Rules {
    /// The command line.
    Given(Box<Policy>),
    /// The repository.
    Stored(Vec<StoredPolicy>),
}

impl Rules {
    /// Flags replace whatever is stored.
    fn find(repository: &Repository, keep: &KeepArgs, output: Output) -> Result<Self, Failure> {
        if let Some(policy) = keep.rules.policy() {
            return Ok(Self::Given(Box::new(policy)));
        }
        let policies = repository.policies()?;
        choose::report(&policies.problems, output);
        // The lost one may be the one that keeps most.
        if policies.unreadable.is_empty() {
            Ok(Self::Stored(policies.stored))
        } else {
            Err(KeepingFailure::PoliciesUnreadable { policies: policies.unreadable }.into())
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Stored(policies) if policies.is_empty())
    }

    fn decide<'a>(
        &'a self,
        snapshots: &'a [Snapshot],
        filter: &Filter,
        keep: &KeepArgs,
    ) -> Decision<'a> {
        let zone = keep.time_zone.clone().unwrap_or_else(TimeZone::system);
        let now = Zoned::new(now(), zone);
        let picked = snapshots.iter().filter(|snapshot| filter.accepts(snapshot));
        let parts = match self {
            Self::Given(policy) => {
                let groups = evaluate(picked, policy, &now);
                vec![Part { policy: Some(policy), stored: None, groups, without: Vec::new() }]
            }
            Self::Stored(policies) => assign(picked, policies)
                .into_iter()
                .map(|Assignment { policy: stored, snapshots }| match stored {
                    None => Part { policy: None, stored, groups: Vec::new(), without: snapshots },
                    Some(one) => Part {
                        policy: Some(&one.policy),
                        stored,
                        groups: evaluate(snapshots, &one.policy, &now),
                        without: Vec::new(),
                    },
                })
                .collect(),
        };
        Decision { parts, now, max_drop: keep.rules.max_drop }
    }
}

fn now() -> Timestamp {
    Timestamp::from_nanosecond(SystemClock.now_ns()).unwrap_or_default()
}

/// What one policy decided.
#[derive(Debug)]
struct Part<'a> {
    policy: Option<&'a Policy>,
    /// If it came from the repository.
    stored: Option<&'a StoredPolicy>,
    groups: Vec<Group<'a>>,
    /// Snapshots that no policy is for.
    without: Vec<&'a Snapshot>,
}

/// What all rules decided.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    parts: Vec<Part<'a>>,
    now: Zoned,
    max_drop: Option<heirloom_engine::retention::Percent>,
}

impl<'a> Decision<'a> {
    /// Every verdict, in words and as objects.
    fn show(&self, output: Output) -> Result<(), Failure> {
        output.done(&words::decision(self))?;
        words::verdict_events(self, output)
    }

    /// Fails if too much would be dropped of any group.
    fn check(&self) -> Result<(), Failure> {
        for part in &self.parts {
            let Some(policy) = part.policy else { continue };
            check_drops(&part.groups, self.max_drop.unwrap_or(policy.max_drop))
                .map_err(KeepingFailure::Drops)?;
        }
        Ok(())
    }

    fn dropped(&self) -> impl Iterator<Item = &'a Snapshot> + '_ {
        self.parts.iter().flat_map(|part| &part.groups).flat_map(Group::dropped)
    }

    fn total(&self) -> usize {
        let groups =
            |part: &Part<'_>| part.groups.iter().map(|one| one.verdicts.len()).sum::<usize>();
        self.parts.iter().map(|part| groups(part) + part.without.len()).sum()
    }
}

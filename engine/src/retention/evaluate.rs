//! Verdicts: what a policy keeps of a group, and why.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::calendar::slot;
use super::{Amount, Group, GroupKey, Period, Policy, Reason, Rule};
use crate::id::ClientId;
use crate::snapshot::Snapshot;

/// What becomes of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Whether it is kept.
    pub keep: bool,
    /// Why it is kept, in the order of the policy; empty for one that is not.
    pub reasons: Vec<Reason>,
}

impl Verdict<'_> {
    fn keep(&mut self, reason: Reason) {
        self.keep = true;
        self.reasons.push(reason);
    }
}

/// Sorts snapshots into groups and decides on each; groups in the order of their keys.
///
/// `now` decides two things only, and both towards keeping: a snapshot of a later time is kept and takes nobody's
/// place, and a snapshot that asked to be kept until a later time is kept. Durations are counted back from the newest
/// snapshot of the group that is not of the future, so a clock that is wrong here drops nothing.
pub fn evaluate<'a>(
    snapshots: impl IntoIterator<Item = &'a Snapshot>,
    policy: &Policy,
    now: &Zoned,
) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<GroupKey, Vec<&'a Snapshot>> = BTreeMap::new();
    for snapshot in snapshots {
        groups.entry(policy.group_by.key(snapshot)).or_default().push(snapshot);
    }
    groups
        .into_iter()
        .map(|(key, snapshots)| Group { key, verdicts: judge(snapshots, policy, now) })
        .collect()
}

/// A snapshot that rules may count, and its time.
struct Candidate<'v, 'a> {
    verdict: &'v mut Verdict<'a>,
    at: Zoned,
}

fn judge<'a>(mut snapshots: Vec<&'a Snapshot>, policy: &Policy, now: &Zoned) -> Vec<Verdict<'a>> {
    // Newest first; of equal times, the one that was finished last.
    snapshots.sort_unstable_by_key(|one| {
        std::cmp::Reverse((one.record.time, one.record.finished, one.session))
    });
    snapshots.dedup_by_key(|one| one.session);
    let zone = now.time_zone();
    let mut verdicts: Vec<Verdict<'a>> = snapshots
        .into_iter()
        .map(|snapshot| Verdict { snapshot, keep: false, reasons: Vec::new() })
        .collect();
    let is_future = |verdict: &Verdict<'_>| time(verdict.snapshot) > now.timestamp();
    let mut candidates: Vec<Candidate<'_, 'a>> = verdicts
        .iter_mut()
        .filter(|verdict| !is_future(verdict))
        .map(|verdict| Candidate { at: time(verdict.snapshot).to_zoned(zone.clone()), verdict })
        .collect();
    for rule in &policy.rules {
        apply(*rule, &mut candidates);
    }
    note_clocks_that_went_back(&mut candidates);
    for verdict in &mut verdicts {
        if is_future(verdict) {
            verdict.keep(Reason::Future);
        }
        for reason in by_itself(verdict.snapshot, policy, now) {
            verdict.keep(reason);
        }
    }
    keep_the_minimum(&mut verdicts, policy.min_keep);
    verdicts.reverse();
    verdicts
}

/// Newest first, as the candidates are.
fn apply(rule: Rule, candidates: &mut [Candidate<'_, '_>]) {
    let Some(newest) = candidates.first() else { return };
    let (mut left, since, within) = match rule.amount {
        Amount::Count(count) => (Some(count.get()), None, None),
        Amount::For(duration) => (None, duration.before(&newest.at), Some(duration)),
        Amount::All => (None, None, None),
    };
    let mut seen = BTreeSet::new();
    let oldest = candidates.len() - 1;
    for (position, candidate) in candidates.iter_mut().enumerate() {
        let too_old = since.is_some_and(|since| candidate.at.timestamp() <= since);
        if too_old || left == Some(0) {
            return;
        }
        let reason = match (rule.period, within) {
            (Period::Each, Some(duration)) => Reason::Within { duration },
            (Period::Each, None) => Reason::Last { position: position + 1 },
            (period, within) => {
                let slot = slot(period, &candidate.at);
                if seen.insert(slot.clone()) {
                    Reason::Period { period, slot, within }
                } else if position == oldest {
                    Reason::Oldest { period }
                } else {
                    continue;
                }
            }
        };
        candidate.verdict.keep(reason);
        left = left.map(|left| left - 1);
    }
}

/// What a snapshot says for itself, whatever its neighbours are.
fn by_itself(snapshot: &Snapshot, policy: &Policy, now: &Zoned) -> Vec<Reason> {
    let record = &snapshot.record;
    let has_all =
        |tags: &&Vec<String>| !tags.is_empty() && tags.iter().all(|tag| record.tags.contains(tag));
    let mut reasons: Vec<Reason> = policy
        .tags
        .iter()
        .filter(has_all)
        .map(|tags| Reason::Tags { tags: tags.clone() })
        .collect();
    // Whoever is pinned or tagged gets another id, and must not slip out of a policy by that.
    let ids: Vec<String> = [Some(snapshot.session), record.original]
        .iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    let begins = |prefix: &&String| {
        !prefix.is_empty() && ids.iter().any(|id| id.starts_with(prefix.as_str()))
    };
    reasons.extend(
        policy.ids.iter().filter(begins).map(|prefix| Reason::Id { prefix: prefix.clone() }),
    );
    if record.pinned {
        reasons.push(Reason::Pinned);
    }
    if let Some(until) = record.keep_until.map(timestamp).filter(|until| *until > now.timestamp()) {
        let zone: TimeZone = now.time_zone().clone();
        reasons.push(Reason::Until { date: until.to_zoned(zone).date().to_string() });
    }
    reasons
}

/// A writer whose clock went back makes a snapshot that looks old and is new. It must not be the first to go; nor must
/// the one that looks newest, without which nobody could tell. Times that somebody chose say nothing about clocks, and
/// neither does a snapshot of a snapshot.
fn note_clocks_that_went_back(candidates: &mut [Candidate<'_, '_>]) {
    let mut newest: BTreeMap<ClientId, (i64, u64)> = BTreeMap::new();
    let mut written_last: BTreeMap<ClientId, (u64, i64)> = BTreeMap::new();
    let by_clock = |one: &Candidate<'_, '_>| {
        let record = &one.verdict.snapshot.record;
        let by_clock = record.time == record.started && record.original.is_none();
        by_clock.then_some((record.client, record.time, record.sequence))
    };
    for (client, time, sequence) in candidates.iter().filter_map(by_clock) {
        let known = newest.entry(client).or_insert((time, sequence));
        *known = (time, sequence).max(*known);
        let known = written_last.entry(client).or_insert((sequence, time));
        *known = (sequence, time).max(*known);
    }
    for candidate in candidates {
        let Some((client, time, sequence)) = by_clock(candidate) else { continue };
        let (Some(newest), Some(last)) = (newest.get(&client), written_last.get(&client)) else {
            continue;
        };
        let went_back = newest.0 > last.1 && newest.1 < last.0;
        if went_back && ((time, sequence) == *newest || (sequence, time) == *last) {
            candidate.verdict.keep(Reason::ClockWentBack);
        }
    }
}

/// Newest first, as the verdicts are.
fn keep_the_minimum(verdicts: &mut [Verdict<'_>], minimum: u32) {
    let minimum = usize::try_from(minimum).unwrap_or(usize::MAX);
    let kept = verdicts.iter().filter(|verdict| verdict.keep).count();
    let dropped = verdicts.iter_mut().filter(|verdict| !verdict.keep);
    for verdict in dropped.take(minimum.saturating_sub(kept)) {
        verdict.keep(Reason::Minimum);
    }
}

fn time(snapshot: &Snapshot) -> Timestamp {
    timestamp(snapshot.record.time)
}

fn timestamp(ns: i64) -> Timestamp {
    Timestamp::from_nanosecond(ns.into()).expect("64 bits of nanoseconds are 584 years around 1970")
}

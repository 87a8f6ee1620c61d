//! Words about verdicts, groups, policies and forgotten snapshots.

use std::fmt::Write as _;

use heirloom_engine::id::{PolicyId, SessionId};
use heirloom_engine::repository::{Policies, PolicyChange};
use heirloom_engine::retention::{
    GroupKey, Policy, Reason, Scope, Standing, StoredPolicy, Verdict,
};
use heirloom_engine::snapshot::{Snapshot, Tombstone};
use serde_json::{Map, Value, json};

use super::{Decision, Part, Rules};
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::render::key::short;
use crate::render::numbers::counted;
use crate::render::table::{Side, Table};
use crate::render::{names, snapshot, time};

fn text(value: &str) -> String {
    names::shown(value.as_bytes())
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn snapshots(count: usize) -> String {
    counted(number(count), "snapshot", "snapshots")
}

/// What the snapshots of a group have in common.
pub(super) fn group(key: &GroupKey) -> String {
    let mut parts = Vec::new();
    if let Some(host) = &key.host {
        parts.push(format!("host {}", text(host)));
    }
    if let Some(Some(label)) = &key.label {
        parts.push(format!("label {}", text(label)));
    }
    let list = |items: Vec<String>| items.join(", ");
    if let Some(paths) = &key.paths {
        parts.push(match paths.as_slice() {
            [] => "no paths".to_owned(),
            paths => {
                format!("paths {}", list(paths.iter().map(|path| names::shown(path)).collect()))
            }
        });
    }
    if let Some(tags) = &key.tags {
        parts.push(match tags.as_slice() {
            [] => "no tags".to_owned(),
            tags => format!("tags {}", list(tags.iter().map(|tag| text(tag)).collect())),
        });
    }
    if let Some(client) = &key.client {
        parts.push(format!("client {}", short(&client.to_string())));
    }
    if parts.is_empty() { "all snapshots".to_owned() } else { parts.join(", ") }
}

/// Every verdict with its reasons, in groups.
pub(super) fn decision(decision: &Decision<'_>) -> String {
    let mut shown = String::new();
    for part in &decision.parts {
        if let Some(stored) = part.stored.filter(|_| !part.groups.is_empty()) {
            let id = short(&stored.id.to_string());
            let line =
                format!("Policy {id} for {}: {}", scope(&stored.scope), rules(&stored.policy));
            writeln!(shown, "{line}").expect("a String takes it");
        }
        for one in &part.groups {
            let mut heading = group(&one.key);
            if let Some(first) = heading.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            writeln!(shown, "{heading}").expect("a String takes it");
            for verdict in &one.verdicts {
                shown.push_str(&line(verdict, decision));
            }
            shown.push('\n');
        }
        if !part.without.is_empty() {
            let kept = snapshots(part.without.len());
            writeln!(shown, "No policy is for {kept}, kept\n").expect("a String takes it");
        }
    }
    shown
}

fn line(verdict: &Verdict<'_>, decision: &Decision<'_>) -> String {
    let id = short(&verdict.snapshot.session.to_string());
    let zone = decision.now.time_zone();
    let at = time::in_zone(verdict.snapshot.record.time.into(), zone.clone());
    if verdict.keep {
        format!("  keep  {id}  {at}  {}\n", reasons(&verdict.reasons).join(", "))
    } else {
        format!("  drop  {id}  {at}\n")
    }
}

fn reasons(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(|reason| text(&reason.to_string())).collect()
}

/// One object for each verdict.
pub(super) fn verdict_events(decision: &Decision<'_>, output: Output) -> Result<(), Failure> {
    if !output.json {
        return Ok(());
    }
    for part in &decision.parts {
        let verdicts = part.groups.iter().flat_map(|one| {
            let key = group_fields(&one.key);
            one.verdicts.iter().map(move |verdict| (key.clone(), verdict))
        });
        for (key, verdict) in verdicts {
            let fields = fields(verdict.snapshot, part, &key, &reasons(&verdict.reasons));
            let id = if verdict.keep { "verdict.keep" } else { "verdict.drop" };
            output.event(Event::Verdict, id, fields)?;
        }
        for snapshot in &part.without {
            let reasons = ["no policy".to_owned()];
            let fields = fields(snapshot, part, &Value::Null, &reasons);
            output.event(Event::Verdict, "verdict.keep", fields)?;
        }
    }
    Ok(())
}

fn fields(snapshot: &Snapshot, part: &Part<'_>, group: &Value, reasons: &[String]) -> Value {
    json!({
        "snapshot": snapshot.session.to_string(),
        "snapshot_time": time::rfc3339(snapshot.record.time.into()),
        "group": group,
        "policy": part.stored.map(|stored| stored.id.to_string()),
        "reasons": reasons,
    })
}

fn group_fields(key: &GroupKey) -> Value {
    let mut fields = Map::new();
    if let Some(host) = &key.host {
        fields.insert("host".to_owned(), json!(host));
    }
    if let Some(label) = &key.label {
        fields.insert("label".to_owned(), json!(label));
    }
    if let Some(paths) = &key.paths {
        let paths: Vec<_> = paths.iter().map(|path| names::path_fields(path)).collect();
        fields.insert("paths".to_owned(), json!(paths));
    }
    if let Some(tags) = &key.tags {
        fields.insert("tags".to_owned(), json!(tags));
    }
    if let Some(client) = &key.client {
        fields.insert("client".to_owned(), json!(client.to_string()));
    }
    Value::Object(fields)
}

/// Snapshots that somebody named.
pub(super) fn named(snapshots: &[&Snapshot]) -> String {
    let line = |snapshot: &&Snapshot| {
        let id = short(&snapshot.session.to_string());
        let pinned = if snapshot.record.pinned { "  pinned" } else { "" };
        format!("  drop  {id}  {}{pinned}\n", time::local(snapshot.record.time.into()))
    };
    snapshots.iter().map(line).collect()
}

/// How it ended, and how to undo it.
pub(super) fn outcome(forgotten: &[SessionId], considered: usize, dry_run: bool) -> String {
    let many = forgotten.len();
    let (of, share) = (snapshots(considered), format!("{many} of {}", snapshots(considered)));
    match forgotten {
        [] => format!("Nothing to forget: kept {of}\n"),
        _ if dry_run => format!("Nothing was forgotten: this was a dry run; it would be {share}\n"),
        [one] => format!(
            "Forgot {share}\n`heirloom unforget {}` brings it back until the next prune\n",
            short(&one.to_string())
        ),
        _ => {
            format!("Forgot {share}\n`heirloom unforget ID` brings one back until the next prune\n")
        }
    }
}

/// Why a policy forgot; stands in the tombstones.
pub(super) fn reason(rules: &Rules) -> String {
    match rules {
        Rules::Given(policy) => format!("not kept by {}", self::rules(policy)),
        Rules::Stored(_) => "not kept by the stored policy".to_owned(),
    }
}

/// The rules of a policy in a line.
fn rules(policy: &Policy) -> String {
    let mut words: Vec<String> = policy.rules.iter().map(ToString::to_string).collect();
    words.extend(policy.tags.iter().map(|tags| format!("tag {}", text(&tags.join(",")))));
    words.extend(policy.ids.iter().map(|id| format!("id {id}")));
    if policy.min_keep > 0 {
        words.push(format!("at least {}", policy.min_keep));
    }
    words.join(", ")
}

fn scope(scope: &Scope) -> String {
    let mut words = Vec::new();
    if let Some(label) = &scope.label {
        words.push(format!("label {}", text(label)));
    }
    if let Some(host) = &scope.host {
        words.push(format!("host {}", text(host)));
    }
    if let Some(path) = &scope.path {
        words.push(format!("path {}", names::shown(path)));
    }
    if words.is_empty() { "all snapshots".to_owned() } else { words.join(", ") }
}

/// A stored policy, and what it is in charge of.
pub(super) fn policy(stored: &StoredPolicy, standing: Standing, covers: usize) -> String {
    let StoredPolicy { id, policy, time: set, host, user, .. } = stored;
    let groups = match policy.group_by.traits() {
        [] => "in one group".to_owned(),
        _ => format!("by {}", policy.group_by),
    };
    let counts = match standing {
        Standing::InForce => format!("decides on {}", snapshots(covers)),
        Standing::Replaced => "does not count: another one replaced it".to_owned(),
        Standing::Overruled => "does not count: there is a newer one for the same".to_owned(),
    };
    format!(
        "Policy {} for {}\n  keeps {}\n  {groups}; drops at most {} of a group in one run\n  {counts}\n  set {} by {} on {}\n\n",
        short(&id.to_string()),
        scope(&stored.scope),
        rules(policy),
        policy.max_drop,
        time::local((*set).into()),
        text(user),
        text(host),
    )
}

/// As JSON.
pub(super) fn policy_fields(stored: &StoredPolicy, standing: Standing, covers: usize) -> Value {
    let Scope { label, host, path } = &stored.scope;
    let policy = &stored.policy;
    let rules: Vec<Value> = policy
        .rules
        .iter()
        .map(|rule| json!({ "period": rule.period.name(), "amount": rule.amount.to_string() }))
        .collect();
    let traits: Vec<&str> = policy.group_by.traits().iter().map(|one| one.name()).collect();
    json!({
        "policy": stored.id.to_string(),
        "label": label,
        "host": host,
        "scope_path": path.as_ref().map(|path| names::path_fields(path)),
        "rules": rules,
        "keep_tags": policy.tags,
        "keep_ids": policy.ids,
        "min_keep": policy.min_keep,
        "group_by": traits,
        "max_drop": policy.max_drop.get(),
        "set": time::rfc3339(stored.time.into()),
        "set_on": stored.host,
        "set_by": stored.user,
        "standing": match standing {
            Standing::InForce => "in-force",
            Standing::Replaced => "replaced",
            Standing::Overruled => "overruled",
        },
        "snapshots": covers,
    })
}

/// What stands below the policies.
pub(super) fn policies_end(policies: &Policies, without: usize) -> String {
    if policies.stored.is_empty() && policies.unreadable.is_empty() {
        return "No policies\n".to_owned();
    }
    let mut shown = String::new();
    for id in &policies.unreadable {
        let id = short(&id.to_string());
        writeln!(shown, "Policy {id} cannot be read: until it is removed, nothing is forgotten by stored policies\n")
            .expect("a String takes it");
    }
    let kept =
        if without == 1 { "has no policy and is kept" } else { "have no policy and are kept" };
    writeln!(shown, "{} {kept}", snapshots(without)).expect("a String takes it");
    shown
}

pub(super) fn policy_set(for_whom: &Scope, policy: &Policy) -> String {
    format!("Set the policy for {}: keep {}\n", scope(for_whom), rules(policy))
}

pub(super) fn replaced(change: &PolicyChange) -> String {
    let PolicyChange { gone, cleared, left, .. } = change;
    let told = [
        (gone, "in place of"),
        (left, "not deleted, but of no effect:"),
        (cleared, "deleted, because nobody could read it any more:"),
    ];
    let told = told.into_iter().filter(|(policies, _)| !policies.is_empty());
    let lines = told.map(|(policies, what)| format!("  {what} {}\n", ids(policies)));
    lines.collect::<Vec<_>>().concat()
}

pub(super) fn removed(gone: &[PolicyId]) -> String {
    let what = if gone.len() == 1 { "policy" } else { "policies" };
    format!("Removed the {what} {}\n", ids(gone))
}

fn ids(policies: &[PolicyId]) -> String {
    let ids: Vec<String> = policies.iter().map(|id| short(&id.to_string())).collect();
    ids.join(", ")
}

/// Forgotten snapshots that can still be read.
pub(crate) fn forgotten_table(snapshots: &[(&Snapshot, Option<&Tombstone>)]) -> String {
    if snapshots.is_empty() {
        return "No forgotten snapshots\n".to_owned();
    }
    let mut table = Table::new(&[
        ("ID", Side::Left),
        ("Time", Side::Left),
        ("Host", Side::Left),
        ("Paths", Side::Left),
        ("Forgotten", Side::Left),
        ("By", Side::Left),
        ("Reason", Side::Left),
    ]);
    for (snapshot, stone) in snapshots {
        let record = &snapshot.record;
        let paths: Vec<String> = record.paths.iter().map(|path| names::shown(path)).collect();
        table.row(&[
            short(&snapshot.session.to_string()),
            time::local(record.time.into()),
            text(&record.host),
            paths.join("\n"),
            stone.map(|stone| time::local(stone.time.into())).unwrap_or_default(),
            stone
                .map(|one| format!("{} on {}", text(&one.user), text(&one.host)))
                .unwrap_or_default(),
            stone.map(|stone| text(&stone.reason)).unwrap_or_default(),
        ]);
    }
    let count = counted(number(snapshots.len()), "forgotten snapshot", "forgotten snapshots");
    let undo = "`heirloom unforget ID` brings one back until the next prune";
    format!("{}{count}; {undo}\n", table.render())
}

/// As JSON: a snapshot, and who forgot it.
pub(crate) fn forgotten_fields(snapshot: &Snapshot, stone: Option<&Tombstone>) -> Value {
    let mut fields = snapshot::fields(snapshot);
    if let (Value::Object(map), Some(stone)) = (&mut fields, stone) {
        let stone = json!({
            "time": time::rfc3339(stone.time.into()),
            "host": stone.host,
            "user": stone.user,
            "reason": stone.reason,
        });
        map.insert("forgotten".to_owned(), stone);
    }
    fields
}

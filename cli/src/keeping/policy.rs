//! `heirloom policy`.

use heirloom_engine::id::PolicyId;
use heirloom_engine::repository::{Policies, Repository};
use heirloom_engine::retention::assign;
use serde_json::json;

use super::pick::scope;
use super::{KeepingFailure, saying, words};
use crate::args::policy::{PolicyAction, PolicyArgs, PolicyRemoveArgs, PolicySetArgs};
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::settings::Settings;
use crate::store::Store;

pub(crate) fn run(settings: &Settings, arguments: &PolicyArgs) -> Result<Exit, Failure> {
    match &arguments.action {
        PolicyAction::Show => show(settings),
        PolicyAction::Set(arguments) => set(settings, arguments),
        PolicyAction::Remove(arguments) => remove(settings, arguments),
    }
}

fn show(settings: &Settings) -> Result<Exit, Failure> {
    let output = settings.output;
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, mut exit) = choose::all(&repository, output)?;
    let policies = repository.policies()?;
    exit = choose::worse(exit, choose::report(&policies.problems, output));
    let assignments = assign(&snapshots.taken, &policies.stored);
    let covers = |id: PolicyId| {
        let own = assignments.iter().find(|one| one.policy.is_some_and(|policy| policy.id == id));
        own.map_or(0, |one| one.snapshots.len())
    };
    let without = assignments.iter().find(|one| one.policy.is_none());
    let without = without.map_or(0, |one| one.snapshots.len());
    // The most specific first, then those that do not count.
    let in_force = assignments.iter().filter_map(|one| one.policy);
    let idle = policies.stored.iter().filter(|policy| {
        !assignments.iter().any(|one| one.policy.is_some_and(|other| other.id == policy.id))
    });
    for policy in in_force.chain(idle) {
        let standing = policy.standing(&policies.stored);
        output.text(&words::policy(policy, standing, covers(policy.id)))?;
        let fields = words::policy_fields(policy, standing, covers(policy.id));
        output.event(Event::Policy, "policy.found", fields)?;
    }
    output.text(&words::policies_end(&policies, without))?;
    let unreadable: Vec<String> = policies.unreadable.iter().map(ToString::to_string).collect();
    let fields = json!({
        "policies": policies.stored.len(),
        "unreadable": unreadable,
        "without_policy": without,
    });
    output.event(Event::Summary, "policies.listed", store.with_traffic(fields))?;
    // Nothing is dropped by stored policies while one of them is lost.
    Ok(if policies.unreadable.is_empty() { exit } else { Exit::Damage })
}

fn set(settings: &Settings, arguments: &PolicySetArgs) -> Result<Exit, Failure> {
    let Some(policy) = arguments.rules.policy() else {
        return Err(KeepingFailure::NoRule.into());
    };
    let scope = scope(&arguments.scope)?;
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let text = words::policy_set(&scope, &policy);
    let change = repository.set_policy(scope, policy, &saying(String::new()))?;
    settings.output.done(&text)?;
    settings.output.done(&words::replaced(&change))?;
    let ids = |ids: &[PolicyId]| -> Vec<String> { ids.iter().map(ToString::to_string).collect() };
    let fields = json!({
        "policy": change.set.map(|id| id.to_string()),
        "replaced": ids(&change.gone),
        "cleared": ids(&change.cleared),
        "left": ids(&change.left),
    });
    settings.output.event(Event::Summary, "policy.set", fields)?;
    Ok(Exit::Success)
}

fn remove(settings: &Settings, arguments: &PolicyRemoveArgs) -> Result<Exit, Failure> {
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let policies = repository.policies()?;
    let ids = if arguments.ids.is_empty() {
        let scope = scope(&arguments.scope)?;
        let same = policies.stored.iter().filter(|policy| policy.scope == scope);
        same.map(|policy| policy.id).collect()
    } else {
        let ids = arguments.ids.iter();
        ids.map(|beginning| find(&policies, beginning)).collect::<Result<Vec<_>, _>>()?
    };
    if ids.is_empty() {
        return Err(KeepingFailure::NoPolicy { id: None }.into());
    }
    take_away(settings, &repository, &ids)
}

fn take_away(
    settings: &Settings,
    repository: &Repository,
    ids: &[PolicyId],
) -> Result<Exit, Failure> {
    let change = repository.remove_policies(ids)?;
    settings.output.done(&words::removed(&change.gone))?;
    let gone: Vec<String> = change.gone.iter().map(ToString::to_string).collect();
    settings.output.event(Event::Summary, "policy.removed", json!({ "removed": gone }))?;
    Ok(Exit::Success)
}

/// The one policy that begins so, readable or not.
fn find(policies: &Policies, beginning: &str) -> Result<PolicyId, Failure> {
    let digits = beginning.to_ascii_lowercase();
    let ids = policies.stored.iter().map(|policy| policy.id).chain(policies.unreadable.clone());
    let fitting: Vec<PolicyId> =
        ids.filter(|id| !digits.is_empty() && id.to_string().starts_with(&digits)).collect();
    match fitting.as_slice() {
        [one] => Ok(*one),
        [] => Err(KeepingFailure::NoPolicy { id: Some(beginning.to_owned()) }.into()),
        several => {
            Err(KeepingFailure::AmbiguousPolicy { id: digits, candidates: several.to_vec() }.into())
        }
    }
}

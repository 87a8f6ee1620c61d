//! Takes a schedule that went wrong apart, until nothing more can be left out of it.

use std::sync::Arc;

use crate::plan::Plan;
use crate::run::Runner;
use crate::world::Search;

/// How often a smaller schedule is tried, each time with other choices.
const TRIES: u64 = 40;

/// The smallest schedule found that goes wrong, too; perhaps in another way.
pub(crate) fn shrink(runner: &mut Runner, plan: Plan, search: Search) -> Plan {
    let mut smallest = plan;
    loop {
        let smaller = simpler(&smallest).into_iter();
        let found = smaller.into_iter().find_map(|plan| go_wrong(runner, &plan, search));
        match found {
            Some(plan) => smallest = plan,
            None => return smallest,
        }
    }
}

/// The schedule with the choices by which it goes wrong, if there are such.
fn go_wrong(runner: &mut Runner, plan: &Plan, search: Search) -> Option<Plan> {
    let first = plan.choices;
    (0..TRIES).find_map(|number| {
        let plan = Arc::new(Plan { choices: first.wrapping_add(number), ..plan.clone() });
        let (summary, _) = runner.run(&plan, search);
        summary.violation.map(|_| Plan::clone(&plan))
    })
}

/// Everything that is one step simpler, the largest steps first.
fn simpler(plan: &Plan) -> Vec<Plan> {
    let mut found = Vec::new();
    let mut change = |change: &dyn Fn(&mut Plan)| {
        let mut changed = plan.clone();
        change(&mut changed);
        if changed != *plan {
            found.push(changed);
        }
    };
    let clients = || plan.clients.iter().enumerate();
    for (number, _) in clients().filter(|_| plan.clients.len() > 1) {
        change(&|plan| drop(plan.clients.remove(number)));
    }
    for (number, client) in clients() {
        for action in 0..client.actions.len() {
            change(&|plan| drop(plan.clients[number].actions.remove(action)));
        }
        for fault in 0..client.faults.len() {
            change(&|plan| {
                plan.clients[number].faults.remove(fault);
            });
        }
    }
    change(&|plan| plan.late = false);
    change(&|plan| plan.atomic = true);
    change(&|plan| plan.folders = false);
    for (number, _) in clients() {
        change(&|plan| plan.clients[number].skew_days = 0);
        change(&|plan| plan.clients[number].start /= 2);
        change(&|plan| plan.clients[number].reopens = false);
    }
    found
}

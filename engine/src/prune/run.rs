//! The order of the steps.

use std::collections::HashSet;
use std::sync::Arc;

use super::plan::{PrunePlan, make};
use super::reclaim::{Found, is_dead, reclaim};
use super::repack::repack;
use super::survey::{Survey, go_on, until_settled};
use super::usage::Usage;
use super::{PruneError, PruneOptions, PruneReport};
use crate::deletion::Running;
use crate::error::Problem;
use crate::id::{GenerationId, PackId};
use crate::progress::Progress;
use crate::repository::{Compression, Repository, RepositoryError, Session};

/// What a prune would do now. Writes nothing.
pub fn plan(
    repository: &Repository,
    options: &PruneOptions,
    progress: &dyn Progress,
) -> Result<PrunePlan, PruneError> {
    let generations = repository.generations()?;
    let now_ns = repository.clock().now_ns();
    let mut running = repository.running()?;
    running.retain(|session| !is_dead(session, now_ns, options));
    let may_delete = generations.damaged.is_empty() || running.is_empty();
    let condemned: HashSet<PackId> =
        generations.lists.into_iter().flat_map(|list| list.packs).collect();
    let (_, mut plan, _) = look(repository, &running, &condemned, (options, progress))?;
    if !may_delete {
        plan.wait_for_all(generations.damaged);
    }
    Ok(plan)
}

/// Plans, hands the plan to `show`, and carries it out.
pub fn run(
    repository: &Repository,
    options: &PruneOptions,
    progress: &Arc<dyn Progress>,
    show: &mut dyn FnMut(&PrunePlan),
) -> Result<PruneReport, PruneError> {
    if let Some(feature) = repository.may_not_delete_because() {
        return Err(PruneError::MayNotDelete { feature: feature.to_owned() });
    }
    let compression = Compression::default();
    let mut session = Session::start(repository, &options.note, compression, Arc::clone(progress))?;
    let mut report = PruneReport::default();
    match steps((&mut session, repository), options, (progress, &mut report), show) {
        Ok(()) => {
            report.problems.append(&mut session.problems);
            session.suspend()?;
            Ok(report)
        }
        Err(error) => {
            // The first error is the one to report; what was copied is found by the next run.
            if let Err(second) = session.suspend() {
                tracing::debug!(%second, "session could not be ended in order");
            }
            Err(error)
        }
    }
}

fn steps(
    (session, repository): (&mut Session<'_>, &Repository),
    options: &PruneOptions,
    (progress, report): (&Arc<dyn Progress>, &mut PruneReport),
    show: &mut dyn FnMut(&PrunePlan),
) -> Result<(), PruneError> {
    session.try_deleting()?;
    let running = bury((session, repository), options, report)?;
    let unreadable = clear_unreadable((session, repository), &running, report)?;
    let asked = (options, progress.as_ref());
    let (mut survey, mut plan, usage) = look(repository, &running, session.condemned(), asked)?;
    if !unreadable.is_empty() {
        plan.wait_for_all(unreadable);
        report.waiting_for = std::mem::take(&mut survey.running);
        show(&plan);
        return Ok(());
    }
    show(&plan);
    let tasks = (&plan, &survey, &usage);
    let drop = repack((session, repository), tasks, options, (progress.as_ref(), report))?;
    report.stored_bytes += session.index_uploads()?;
    std::mem::drop(usage);
    go_on(progress.as_ref())?;
    if !drop.is_empty() {
        session.condemn(&drop)?;
    }
    let found = Found { survey: &survey, reindex: plan.reindex };
    reclaim((session, repository), &found, options, (progress.as_ref(), report))
}

/// What there is, and what to do about it.
fn look<'r>(
    repository: &'r Repository,
    running: &[Running],
    condemned: &HashSet<PackId>,
    (options, progress): (&PruneOptions, &dyn Progress),
) -> Result<(Survey<'r>, PrunePlan, Usage), PruneError> {
    until_settled(repository, |snapshots| {
        let found = (repository, snapshots);
        let mut survey = Survey::take(found, running.to_vec(), options, progress)?;
        let (plan, usage) = make(repository, &mut survey, condemned, options)?;
        Ok((survey, plan, usage))
    })
}

/// Takes away condemned lists that cannot be read. Whoever wrote one, or read it when it was whole, and carries it
/// out, is a session; when there is none, nobody does. Returns those that have to stay until then.
fn clear_unreadable(
    (session, repository): (&Session<'_>, &Repository),
    running: &[Running],
    report: &mut PruneReport,
) -> Result<Vec<Problem>, PruneError> {
    let problems = repository.generations()?.damaged;
    if !running.is_empty() {
        return Ok(problems);
    }
    for problem in &problems {
        let name = problem.damaged_object().and_then(|name| name.strip_prefix("condemned/"));
        name.and_then(GenerationId::from_hex).map_or(Ok(()), |id| session.close_generation(id))?;
    }
    report.problems.extend(problems);
    Ok(Vec::new())
}

/// Declares sessions dead that are too old, whatever else is to be done. Returns the others.
fn bury(
    (session, repository): (&Session<'_>, &Repository),
    options: &PruneOptions,
    report: &mut PruneReport,
) -> Result<Vec<Running>, RepositoryError> {
    let now_ns = repository.clock().now_ns();
    let mut living = Vec::new();
    for one in repository.running()? {
        if one.id == session.id() {
            continue;
        }
        if is_dead(&one, now_ns, options) {
            session.declare_dead(one.id, &options.note.host)?;
            report.declared_dead.push(one.id);
        } else {
            living.push(one);
        }
    }
    Ok(living)
}

//! What there is: who is running, which snapshots count, what they need.

use std::collections::HashSet;

use super::{PruneError, PruneOptions};
use crate::deletion::Running;
use crate::error::{ErrorKind, Problem, ReadError};
use crate::id::{NodeId, SessionId};
use crate::index::Marks;
use crate::progress::Progress;
use crate::reach::Reach;
use crate::repository::{Repository, RepositoryError, Snapshots};
use crate::snapshot::Snapshot;

/// A look at the whole repository.
pub(super) struct Survey<'r> {
    /// Sessions that were there before anything else was looked at.
    pub(super) running: Vec<Running>,
    /// Roots of the trees whose blobs are marked.
    pub(super) roots: HashSet<NodeId>,
    /// Snapshots that count.
    pub(super) live: usize,
    /// Snapshots that were forgotten and still have their records.
    pub(super) forgotten: Vec<SessionId>,
    pub(super) reach: Reach<'r>,
    /// What of it snapshots need that are not disputed, if some are.
    pub(super) undisputed: Option<Marks>,
    pub(super) problems: Vec<Problem>,
}

impl<'r> Survey<'r> {
    /// Looks at sessions, then snapshots, then the index: what a snapshot needs was indexed before the snapshot was
    /// visible, so an index that is read later knows it.
    pub(super) fn take(
        (repository, mut snapshots): (&'r Repository, Snapshots),
        running: Vec<Running>,
        options: &PruneOptions,
        progress: &dyn Progress,
    ) -> Result<Self, PruneError> {
        let problems = judge(&mut snapshots, &running)?;
        let reach = Reach::new(repository)?;
        let Snapshots { taken, disputed, forgotten, .. } = &mut snapshots;
        for live in [&mut *taken, &mut *disputed] {
            live.retain(|snapshot| !options.without.contains(&snapshot.session));
        }
        let mut survey = Self {
            running,
            roots: taken.iter().chain(&*disputed).map(|snapshot| snapshot.record.root).collect(),
            live: taken.len() + disputed.len(),
            forgotten: forgotten.iter().map(|snapshot| snapshot.session).collect(),
            reach,
            undisputed: None,
            problems,
        };
        survey.forgotten.extend(options.without.iter().chain(&snapshots.moot).copied());
        let (undisputed, odd) = mark(&mut survey.reach, &snapshots, &HashSet::new(), progress)?;
        survey.undisputed = undisputed;
        survey.problems.extend(odd);
        Ok(survey)
    }
}

/// Lists the snapshots and hands them to `look`, again if something was missing and one of them does not count any more:
/// then somebody else has forgotten it meanwhile, and pruned what only it needed.
pub(super) fn until_settled<T>(
    repository: &Repository,
    mut look: impl FnMut(Snapshots) -> Result<T, PruneError>,
) -> Result<T, PruneError> {
    let live = |snapshots: &Snapshots| -> HashSet<SessionId> {
        let Snapshots { taken, disputed, .. } = snapshots;
        taken.iter().chain(disputed).map(|snapshot| snapshot.session).collect()
    };
    loop {
        let snapshots = repository.snapshots()?;
        let before = live(&snapshots);
        match look(snapshots) {
            Err(error @ PruneError::Incomplete { .. }) => {
                if before.is_subset(&live(&repository.snapshots()?)) {
                    return Err(error);
                }
            }
            done => return done,
        }
    }
}

/// Marks what snapshots need, but for those with known roots. Gives what those that are not disputed need, if some are,
/// and what is odd.
///
/// A disputed snapshot counts, because its writer may have reported it. But it may just as well have been declared dead,
/// and what only its session had uploaded deleted, before it was written; so it need not be complete.
pub(super) fn mark(
    reach: &mut Reach<'_>,
    snapshots: &Snapshots,
    known: &HashSet<NodeId>,
    progress: &dyn Progress,
) -> Result<(Option<Marks>, Vec<Problem>), PruneError> {
    let unknown = |snapshot: &&Snapshot| !known.contains(&snapshot.record.root);
    for snapshot in snapshots.taken.iter().filter(unknown) {
        reach.add(snapshot.record.root, progress)?;
    }
    complete(reach)?;
    let undisputed = (!snapshots.disputed.is_empty()).then(|| reach.marks().clone());
    let mut odd = Vec::new();
    for snapshot in snapshots.disputed.iter().filter(unknown) {
        let before = reach.lost().len() + reach.unreadable().len();
        reach.add(snapshot.record.root, progress)?;
        let is_gone = |error: &ReadError| match error {
            ReadError::Missing { .. } => true,
            ReadError::Storage(error) => error.kind == ErrorKind::NotFound,
            ReadError::Damaged { .. } | ReadError::Node(_) | ReadError::Transform { .. } => false,
        };
        let unreadable = reach.unreadable().iter().filter(|(_, error)| !is_gone(error));
        let unreadable: Vec<ReadError> = unreadable.map(|(_, error)| error.copy()).collect();
        if !unreadable.is_empty() {
            return Err(PruneError::Incomplete { lost: reach.lost().len(), unreadable });
        }
        if reach.lost().len() + reach.unreadable().len() > before {
            odd.push(Problem::DisputedIncomplete { snapshot: snapshot.session });
        }
    }
    Ok((undisputed, odd))
}

/// Goes on only if every record that counts can be read. Returns what is odd but no reason to stop.
///
/// A record that is gone is no reason to stop if an object has the name of its tombstone: it was deleted because of that
/// one, which was whole then. Whoever forgets the same snapshot once more writes it anew, perhaps not to the end.
pub(super) fn judge(
    snapshots: &mut Snapshots,
    running: &[Running],
) -> Result<Vec<Problem>, PruneError> {
    let problems = std::mem::take(&mut snapshots.problems);
    let (mut unknown, mut lost, mut odd) = (Vec::new(), Vec::new(), Vec::new());
    let stone = |problem: &Problem| {
        let name = problem.damaged_object().and_then(|name| name.strip_prefix("tombstones/"));
        name.and_then(SessionId::from_hex)
    };
    let Snapshots { taken, disputed, .. } = snapshots;
    let mut buried: HashSet<SessionId> = problems.iter().filter_map(stone).collect();
    // One that is there, and not as it was, is another matter.
    buried.retain(|id| !taken.iter().chain(&*disputed).any(|snapshot| snapshot.session == *id));
    for problem in problems {
        let record = problem.damaged_object().and_then(|name| name.strip_prefix("snapshots/"));
        match (record, &problem) {
            (None, Problem::Rollback { snapshot }) if !buried.contains(snapshot) => {
                lost.push(*snapshot);
            }
            // Its session has not ended: it is being written, or was when its writer was killed. What waits for that
            // session waits for this record too.
            (Some(name), _) if !is_running(name, running) => unknown.push(problem),
            // A snapshot whose tombstone cannot be read counts.
            _ => odd.push(problem),
        }
    }
    if !unknown.is_empty() {
        return Err(PruneError::UnknownSnapshots { problems: unknown });
    }
    if !lost.is_empty() {
        return Err(PruneError::Rollback { snapshots: lost });
    }
    Ok(odd)
}

fn is_running(name: &str, running: &[Running]) -> bool {
    SessionId::from_hex(name).is_some_and(|id| running.iter().any(|session| session.id == id))
}

/// Everything that is needed has a place, and every node could be read.
fn complete(reach: &Reach<'_>) -> Result<(), PruneError> {
    if reach.lost().is_empty() && reach.unreadable().is_empty() {
        return Ok(());
    }
    let unreadable = reach.unreadable().iter().map(|(_, error)| error.copy()).collect();
    Err(PruneError::Incomplete { lost: reach.lost().len(), unreadable })
}

/// Ends the pruning if it was asked to.
pub(super) fn go_on(progress: &dyn Progress) -> Result<(), PruneError> {
    if progress.cancelled() { Err(RepositoryError::Cancelled.into()) } else { Ok(()) }
}

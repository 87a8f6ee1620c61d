//! What there is: who is running, which snapshots count, what they need.

use std::collections::HashSet;

use super::{PruneError, PruneOptions};
use crate::error::Problem;
use crate::id::{NodeId, SessionId};
use crate::progress::Progress;
use crate::reach::Reach;
use crate::repository::{Repository, RepositoryError, Running, Snapshots};
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
    pub(super) problems: Vec<Problem>,
}

impl<'r> Survey<'r> {
    /// Looks at sessions, then snapshots, then the index: what a snapshot needs was indexed before the snapshot was
    /// visible, so an index that is read later knows it.
    pub(super) fn take(
        repository: &'r Repository,
        running: Vec<Running>,
        options: &PruneOptions,
        progress: &dyn Progress,
    ) -> Result<Self, PruneError> {
        let mut snapshots = repository.snapshots()?;
        let problems = judge(std::mem::take(&mut snapshots.problems), &running)?;
        let reach = Reach::new(repository)?;
        let without = |snapshot: &&Snapshot| !options.without.contains(&snapshot.session);
        let live: Vec<&Snapshot> = live(&snapshots).filter(without).collect();
        let roots = live.iter().map(|snapshot| snapshot.record.root).collect();
        let mut survey = Self {
            running,
            roots,
            live: live.len(),
            forgotten: snapshots.forgotten.iter().map(|snapshot| snapshot.session).collect(),
            reach,
            problems,
        };
        survey.forgotten.extend(options.without.iter().copied());
        for snapshot in live {
            survey.reach.add(snapshot.record.root, progress)?;
        }
        complete(&survey.reach)?;
        Ok(survey)
    }
}

/// The snapshots whose blobs must stay. One whose session was declared dead counts: its writer may have reported it.
pub(super) fn live(snapshots: &Snapshots) -> impl Iterator<Item = &Snapshot> {
    snapshots.taken.iter().chain(&snapshots.disputed)
}

/// Goes on only if every record that counts can be read. Returns what is odd but no reason to stop.
pub(super) fn judge(
    problems: Vec<Problem>,
    running: &[Running],
) -> Result<Vec<Problem>, PruneError> {
    let (mut unknown, mut lost, mut odd) = (Vec::new(), Vec::new(), Vec::new());
    for problem in problems {
        let record = problem.damaged_object().and_then(|name| name.strip_prefix("snapshots/"));
        match (record, &problem) {
            (None, Problem::Rollback { snapshot }) => lost.push(*snapshot),
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
pub(super) fn complete(reach: &Reach<'_>) -> Result<(), PruneError> {
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

//! Mends what can be mended. Everything is a plan first, which says what will be done, and is then carried out as it is.
//!
//! - **index**: what segments should say is had from the packs' own tables; damaged small objects that stand in the way
//!   are taken away
//! - **packs**: what can still be read of broken packs is stored again, and then the packs are condemned, for a prune to
//!   delete
//! - **snapshots**: those that need lost data are committed anew without the entries that are lost, and each is named
//!
//! No blob that can be read is ever deleted here: packs are left to the pruner, which copies what is needed.

mod index;
mod packs;
mod snapshots;

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::FormatError;
use crate::examine::{Affected, Choice, Damage, Examined, Fault, Finding, PackReader, examine};
use crate::id::{PackId, SessionId};
use crate::progress::Progress;
use crate::repository::{Compression, Repository, RepositoryError, Saying, Session, SessionNote};

/// What is to be mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The index, and small objects.
    Index,
    /// Broken packs: these, or all that are found by reading every pack if none is named.
    Packs(Vec<PackId>),
    /// Snapshots that need lost data, disputed ones, and records that cannot be read.
    Snapshots {
        /// Read every pack first.
        read_data: bool,
        /// Forget snapshots of which nothing can be listed any more.
        forget_lost: bool,
    },
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The description is put again.
    PutDescription,
    /// A small object that makes no sense, and that nothing needs, is deleted.
    Delete {
        /// Its name.
        object: String,
    },
    /// A condemned list that cannot be read is deleted, if no other session is alive.
    DropCondemned {
        /// Its name.
        object: String,
    },
    /// A session that began long ago, or nobody knows when, is declared dead; if it is alive, it has to run again.
    DeclareDead {
        /// The session.
        session: SessionId,
    },
    /// A damaged segment is deleted; its packs are listed anew from their own tables.
    DropSegment {
        /// Its name.
        object: String,
    },
    /// The index does not list this pack any more, which is not there.
    DropPack {
        /// The pack.
        pack: PackId,
    },
    /// The index lists this pack, too.
    AddPack {
        /// The pack.
        pack: PackId,
    },
    /// What can be read of a pack is stored again, and the pack is condemned.
    Salvage {
        /// The pack.
        pack: PackId,
        /// Pieces of data that can be read.
        intact: u64,
        /// Pieces that cannot, if anything says how many there were.
        unreadable: u64,
    },
    /// A snapshot is committed again without what is lost, and the old one is forgotten.
    Rebuild {
        /// What damage does to it.
        affected: Affected,
    },
    /// A disputed snapshot is whole: it is committed again under a name that counts.
    Adopt {
        /// The snapshot.
        snapshot: SessionId,
    },
    /// A snapshot of which nothing can be listed is forgotten.
    ForgetLost {
        /// The snapshot.
        snapshot: SessionId,
        /// Its record cannot be read either, and is deleted.
        record: bool,
    },
    /// A tombstone that cannot be read is put again; its snapshot is gone.
    Restate {
        /// The snapshot.
        snapshot: SessionId,
    },
}

/// What would be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairPlan {
    /// In this order.
    pub steps: Vec<Step>,
    /// Snapshots of which nothing can be listed, and that are left as they are.
    pub lost: Vec<SessionId>,
    /// Damage that this part does not mend.
    pub left: Vec<Finding>,
}

/// Who repairs, for the objects that say so.
#[derive(Debug, Clone)]
pub struct Repairer {
    /// What stands in the session objects.
    pub note: SessionNote,
    /// Name of the user.
    pub user: String,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Steps that were carried out.
    pub done: Vec<Step>,
    /// Steps that could not be, because another session is alive or something has changed.
    pub skipped: Vec<Step>,
    /// Pieces of data that were stored again.
    pub salvaged: u64,
    /// Snapshots that stand for others now: old, new.
    pub replaced: Vec<(SessionId, SessionId)>,
}

/// Looks for what can be mended. Writes nothing.
pub fn plan(
    repository: &Repository,
    part: &Part,
    progress: &dyn Progress,
) -> Result<RepairPlan, RepositoryError> {
    let mut work = Work::look(repository, part, progress)?;
    match part {
        Part::Index => Ok(index::plan(&work)),
        Part::Packs(named) => packs::plan(&work, named, progress),
        Part::Snapshots { forget_lost, .. } => snapshots::plan(&mut work, *forget_lost, progress),
    }
}

/// Carries a plan out. What has changed since is skipped.
pub fn apply(
    repository: &Repository,
    (part, plan): (&Part, &RepairPlan),
    who: &Repairer,
    progress: &Arc<dyn Progress>,
) -> Result<RepairReport, RepositoryError> {
    match part {
        Part::Index => index::apply(repository, plan, who, progress),
        Part::Packs(_) => packs::apply(repository, plan, who, progress),
        Part::Snapshots { .. } => {
            let work = Work::look(repository, part, progress.as_ref())?;
            snapshots::apply(&work, plan, who, progress)
        }
    }
}

/// A repository that was looked at.
struct Work<'r> {
    repository: &'r Repository,
    examined: Examined<'r>,
}

impl<'r> Work<'r> {
    fn look(
        repository: &'r Repository,
        part: &Part,
        progress: &dyn Progress,
    ) -> Result<Self, RepositoryError> {
        let all = match part {
            Part::Index => false,
            Part::Packs(named) => named.is_empty(),
            Part::Snapshots { read_data, .. } => *read_data,
        };
        let read = all.then_some(Choice::All);
        let examined = examine(repository, read, progress, &|| false)?;
        Ok(Self { repository, examined })
    }

    fn damage(&self) -> Damage<'r> {
        Damage::new(self.repository, self.examined.lost.clone())
    }

    fn reader(&self) -> PackReader<'_> {
        PackReader::new(self.repository, &self.examined.survey)
    }

    fn broken(&self) -> HashSet<PackId> {
        self.examined.broken.keys().copied().collect()
    }

    /// Findings, each with the folder and the name of its object.
    fn findings(&self) -> impl Iterator<Item = (&Finding, &str, &str)> {
        self.examined.survey.findings.iter().map(|finding| {
            let (folder, name) = finding.object.split_once('/').unwrap_or(("", &finding.object));
            (finding, folder, name)
        })
    }
}

/// Whether the bytes are of no use to anybody. What a newer program wrote is not damaged, and a store that does not
/// answer may do so tomorrow.
fn is_damaged(fault: &Fault) -> bool {
    match fault {
        Fault::Damaged(source) => !matches!(source, FormatError::Newer { .. }),
        Fault::Unreadable(_) => true,
        Fault::Missing
        | Fault::Pack { .. }
        | Fault::Contradicted
        | Fault::Foreign
        | Fault::Unindexed
        | Fault::OldSession { .. }
        | Fault::Disputed
        | Fault::Alone
        | Fault::Rollback
        | Fault::Reclaimed => false,
    }
}

impl Repairer {
    fn session<'r>(
        &self,
        repository: &'r Repository,
        progress: &Arc<dyn Progress>,
    ) -> Result<Session<'r>, RepositoryError> {
        let started = i64::try_from(repository.clock().now_ns()).unwrap_or(i64::MAX);
        let note = SessionNote { started, ..self.note.clone() };
        Session::start(repository, &note, Compression::default(), Arc::clone(progress))
    }

    fn says(&self, repository: &Repository, reason: String) -> Saying {
        let time_ns = i64::try_from(repository.clock().now_ns()).unwrap_or(i64::MAX);
        Saying { time_ns, host: self.note.host.clone(), user: self.user.clone(), reason }
    }
}

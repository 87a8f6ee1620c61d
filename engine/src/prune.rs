//! Frees what no snapshot needs: plans what to keep, copies what is worth copying, condemns, and deletes.
//!
//! The order of the steps is the protocol of `docs/concurrency.md`. A pack is deleted only when every blob that any
//! snapshot needs was found in a pack that stays; whatever cannot be read ends the deleting, not the data.

mod plan;
mod reclaim;
mod repack;
mod run;
mod survey;
mod usage;

use std::collections::HashSet;

pub use self::plan::{Action, PackPlan, PrunePlan};
pub use self::run::{plan, run};
use crate::deletion::Running;
use crate::error::{Problem, ReadError};
use crate::id::{PackId, SessionId};
use crate::repository::{RepositoryError, SessionNote};

/// A share of something, or a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Percent.
    Percent(f64),
    /// Bytes.
    Bytes(u64),
    /// No limit.
    Unlimited,
}

impl Limit {
    /// The limit in bytes, where 100 percent are `whole` bytes.
    pub(crate) fn bytes_of(self, whole: u64) -> u64 {
        match self {
            #[expect(
                clippy::as_conversions,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a limit need not be exact to the byte"
            )]
            Self::Percent(percent) => (whole as f64 / 100.0 * percent.max(0.0)) as u64,
            Self::Bytes(bytes) => bytes,
            Self::Unlimited => u64::MAX,
        }
    }
}

/// How to prune.
#[derive(Debug, Clone)]
pub struct PruneOptions {
    /// What stands in the session object.
    pub note: SessionNote,
    /// How much of what is kept may be unused; 100 percent are the bytes in use.
    pub max_unused: Limit,
    /// How many bytes of packs may be copied; 100 percent are all packs.
    pub max_repack: Limit,
    /// No pack is copied any more after so many nanoseconds.
    pub time_budget_ns: Option<i64>,
    /// A session that began so many nanoseconds ago, and has not ended, is declared dead.
    pub dead_after_ns: i64,
    /// Snapshots that are taken for forgotten: for a plan that is only shown.
    pub without: HashSet<SessionId>,
}

impl PruneOptions {
    /// Three days.
    pub const DEAD_AFTER_NS: i64 = 3 * 24 * 3600 * 1_000_000_000;

    /// The defaults: 5 percent unused, no limit for copying, sessions of three days are dead.
    pub fn new(note: SessionNote) -> Self {
        Self {
            note,
            max_unused: Limit::Percent(5.0),
            max_repack: Limit::Unlimited,
            time_budget_ns: None,
            dead_after_ns: Self::DEAD_AFTER_NS,
            without: HashSet::new(),
        }
    }
}

/// What happened.
#[derive(Debug, Default)]
pub struct PruneReport {
    /// Packs whose blobs were copied.
    pub repacked_packs: u64,
    /// Bytes of packs, index and lists that were put into the store.
    pub stored_bytes: u64,
    /// Packs that were deleted.
    pub deleted_packs: u64,
    /// Their bytes.
    pub freed_bytes: u64,
    /// Packs that are condemned and wait for sessions to end.
    pub waiting_packs: u64,
    /// The sessions that they wait for.
    pub waiting_for: Vec<Running>,
    /// Sessions that were declared dead.
    pub declared_dead: Vec<SessionId>,
    /// Packs that were to be copied and were not, because time or allowance ran out.
    pub postponed_packs: u64,
    /// Packs that were left alone because something in them cannot be read.
    pub damaged: Vec<(PackId, ReadError)>,
    /// Odd objects that were met on the way.
    pub problems: Vec<Problem>,
}

/// Why nothing more was deleted. Nothing that a snapshot needs is lost by any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The repository has a feature that this program does not know and that forbids deleting.
    #[error("unknown feature {feature}")]
    MayNotDelete {
        /// Its name.
        feature: String,
    },
    /// Snapshot records cannot be read: what they need is not known.
    #[error("{} snapshots cannot be read", problems.len())]
    UnknownSnapshots {
        /// Each of them.
        problems: Vec<Problem>,
    },
    /// Snapshots that were seen before are gone without having been forgotten.
    #[error("{} snapshots have disappeared", snapshots.len())]
    Rollback {
        /// Their names.
        snapshots: Vec<SessionId>,
    },
    /// Blobs that snapshots need cannot be found or read, so that nobody knows what else they need.
    #[error("{lost} blobs are lost and {} cannot be read", unreadable.len())]
    Incomplete {
        /// Blobs that are in no pack.
        lost: usize,
        /// Nodes that cannot be read, and why.
        unreadable: Vec<ReadError>,
    },
    /// A condemned list that came meanwhile cannot be read: any pack may be in it.
    #[error("{} condemned lists cannot be read", problems.len())]
    UnknownCondemned {
        /// Each of them.
        problems: Vec<Problem>,
    },
}

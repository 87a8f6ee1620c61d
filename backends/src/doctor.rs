//! Measures what a store really does, with objects of its own in the folder `doctor/`, which no repository has.
//!
//! The engine relies on three things only: an object is stored under a name that nobody else uses, it can be read as soon
//! as `put` returned, and it is listed by then. [`examine`] tries these, and what else a user wants to know before
//! trusting a store: torn writes, sizes in listings, how large an object may be, latency, throughput, the clock.
//! Everything that was put is deleted again, also after a failure.

mod consistency;
mod limits;
mod speed;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use heirloom_engine::clock::{Clock, random};
use heirloom_engine::error::StorageError;
use heirloom_engine::id::SessionId;
use heirloom_engine::repository::{Listed, Storage};

/// How a store fares in one respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Nothing is lost, but something is slower, or needs care.
    Weak,
    /// A repository on this store can lose data.
    Unsafe,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Objects were read as soon as they were put.
    ReadAfterWrite {
        /// How many.
        tried: u32,
        /// Not found, or with other bytes.
        failed: u32,
    },
    /// Objects were looked for in listings as soon as they were put.
    ListAfterWrite {
        /// How many.
        tried: u32,
        /// Listed only later.
        late: u32,
        /// Not listed within the time that was waited.
        never: u32,
        /// How late the latest was.
        slowest: Duration,
    },
    /// Deleted objects were still there.
    DeleteAfterWrite {
        /// How many were deleted.
        tried: u32,
        /// Still read or listed.
        lingering: u32,
    },
    /// Readers and listings watched an object while it was put.
    TornWrites {
        /// Looks while the object was on its way.
        looks: u32,
        /// Looks that saw a part of it.
        torn: u32,
    },
    /// Parts of an object were read.
    Ranges {
        /// How many.
        tried: u32,
        /// With wrong bytes.
        wrong: u32,
    },
    /// Names at the limit of what the format uses.
    Names {
        /// How many.
        tried: u32,
        /// Changed or lost.
        lost: u32,
    },
    /// A long listing was compared with what was put.
    Listing {
        /// Objects that were put.
        objects: u32,
        /// Missing from the listing, or there twice.
        missing: u32,
        /// With a wrong size.
        wrong_size: u32,
    },
    /// Ever larger objects were put.
    LargestObject {
        /// The largest that came back whole.
        bytes: u64,
        /// The size that was refused or came back changed, if any.
        refused: Option<u64>,
    },
    /// The median time of a call on a small object.
    Latency {
        /// Of `put`.
        put: Duration,
        /// Of `read`.
        read: Duration,
        /// Of `list`.
        list: Duration,
    },
    /// Bytes a second.
    Throughput {
        /// One object after the other.
        put: u64,
        /// As many at once as the store likes.
        put_parallel: u64,
        /// One object after the other.
        read: u64,
    },
}

impl Finding {
    /// A name that never changes, for `--json`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ReadAfterWrite { .. } => "read-after-write",
            Self::ListAfterWrite { .. } => "list-after-write",
            Self::DeleteAfterWrite { .. } => "delete-after-write",
            Self::TornWrites { .. } => "torn-writes",
            Self::Ranges { .. } => "ranges",
            Self::Names { .. } => "names",
            Self::Listing { .. } => "listing",
            Self::LargestObject { .. } => "largest-object",
            Self::Latency { .. } => "latency",
            Self::Throughput { .. } => "throughput",
        }
    }

    /// What it means.
    pub fn verdict(&self) -> Verdict {
        let bad = |count: u32, otherwise| if count > 0 { Verdict::Unsafe } else { otherwise };
        let weak = |is_weak: bool| if is_weak { Verdict::Weak } else { Verdict::Good };
        match *self {
            Self::ReadAfterWrite { failed, .. } => bad(failed, Verdict::Good),
            Self::ListAfterWrite { late, never, .. } => bad(never, weak(late > 0)),
            Self::DeleteAfterWrite { lingering, .. } => weak(lingering > 0),
            // Who could not look does not know.
            Self::TornWrites { torn, looks } => weak(torn > 0 || looks == 0),
            Self::Ranges { wrong, .. } => bad(wrong, Verdict::Good),
            Self::Names { lost, .. } => bad(lost, Verdict::Good),
            Self::Listing { missing, wrong_size, .. } => bad(missing + wrong_size, Verdict::Good),
            Self::LargestObject { refused, .. } => weak(refused.is_some()),
            Self::Latency { .. } | Self::Throughput { .. } => Verdict::Good,
        }
    }
}

/// How much to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// About 40 MiB and a hundred objects.
    Quick,
    /// About 300 MiB and more than a thousand objects, which takes a listing over its first page.
    Thorough,
}

/// Examines a store and tells each finding as soon as it is there.
///
/// A step that fails is told by its name and error, and the others still run.
pub async fn examine(
    storage: &Arc<dyn Storage>,
    clock: &dyn Clock,
    effort: Effort,
    tell: &mut (dyn FnMut(Result<Finding, (&'static str, StorageError)>) + Send),
) {
    let patient =
        Patient { storage: Arc::clone(storage), salt: SessionId(random(clock)).to_string() };
    let mut step = |name, finding: Result<Finding, StorageError>| {
        tell(finding.map_err(|error| (name, error)));
    };
    step("read-after-write", consistency::read_after_write(&patient).await);
    step("list-after-write", consistency::list_after_write(&patient).await);
    step("delete-after-write", consistency::delete_after_write(&patient).await);
    step("torn-writes", consistency::torn_writes(&patient).await);
    step("ranges", limits::ranges(&patient).await);
    step("names", limits::names(&patient).await);
    step("listing", limits::listing(&patient, effort).await);
    step("latency", speed::latency(&patient).await);
    step("throughput", speed::throughput(&patient, effort).await);
    step("largest-object", limits::largest(&patient, effort).await);
    patient.tidy_up().await;
}

/// A store under examination.
struct Patient {
    storage: Arc<dyn Storage>,
    /// Makes the names of this run unlike those of any other.
    salt: String,
}

const FOLDER: &str = "doctor/";

impl Patient {
    fn name(&self, step: &str, n: u32) -> String {
        format!("{FOLDER}{}.{step}.{n}", self.salt)
    }

    /// Bytes that neither compress nor repeat, the same for the same seed.
    fn bytes(&self, seed: u32, size: usize) -> Bytes {
        let mut hasher = blake3::Hasher::new_keyed(blake3::hash(self.salt.as_bytes()).as_bytes());
        hasher.update(&seed.to_le_bytes());
        let mut bytes = vec![0; size];
        hasher.finalize_xof().fill(&mut bytes);
        Bytes::from(bytes)
    }

    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.storage.put(name, bytes).await
    }

    /// What was put, in this run, by this step.
    async fn listed(&self, step: &str) -> Result<Vec<Listed>, StorageError> {
        let prefix = self.name(step, 0);
        let prefix = prefix.trim_end_matches('0').to_owned();
        let listing = self.storage.list(FOLDER);
        listing
            .try_filter(|object| {
                let ours = object.name.starts_with(&prefix);
                async move { ours }
            })
            .try_collect()
            .await
    }

    /// A failure to delete is no finding: the store may not let this user delete, and then says so elsewhere.
    async fn delete_all(&self, names: Vec<String>) {
        let parallel = self.storage.capabilities().parallel.max(1);
        let deletes = names.into_iter().map(|name| async move {
            drop(self.storage.delete(&name).await);
        });
        futures::stream::iter(deletes).buffer_unordered(parallel).collect::<()>().await;
    }

    /// Whatever a step that failed left behind.
    async fn tidy_up(&self) {
        let left: Vec<Listed> =
            self.storage.list(FOLDER).filter_map(|l| async { l.ok() }).collect().await;
        let ours = |name: &String| name.contains(&self.salt);
        self.delete_all(left.into_iter().map(|l| l.name).filter(ours).collect()).await;
    }
}

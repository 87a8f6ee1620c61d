//! Forgetting: a signed tombstone for each snapshot. Nothing is deleted; a prune does that later.

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};

use super::{Repository, RepositoryError};
use crate::cache::Verified;
use crate::id::SessionId;
use crate::snapshot::{Tombstone, tombstone_name};

/// Who does something, when and why; stands in what he or she signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// When, in ns since 1970.
    pub time_ns: i64,
    /// On which machine.
    pub host: String,
    /// By whom.
    pub user: String,
    /// Why.
    pub reason: String,
}

impl Repository {
    /// Puts a tombstone for each snapshot. After a failure, those that were put count; the same call may be repeated.
    ///
    /// A tombstone needs no session: it takes a claim away and makes none. Whoever forgot a snapshot at the same time
    /// wrote another tombstone under the same name, which says the same of the snapshot.
    pub fn forget(&self, snapshots: &[SessionId], said: &Saying) -> Result<(), RepositoryError> {
        self.check_writable()?;
        self.confirm(true)?;
        let clock = self.context.clock.as_ref();
        let sealed: Vec<(Tombstone, Bytes)> = snapshots
            .iter()
            .map(|snapshot| {
                let Saying { time_ns, host, user, reason } = said.clone();
                let stone = Tombstone { snapshot: *snapshot, time: time_ns, host, user, reason };
                let bytes = Bytes::from(stone.seal(&self.keys, clock));
                (stone, bytes)
            })
            .collect();
        let names: Vec<String> = snapshots.iter().map(|one| tombstone_name(*one)).collect();
        let puts = names
            .iter()
            .zip(&sealed)
            .map(|(name, (_, bytes))| self.storage.put(name, bytes.clone()));
        let parallel = self.storage.capabilities().parallel.max(1);
        let results: Vec<_> =
            self.context.runtime.block_on(stream::iter(puts).buffered(parallel).collect());
        let mut failure = None;
        let mut stones = Vec::new();
        for ((record, bytes), result) in sealed.into_iter().zip(results) {
            let size = u64::try_from(bytes.len()).expect("a tombstone is smaller than 2^64 bytes");
            match result {
                Ok(()) => stones.push(Verified { record, size }),
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
        self.keep_tombstones(stones);
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}
